"""Tracks of a trace: their names, the slices, counters and instants on them, and the events they become.

The format is that of Chrome's trace events ("Trace Event Format"): slices are complete events (X), flows s, t, f bind
to the slice that begins with them, counters are C, instants i, names M; times in microseconds. Here times are whole
eighths of a microsecond, so that the end of one slice is the very beginning of the next: a float holds them, and a
reader that cuts off below its nanosecond too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, NamedTuple

Value = int | float | str | None | Sequence["Value"] | Mapping[str, "Value"]
Event = Mapping[str, Value]
TICKS_PER_US: Final = 8
FLOW: Final = "round"  # name and category of a flow
REQUESTS, EDGE, CLOUD = "requests", "edge", "cloud"
"""Groups of tracks, beside one for each link, which has the link's name."""
EDGE_REQUESTS, EDGE_ROUNDS, EDGE_WORK = "edge {} requests", "edge {} rounds", "edge {}"
"""Tracks of a device."""
SERVER, QUEUE = "server {}", "queue"
"""Tracks of the cloud."""
COMMITTED, ACCEPTED = "tokens committed", "drafts accepted so far"
LINK_QUEUE, LINK_BITS = "{} queue", "{} bits sent"
CLOUD_QUEUE, BATCH, KV_READ = "cloud queue", "batch size", "KV tokens of the batch"
"""Counters of requests, of a link, of the cloud."""


def ticks(time_s: float) -> int:
    """A simulated time in whole eighths of a microsecond."""
    return round(time_s * 1e6 * TICKS_PER_US)


@dataclass(slots=True, eq=False)
class Slice:
    """A span on a track, and the flows that pass through its beginning, each with its phase s, t or f."""

    name: str
    began_ticks: int
    ended_ticks: int
    args: Mapping[str, Value] = field(default_factory=dict)
    category: str = "span"
    flows: list[tuple[str, int]] = field(default_factory=list)

    @property
    def order(self) -> tuple[int, bool, int]:
        """The order of slices on a track: one of no length before one that begins there, a parent before its
        children."""
        return self.began_ticks, self.ended_ticks > self.began_ticks, -self.ended_ticks


class Track(NamedTuple):
    """A thread of the trace: what its slices are is exclusive, or nests."""

    process: int
    thread: int


class Tracks:
    """Processes, threads in them, and what is on each, until they become events."""

    def __init__(self) -> None:
        self._names: list[Event] = []
        self._slices: list[tuple[Track, Slice]] = []
        self._points: list[tuple[int, Event]] = []
        self._numbers = count(1)

    def process(self, name: str) -> int:
        """A further group of tracks, below those before it."""
        pid = next(self._numbers)
        self._name(Track(pid, pid), "process", name, pid)
        return pid

    def thread(self, process: int, name: str) -> Track:
        """A further track of a group. No two threads or processes have one number: none is 0, which stands for an idle
        core elsewhere."""
        row = Track(process, next(self._numbers))
        self._name(row, "thread", name, row.thread)
        return row

    def _name(self, row: Track, what: str, name: str, order: int) -> None:
        place: Event = {"ph": "M", "pid": row.process, "tid": row.thread}
        self._names += [
            {**place, "name": f"{what}_name", "args": {"name": name}},
            {**place, "name": f"{what}_sort_index", "args": {"sort_index": order}},
        ]

    def put(self, row: Track, slices: Iterable[Slice]) -> None:
        """Slices on a track; any two of one track are apart, or one holds the other."""
        self._slices += [(row, each) for each in slices]

    def put_apart(self, process: int, name: str, families: Iterable[Sequence[Slice]]) -> list[Track]:
        """Puts families of slices, each a parent and its children, on as many tracks as there are at once: NAME,
        NAME 2. Returns the track of each family, in the order given."""
        rows: list[Track] = []
        free_ticks: list[int] = []
        given, tracks = list(families), dict[int, Track]()
        for number in sorted(range(len(given)), key=lambda number: given[number][0].order):
            family, parent = given[number], given[number][0]
            place = next((place for place, free in enumerate(free_ticks) if free <= parent.began_ticks), len(rows))
            if place == len(rows):
                rows.append(self.thread(process, f"{name} {place + 1}" if place else name))
                free_ticks.append(0)
            free_ticks[place] = parent.ended_ticks
            self.put(rows[place], family)
            tracks[number] = rows[place]
        return [tracks[number] for number in range(len(given))]

    def count(self, process: int, name: str, unit: str, waits: Iterable[tuple[int, int]]) -> None:
        """A counter of how many of these (began, ended) hold, wherever it changes."""
        self.level(process, name, unit, ((began, ended, 1) for began, ended in waits))

    def level(self, process: int, name: str, unit: str, holds: Iterable[tuple[int, int, int]]) -> None:
        """A counter of the sum of the amounts of these (began, ended, amount) that hold, wherever it changes."""
        steps: dict[int, int] = {}
        for began_ticks, ended_ticks, amount in holds:
            if ended_ticks > began_ticks:
                steps[began_ticks] = steps.get(began_ticks, 0) + amount
                steps[ended_ticks] = steps.get(ended_ticks, 0) - amount
        present, values = 0, {}
        for at_ticks in sorted(steps):
            if steps[at_ticks]:
                present += steps[at_ticks]
                values[at_ticks] = present
        self.values(process, name, unit, values)

    def values(self, process: int, name: str, unit: str, values: Mapping[int, int | float]) -> None:
        """A counter that has these values, by the ticks from which on it has them."""
        for at_ticks, value in values.items():
            place: Event = {"ph": "C", "pid": process, "tid": process, "ts": at_ticks / TICKS_PER_US}
            self._points.append((at_ticks, {**place, "name": name, "args": {unit: value}}))

    def instant(self, row: Track, name: str, at_ticks: int, args: Mapping[str, Value]) -> None:
        """A mark on a track."""
        place: Event = {"ph": "i", "s": "t", "pid": row.process, "tid": row.thread, "ts": at_ticks / TICKS_PER_US}
        self._points.append((at_ticks, {**place, "name": name, "cat": "instant", "args": args}))

    def events(self) -> Iterator[Event]:
        yield from self._names
        timed: list[tuple[tuple[int, bool, int], Sequence[Event]]] = [
            (each.order, _slice_events(row, each)) for row, each in self._slices
        ]
        timed += [((at_ticks, False, -at_ticks), [event]) for at_ticks, event in self._points]
        for _, events in sorted(timed, key=lambda pair: pair[0]):
            yield from events


def _slice_events(row: Track, each: Slice) -> list[Event]:
    place: Event = {"pid": row.process, "tid": row.thread, "ts": each.began_ticks / TICKS_PER_US}
    length_us = (each.ended_ticks - each.began_ticks) / TICKS_PER_US
    span = {"ph": "X", **place, "dur": length_us, "name": each.name, "cat": each.category, "args": each.args}
    flows = ({"ph": phase, **place, "id": flow, "name": FLOW, "cat": FLOW, "bp": "e"} for phase, flow in each.flows)
    return [span, *flows]
