"""Record of a run from its journals: its events in order of time, those that last at both ends, and its packets.

Causes come before effects where two times are equal: what the processes noted, each in its own order, then what that
sets off. What a process takes before it knows that its work has ended comes before that end. An attempt of a packet is
put together from two journals: its sender's, when it joined the queue, and the relay's, when it was on the link and
whether it arrived. What a message does at each time follows from the attempts of its packets.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf, nan
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple

from channels.link.link_config import answer_s
from simulator.cell.cell import Cell
from simulator.results.ledger import Course
from simulator.testbed.journal import (
    Event,
    MessageCancelled,
    MessagePut,
    MessageTaken,
    PacketAcknowledged,
    PacketQueued,
    PacketSent,
    PassMade,
    RoundComputed,
    TextRead,
    UplinkSeen,
    read,
)
from simulator.testbed.packet_header import OPPOSITE, Direction, MessageAddress
from simulator.testbed.plan import WARM_UP, link
from simulator.timing.messages import PROPAGATION, QUEUE, RETRANSMIT, TIMEOUT_WAIT, TRANSMIT

LATE_S: Final = 0.02
"""Time by which a free acknowledgement may be late, and still count as that of the attempt for which it was due."""
_FragmentKey = tuple[MessageAddress, int]
"""A packet of a message, whichever attempt."""
_TimesS = Mapping[MessageAddress, Sequence[float]]


@dataclass(slots=True, eq=False)
class PacketAttempt:
    """Attempt of a packet, from the queue to its end; times in seconds, inf: not in the run's time."""

    address: MessageAddress
    """The message; of an acknowledgement, the one that it is about."""
    fragment: int
    attempt: int
    bits: int
    acknowledges: bool
    joined_s: float
    began_s: float = inf
    left_s: float = inf
    arrives_s: float = nan
    """nan: never."""
    acknowledged: bool = True
    """True if its sender learns of its arrival; of an acknowledgement that takes capacity nobody needs to."""

    @property
    def direction(self) -> Direction:
        """The direction of the link that it takes."""
        return OPPOSITE[self.address.direction] if self.acknowledges else self.address.direction

    @property
    def was_sent(self) -> bool:
        """True if it was on the link."""
        return self.left_s < inf

    @property
    def course(self) -> Course:
        """The states of its packet, each with the time from which on it holds."""
        course = [(self.joined_s, QUEUE)]
        if self.was_sent:
            arrives = self.arrives_s >= self.left_s
            course.append((self.began_s, RETRANSMIT if self.attempt else TRANSMIT))
            course.append((self.left_s, PROPAGATION if arrives else TIMEOUT_WAIT))
            if arrives and not self.acknowledged:
                course.append((self.arrives_s, TIMEOUT_WAIT))
        return course


class Beginning(NamedTuple):
    """The edge begins to draft a round or to read, or a pass of the server begins."""

    of: RoundComputed | TextRead | PassMade


class TimedEvent(NamedTuple):
    """Something happens at a time. Events are sorted by the first four fields."""

    at_s: float
    begins: bool
    """True if it is the beginning of something that lasts."""
    journal: int
    line: float
    what: Event | Beginning


@dataclass
class RunRecord:
    """A whole run."""

    timeline: Sequence[TimedEvent]
    attempts: Sequence[PacketAttempt]
    events: Sequence[Event]
    of_message: Mapping[MessageAddress, Sequence[PacketAttempt]]
    """The attempts of the packets of each message."""
    put_s: _TimesS
    """Times at which each message was put."""
    cancelled_s: _TimesS
    acknowledged_s: Mapping[_FragmentKey, Sequence[float]]

    def sent(self, address: MessageAddress, by_s: float = inf) -> tuple[int, int]:
        """Bits and packets that had begun on the link for a message by that time, headers and retransmissions included;
        of one that is put again, after a restart of the cloud, all of them."""
        sent = [each.bits for each in self.of_message.get(address, ()) if each.was_sent and each.began_s <= by_s]
        return sum(sent), len(sent)

    def course(self, address: MessageAddress, put_s: float) -> Course:
        """Returns the states of the message that was put then, each with its start, until nothing more is sent of it:
        the state of its oldest packet whose arrival its sender does not know of."""
        ends_s = _next_s((*self.put_s[address], *self.cancelled_s.get(address, ())), put_s)
        packets = defaultdict[int, list[tuple[float, str]]](list)
        for attempt in self.of_message.get(address, ()):
            if put_s <= attempt.joined_s < ends_s:
                packets[attempt.fragment] += attempt.course
        found, from_s = [(put_s, QUEUE)], put_s
        for fragment, states in sorted(packets.items()):
            known_s = _next_s(self.acknowledged_s.get((address, fragment), ()), put_s)
            if known_s > from_s:
                states.sort(key=itemgetter(0))
                found += [(from_s, QUEUE), *((max(at_s, from_s), state) for at_s, state in states if at_s < known_s)]
                from_s = known_s
        return [each for each in found if each[0] < ends_s]


def run_record(cell: Cell, folder: Path) -> RunRecord:
    """Reads the journals in a run's folder."""
    timeline, events = list[TimedEvent](), list[Event]()
    queued, sent = defaultdict[tuple[MessageAddress, int, int], deque[PacketAttempt]](deque), list[PacketSent]()
    put_s, cancelled_s = defaultdict[MessageAddress, list[float]](list), defaultdict[MessageAddress, list[float]](list)
    acknowledged_s = defaultdict[_FragmentKey, list[float]](list)
    for journal, path in enumerate(sorted(folder.glob("*.jsonl"))):
        taken_s = 0.0
        for line, event in enumerate(read(path)):
            if (address := getattr(event, "address", None)) and address.request == WARM_UP:
                continue
            events.append(event)
            if isinstance(event, PacketQueued):
                queued[event[:3]].append(PacketAttempt(*event[:4], acknowledges=False, joined_s=event.at_s))
            elif isinstance(event, PacketSent):
                sent.append(event)
            elif isinstance(event, PacketAcknowledged):
                acknowledged_s[event[:2]].append(event.at_s)
            elif isinstance(event, RoundComputed | TextRead | PassMade):
                lasts = event.began_s < event.ended_s
                timeline.append(TimedEvent(event.began_s, lasts, journal, line - 0.5, Beginning(event)))
                timeline.append(TimedEvent(max(event.ended_s, taken_s), False, journal, line, event))
            else:
                timeline.append(TimedEvent(event.at_s, False, journal, line, event))
                if isinstance(event, MessageTaken | UplinkSeen):
                    taken_s = event.at_s
                elif isinstance(event, MessagePut):
                    put_s[event.address].append(event.at_s)
                elif isinstance(event, MessageCancelled):
                    cancelled_s[event.address].append(event.at_s)
    attempts = [*_attempts(queued, sent), *chain.from_iterable(queued.values())]
    of_message = defaultdict[MessageAddress, list[PacketAttempt]](list)
    for attempt in attempts:
        if not attempt.acknowledges:
            of_message[attempt.address].append(attempt)
    _find_acknowledged(cell, attempts, acknowledged_s, cancelled_s)
    timeline.sort(key=lambda each: each[:4])
    return RunRecord(timeline, attempts, events, of_message, put_s, cancelled_s, acknowledged_s)


def _attempts(
    queued: Mapping[tuple[MessageAddress, int, int], deque[PacketAttempt]], sent: list[PacketSent]
) -> Iterator[PacketAttempt]:
    """Yields all attempts that were on the link; of those in `queued` the others stay. Those of one name, after a
    restart, were on it in the order in which they joined. An acknowledgement joins its queue when what it is about
    arrives, the first one first; of anything else that no sender noted, the note is lost."""
    unanswered_s = defaultdict[_FragmentKey, deque[float]](deque)
    for event in sorted(sent, key=lambda each: each.arrives_s or inf):
        if event.note is None and event.arrives_s is not None:
            unanswered_s[event[:2]].append(event.arrives_s)
    for event in sorted(sent, key=lambda each: each.left_s):
        if event.note is None and (known := queued.get(event[:3])):
            attempt = known.popleft()
        else:
            arrived_s = unanswered_s[event[:2]] if event.note is not None else None
            joined_s = min(arrived_s.popleft(), event.began_s) if arrived_s else event.began_s
            attempt = PacketAttempt(*event[:4], acknowledges=event.note is not None, joined_s=joined_s)
        # The notes of two processes about one packet may cross: it is on the link when it has joined.
        attempt.began_s = max(event.began_s, attempt.joined_s)
        attempt.left_s = max(event.left_s, attempt.began_s)
        attempt.arrives_s = nan if event.arrives_s is None else max(event.arrives_s, attempt.left_s)
        yield attempt


def _find_acknowledged(
    cell: Cell,
    attempts: Sequence[PacketAttempt],
    acknowledged_s: Mapping[_FragmentKey, Sequence[float]],
    cancelled_s: _TimesS,
) -> None:
    """Finds the lost acknowledgements among free ones: those that had the time to arrive before the next attempt or the
    end of the message, and did not."""
    joined_s = defaultdict[_FragmentKey, list[float]](list)
    for attempt in attempts:
        if not attempt.acknowledges:
            joined_s[attempt.address, attempt.fragment].append(attempt.joined_s)
    for attempt in attempts:
        config = link(cell, attempt.address.direction)
        if attempt.acknowledges or config.arq.ack_bits or not attempt.arrives_s >= 0:
            continue
        key: _FragmentKey = attempt.address, attempt.fragment
        due_s = attempt.arrives_s + answer_s(config, link(cell, OPPOSITE[attempt.address.direction]))
        again_s = _next_s(joined_s[key], attempt.joined_s)
        ended_s = _next_s(cancelled_s.get(attempt.address, ()), attempt.joined_s)
        known_s = acknowledged_s.get(key, ())
        in_time = any(each <= min(again_s, ended_s) or abs(each - due_s) < LATE_S for each in known_s)
        attempt.acknowledged = in_time or ended_s < min(due_s, again_s)


def _next_s(times_s: Iterable[float], after_s: float) -> float:
    return min((each for each in times_s if each > after_s), default=inf)
