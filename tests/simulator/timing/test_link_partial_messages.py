"""Messages in parts: a packet a part, delivered up to the first one lost, when the far end can know that it is; some
grow while their first parts are under way."""

from typing import Any
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


SENT: dict[str, tuple[list[tuple[int, int]], dict[str, Any], list[tuple[float, int]], int]] = {
    "without loss all parts are delivered together": ([], {}, [(4.5, 4), (5.5, 1)], 4),
    **{
        f"part {part}, lost, shows when the next one comes": ([(part, 0)], {}, [(part + 2.5, part), (5.5, 1)], 4)
        for part in (1, 2)
    },
    "a lost last part, lost at 4 s and due at 6 s, is sent again": ([(3, 0)], {}, [(5.5, 1), (7.5, 4)], 5),
    "all later parts lost show when the last one comes again": (
        [(1, 0), (2, 0), (3, 0)], {}, [(5.5, 1), (7.5, 1)], 5,
    ),
    "a lost first part, due at 3 s, goes out at 5 s behind the parts and the message behind it": (
        [(0, 0)], {}, [(5.5, 1), (6.5, 4)], 5,
    ),
    "a later part is never sent again, even while the first is awaited: part 3 has shown that 2 is lost": (
        [(0, 0), (2, 0)], {}, [(5.5, 1), (6.5, 2)], 5,
    ),
    "part 2 shows at 3.5 s that 1 is lost, the sender hears at 3.9 s: 3 goes through, 4 and 5 are not sent": (
        [(1, 0)], {"parts": 6}, [(3.5, 1), (5.5, 1)], 4,
    ),
    "where packets overtake each other a gap proves nothing: part 2 is in at 3.5 s, and 1 may come for 1.5 s more": (
        [(1, 0)], {"parts": 3, "delay": REORDERING, "reassembly_s": 1.5}, [(4.5, 1), (4.5, 1)], 3,
    ),
    "where packets overtake each other a part may travel as long as the sender waits, unless told": (
        [(1, 0)], {"parts": 3, "delay": REORDERING}, [(4.5, 1), (5.0, 1)], 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SENT)
def test_parts_are_delivered_as_the_timeline_says(name: str) -> None:
    """The parts that are lost; when how many leading parts are in, and the message behind them; attempts."""
    lost, fields, expected, attempts = SENT[name]
    ends, message, link = send(*lost, **fields)
    assert (ends, message.attempts, link.lost) == (expected, attempts, len(lost))
    assert link.dropped == (2 if "parts" in fields and fields["parts"] == 6 else 0)


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


GROWN: dict[str, tuple[list[tuple[int, int]], list[Growth], tuple[float, int], int, tuple[float, str]]] = {
    "a part goes out while the next is made: 1.1 s each, header included, the second from 1.3 s": (
        [], [(1.3, 1000, True)], (2.9, 2), 2, (1.3, "propagation"),
    ),
    "that none follows is a bare header": ([], [(1.3, 1000, False), (4.0, 0, True)], (4.6, 2), 3, (4.0, "transmit")),
    "the word that none follows is sent again until it is in: lost at 4.1 s and 6.2 s, it goes out at 8.2 s": (
        [(2, 0), (2, 1)], [(1.3, 1000, False), (4.0, 0, True)], (8.8, 2), 5, (4.0, "transmit"),
    ),
    "a part between is sent once though nothing follows it, which was not known when it was put": (
        [(1, 0)], [(1.3, 1000, False), (2.0, 0, True)], (3.0, 1), 3, (2.0, "propagation"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GROWN)
def test_a_message_that_grows_is_in_when_the_timeline_says(name: str) -> None:
    """When how many parts are in, attempts, and what it reports first: nothing while its sender works on it."""
    lost, growth, expected, attempts, first = GROWN[name]
    ends, states, message, link = grow(*lost, growth=tuple(growth))
    assert ends == [(pytest.approx(expected[0]), expected[1])] and message.attempts == attempts
    parts = 1 + sum(bits > 0 for _, bits, _ in growth)
    bare = attempts - parts
    assert (message.bits, len(message.content)) == (1000 * parts, parts)
    assert message.sent_bits == 1100 * parts + 100 * bare and link.lost == len(lost)
    assert states[0] == first


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
