"""What is reported to a loss of a packet: when its last bit left, its bits, the mean rate at which it went out, its
index."""

from math import inf
from typing import Any

import pytest
from links import Bench

from channels.link.shaping import LoRa

Reported = tuple[float, int, float, tuple[int, ...]]


class Listener:
    """A loss that loses nothing and notes what is reported to it."""

    def __init__(self) -> None:
        self.received: list[Reported] = []

    def lost(self, now_s: float, bits: int, rate_bps: float, index: tuple[int, int, int, int, int]) -> bool:
        self.received.append((round(now_s, 9), bits, round(rate_bps, 6), index))
        return False


def reported(second_s: float = 0.0, **changes: object) -> list[Reported]:
    """What is reported to the loss process of 1,000 bits of device 0 at 0 s and 400 of device 1 at `second_s`, over 1
    kbit/s with headers of 100 bits."""
    loss, acknowledgements = Listener(), Listener()
    bench = Bench(loss, acknowledgements, header_bits=100, **changes)  # type: ignore[arg-type]
    bench.put(0.0, 0, 1000)
    bench.put(second_s, 1, 400)
    bench.run()
    # an acknowledgement is a header, and told of the packet that it answers
    assert acknowledgements.received == [(now_s, 100, rate_bps, index) for now_s, _, rate_bps, index in loss.received]
    return loss.received


OUTAGE = {"kind": "trace", "points": [(0, 1000), (1, 0), (2, 1000)]}
LORA = LoRa(duty=0.1)
AIR_S = LORA.airtime_s(1100), LORA.airtime_s(500)
FIRST, SECOND = (0, 0, 0, 0, 0), (1, 0, 0, 0, 0)
WAITED = [(1.1, 1100, 1000, FIRST), (1.6, 500, 1000, SECOND)]


RECEIVED: dict[str, tuple[dict[str, Any], list[Reported]]] = {
    "a packet that waited its turn went out at the rate of the link": ({}, WAITED),
    "packets that share the link go out at the rate that each had": (
        {"second_s": 0.25, "sharing": "processor"},
        [(1.25, 500, 500, SECOND), (1.6, 1100, round(1100 / 1.6, 6), FIRST)],
    ),
    "silence before the first bit is no airtime": (
        {"rate": LORA},
        [(round(AIR_S[0], 9), 1100, round(1100 / AIR_S[0], 6), FIRST),
         (round(10 * AIR_S[0] + AIR_S[1], 9), 500, round(500 / AIR_S[1], 6), SECOND)],
    ),
    "an outage on the way lowers the mean rate": (
        {"rate": OUTAGE}, [(2.1, 1100, round(1100 / 2.1, 6), FIRST), (2.6, 500, 1000, SECOND)],
    ),
    "a link of infinite rate takes no time": (
        {"rate": {"kind": "constant", "bps": inf}}, [(0.0, 1100, inf, FIRST), (0.0, 500, inf, SECOND)],
    ),
    "overhead beside the bits is no part of their rate": (
        {"overhead_s": 0.25}, [(1.35, 1100, 1000, FIRST), (2.1, 500, 1000, SECOND)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECEIVED)
def test_what_a_loss_receives(name: str) -> None:
    changes, expected = RECEIVED[name]
    assert reported(**changes) == expected
