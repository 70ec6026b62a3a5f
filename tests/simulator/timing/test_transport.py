"""Transports in time: slow start, opening and head-of-line blocking by hand, a bulk flow's queue beside its fluid."""

from __future__ import annotations

from math import ceil, log2
from typing import Any

import pytest
from cells import cell, link
from links import Bench, Scripted, beside_bulk
from plants import Watch

from simulator import simulate
from simulator.timing.link import Link
from simulator.timing.messages import Message

FAST = {"rate": {"kind": "constant", "bps": "inf"}, "mtu_bits": 8000}


@pytest.mark.parametrize("packets", [1, 10, 11, 30, 31, 150, 151])
@pytest.mark.parametrize("kind", ["quic", "tcp"])
def test_a_message_of_n_packets_takes_log2_round_trips_in_slow_start(packets: int, kind: str) -> None:
    """10 + 20 + 40 + ...: ceil(log2(n / 10 + 1)) round trips of 0.2 s, less the last way back."""
    bench = Bench(**FAST, arq={"kind": kind})
    bench.put(0.0, device=0, bits=8000 * packets)
    bench.run()
    assert bench.log[0, 0][-1] == (pytest.approx(0.2 * ceil(log2(packets / 10 + 1)) - 0.1), "deliver")


@pytest.mark.parametrize("rtts", [0, 1, 2])
def test_a_connection_opens_once_or_for_each_request(rtts: int) -> None:
    """1,000 bits at 1 kbit/s up, 0.1 s each way: 1.2 s a round trip; what is put meanwhile waits for the same."""
    for each, later_s in (("device", 0.0), ("request", 1.2 * rtts)):
        arq = {"kind": "quic", "opening_rtts": rtts, "opening_bits": 1000, "opening_each": each, "timeout_s": 9.0}
        bench = Bench(arq=arq)
        bench.put(0.0, device=0, bits=1000)
        bench.put(0.5, device=0, bits=1000, number=1)
        second = Message((0, 1, 0), (bytes(125),), lambda message: None)
        bench.env.timeout(10.0).callbacks.append(lambda _, link=bench.link, message=second: link.put(message))
        bench.run()
        assert bench.log[0, 0][-1] == (pytest.approx(1.2 * rtts + 1.1), "deliver")
        assert bench.log[0, 1][-1] == (pytest.approx(1.2 * rtts + 2.1), "deliver")
        assert second.delivered_s == pytest.approx(11.1 + later_s)
        assert bench.link.bits_sent == 3000 + 1000 * rtts * (1 + (each == "request"))


def test_a_message_waits_for_one_before_it_in_a_stream_and_in_no_other() -> None:
    """The first of five is lost, as the acknowledgement of the second shows when it is 9/8 of a round trip old."""
    ends: dict[str, list[float]] = {}
    for kind in ("quic", "tcp"):
        bench = Bench(rate=FAST["rate"], lost=Scripted((0, 0, 0, 0)), arq={"kind": kind})
        for number in range(5):
            bench.put(0.01 * number, device=0, bits=8, number=number)
        bench.put(0.0, device=1, bits=8)
        bench.run()
        assert bench.log[1, 0][-1] == (0.1, "deliver"), "another connection"
        ends[kind] = [bench.log[0, number][-1][0] for number in range(5)]
    assert ends["quic"] == pytest.approx([0.325, 0.11, 0.12, 0.13, 0.14])
    assert ends["tcp"] == pytest.approx([0.325] * 5)


def test_what_is_withdrawn_leaves_no_hole_in_a_stream() -> None:
    bench = Bench(rate=FAST["rate"], lost=Scripted((0, 0, 0, 0)), arq={"kind": "tcp"})
    first = bench.put(0.0, device=0, bits=8)
    bench.put(0.0, device=0, bits=8, number=1)
    bench.env.timeout(0.15).callbacks.append(lambda _: bench.link.withdraw(first))
    bench.run()
    assert bench.log[0, 1][-1] == (0.25, "deliver")


def beside(seconds: float, congestion: Any = "cubic", **fields: Any) -> tuple[Link, float]:
    """A bulk flow after a packet of a device, and the mean number of packets in its station in the second half."""
    env, bulk = beside_bulk(congestion, **fields)
    env.run(until=seconds / 2)
    before = bulk.station.area
    env.run(until=seconds)
    assert bulk.sent == bulk.delivered + bulk.lost + bulk.dropped + bulk.in_flight, "I1"
    assert bulk.station.area == pytest.approx(bulk.station.sojourn_s), "I4"
    assert bulk.bits_sent == 328, "its bits are no device's"
    return bulk, (bulk.station.area - before) / (seconds / 2)


@pytest.mark.parametrize("buffer", [40, pytest.param(80, marks=pytest.mark.slow)])
def test_the_queue_of_a_cubic_flow_in_a_drop_tail_buffer_is_that_of_its_sawtooth(buffer: int) -> None:
    """The window runs from beta (D + B + 1) to D + B + 1, where D = 40 packets travel in a round trip: (3 + beta) / 4
    of it on the mean (a cubic's, RFC 9438, 5.1), and all beyond D waits or is sent. Never empty: beta (D + B) > D."""
    cubic = {"kind": "cubic", "fast_convergence": False}
    bulk, mean = beside(60.0, cubic, buffer_packets=buffer)
    assert mean == pytest.approx((3 + 0.7) / 4 * (40 + buffer + 1) - 40, rel=0.06)
    assert bulk.station.busy_fraction(60.0) > 0.98 and bulk.dropped > 10


@pytest.mark.parametrize("kind", ["cubic", "new_reno"])
def test_slow_start_overshoots_a_deep_buffer_less_where_round_trips_slow_it(kind: str) -> None:
    """200 packets are in buffer and round trip: doubled each round trip, as many are too many; by a quarter, 50."""
    dropped = [beside(4.0, {"kind": kind, "hystart": on}, buffer_packets=160) for on in (False, True)]
    assert dropped[0][0].dropped > 200 and 0 < dropped[1][0].dropped < 60


@pytest.mark.parametrize(
    ("sharing", "least_s", "most_s"), [("fifo", 0.06, 0.16), ("round_robin", 0.0024, 0.0048), ("own", 0.06, 0.16)]
)
def test_a_thin_flow_waits_behind_a_bulk_flow_unless_it_has_a_queue_of_its_own(
    sharing: str, least_s: float, most_s: float
) -> None:
    """64 packets of 2.4 ms are 154 ms; where they take turns, the rest of one and another. The text is the same, and so
    are its bits."""
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 60}
    over = {"arq": "quic", "buffer_packets": 64, "sharing": sharing}
    alone, behind = (
        simulate(cell(workload=asked, uplink=link(5e6, **over, **bulk))) for bulk in ({}, {"bulk": {"arq": "quic"}})
    )
    rounds = len(alone.rounds)
    assert behind.rounds["accepted"].tolist() == alone.rounds["accepted"].tolist()
    assert behind.summary["payload_bits_per_token"] == alone.summary["payload_bits_per_token"]
    waited_s = behind.requests["uplink_queue_s"].sum() / (rounds + 1)
    assert least_s <= waited_s <= most_s and alone.summary["uplink_queue_s"] == 0


LOSSY = {"kind": "bernoulli", "probability": 0.2}


@pytest.mark.parametrize("scheme", ["c_sqs", "cloud_only"])
def test_the_text_is_the_same_over_any_transport(scheme: Any) -> None:
    texts = []
    for arq, more in (
        ("selective_repeat", {}), ("quic", {}), ("tcp", {"opening_rtts": 2}), ("quic", {"congestion": "bbr"})
    ):  # fmt: skip
        up, watch = {"kind": arq} | more, Watch()
        simulate(cell(scheme, uplink=link(1e6, arq=up, loss=LOSSY), downlink=link(1e6, arq=arq, loss=LOSSY)), watch)
        texts.append([tuple(request.tokens) for request in watch.ended])
    assert texts[0] and all(each == texts[0] for each in texts) and all(texts[0])
