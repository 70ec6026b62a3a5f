"""Partial messages: whole drafts a packet, delivered up to the first one lost, when the far end can know that it is."""

from __future__ import annotations

from unittest.mock import patch

import pytest
import simpy
from links import Given, Scripted, payload

from channels.link.delays import Jitter
from channels.link.link_config import LinkConfig
from channels.link.losses import PacketIndex
from channels.uniforms import Uniforms
from simulator.timing.link import Link
from simulator.timing.messages import Message

REORDERING = {"kind": "jitter", "delay_s": 0.5, "jitter_s": 0, "reorder": True}


def send(
    *lost: tuple[int, int], window: int = 8, parts: int = 4, timer_jitter: float = 0.0, **changes: object
) -> tuple[list[tuple[float, int]], Message, Link]:
    """Parts of 1000 bits at 1 kbit/s, 0.5 s out, 0.4 s back, timer 2 s, reassembly 1.5 s; an ordinary message follows.
    Lost are these (part, attempt)."""
    env = simpy.Environment()
    config = {
        "rate": {"kind": "constant", "bps": 1000},
        "delay": {"kind": "constant", "delay_s": 0.5},
        "header_bits": 0,
        "reassembly_s": 1.5,
        "loss": Given(by=Scripted(*((0, 0, part, attempt) for part, attempt in lost))),
        "arq": {"kind": "selective_repeat", "window": window, "timeout_s": 2.0, "timer_jitter": timer_jitter},
    }
    link = Link(env, LinkConfig.model_validate(config | changes), Uniforms.of(0, "test"), "uplink", lambda device: 0.4)
    ends: list[tuple[float, int]] = []

    def deliver(message: Message) -> None:
        assert message.arrived == message.content[: len(message.arrived)]
        ends.append((env.now, len(message.arrived)))

    message = Message((0, 0, 0), payload(*[1000] * parts), deliver)
    link.put(message)
    link.put(Message((0, 0, 1), payload(1000), deliver))
    env.run()
    assert link.sent == link.delivered + link.lost + link.dropped
    return ends, message, link


def test_without_loss_all_parts_are_delivered_together() -> None:
    ends, message, _ = send()
    assert ends == [(4.5, 4), (5.5, 1)]
    assert message.attempts == 4


@pytest.mark.parametrize(("part", "at_s"), [(1, 3.5), (2, 4.5)])
def test_a_lost_part_shows_when_the_next_one_comes(part: int, at_s: float) -> None:
    ends, message, link = send((part, 0))
    assert ends[0] == (at_s, part)
    assert (message.attempts, link.lost) == (4, 1)


def test_a_lost_last_part_costs_the_far_ends_timer() -> None:
    """Part 2 is in at 3.5 s, part 3 takes 1 s on the air, and 1.5 s of grace."""
    ends, message, _ = send((3, 0))
    assert ends == [(5.5, 1), (6.0, 3)]
    assert message.attempts == 4


def test_all_later_parts_lost_cost_the_timer_of_the_first_of_them() -> None:
    ends, _, _ = send((1, 0), (2, 0), (3, 0))
    assert ends == [(4.0, 1), (5.5, 1)]


def test_the_far_end_waits_as_long_as_the_sender_would_unless_told() -> None:
    ends, _, _ = send((3, 0), reassembly_s=None)
    assert ends[-1] == (6.5, 3)


def test_the_far_end_knows_of_the_silence_that_a_duty_cycle_asks_for() -> None:
    """One second in four: parts are in at 1.5, 5.5 and 9.5 s, the fourth is awaited for 3 s, 1 s and 1.5 s more."""
    ends, _, _ = send((3, 0), rate={"kind": "duty_cycle", "bps": 1000, "duty": 0.25})
    assert ends[0] == (15.0, 3)


def test_where_packets_overtake_each_other_a_gap_proves_nothing() -> None:
    """Part 2 of three is in at 3.5 s without part 1, which is given up at 1.5 s + 1 s + 1.5 s."""
    ends, _, _ = send((1, 0), parts=3, delay=REORDERING)
    assert ends[0] == (4.0, 1)


class Slow:
    """A delay of half a second, and of more for one part."""

    def __init__(self, part: int, delay_s: float) -> None:
        self._part, self._delay_s = part, delay_s

    def delay_s(self, now_s: float, index: PacketIndex) -> float:
        return self._delay_s if (index[2], index[3]) == (0, self._part) else 0.5


@pytest.mark.parametrize(("travel_s", "ends"), [(2.4, [(4.4, 3), (4.5, 1)]), (2.6, [(4.5, 1), (5.0, 1)])])
def test_where_packets_overtake_each_other_one_that_travels_for_too_long_is_lost(
    travel_s: float, ends: list[tuple[float, int]]
) -> None:
    """Part 1 leaves at 2 s and is awaited until 5 s. Part 2, the last, is in at 3.5 s."""
    with patch.object(Jitter, "process", lambda self, uniforms: Slow(1, travel_s)):
        assert send(parts=3, delay=REORDERING, reassembly_s=2.5)[0] == ends


def test_what_a_loss_made_useless_is_not_sent_once_the_sender_knows() -> None:
    """Part 2 shows at 3.5 s that part 1 is lost, the sender hears at 3.9 s: part 3 goes through, 4 and 5 make room."""
    ends, message, link = send((1, 0), parts=6)
    assert ends == [(3.5, 1), (5.5, 1)]
    assert (message.attempts, link.dropped, link.delivered) == (4, 2, 4)


def test_a_lost_first_part_is_sent_again() -> None:
    """Lost at 1 s, due at 3 s, on the air from 5 s (parts and the message behind it go first): all in at 6.5 s."""
    ends, message, _ = send((0, 0))
    assert ends == [(5.5, 1), (6.5, 4)]
    assert message.attempts == 5


def test_a_later_part_is_never_sent_again_even_while_the_first_is_awaited() -> None:
    """Part 3 has shown already that part 2 is lost."""
    ends, message, _ = send((0, 0), (2, 0))
    assert ends == [(5.5, 1), (6.5, 2)]
    assert message.attempts == 5


@pytest.mark.parametrize("part", [1, 2, 3])
def test_stop_and_wait_moves_on_after_a_lost_part(part: int) -> None:
    """One packet a cycle of 1.9 s; 2.5 s after the part before it the far end gives up, and the sender hears of it."""
    ends, _, _ = send((part, 0), window=1)
    given_up_s = 1.9 * (part - 1) + 1.5 + 2.5
    assert ends == [(pytest.approx(given_up_s), part), (pytest.approx(given_up_s + 0.4 + 1.5), 1)]


@pytest.mark.parametrize("window", [1, 8])
def test_a_part_that_is_never_sent_again_waits_for_no_jitter(window: int) -> None:
    assert send((2, 0), window=window, timer_jitter=1.0)[0] == send((2, 0), window=window)[0]


def test_a_part_must_fit_its_packet() -> None:
    with pytest.raises(AssertionError, match="I7"):
        send(mtu_bits=900)
