"""QUIC in time: slow start and messages apart, by hand."""

from math import ceil, log2
from typing import Any

import pytest
from cells import cell, link
from links import Bench, Scripted
from plants import Watch

from simulator import simulate

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


LOSSY = {"kind": "bernoulli", "probability": 0.2}


@pytest.mark.parametrize("scheme", ["c_sqs", "cloud_only"])
def test_the_text_is_the_same_over_quic(scheme: Any) -> None:
    texts = []
    for arq in ("selective_repeat", "quic"):
        watch = Watch()
        simulate(cell(scheme, uplink=link(1e6, arq=arq, loss=LOSSY), downlink=link(1e6, arq=arq, loss=LOSSY)), watch)
        texts.append([tuple(request.tokens) for request in watch.ended])
    assert texts[0] and all(each == texts[0] for each in texts) and all(texts[0])
