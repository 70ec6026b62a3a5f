"""Partial messages: whole drafts a packet, delivered up to the first one lost, by loss and not by a timer."""

from __future__ import annotations

import pytest
import simpy
from links import Given, Scripted, payload

from channels.link.link_config import LinkConfig
from channels.uniforms import Uniforms
from simulator.timing.link import Link
from simulator.timing.messages import Message


def send(
    *lost: tuple[int, int], window: int = 8, mtu_bits: int | None = None, timer_jitter: float = 0.0
) -> tuple[list[tuple[float, int]], Message, Link]:
    """Four parts of 1000 bits at 1 kbit/s, 0.5 s out, 0.4 s back, timer 2 s; an ordinary message follows. Lost are
    these (part, attempt)."""
    env = simpy.Environment()
    config = {
        "rate": {"kind": "constant", "bps": 1000},
        "delay": {"kind": "constant", "delay_s": 0.5},
        "header_bits": 0,
        "mtu_bits": mtu_bits,
        "loss": Given(by=Scripted(*((0, 0, part, attempt) for part, attempt in lost))),
        "arq": {"kind": "selective_repeat", "window": window, "timeout_s": 2.0, "timer_jitter": timer_jitter},
    }
    link = Link(env, LinkConfig.model_validate(config), Uniforms.of(0, "test"), "uplink", lambda device: 0.4)
    ends: list[tuple[float, int]] = []

    def deliver(message: Message) -> None:
        assert message.arrived == message.content[: len(message.arrived)]
        ends.append((env.now, len(message.arrived)))

    message = Message((0, 0, 0), payload(1000, 1000, 1000, 1000), deliver)
    link.put(message)
    link.put(Message((0, 0, 1), payload(1000), deliver))
    env.run()
    assert link.sent == link.delivered + link.lost + link.dropped
    return ends, message, link


def test_without_loss_all_parts_are_delivered_together() -> None:
    ends, message, _ = send()
    assert ends == [(4.5, 4), (5.5, 1)]
    assert message.attempts == 4


@pytest.mark.parametrize(("part", "at_s"), [(1, 2.5), (2, 3.5), (3, 4.5)])
def test_a_lost_part_delivers_the_parts_before_it_when_it_should_have_come(part: int, at_s: float) -> None:
    ends, _, link = send((part, 0))
    assert ends[0] == (at_s, part)
    assert link.lost == 1


def test_what_a_loss_made_useless_is_not_sent_once_the_sender_knows() -> None:
    """Part 1 is missed at 2.5 s, the sender hears at 2.9 s: part 2 goes through, part 3 makes room for what follows."""
    ends, message, link = send((1, 0))
    assert ends == [(2.5, 1), (4.5, 1)]
    assert (message.attempts, link.dropped, link.delivered) == (3, 1, 3)


def test_a_lost_first_part_is_sent_again() -> None:
    """Lost at 1 s, due at 3 s, on the air from 5 s (parts and the message behind it go first): all in at 6.5 s."""
    ends, message, _ = send((0, 0))
    assert ends == [(5.5, 1), (6.5, 4)]
    assert message.attempts == 5


def test_a_later_part_is_never_sent_again_even_while_the_first_is_awaited() -> None:
    ends, message, _ = send((0, 0), (2, 0))
    assert ends == [(5.5, 1), (6.5, 2)]
    assert message.attempts == 5


@pytest.mark.parametrize("part", [1, 2, 3])
def test_stop_and_wait_moves_on_after_a_lost_part(part: int) -> None:
    """One packet a cycle of 1.9 s; the part that is lost ends its message, and the sender hears of it."""
    ends, _, _ = send((part, 0), window=1)
    assert ends == [(pytest.approx(1.9 * part + 1.5), part), (pytest.approx(1.9 * (part + 1) + 1.5), 1)]


@pytest.mark.parametrize("window", [1, 8])
def test_a_part_that_is_never_sent_again_waits_for_no_jitter(window: int) -> None:
    assert send((2, 0), window=window, timer_jitter=1.0)[0] == send((2, 0), window=window)[0]


def test_a_part_must_fit_its_packet() -> None:
    with pytest.raises(AssertionError, match="I7"):
        send(mtu_bits=900)
