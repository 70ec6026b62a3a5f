"""I12 where parts of a round overtake each other or come after the first one is sent again: nothing that tells of draft
n decides whether it is heard. Each rule is shown to matter by a control without it, whose distribution is another one.

The distributions are exact, of the shipped simulator: passes and encoding take time, and parts leave as their drafts
are drawn.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from cells import link
from heard import Dawdling, Looking
from simulated import Simulated, verifier_distribution, written_cell

from channels.link.sharing import ProcessorSharing
from simulator.checking.exact import distance
from simulator.timing.messages import Message
from simulator.timing.reassembly import Reassembly

EVEN = (1 / 3, 1 / 3, 1 / 3)
TWO = (0.5, 0.5, 0.0)
ROWS = (TWO, EVEN, TWO)
"""The distributions of drafter and verifier alike: what follows token 1 has one more token."""
TELLING = {"kind": "c_sqs", "resolution": 240, "max_drafts": 3, "partial": True, "budget_bits": None}
"""The parts of a round of it have 16 bits, or 24 where token 1 came before: in a room of 16 bits that is not drawn."""
TOKENS = 4
ONE_AHEAD = {"kind": "selective_repeat", "window": 8, "timeout_s": 0.05, "timer_jitter": 0}
EDGE = {"latency": {"kind": "constant", "per_pass_s": 0.031}, "encode_s_per_draft": 0.007}
"""Draft n is drawn and encoded 38 ms after the one before it; at 1 kbit/s its part is on the air for 24 ms or 32 ms."""


def bend(room_bits: int | None = None, edge: object = EDGE, **uplink: Any) -> float:
    """How far the distribution of four tokens is from the verifier's, over an uplink of 1 kbit/s, in total
    variation."""
    mtu_bits = None if room_bits is None else room_bits + 8
    over = link(1000.0, header_bits=8, mtu_bits=mtu_bits, **{"arq": ONE_AHEAD} | uplink)
    simulated = Simulated(written_cell(TELLING, ROWS, ROWS, TOKENS, uplink=over, edge=edge))
    assert simulated.cut, "nothing is lost and nothing tested"
    return distance(simulated.distribution, verifier_distribution(ROWS, TOKENS))


LATE: dict[str, Any] = {"loss": Looking(places=(0,)), "delay": Dawdling(places=(1,), extra_s=0.072)}
"""The first part is sent again while the round is drafted, and the second comes when the last one has long come."""
OVERTAKEN: dict[str, Any] = {"delay": Dawdling(places=(1,), extra_s=0.042), "loss": Looking(period_s=0.09, share=0.5)}
"""The third part overtakes the second if it is short, which tells of draft 2."""
FAST = {"latency": {"kind": "constant", "per_pass_s": 0.004}, "encode_s_per_draft": 0.002}
ALL_AT_ONCE: dict[str, Any] = {"sharing": "processor", "loss": Looking(period_s=0.13, share=0.5), "edge": FAST}
"""Served all at once, the second part would leave later beside a long third one."""


@pytest.mark.parametrize(
    "uplink",
    [LATE, *(pytest.param(each, marks=pytest.mark.slow) for each in (OVERTAKEN, ALL_AT_ONCE))],
    ids=["late", "overtaken", "at once"],
)
def test_i12_no_part_is_heard_or_not_by_its_own_draft(uplink: dict[str, Any]) -> None:
    assert bend(**uplink) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 2])
@pytest.mark.parametrize("room_bits", [None, 16])
def test_i12_with_windows_and_losses_and_delays_in_time(window: int, room_bits: int | None) -> None:
    delay = Dawdling(period_s=0.037, share=0.6, extra_s=0.05)
    loss = Looking(places=(0,), period_s=0.07, share=0.5)
    assert bend(room_bits, arq=ONE_AHEAD | {"window": window}, loss=loss, delay=delay, reassembly_s=0.08) < 1e-12


def test_i12_a_part_that_may_come_late_bends_the_distribution() -> None:
    """The control: without a longest travel the second part is heard if it comes before the last one is old enough,
    whose length and departure tell of draft 2."""
    with patch.object(Reassembly, "_is_late", lambda self, packet: False):
        assert bend(delay=LATE["delay"]) > 0.1


@pytest.mark.slow
def test_i12_a_gap_on_a_link_that_reorders_bends_the_distribution() -> None:
    """The control: the third part comes before the second or after it, by its length, which tells of draft 2."""
    with patch.object(Dawdling, "keeps_order", True):
        assert bend(delay=OVERTAKEN["delay"]) > 0.1


@pytest.mark.slow
def test_i12_what_is_there_when_the_last_part_comes_bends_the_distribution() -> None:
    """The control: the far end waits for none that travels still."""
    with patch.object(Reassembly, "_give_up", None), patch.object(Reassembly, "_look", _take_what_is_there):
        assert bend(delay=OVERTAKEN["delay"], reassembly_s=0.2) > 0.1


def _take_what_is_there(self: Reassembly, message: Message) -> None:
    leading = next((each.number for each in message.packets if not each.arrived), len(message.packets))
    if leading and not message.open and message.packets[-1].arrived:
        self._deliver(message, leading)


def test_i12_parts_that_join_together_bend_the_distribution() -> None:
    """The control: where a packet has a say in when one before it leaves, the parts must join one by one."""
    with patch.object(ProcessorSharing, "first_come", True):
        assert bend(**ALL_AT_ONCE) > 0.1
