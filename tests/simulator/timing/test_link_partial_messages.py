"""Messages in parts: a packet a part, delivered up to the first one lost, when the far end can know that it is; some
grow while their first parts are under way."""

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
    """Parts of 1000 bits at 1 kbit/s, 0.5 s out, 0.4 s back, timer 2 s; an ordinary message follows. Lost are these
    (part, attempt)."""
    env, link = linked(*lost, window=window, timer_jitter=timer_jitter, **changes)
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


def linked(
    *lost: tuple[int, int], window: int = 8, timer_jitter: float = 0.0, **changes: object
) -> tuple[simpy.Environment, Link]:
    """The link of `send`."""
    env = simpy.Environment()
    config = {
        "rate": {"kind": "constant", "bps": 1000},
        "delay": {"kind": "constant", "delay_s": 0.5},
        "header_bits": 0,
        "loss": Given(by=Scripted(*((0, 0, part, attempt) for part, attempt in lost))),
        "arq": {"kind": "selective_repeat", "window": window, "timeout_s": 2.0, "timer_jitter": timer_jitter},
    }
    link = Link(env, LinkConfig.model_validate(config | changes), Uniforms.of(0, "test"), "uplink", lambda device: 0.4)
    return env, link


def test_without_loss_all_parts_are_delivered_together() -> None:
    ends, message, _ = send()
    assert ends == [(4.5, 4), (5.5, 1)]
    assert message.attempts == 4


@pytest.mark.parametrize(("part", "at_s"), [(1, 3.5), (2, 4.5)])
def test_a_lost_part_shows_when_the_next_one_comes(part: int, at_s: float) -> None:
    ends, message, link = send((part, 0))
    assert ends[0] == (at_s, part)
    assert (message.attempts, link.lost) == (4, 1)


def test_a_lost_last_part_is_sent_again() -> None:
    """Lost at 4 s, due at 6 s, all in at 7.5 s."""
    ends, message, _ = send((3, 0))
    assert ends == [(5.5, 1), (7.5, 4)]
    assert message.attempts == 5


def test_all_later_parts_lost_show_when_the_last_one_comes_again() -> None:
    ends, _, _ = send((1, 0), (2, 0), (3, 0))
    assert ends == [(5.5, 1), (7.5, 1)]


def test_where_packets_overtake_each_other_a_gap_proves_nothing() -> None:
    """Part 2, the last of three, leaves at 3 s and is in at 3.5 s without part 1, which may come for 1.5 s more."""
    ends, _, _ = send((1, 0), parts=3, delay=REORDERING, reassembly_s=1.5)
    assert (4.5, 1) in ends and len(ends) == 2


def test_where_packets_overtake_each_other_a_part_may_travel_as_long_as_the_sender_waits_unless_told() -> None:
    ends, _, _ = send((1, 0), parts=3, delay=REORDERING)
    assert ends[-1] == (5.0, 1)


class Slow:
    """A delay of half a second, and of more for one part."""

    def __init__(self, part: int, delay_s: float) -> None:
        self._part, self._delay_s = part, delay_s

    def delay_s(self, now_s: float, index: PacketIndex) -> float:
        return self._delay_s if (index[2], index[3]) == (0, self._part) else 0.5


@pytest.mark.parametrize(("travel_s", "ends"), [(2.4, [(4.4, 3), (4.5, 1)]), (2.6, [(4.5, 1), (5.5, 1)])])
def test_where_packets_overtake_each_other_one_that_travels_for_too_long_is_lost(
    travel_s: float, ends: list[tuple[float, int]]
) -> None:
    """Part 1 leaves at 2 s. Part 2, the last, leaves at 3 s: 2.5 s later what has not come is lost."""
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


@pytest.mark.parametrize(("part", "arrived"), [(1, 1), (2, 2), (3, 4)])
def test_stop_and_wait_moves_on_after_a_lost_part(part: int, arrived: int) -> None:
    """One packet a cycle of 1.9 s; 2 s after a part is lost the next one goes out, or the last one again. After the
    second of four is lost, the acknowledgement of the third lets the fourth go before the word that it is void."""
    ends, _, _ = send((part, 0), window=1)
    shown_s = 1.9 * part + 1 + 2 + 1.5
    assert ends == [(pytest.approx(shown_s), arrived), (pytest.approx(shown_s + 0.4 + 1.5 + (part == 1)), 1)]


@pytest.mark.parametrize("window", [1, 8])
def test_a_part_that_is_never_sent_again_waits_for_no_jitter(window: int) -> None:
    assert send((2, 0), window=window, timer_jitter=1.0)[0] == send((2, 0), window=window)[0]


def test_a_part_must_fit_its_packet() -> None:
    with pytest.raises(AssertionError, match="I7"):
        send(mtu_bits=900)


Growth = tuple[float, int, bool]
"""When a part is added, its bits (0: the bare word that the message ends), and whether it is the last."""


def grow(
    *lost: tuple[int, int], growth: tuple[Growth, ...], withdrawn_s: float | None = None, **changes: object
) -> tuple[list[tuple[float, int]], list[tuple[float, str]], Message, Link]:
    """A message whose first part of 1000 bits is put at 0 s, and grows: what came of it, and the states it reported."""
    env, link = linked(*lost, **{"header_bits": 100} | changes)
    ends: list[tuple[float, int]] = []
    states: list[tuple[float, str]] = []
    message = Message(
        (0, 0, 0),
        payload(1000),
        lambda message: ends.append((env.now, len(message.arrived))),
        lambda message, course: states.extend(course),
        open=True,
    )
    link.put(message)
    for at_s, bits, last in growth:
        part = payload(bits)[0]
        env.timeout(at_s).callbacks.append(lambda _, part=part, last=last: link.add(message, part, ends=last))
    if withdrawn_s is not None:
        env.timeout(withdrawn_s).callbacks.append(lambda _: link.withdraw(message))
    env.run()
    assert link.sent == link.delivered + link.lost + link.dropped
    return ends, states, message, link


def test_a_part_goes_out_while_the_next_is_made() -> None:
    """1.1 s each, header included: the first is in at 1.6 s, the second, put at 1.3 s, at 2.9 s."""
    ends, states, message, _ = grow(growth=((1.3, 1000, True),))
    assert ends == [(pytest.approx(2.9), 2)]
    assert (message.bits, message.sent_bits) == (2000, 2200)
    assert states[0] == (1.3, "propagation"), "while its sender works on it, it reports nothing"


def test_that_none_follows_is_a_bare_header() -> None:
    ends, _, message, _ = grow(growth=((1.3, 1000, False), (4.0, 0, True)))
    assert ends == [(pytest.approx(4.6), 2)]
    assert (message.bits, message.sent_bits, len(message.content)) == (2000, 2300, 2)


def test_the_word_that_none_follows_is_sent_again_until_it_is_in() -> None:
    """Lost at 4.1 s and at 6.2 s, it goes out at 8.2 s; the word before it that none follows was the second part's."""
    ends, _, message, _ = grow((2, 0), (2, 1), growth=((1.3, 1000, False), (4.0, 0, True)))
    assert ends == [(pytest.approx(8.8), 2)]
    assert message.attempts == 5


def test_a_part_between_is_sent_once_though_nothing_follows_it() -> None:
    """Whether it is the last was not known when it was put: the word that none follows shows that it is lost."""
    ends, _, message, _ = grow((1, 0), growth=((1.3, 1000, False), (2.0, 0, True)))
    assert ends == [(pytest.approx(3.0), 1)]
    assert message.attempts == 3


def test_a_lost_part_shows_before_the_message_has_ended() -> None:
    """The third part shows at 3.9 s that the second is lost; at 4.3 s the sender hears, and the fourth stays behind."""
    growth = ((1.1, 1000, False), (2.3, 1000, False), (4.5, 1000, False), (6.0, 0, True))
    ends, _, message, link = grow((1, 0), growth=growth)
    assert ends == [(pytest.approx(3.9), 1)]
    assert (message.attempts, link.dropped, message.bits) == (3, 0, 3000)


def test_parts_that_come_while_the_first_awaits_its_grant_go_with_it() -> None:
    """The second part was put before it was known that none follows: it is sent once, whoever knows more by then."""
    ends, states, message, _ = grow((1, 0), growth=((0.5, 1000, False), (0.7, 0, True)), access_s=1.0)
    assert ends == [(pytest.approx(3.8), 1)]
    assert (message.attempts, states[0]) == (3, (0.7, "queue"))


def test_a_message_that_was_withdrawn_grows_no_more() -> None:
    ends, _, message, link = grow(growth=((1.3, 1000, False), (3.0, 1000, True)), withdrawn_s=2.9)
    assert (ends, message.bits, link.sent) == ([], 2000, 2)


@pytest.mark.parametrize("sharing", ["round_robin", "processor"])
def test_where_a_packet_may_delay_one_before_it_a_part_joins_when_that_one_has_left(sharing: str) -> None:
    """Put at 0.2 s, the second part would halve the first one's rate, or have its turn before its end."""
    ends, _, _, link = grow(growth=((0.2, 1000, True),), sharing=sharing)
    assert ends == [(pytest.approx(2.7), 2)]
    assert link.station.mean_present(2.2) == pytest.approx(1.0)


def test_a_part_that_follows_takes_no_place_in_the_buffer_before_the_one_before_it_has_left() -> None:
    """While the first part goes out the second waits outside: the one place is another device's."""
    env, link = linked(sharing="round_robin", buffer_packets=1)
    message = Message((0, 0, 0), payload(1000, 1000), lambda _: None)
    link.put(message)
    other = Message((1, 0, 0), payload(1000), lambda _: None)
    env.timeout(0.5).callbacks.append(lambda _: link.put(other))
    env.run(until=0.75)
    assert (link.station.present, link.dropped) == (2, 0)
