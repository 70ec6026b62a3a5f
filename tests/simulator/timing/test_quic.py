"""QUIC in time: slow start and messages apart by hand, the queue of a long message beside its fluid."""

from __future__ import annotations

from math import ceil, log2, sqrt
from typing import Any

import pytest
import simpy
from cells import cell, link
from links import Bench, Scripted
from plants import Watch

from channels.link.link_config import LinkConfig
from channels.uniforms import Uniforms
from simulator import simulate
from simulator.timing.link import Link
from simulator.timing.messages import Message, unheard

FAST = {"rate": {"kind": "constant", "bps": "inf"}, "mtu_bits": 8000}


@pytest.mark.parametrize("packets", [1, 10, 11, 30, 31, 150, 151])
def test_a_message_of_n_packets_takes_log2_round_trips_in_slow_start(packets: int) -> None:
    """10 + 20 + 40 + ...: ceil(log2(n / 10 + 1)) round trips of 0.2 s, less the last way back."""
    bench = Bench(**FAST, arq={"kind": "quic"})
    bench.put(0.0, device=0, bits=8000 * packets)
    bench.run()
    assert bench.log[0, 0][-1] == (pytest.approx(0.2 * ceil(log2(packets / 10 + 1)) - 0.1), "deliver")


def test_a_message_waits_for_none_before_it() -> None:
    """The first of five is lost, as the acknowledgement of the second shows when it is 9/8 of a round trip old."""
    bench = Bench(rate=FAST["rate"], lost=Scripted((0, 0, 0, 0)), arq={"kind": "quic"})
    for number in range(5):
        bench.put(0.01 * number, device=0, bits=8, number=number)
    bench.put(0.0, device=1, bits=8)
    bench.run()
    assert bench.log[1, 0][-1] == (0.1, "deliver"), "another connection"
    ends_s = [bench.log[0, number][-1][0] for number in range(5)]
    assert ends_s == pytest.approx([0.325, 0.11, 0.12, 0.13, 0.14])


def upload(seconds: float, **fields: object) -> tuple[simpy.Environment, Link]:
    """A message that takes longer on a link of 200 packets per second, 40 in a round trip."""
    env = simpy.Environment()
    settings: dict[str, Any] = {
        "rate": {"kind": "constant", "bps": 2.4e6}, "delay": {"kind": "constant", "delay_s": 0.1},
        "mtu_bits": 12_000, "arq": "quic",
    }  # fmt: skip
    config = LinkConfig.model_validate(settings | fields)
    link = Link(env, config, Uniforms.of(0, "test"), "uplink", lambda device: 0.1)
    link.put(Message((0, 0, 0), (bytes(int(seconds * 2.4e6 / 8)),), unheard))
    return env, link


@pytest.mark.parametrize("buffer", [40, pytest.param(80, marks=pytest.mark.slow)])
def test_the_queue_in_a_drop_tail_buffer_is_that_of_a_sawtooth(buffer: int) -> None:
    """Without fast convergence the window runs from beta (D + B + 1) to D + B + 1, where D = 40 packets travel in a
    round trip: (3 + beta) / 4 of it on the mean (a cubic's, RFC 9438, 5.1), and all beyond D waits or is sent. With it
    every other peak is lower, by a few packets. Never empty: beta (D + B) > D."""
    env, link = upload(60.0, buffer_packets=buffer)
    env.run(until=30.0)
    before = link.station.area
    env.run(until=60.0)
    assert link.sent == link.delivered + link.lost + link.dropped + link.in_flight, "I1"
    assert link.station.area == pytest.approx(link.station.sojourn_s), "I4"
    sawtooth = (3 + 0.7) / 4 * (40 + buffer + 1) - 40
    assert 0.8 * sawtooth < (link.station.area - before) / 30.0 < sawtooth
    assert link.station.busy_fraction(60.0) > 0.98 and link.dropped > 10


def test_random_losses_leave_what_the_response_function_says() -> None:
    """1% lost: the mean window is that of Reno's formula, sqrt(alpha (1 + beta) / (2 (1 - beta) p)) = 12.2 packets of
    41 (RFC 9438, 4.3), since the cubic is below that; within a fifth, for some 40 losses, unevenly spaced."""
    env, link = upload(64.0, buffer_packets=1000, loss={"kind": "bernoulli", "probability": 0.01})
    env.run(until=4.0)
    delivered = link.delivered
    env.run(until=64.0)
    alpha = 3 * 0.3 / 1.7
    assert (link.delivered - delivered) / 60.0 == pytest.approx(sqrt(alpha * 1.7 / (2 * 0.3 * 0.01)) / 0.205, rel=0.2)


LOSSY = {"kind": "bernoulli", "probability": 0.2}


@pytest.mark.parametrize("scheme", ["c_sqs", "cloud_only"])
def test_the_text_is_the_same_over_quic(scheme: Any) -> None:
    texts = []
    for arq in ("selective_repeat", "quic"):
        watch = Watch()
        simulate(cell(scheme, uplink=link(1e6, arq=arq, loss=LOSSY), downlink=link(1e6, arq=arq, loss=LOSSY)), watch)
        texts.append([tuple(request.tokens) for request in watch.ended])
    assert texts[0] and all(each == texts[0] for each in texts) and all(texts[0])
