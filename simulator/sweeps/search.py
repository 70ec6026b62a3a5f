"""The largest whole number at which something still holds: how many devices a cell bears.

`largest` doubles until the predicate fails, then halves the gap. It takes the predicate to be monotone (once it fails
it fails for all larger numbers), which a simulated one is up to chance: what was tried comes back beside the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.sweeps.crews import Crew

if TYPE_CHECKING:
    from simulator.cell.cell import Cell

Holds = Callable[[int], bool]


@dataclass(frozen=True)
class Found:
    """`value`: the largest number found to hold, low - 1 where not even `low` does. `tried`: (number, held), in order.

    `bounded`: whether a larger one was seen to fail; otherwise `value` is the highest that was asked for.
    """

    value: int
    tried: tuple[tuple[int, bool], ...]

    @property
    def bounded(self) -> bool:
        return any(not held for _, held in self.tried)


def largest(holds: Holds, low: int, high: int, within: float = 0.0) -> Found:
    """The largest n in low..high with holds(n), each number tried once.

    It ends when the least failing number is n + 1, or at most (1 + within) n. Raises ValueError unless 1 <= low <= high
    and within >= 0.
    """
    if not 1 <= low <= high or not within >= 0:
        raise ValueError(f"low = {low}, high = {high}, within = {within}: must be 1 <= low <= high, within >= 0")
    tried: list[tuple[int, bool]] = []

    def ask(number: int) -> bool:
        tried.append((number, holds(number)))
        return tried[-1][1]

    good, bad, next_up = low - 1, high + 1, low
    while next_up < bad:
        if ask(next_up):
            good, next_up = next_up, high if next_up < high < 2 * next_up else 2 * next_up
        else:
            bad = next_up
    while bad - good > 1 and good and bad <= high and bad > (1 + within) * good:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if ask(middle) else (good, middle)
    return Found(good, tuple(tried))


@dataclass(frozen=True)
class Objective:
    """The most that each metric may be, as a mean over the seeds, while `field` grows from `low` to at most `high`.

    A setting that does not answer every request fails. The answer is within `within` of the exact one, relatively.
    """

    limits: Mapping[str, float]
    field: str = "workload.devices"
    low: int = 1
    high: int = 4096
    within: float = 0.05

    def met(self, summaries: Sequence[Mapping[str, float]]) -> bool:
        """Whether the metrics of the seeds meet the limits; a metric that is not a number does not."""
        means = {name: float(np.mean([summary[name] for summary in summaries])) for name in self.limits}
        answered = all(summary["answered"] == 1 for summary in summaries)
        return answered and all(means[name] <= limit for name, limit in self.limits.items())

    def at(self, cell: Cell, number: int) -> Cell:
        """The cell with that many."""
        from simulator.cell.settings import expand

        (found,) = expand(cell, {}, {self.field: number})
        return found


@dataclass(frozen=True)
class Capacity:
    """What was found for one setting, and a row a cell tried. Where not even the lowest number holds, it is 0."""

    found: Found
    tried: tuple[dict[str, object], ...]


def capacities(
    settings: Mapping[int, Sequence[Cell]], objective: Objective, crew: Crew
) -> Iterator[tuple[int, Capacity]]:
    """(key, capacity) of each setting as it is finished. A setting: cells that differ by their seeds alone."""
    tasks = [(place, [cell.model_dump() for cell in cells], objective) for place, cells in settings.items()]
    yield from crew.unordered(_capacity, tasks)


def _capacity(place: int, fields: list[dict[str, object]], objective: Objective) -> tuple[int, Capacity]:
    """One setting, in a worker: what it decodes once serves every number of devices."""
    from kinds.mistakes import users_mistakes_told
    from simulator.cell.cell import Cell
    from simulator.cell.dotted_names import flatten
    from simulator.decoding.memory import Memory
    from simulator.run import simulate

    cells, memory, rows = [Cell.from_fields(each) for each in fields], Memory(), list[dict[str, object]]()

    def holds(number: int) -> bool:
        summaries = []
        for cell in (objective.at(cell, number) for cell in cells):
            with users_mistakes_told(cell.imports):
                summaries.append(simulate(cell, memory=memory).summary)
            rows.append({"cell": cell.id, **flatten(cell), **summaries[-1]})
        return objective.met(summaries)

    found = largest(holds, objective.low, objective.high, objective.within)
    return place, Capacity(found, tuple(rows))
