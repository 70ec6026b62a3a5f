"""Chooses a setting for each of many places, a scheme somewhere on the grid, by racing on seeds that are not shown.

Of each, all ways to serve a request are tried on half of the looks; then, served in the best of these, so many
settings of what is sent, on the first; then those a step away from the one in the lead, until it stays there; then the
best, ever fewer, on ever more seeds. The place's own setting, and the same in the best way, are held to the end: what
is chosen is behind neither on the seeds of the race. A tuner is a `sweeps.Growth`: it asks for cells, sees the
table, and asks for more, so that an interrupted race goes on.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from simulator.cell.cell import Cell
from simulator.results.intervals import Difference, of_all_devices
from simulator.tuning.alternatives import Alternatives, Values
from simulator.tuning.trials import KEPT, Aim, Budget, CommonSeeds, Course, Rows, each_once

MOST_SEEDS: Final = 48
"""A race ends with so many, however near the two best are."""


@dataclass(frozen=True)
class Outcome:
    """The setting chosen, of how many tried, and after how many seeds it was chosen; the next best, and by how much
    more that costs, paired by seed; None where there was no other that can be ranked."""

    values: Values
    tried: int
    seeds: int
    next: Values | None = None
    behind: Difference | None = None


class Tuner:
    """One race a place. `base` changes the cells of the trials only; the least mean ln(metric) wins."""

    def __init__(
        self, places: Sequence[Alternatives], metric: str, budget: Budget, base: Mapping[str, object] | None = None
    ) -> None:
        self._aim, self._budget, self._base = Aim(metric), budget, dict(base or {})
        self._courses = [Course(self._raced(place)) for place in places]

    @property
    def rule(self) -> str:
        """What decides, in words."""
        return f"tuned by {self._aim.metric}, {self._budget}"

    def first(self) -> list[Cell]:
        """The cells to begin with; [] where there is nothing to choose anywhere."""
        return each_once(cell for course in self._courses for cell in course.wanted)

    def more(self, table: pd.DataFrame) -> list[Cell]:
        """The cells that the races ask for next, none of them in the table."""
        names = [self._aim.metric, *KEPT]
        table = of_all_devices(table, self._aim.metric)
        rows = dict(zip(table["cell"], table[names].astype(float).to_dict("records"), strict=True))
        for course in self._courses:
            course.take(rows)
        return each_once(cell for course in self._courses for cell in course.wanted if cell.id not in rows)

    def outcomes(self) -> list[Outcome]:
        """Returns what each place chose, once all races are over."""
        found = [outcome for course in self._courses for outcome in course.ended]
        assert len(found) == len(self._courses), "a race is still under way"
        return found

    def _raced(self, place: Alternatives) -> Generator[list[Cell], Rows, Outcome]:
        budget, trials = self._budget, CommonSeeds(place, self._aim, self._base)
        seeds, modes = budget.looks[0], place.modes()
        if len(modes) > 1:
            most = budget.looks[len(budget.looks) // 2]
            rows = yield trials.cells(modes, most)
            modes = trials.ranked(modes, most, rows)
        held = [place.own, *(mode for mode in modes[:1] if mode != place.own)]
        settings = [*place.sample(budget.settings, modes[0]), *modes[1:]]
        if len(settings) < 2:
            return Outcome(place.own, 0, 0)
        ranked = yield from trials.searched(settings, seeds, budget.steps)
        tried = len(ranked)
        rows = yield trials.cells(ranked[:2], seeds)
        for seeds in budget.looks[1:]:
            others = [each for each in ranked if each not in held]
            ranked = [*held, *others[: max(2, len(others) // budget.kept)]]
            rows = yield trials.cells(ranked, seeds)
            ranked = trials.ranked(ranked, seeds, rows)
        while trials.fit(ranked[1], seeds, rows):
            behind = trials.behind(ranked[1], ranked[0], seeds, rows)
            if budget.within is None or seeds >= MOST_SEEDS or behind.low >= -budget.within:
                return Outcome(ranked[0], tried, seeds, ranked[1], behind)
            seeds = min(2 * seeds, MOST_SEEDS)
            rows = yield trials.cells(ranked, seeds)
            ranked = trials.ranked(ranked, seeds, rows)
        return Outcome(ranked[0], tried, seeds)
