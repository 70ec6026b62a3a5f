"""All that the journals of a run hold, in order of time: each event at its time, and those that last at both ends.

Causes come before effects where two times are equal: what began earlier ends first, then what the processes noted, each
in its own order, then what that sets off. What a process takes before it knows that its work has ended comes before
that end. An attempt of a packet is put together from two journals: its sender's, when it joined the queue, and the
relay's, when it was on the link and whether it arrived.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import inf, nan
from pathlib import Path
from typing import Final, Literal, NamedTuple

from channels.link.link_config import answer_s
from simulator.cell.cell import Cell
from simulator.testbed.journal import (
    Event,
    MessageCancelled,
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
from simulator.timing.messages import Fragment

ENDS, NOTED, BEGINS, ENDS_AT_ONCE = range(4)
"""In which order events of one instant are taken."""
LATE_S: Final = 0.02
"""By which a free acknowledgement may be late, and count as that of the attempt that it was due for."""
_FragmentKey = tuple[MessageAddress, int]
"""A packet of a message, whichever attempt."""


@dataclass(slots=True, eq=False)
class PacketAttempt:
    """One attempt of a packet, from the queue to its end; times in seconds, inf: not in the run's time."""

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
    """Whether its sender learns of its arrival; of an acknowledgement that takes capacity nobody needs to."""
    packet: Fragment | None = None
    """Once it has joined: of the message that was under way by then."""

    @property
    def direction(self) -> Direction:
        """The direction of the link that it takes."""
        return OPPOSITE[self.address.direction] if self.acknowledges else self.address.direction

    @property
    def was_sent(self) -> bool:
        """Whether it was on the link."""
        return self.left_s < inf


class AttemptStep(NamedTuple):
    """An attempt joins its queue, its first bit goes out, its last bit does, or it is at its far end."""

    step: Literal["joins", "starts", "leaves", "lands"]
    attempt: PacketAttempt


class Beginning(NamedTuple):
    """The edge begins to draft a round or to read, or a pass of the server begins."""

    of: RoundComputed | TextRead | PassMade


class TimedEvent(NamedTuple):
    """Something happens at a time. Events are sorted by the first four fields."""

    at_s: float
    rank: int
    journal: int
    line: float
    what: Event | AttemptStep | Beginning


@dataclass
class RunRecord:
    """A whole run."""

    timeline: Sequence[TimedEvent]
    attempts: Sequence[PacketAttempt]
    events: Sequence[Event]
    cancelled_s: Mapping[MessageAddress, Sequence[float]]
    """When each message was cancelled."""

    @cached_property
    def sent_bits(self) -> Mapping[MessageAddress, int]:
        """Bits on the link for each message, headers and retransmissions included."""
        bits: Counter[MessageAddress] = Counter()
        for attempt in self.attempts:
            if attempt.was_sent and not attempt.acknowledges:
                bits[attempt.address] += attempt.bits
        return bits


_Queued = dict[tuple[MessageAddress, int, int], list[tuple[PacketAttempt, int, int]]]
"""Attempts that their senders noted, by message, fragment and attempt, with the journal and the line."""


def run_record(cell: Cell, folder: Path) -> RunRecord:
    """Reads the journals in a run's folder."""
    timeline, events = list[TimedEvent](), list[Event]()
    queued, sent = _Queued(), list[PacketSent]()
    acknowledged_s = defaultdict[_FragmentKey, list[float]](list)
    cancelled_s = defaultdict[MessageAddress, list[float]](list)
    for journal, path in enumerate(sorted(folder.glob("*.jsonl"))):
        taken_s = 0.0
        for line, event in enumerate(read(path)):
            if (address := getattr(event, "address", None)) and address.request == WARM_UP:
                continue
            events.append(event)
            if isinstance(event, PacketQueued):
                attempt = PacketAttempt(*event[:4], acknowledges=False, joined_s=event.at_s)
                queued.setdefault(event[:3], []).append((attempt, journal, line))
            elif isinstance(event, PacketSent):
                sent.append(event)
            elif isinstance(event, RoundComputed | TextRead | PassMade):
                at_once = event.began_s >= event.ended_s
                begins = Beginning(event)
                timeline.append(TimedEvent(event.began_s, NOTED if at_once else BEGINS, journal, line - 0.5, begins))
                timeline.append(TimedEvent(max(event.ended_s, taken_s), NOTED, journal, line, event))
            else:
                timeline.append(TimedEvent(event.at_s, NOTED, journal, line, event))
                if isinstance(event, MessageTaken | UplinkSeen):
                    taken_s = event.at_s
                elif isinstance(event, PacketAcknowledged):
                    acknowledged_s[event[:2]].append(event.at_s)
                elif isinstance(event, MessageCancelled):
                    cancelled_s[event.address].append(event.at_s)
    attempts = list(_attempts(queued, sent, timeline))
    _find_acknowledged(cell, attempts, acknowledged_s, cancelled_s)
    timeline += (each for attempt in attempts for each in _on_link(attempt))
    return RunRecord(sorted(timeline, key=lambda each: each[:4]), attempts, events, cancelled_s)


def _attempts(queued: _Queued, sent: list[PacketSent], timeline: list[TimedEvent]) -> Iterator[PacketAttempt]:
    """All attempts. Those of one name, after a restart, were on the link in the order in which they joined. An
    acknowledgement joins its queue when what it is about arrives, the first one first; of anything else that no sender
    noted, the note is lost."""
    unanswered_s = defaultdict[_FragmentKey, deque[float]](deque)
    for event in sorted(sent, key=lambda each: each.arrives_s or inf):
        if event.note is None and event.arrives_s is not None:
            unanswered_s[event[:2]].append(event.arrives_s)
    for event in sorted(sent, key=lambda each: each.left_s):
        if event.note is None and (known := queued.get(event[:3])):
            attempt, journal, line = known.pop(0)
        else:
            arrived_s = unanswered_s[event[:2]] if event.note is not None else None
            joined_s = min(arrived_s.popleft(), event.began_s) if arrived_s else event.began_s
            attempt = PacketAttempt(*event[:4], acknowledges=event.note is not None, joined_s=joined_s)
            journal, line = -1, 0
        # The notes of two processes about one packet may cross: it is on the link when it has joined.
        attempt.began_s = max(event.began_s, attempt.joined_s)
        attempt.left_s = max(event.left_s, attempt.began_s)
        attempt.arrives_s = nan if event.arrives_s is None else max(event.arrives_s, attempt.left_s)
        timeline.append(TimedEvent(attempt.joined_s, NOTED, journal, line, AttemptStep("joins", attempt)))
        yield attempt
    for attempt, journal, line in chain.from_iterable(queued.values()):
        timeline.append(TimedEvent(attempt.joined_s, NOTED, journal, line, AttemptStep("joins", attempt)))
        yield attempt


def _on_link(attempt: PacketAttempt) -> Iterator[TimedEvent]:
    if not attempt.was_sent:
        return
    ends = ENDS_AT_ONCE if attempt.left_s == attempt.began_s else ENDS
    yield TimedEvent(attempt.began_s, BEGINS, 0, 0, AttemptStep("starts", attempt))
    yield TimedEvent(attempt.left_s, ends, 0, 0, AttemptStep("leaves", attempt))
    if attempt.arrives_s >= attempt.left_s:
        yield TimedEvent(attempt.arrives_s, ends, 0, 1, AttemptStep("lands", attempt))


def _find_acknowledged(
    cell: Cell,
    attempts: Sequence[PacketAttempt],
    acknowledged_s: Mapping[_FragmentKey, Sequence[float]],
    cancelled_s: Mapping[MessageAddress, Sequence[float]],
) -> None:
    """Where acknowledgements are free, which were lost: those that had the time to arrive before the next attempt or
    the end of the message, and did not."""
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
