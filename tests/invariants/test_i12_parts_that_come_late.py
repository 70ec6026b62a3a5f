"""I12 where parts of a round overtake each other or come after the first one is sent again: nothing that tells of draft
n decides whether it is heard. Each rule is shown to matter by a control without it, whose law is another one."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from exact import Enumeration, distance, verifier_law
from heard import Dawdling, Looking, heard_over

from channels.link.sharing import ProcessorSharing, RoundRobinSharing
from simulator.schemes import CSqs
from simulator.timing.messages import Fragment, Message
from simulator.timing.reassembly import Reassembly

TELLING = CSqs(resolution=1400, max_drafts=3, initial=0.15, partial=True)
"""The parts of a round of it have 32 or 40 bits, by the draft before; in a room of 32 bits draft 3 may not be drawn."""
PROMPT = (1, 2)
ONE_AHEAD = {"kind": "selective_repeat", "window": 8, "timeout_s": 0.05, "timer_jitter": 0}


def bend(room_bits: int = 64, **uplink: Any) -> float:
    """How far the law of four tokens is from the verifier's, over an uplink of 1 kbit/s, in total variation."""
    enumeration = Enumeration(TELLING, 4, PROMPT, room_bits=room_bits, heard=heard_over(room_bits=room_bits, **uplink))
    law = enumeration.law()
    assert enumeration.cut, "nothing is lost and nothing tested"
    return distance(law, verifier_law(PROMPT, 4))


LATE: dict[str, Any] = {"arq": ONE_AHEAD, "loss": Looking(places=(0,)), "delay": Dawdling(places=(1,), extra_s=0.174)}
"""The first part is sent again behind the third, whose length tells of draft 2, and the second comes later still."""
OVERTAKEN: dict[str, Any] = {"arq": ONE_AHEAD | {"timeout_s": 0.2}, "delay": Dawdling(places=(1,), extra_s=0.044)}
"""The third part overtakes the second if it is short."""
MISSED: dict[str, Any] = {"arq": ONE_AHEAD, "delay": Dawdling(places=(1,), extra_s=0.07)}
ALL_AT_ONCE: dict[str, Any] = {"sharing": "processor", "arq": ONE_AHEAD, "loss": Looking(period_s=0.264, share=0.5)}
"""Served all at once, a long second part would leave at 128 ms or, beside a long third one, at 136 ms."""
CROWDED: dict[str, Any] = {
    "sharing": "round_robin",
    "buffer_packets": 3,
    "arq": ONE_AHEAD,
    "loss": Looking(period_s=0.3, share=0.5),
    "put_s": 0.005,
    "beside": ((0.0, 1, 32), (0.006, 2, 32)),
}
"""Behind three parts the buffer would have no place for a packet whose turn comes before the second; behind two it has
one."""


@pytest.mark.parametrize(
    "uplink",
    [LATE, *(pytest.param(each, marks=pytest.mark.slow) for each in (MISSED, ALL_AT_ONCE))],
    ids=["late", "missed", "at once"],
)
def test_i12_no_part_is_heard_or_not_by_its_own_draft(uplink: dict[str, Any]) -> None:
    assert bend(**uplink) < 1e-12


def test_i12_the_buffer_does_not_count_the_parts_that_are_to_come() -> None:
    assert bend(room_bits=32, **CROWDED) < 1e-12


def test_i12_a_part_is_awaited_although_a_later_one_overtook_it() -> None:
    assert heard_over(**OVERTAKEN)((32, 40, 32)) == 3
    assert bend(**OVERTAKEN | {"loss": Looking(places=(2,))}) < 1e-12


@pytest.mark.parametrize("window", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_i12_with_windows_and_losses_and_delays_in_time(window: int) -> None:
    delay = Dawdling(period_s=0.037, share=0.6, extra_s=0.05)
    loss = Looking(places=(0,), period_s=0.037, share=0.3)
    assert bend(arq=ONE_AHEAD | {"window": window}, loss=loss, delay=delay) < 1e-12


def test_i12_a_part_that_may_come_late_bends_the_law() -> None:
    """The control: without a longest travel the repeat of the first part starts a timer that tells of draft 2."""
    with patch.object(Reassembly, "_is_late", lambda self, packet: False):
        assert bend(**LATE) > 0.01


@pytest.mark.slow
def test_i12_a_gap_on_a_link_that_reorders_bends_the_law() -> None:
    """The control: the third part comes before the second or after it, by its length, which tells of draft 2."""
    with patch.object(Dawdling, "keeps_order", True):
        assert bend(**OVERTAKEN) > 0.01


@pytest.mark.slow
def test_i12_a_timer_for_all_that_is_missing_bends_the_law() -> None:
    """The control: how many parts there are tells of the draft after which none could be drawn."""

    def counting(self: Reassembly, message: Message, packet: Fragment) -> None:
        awaited = next(each for each in message.packets if not each.arrived)
        missing_bits = sum(each.bits for each in message.packets if not each.arrived)
        if packet.number == 0:
            wait = self._env.timeout(0.05 + missing_bits / packet.rate_bps)
            wait.callbacks.append(lambda _: self._give_up(awaited, _))

    with patch.object(Reassembly, "_look", counting), patch.object(Reassembly, "_is_late", lambda self, packet: False):
        assert bend(room_bits=32, **MISSED) > 0.01


@pytest.mark.parametrize(
    ("sharing", "room_bits", "uplink"),
    [
        (ProcessorSharing, 64, ALL_AT_ONCE),
        pytest.param(RoundRobinSharing, 32, CROWDED, marks=pytest.mark.slow),
    ],
)
def test_i12_parts_that_join_together_bend_the_law(
    sharing: type[ProcessorSharing] | type[RoundRobinSharing], room_bits: int, uplink: dict[str, Any]
) -> None:
    """The control: where a packet has a say in when one before it leaves, the parts must join one by one."""
    with patch.object(sharing, "first_come", True):
        assert bend(room_bits, **uplink) > 0.01
