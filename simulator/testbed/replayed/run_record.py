"""All that the journals of a run tell, in order of time: each event at its moment, and those that last at both ends.

Causes come before effects where two moments are one: what began earlier ends first, then what the processes noted, each
in its own order, then what that sets off. An attempt of a packet is put together from the two journals that tell of it:
its sender's, when it joined the queue, and the relay's, when it was on the air and whether it came.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, nan
from pathlib import Path
from typing import Final, NamedTuple

from channels.link.link_config import answer_s
from simulator.cell.cell import Cell
from simulator.testbed.journal import (
    Addressed,
    Event,
    MessageCancelled,
    PacketAcknowledged,
    PacketAired,
    PacketQueued,
    PassMade,
    RoundDrafted,
    read,
)
from simulator.testbed.packet_header import Direction, MessageAddress
from simulator.testbed.plan import WARM_UP, link
from simulator.timing.messages import Fragment

ENDS, NOTED, BEGINS, ENDS_AT_ONCE = range(4)
"""In which order the moments of one instant are taken."""
OPPOSITE: Final[Mapping[Direction, Direction]] = {"uplink": "downlink", "downlink": "uplink"}
LATE_S: Final = 0.02
"""By which a free acknowledgement may come late, and count as that of the attempt that it was due for."""
_FragmentKey = tuple[MessageAddress, int]
"""A packet of a letter, whichever attempt."""


@dataclass(slots=True, eq=False)
class PacketAttempt:
    """One attempt of a packet, from the queue to its end; times in seconds, inf: not in the run's time."""

    address: MessageAddress
    """Of the letter; of an acknowledgement, that which it is about."""
    fragment: int
    attempt: int
    bits: int
    acknowledges: bool
    joined_s: float
    began_s: float = inf
    left_s: float = inf
    arrives_s: float = nan
    """nan: never."""
    heard: bool = True
    """Whether its sender hears of its arrival; of an acknowledgement that takes capacity nobody needs to."""
    packet: Fragment | None = None
    """Once it has joined: of the letter that was under way by then."""

    @property
    def way(self) -> Direction:
        """The link that it takes."""
        return OPPOSITE[self.address.direction] if self.acknowledges else self.address.direction

    @property
    def aired(self) -> bool:
        """Whether the air has had it."""
        return self.left_s < inf


class Joins(NamedTuple):
    """An attempt joins its queue."""

    flight: PacketAttempt


class Starts(NamedTuple):
    """Its first bit goes out."""

    flight: PacketAttempt


class Leaves(NamedTuple):
    """Its last bit does."""

    flight: PacketAttempt


class Lands(NamedTuple):
    """It is at its far end."""

    flight: PacketAttempt


class Computing(NamedTuple):
    """The edge begins to draft a round."""

    computed: RoundDrafted


class Passing(NamedTuple):
    """A pass of the server begins."""

    passed: PassMade


ReplayedEvent = Event | Joins | Starts | Leaves | Lands | Computing | Passing


class TimedEvent(NamedTuple):
    """Something happens."""

    at_s: float
    rank: int
    journal: int
    place: float
    """Of the line in its journal."""
    what: ReplayedEvent

    @property
    def order(self) -> tuple[float, int, int, float]:
        """What moments are sorted by."""
        return self[:4]


@dataclass
class RunRecord:
    """Of a whole run."""

    moments: Sequence[TimedEvent]
    flights: Sequence[PacketAttempt]
    events: Sequence[Event]
    withdrawn_s: Mapping[MessageAddress, Sequence[float]]
    """When each letter was."""

    @cached_property
    def aired_bits(self) -> Mapping[MessageAddress, int]:
        """On the air for each letter, headers and repeats included."""
        bits: Counter[MessageAddress] = Counter()
        for flight in self.flights:
            if flight.aired and not flight.acknowledges:
                bits[flight.address] += flight.bits
        return bits


@dataclass(slots=True)
class _Packets:
    """What several journals tell of packets."""

    attempted: dict[tuple[MessageAddress, int, int], list[tuple[PacketAttempt, int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    aired: list[PacketAired] = field(default_factory=list)
    tries_s: dict[_FragmentKey, list[float]] = field(default_factory=lambda: defaultdict(list))
    acked_s: dict[_FragmentKey, list[float]] = field(default_factory=lambda: defaultdict(list))
    withdrawn_s: dict[MessageAddress, list[float]] = field(default_factory=lambda: defaultdict(list))
    arrived_s: dict[_FragmentKey, deque[float]] = field(default_factory=dict)
    """Each packet's, those that no acknowledgement is known of yet."""


def run_record(cell: Cell, folder: Path) -> RunRecord:
    """What the journals in a run's folder tell."""
    packets, moments, events = _Packets(), list[TimedEvent](), list[Event]()
    for number, path in enumerate(sorted(folder.glob("*.jsonl"))):
        for place, event in enumerate(_events(path)):
            events.append(event)
            if isinstance(event, PacketQueued):
                flight = PacketAttempt(*event[:4], acknowledges=False, joined_s=event.at_s)
                packets.attempted[event[:3]].append((flight, number, place))
                packets.tries_s[event[:2]].append(event.at_s)
            elif isinstance(event, PacketAired):
                packets.aired.append(event)
            else:
                _note(packets, event)
                moments += _moments(event, number, place)
    flights = list(_flights(packets, moments))
    _tell_heard(cell, packets, flights)
    moments += (each for flight in flights for each in _on_the_air(flight))
    return RunRecord(sorted(moments, key=lambda each: each.order), flights, events, packets.withdrawn_s)


def _events(path: Path) -> Iterator[Event]:
    """Those that belong to a run."""
    for event in read(path):
        if not (isinstance(event, Addressed) and event.address.request == WARM_UP):
            yield event


def _note(packets: _Packets, event: Event) -> None:
    if isinstance(event, PacketAcknowledged):
        packets.acked_s[event[:2]].append(event.at_s)
    elif isinstance(event, MessageCancelled):
        packets.withdrawn_s[event.address].append(event.at_s)


def _moments(event: Event, number: int, place: int) -> Iterator[TimedEvent]:
    """Of an event that is no packet's."""
    if isinstance(event, RoundDrafted | PassMade):
        at_once = event.began_s >= event.ended_s
        begins: ReplayedEvent = Computing(event) if isinstance(event, RoundDrafted) else Passing(event)
        yield TimedEvent(event.began_s, NOTED if at_once else BEGINS, number, place - 0.5, begins)
        yield TimedEvent(event.ended_s, NOTED, number, place, event)
    elif not isinstance(event, PacketQueued | PacketAired):
        yield TimedEvent(event.at_s, NOTED, number, place, event)


def _flights(packets: _Packets, moments: list[TimedEvent]) -> Iterator[PacketAttempt]:
    """All attempts. Those of one name, after a restart, were on the air in the order in which they joined."""
    aired = sorted(packets.aired, key=lambda each: each.left_s)
    come = [each for each in aired if each.note is None and each.arrives_s is not None]
    for event in sorted(come, key=lambda each: each.arrives_s or 0.0):
        packets.arrived_s.setdefault(event[:2], deque()).append(event.arrives_s or 0.0)
    for event in aired:
        if event.note is None and (known := packets.attempted.get(event[:3])):
            flight, number, place = known.pop(0)
        else:
            flight = PacketAttempt(*event[:4], acknowledges=event.note is not None, joined_s=_joined_s(packets, event))
            number, place = -1, 0
        _air(flight, event)
        moments.append(TimedEvent(flight.joined_s, NOTED, number, place, Joins(flight)))
        yield flight
    for waiting in packets.attempted.values():
        for flight, number, place in waiting:
            moments.append(TimedEvent(flight.joined_s, NOTED, number, place, Joins(flight)))
            yield flight


def _joined_s(packets: _Packets, event: PacketAired) -> float:
    """An acknowledgement joins its queue when what it is about arrives, the first one first; else the sender's word is
    lost."""
    come = packets.arrived_s.get(event[:2]) if event.note is not None else None
    return min(come.popleft(), event.began_s) if come else event.began_s


def _air(flight: PacketAttempt, event: PacketAired) -> None:
    """Two processes' words of one packet may cross: it is on the air when it has joined, and never runs back."""
    flight.began_s = max(event.began_s, flight.joined_s)
    flight.left_s = max(event.left_s, flight.began_s)
    flight.arrives_s = nan if event.arrives_s is None else max(event.arrives_s, flight.left_s)


def _on_the_air(flight: PacketAttempt) -> Iterator[TimedEvent]:
    if not flight.aired:
        return
    at_once = flight.left_s == flight.began_s
    yield TimedEvent(flight.began_s, BEGINS, 0, 0, Starts(flight))
    yield TimedEvent(flight.left_s, ENDS_AT_ONCE if at_once else ENDS, 0, 0, Leaves(flight))
    if flight.arrives_s >= flight.left_s:
        yield TimedEvent(flight.arrives_s, ENDS_AT_ONCE if at_once else ENDS, 0, 1, Lands(flight))


def _tell_heard(cell: Cell, packets: _Packets, flights: Iterable[PacketAttempt]) -> None:
    """Where acknowledgements are free, which were lost: those that had the time to come before the next attempt or the
    end of the letter, and did not."""
    for flight in flights:
        config = link(cell, flight.address.direction)
        if flight.acknowledges or config.arq.ack_bits or not flight.arrives_s >= 0:
            continue
        piece, arrives_s = (flight.address, flight.fragment), flight.arrives_s
        due_s = arrives_s + answer_s(config, link(cell, OPPOSITE[flight.address.direction]))
        again_s = _next_s(packets.tries_s.get(piece, ()), flight.joined_s)
        gone_s = _next_s(packets.withdrawn_s.get(flight.address, ()), flight.joined_s)
        acked_s = packets.acked_s.get(piece, ())
        heard = any(each <= min(again_s, gone_s) or abs(each - due_s) < LATE_S for each in acked_s)
        flight.heard = heard or gone_s < min(due_s, again_s)


def _next_s(times_s: Iterable[float], after_s: float) -> float:
    return min((each for each in times_s if each > after_s), default=inf)
