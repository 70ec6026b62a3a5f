"""Tracks of a trace: the slices on them, and the events they become.

The format is that of Chrome's trace events ("Trace Event Format"): slices are complete events (X), flows s, t, f bind
to the slice that begins with them, names are M; times in microseconds. Here times are whole eighths of a microsecond,
so that the end of one slice is the very beginning of the next: a float holds them, and a reader that cuts off below its
nanosecond too.
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

    def put_apart(self, process: int, name: str, families: Iterable[Sequence[Slice]]) -> None:
        """Puts families of slices, each a parent and its children, on as many tracks as there are at once: NAME,
        NAME 2."""
        rows: list[Track] = []
        free_ticks: list[int] = []
        for family in sorted(families, key=lambda family: family[0].order):
            parent = family[0]
            place = next((place for place, free in enumerate(free_ticks) if free <= parent.began_ticks), len(rows))
            if place == len(rows):
                rows.append(self.thread(process, f"{name} {place + 1}" if place else name))
                free_ticks.append(0)
            free_ticks[place] = parent.ended_ticks
            self.put(rows[place], family)

    def events(self) -> Iterator[Event]:
        """Yields the names, then the slices in order of time."""
        yield from self._names
        for row, each in sorted(self._slices, key=lambda pair: pair[1].order):
            yield from _slice_events(row, each)


def _slice_events(row: Track, each: Slice) -> list[Event]:
    place: Event = {"pid": row.process, "tid": row.thread, "ts": each.began_ticks / TICKS_PER_US}
    length_us = (each.ended_ticks - each.began_ticks) / TICKS_PER_US
    span = {"ph": "X", **place, "dur": length_us, "name": each.name, "cat": each.category, "args": each.args}
    flows = ({"ph": phase, **place, "id": flow, "name": FLOW, "cat": FLOW, "bp": "e"} for phase, flow in each.flows)
    return [span, *flows]
