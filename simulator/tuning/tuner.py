"""Chooses a setting for each of many places by racing, on seeds that are not shown.

A place is a scheme somewhere on the grid. Of each, so many settings are tried on a few common seeds, the same seeds at
all places; then those a step away from the one in the lead, until it stays in the lead; then the best of them, ever
fewer, on ever more seeds. Every place has the same budget, whatever it costs. A tuner is a `sweeps.Growth`: it asks for
cells, sees the table of all that it has asked for, and asks for more, so that an interrupted race goes on.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from simulator.cell.settings import expand
from simulator.results.columns import LOSSLESS_TV
from simulator.results.intervals import Difference, paired_values
from simulator.tuning.alternatives import Alternatives, Values

if TYPE_CHECKING:
    from simulator.cell.cell import Cell

FIRST_SEED: Final = 1_000_000
"""Of the trials: none that is shown."""
MOST_SEEDS: Final = 48
"""Of a race, however near the two best are."""
Rows = Mapping[str, Mapping[str, float]]
"""Of each cell tried, by its id, the numbers that are raced by."""


@dataclass(frozen=True)
class Budget:
    """What each place may spend: `settings` that start, on `looks[0]` seeds; `steps` times the neighbours of the one in
    the lead; then a `kept`-th of them, two at least, on as many seeds as each further look says. With `within` the race
    goes on, seeds doubled, until the lead over the next is known that well, or MOST_SEEDS."""

    settings: int = 24
    looks: tuple[int, ...] = (2, 4, 8)
    kept: int = 4
    steps: int = 3
    within: float | None = None


@dataclass(frozen=True)
class Outcome:
    """The setting chosen, of how many tried, and after how many seeds it was chosen; the next best, and by how much
    more that costs, paired by seed; None where there was no other."""

    values: Values
    tried: int
    seeds: int
    next: Values | None = None
    behind: Difference | None = None


@dataclass
class _Course:
    """A place whose race is under way, or over."""

    race: Generator[list[Cell], Rows, Outcome]
    wanted: list[Cell]
    outcome: Outcome | None = None


class Tuner:
    """One race a place. `base` changes the cells of the trials only; the least mean ln(metric) wins."""

    def __init__(
        self, places: Sequence[Alternatives], metric: str, budget: Budget, base: Mapping[str, object] | None = None
    ) -> None:
        self._metric, self._budget, self._base = metric, budget, dict(base or {})
        self._courses = [self._begun(place) for place in places]

    @property
    def rule(self) -> str:
        """What decides, in words."""
        return f"tuned by {self._metric}, {self._budget}"

    def first(self) -> list[Cell]:
        """The cells to begin with; [] where there is nothing to choose anywhere."""
        return self._unique(cell for course in self._courses for cell in course.wanted)

    def more(self, table: pd.DataFrame) -> list[Cell]:
        """The cells that the races ask for next, none of them in the table."""
        names = [self._metric, "answered", "tv_output"]
        rows = dict(zip(table["cell"], table[names].astype(float).to_dict("records"), strict=True))
        for course in self._courses:
            while course.outcome is None and all(cell.id in rows for cell in course.wanted):
                try:
                    course.wanted = course.race.send(rows)
                except StopIteration as ended:
                    course.outcome = ended.value
        waiting = (cell for course in self._courses if course.outcome is None for cell in course.wanted)
        return self._unique(cell for cell in waiting if cell.id not in rows)

    def outcomes(self) -> list[Outcome]:
        """Of each place what it chose, once all races are over."""
        found = [course.outcome for course in self._courses if course.outcome is not None]
        assert len(found) == len(self._courses), "a race is still under way"
        return found

    def _begun(self, place: Alternatives) -> _Course:
        race = self._raced(place)
        try:
            return _Course(race, next(race))
        except StopIteration as ended:
            return _Course(race, [], ended.value)

    def _raced(self, place: Alternatives) -> Generator[list[Cell], Rows, Outcome]:
        budget, settings = self._budget, place.sample(self._budget.settings)
        if len(settings) < 2:
            return Outcome(place.own, 0, 0)
        trials = _Trials(place, self._base, self._metric)
        seeds = budget.looks[0]
        rows = yield trials.cells(settings, seeds)
        ranked = trials.ranked(settings, seeds, rows)
        for _ in range(budget.steps):
            near = [each for each in place.near(ranked[0]) if each not in ranked]
            if not near:
                break
            rows = yield trials.cells(near, seeds)
            leader, ranked = ranked[0], trials.ranked([*ranked, *near], seeds, rows)
            if ranked[0] == leader:
                break
        tried = len(ranked)
        for seeds in budget.looks[1:]:
            ranked = ranked[: max(2, len(ranked) // budget.kept)]
            rows = yield trials.cells(ranked, seeds)
            ranked = trials.ranked(ranked, seeds, rows)
        while budget.within is not None and seeds < MOST_SEEDS and trials.open(ranked, seeds, rows, budget.within):
            seeds = min(2 * seeds, MOST_SEEDS)
            rows = yield trials.cells(ranked, seeds)
            ranked = trials.ranked(ranked, seeds, rows)
        return Outcome(ranked[0], tried, seeds, ranked[1], trials.behind(ranked[1], ranked[0], seeds, rows))

    @staticmethod
    def _unique(cells: Sequence[Cell] | Generator[Cell, None, None]) -> list[Cell]:
        return list({cell.id: cell for cell in cells}.values())


class _Trials:
    """What the settings of a place cost, by seed."""

    def __init__(self, place: Alternatives, base: Mapping[str, object], metric: str) -> None:
        self._place, self._base, self._metric = place, base, metric
        self._known: dict[tuple[tuple[str, object], ...], list[Cell]] = {}

    def cells(self, settings: Sequence[Values], seeds: int) -> list[Cell]:
        """The settings on the first seeds."""
        return [cell for setting in settings for cell in self._at(setting, seeds)]

    def ranked(self, settings: Sequence[Values], seeds: int, rows: Rows) -> list[Values]:
        """The settings from the least geometric mean on; of equals the first stays first."""
        costs = [float(np.mean(self._costs(setting, seeds, rows))) for setting in settings]
        return [settings[place] for place in sorted(range(len(settings)), key=costs.__getitem__)]

    def behind(self, setting: Values, leader: Values, seeds: int, rows: Rows) -> Difference:
        """By how much more a setting costs than the leader."""
        mine, leaders = (np.exp(self._costs(each, seeds, rows)) for each in (setting, leader))
        return paired_values(self._metric, mine, leaders)

    def open(self, ranked: Sequence[Values], seeds: int, rows: Rows, within: float) -> bool:
        """Whether the leader may still cost more than the next by over `within`."""
        found = self.behind(ranked[1], ranked[0], seeds, rows)
        return not found.low >= -within

    def _costs(self, setting: Values, seeds: int, rows: Rows) -> list[float]:
        return [self._cost(cell, rows[cell.id]) for cell in self._at(setting, seeds)]

    def _cost(self, cell: Cell, row: Mapping[str, float]) -> float:
        """ln(metric); inf where a request is not answered, there is no number, or text departs that must not."""
        value = row[self._metric]
        lossy = cell.scheme.lossless and not row["tv_output"] <= LOSSLESS_TV
        return math.inf if row["answered"] < 1 or lossy or not 0 < value < math.inf else math.log(value)

    def _at(self, setting: Values, seeds: int) -> list[Cell]:
        known = self._known.setdefault(tuple(setting.items()), [])
        if len(known) < seeds:
            cell = self._place.at(setting)
            assert cell is not None
            further = range(FIRST_SEED + len(known), FIRST_SEED + seeds)
            known += expand(cell, {"seed": list(further)}, self._base)
        return known[:seeds]
