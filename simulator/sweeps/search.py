"""The largest whole number at which something still holds: how many devices a cell bears.

`largest` strides away from where it starts until it has a number that holds and one that fails, then halves the gap. It
takes the predicate to be monotone (once it fails it fails for all larger numbers), which a simulated one is up to
chance: what was tried comes back beside the answer. What limits a cell is found by removing it: the same cell with one
station relieved, as if its work took no time. A station that is full need not be the one that limits, and one that
limits need not be full: the limit is the one without which more devices would be served.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from kinds.files import read_note, write_note
from simulator.results.column_names import LABEL
from simulator.sweeps.failures import CellsFailedError, Failure, failure_of, of_the_place, write_failure
from simulator.sweeps.parts import place_error, written
from simulator.sweeps.worker_pools import Sent, Work, WorkerPool, received, sent

if TYPE_CHECKING:
    from simulator.cell.cell import Cell
    from simulator.decoding.memory import Memory

Holds = Callable[[int], bool]
ANSWERED = "answered"
"""The limit that every objective has: each request is answered."""
RELIEF_WITHIN = 0.1
"""Relative precision of the number that a relieved station would let through."""


@dataclass(frozen=True)
class SearchResult:
    """`value`: the largest number found to hold, low - 1 where not even `low` does. `tried`: (number, held), in order.
    `bounded`: whether a larger one was seen to fail; otherwise `value` is the highest that was asked for."""

    value: int
    tried: tuple[tuple[int, bool], ...]

    @property
    def bounded(self) -> bool:
        return any(not held for _, held in self.tried)


def largest(holds: Holds, low: int, high: int, within: float = 0.0, start: int | None = None) -> SearchResult:
    """The largest n in low..high with holds(n), each number tried once: first `start`, then doubling strides. It ends
    when the least failing number is n + 1, or at most (1 + within) n. Raises ValueError unless 1 <= low <= high, low <=
    start <= high and within >= 0."""
    first = low if start is None else start
    if not 1 <= low <= first <= high or not within >= 0:
        text = f"low = {low}, start = {first}, high = {high}, within = {within}"
        raise ValueError(f"{text}: must be 1 <= low <= start <= high, within >= 0")
    tried: list[tuple[int, bool]] = []
    good, bad = low - 1, high + 1

    def ask(number: int) -> None:
        nonlocal good, bad
        tried.append((number, held := holds(number)))
        good, bad = (number, bad) if held else (good, number)

    number, stride = first, 1 if start is None else max(1, int(within * first))
    while good < number < bad:
        ask(number)
        if good >= low and bad <= high:
            break
        number = min(high, number + stride) if number == good else max(low, number - stride)
        stride *= 2
    while bad - good > 1 and good and bad <= high and bad > (1 + within) * good:
        ask((good + bad) // 2)
    return SearchResult(good, tuple(tried))


@dataclass(frozen=True)
class Objective:
    """The most that each metric may be, as a mean over the seeds, while `field` grows from `low` to at most `high`; all
    requests must be answered. The answer is within `within` of the exact one, relatively."""

    limits: Mapping[str, float]
    field: str = "workload.devices"
    low: int = 1
    high: int = 4096
    within: float = 0.02

    def broken(self, summaries: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
        """The limits that the means over the seeds do not meet; a metric that is not a number meets none."""
        means = {name: float(np.mean([summary[name] for summary in summaries])) for name in self.limits}
        lacking = (ANSWERED,) if any(summary[ANSWERED] < 1 for summary in summaries) else ()
        return (*lacking, *(name for name, limit in self.limits.items() if not means[name] <= limit))

    def met(self, summaries: Sequence[Mapping[str, float]]) -> bool:
        return not self.broken(summaries)

    def at(self, cell: Cell, number: int) -> Cell:
        """The cell with that many."""
        from simulator.cell.settings import expand

        (found,) = expand(cell, {}, {self.field: number})
        return found


@dataclass(frozen=True)
class Search:
    """Search at one place for the setting, among several, that bears most. A setting: cells that differ by their seeds
    alone. `start`: about how many the first is expected to bear. `relieved`: True if the station that limits the best
    is sought, too."""

    alternatives: Sequence[Sequence[Cell]]
    start: int | None = None
    relieved: bool = False


@dataclass(frozen=True)
class Capacity:
    """Largest number that the best of the alternatives bears, 0 if not even the lowest holds in any.

    `alternative`: its place, the first of equals, within the tolerance. `first`: what the first alternative bears.
    `bounded`: as of `SearchResult`. `limits`: what the least number that failed breaks, () where none was seen to fail.
    `alone`: the most that each seed by itself bears, of the numbers tried, low - 1 where none. `relief`: by station,
    the most that the first seed bears with that station relieved, of twice the least number that it does not bear, to
    within RELIEF_WITHIN; {} where none was seen to fail or nobody asked. `tried`: a row a cell simulated on the way, of
    all alternatives; `relieved` in it names the station that was.
    """

    value: int
    bounded: bool
    limits: tuple[str, ...]
    alone: tuple[int, ...]
    alternative: int
    first: int
    tried: tuple[dict[str, object], ...]
    relief: Mapping[str, int] = field(default_factory=dict)

    @property
    def limited_by(self) -> tuple[str, ...]:
        """The stations whose relief, each alone, serves most more, as far as RELIEF_WITHIN tells them apart; () where
        none does."""
        most = max(self.relief.values(), default=0)
        if most <= self.alone[0]:
            return ()
        return tuple(name for name, number in self.relief.items() if number * (1 + RELIEF_WITHIN) >= most)


def capacities(
    searches: Mapping[int, Search], objective: Objective, pool: WorkerPool, landed: Path | None = None
) -> Iterator[tuple[int, Capacity | Failure]]:
    """(key, capacity) of each place as it is finished, or which cell of it has failed. `landed`: a folder for what each
    cell on the way gave, which is not simulated again. Raises PlaceError where it cannot be written."""
    tasks = [
        (
            place,
            [[sent(cell) for cell in cells] for cells in each.alternatives],
            replace(each, alternatives=()),
            objective,
            landed,
        )
        for place, each in searches.items()
    ]
    yield from pool.unordered(Work(_capacity, tasks))


def _capacity(
    place: int, alternatives: Sequence[Sequence[Sent]], search: Search, objective: Objective, landed: Path | None
) -> tuple[int, Capacity | Failure]:
    try:
        return place, _best(alternatives, search, objective, landed)
    except CellsFailedError as error:
        return place, error.failures[0]


def _best(
    alternatives: Sequence[Sequence[Sent]], search: Search, objective: Objective, landed: Path | None
) -> Capacity:
    """Returns the capacity of a place. An alternative that fails a little beyond the best so far is not tried
    further."""
    rows: list[dict[str, object]] = []
    best: tuple[int, SearchedSetting, SearchResult] | None = None
    first = 0
    for number, sent_ones in enumerate(alternatives):
        cells = list(map(received, sent_ones))
        memory = _memory(tuple(cell.decoding_id for cell in cells))
        setting = SearchedSetting(cells, objective, Evaluations(memory, landed, rows))
        begin = search.start
        if best is not None:
            borne = best[2].value
            begin = max(borne + 1, math.ceil((1 + objective.within) * borne))
            if begin > objective.high:
                break
            if not setting.holds(begin):
                continue
        found = largest(setting.holds, objective.low, objective.high, objective.within, begin)
        first = found.value if best is None else first
        best = number, setting, found
    assert best is not None, "a place without a setting"
    number, setting, found = best
    limits, relief = setting.broken_first(), setting.relief() if search.relieved else {}
    return Capacity(found.value, found.bounded, limits, setting.alone(), number, first, tuple(rows), relief)


@lru_cache(maxsize=8)
def _memory(decodings: tuple[str, ...]) -> Memory:
    """Returns the memory of this process. Rounds decoded once in it serve every number of devices, and places that
    share their tokens."""
    from simulator.decoding.memory import Memory

    return Memory.here()


@dataclass(frozen=True)
class Evaluations:
    """Evaluations of cells, simulated now or landed before; a row of each goes to `rows`."""

    memory: Memory
    landed: Path | None
    rows: list[dict[str, object]]

    def summary(self, cell: Cell, relieved: str = "") -> dict[str, float]:
        """Returns what one cell gave. Raises PlaceError, or CellsFailedError with the cell in a file."""
        from simulator.cell.dotted_names import flatten

        summary = self._landed(cell)
        named = {LABEL: cell.scheme.label} if cell.scheme.label else {}
        self.rows.append({"cell": cell.id, **named, "relieved": relieved, **flatten(cell), **summary})
        return summary

    def _landed(self, cell: Cell) -> dict[str, float]:
        if self.landed is None:
            return self._simulated(cell)
        path = self.landed / f"{cell.id}.json"
        if not (summary := read_note(path)):
            summary = self._simulated(cell)
            with written(self.landed.parent):
                self.landed.mkdir(exist_ok=True)
                write_note(path, summary)
        return summary

    def _simulated(self, cell: Cell) -> dict[str, float]:
        from kinds.mistakes import users_mistakes_told
        from simulator.run import simulate

        out = None if self.landed is None else self.landed.parent
        try:
            with users_mistakes_told(cell.imports):
                return simulate(cell, memory=self.memory).named
        except Exception as error:
            if out is not None and (full := of_the_place(error)) is not None:
                raise place_error(out, full) from None
            failure = failure_of(cell.id, error)
            if out is not None:
                write_failure(out, cell, failure)
            raise CellsFailedError([failure], 1, out) from None


class SearchedSetting:
    """Results of one setting at each number tried, each simulated once."""

    def __init__(self, cells: Sequence[Cell], objective: Objective, evaluations: Evaluations) -> None:
        self._cells, self._objective, self._evaluations = cells, objective, evaluations
        self._summaries: dict[int, list[dict[str, float]]] = {}

    def holds(self, number: int) -> bool:
        if number not in self._summaries:
            self._summaries[number] = [
                self._evaluations.summary(self._objective.at(cell, number)) for cell in self._cells
            ]
        return self._objective.met(self._summaries[number])

    def broken_first(self) -> tuple[str, ...]:
        """The limits that the least number that failed breaks."""
        failed = [number for number in self._summaries if not self.holds(number)]
        return self._objective.broken(self._summaries[min(failed)]) if failed else ()

    def alone(self) -> tuple[int, ...]:
        """Returns for each seed the largest number at which it meets the objective by itself."""
        return tuple(
            max(
                (number for number, each in self._summaries.items() if self._objective.met([each[seed]])),
                default=self._objective.low - 1,
            )
            for seed in range(len(self._cells))
        )

    def relief(self) -> dict[str, int]:
        """Returns the number that the first seed bears with each station relieved, sought from the least number that it
        does not bear up to twice that; {} if it bears all."""
        objective, (first, *_) = self._objective, self._cells
        borne = max(self.alone()[0], objective.low - 1)
        failed = [number for number, each in self._summaries.items() if number > borne]
        if not failed:
            return {}
        low = min(failed)
        high = max(low, min(2 * low, objective.high))

        def served(station: str) -> int:
            def holds(number: int) -> bool:
                cell = relieved(objective.at(first, number), station)
                return objective.met([self._evaluations.summary(cell, station)])

            return found if (found := largest(holds, low, high, RELIEF_WITHIN).value) >= low else borne

        return {station: served(station) for station in stations(first)}


_AT_ONCE: Final = {"kind": "constant", "per_pass_s": 0.0}
_UNLIMITED: Final = {"rate": {"kind": "constant", "bps": math.inf}, "loss": "none", "overhead_s": 0.0}
STATIONS: Final[Mapping[str, tuple[str, Callable[[Cell], Mapping[str, object]]]]] = {
    "edge": ("edge", lambda _: {"latency": _AT_ONCE, "encode_s_per_draft": 0.0}),
    "uplink": ("uplink", lambda _: _UNLIMITED),
    "cloud": (
        "cloud",
        lambda cell: {
            "latency": _AT_ONCE, "drafter_latency": _AT_ONCE, "step_s": 0.0, "judge_s": 0.0,
            "decode_s_per_draft": 0.0, "kv_tokens": cell.kv_tokens, "gpus": cell.cloud.server_gpus,
        },
    ),
    "cloud memory": ("cloud", lambda _: {"kv_tokens": None}),
    "downlink": ("downlink", lambda _: _UNLIMITED),
}  # fmt: skip
"""Stations that may limit a cell: the part of the cell, or of a class of its fleet, and the fields that relieve it:
passes and encoding of no time, an infinite rate without losses, no limit of memory. Delays are nobody's work and
stay."""


def stations(cell: Cell) -> list[str]:
    """The stations that requests of the cell pass and that are not relieved already."""
    protocols = {each.scheme.protocol for each in cell.classes}
    left_out = {"edge"} if protocols == {"stream"} else set(STATIONS) - {"edge"} if protocols == {"local"} else set()
    left_out |= {"cloud memory"} if cell.kv_tokens is None else set()
    return [name for name in STATIONS if name not in left_out and relieved(cell, name) != cell]


def relieved(cell: Cell, station: str) -> Cell:
    """The cell with one station relieved; it decodes the same tokens."""
    fields = cell.to_fields()
    where, changes = STATIONS[station]
    for part in (fields, *fields["fleet"]):
        if part.get(where):
            part[where] |= changes(cell)
    return type(cell).from_fields(fields)
