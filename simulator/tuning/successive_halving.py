"""Chooses a setting for each of many places, a scheme somewhere on the grid or in a recommendation, by racing
(`racing`) on seeds that are not shown.

Places that differ by links and machines alone have the same rounds: all rates of an axis tell of one setting for
little more than one of them does, and race together. All ways to serve a request are tried on half of the looks; then,
served in the best of these over all places, so many settings of what is sent, on the first look. Those in the lead over
all places go on, and each place's favourite. Each place then tries, on the second look, those a step away from its own
leader; the leaders of all places race at each, ever fewer on ever more seeds. The place's own setting, and the same in
the best way, are held to the end unless they are clearly worse: what is chosen is behind neither on the seeds of the
race. A tuner is a `sweeps.Growth`: it asks for cells, sees the table, and asks for more, so that an interrupted race
goes on.

A place's budget, in trials: modes on the middle look, settings and modes on the first; of these a `kept`-th, three
more, `steps` times the neighbours of one setting and the leaders of all places on the second; a `kept`-th of those on
each further look.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from kinds.arrays import Floats
from simulator.cell.cell import Cell
from simulator.results.intervals import Difference, choice_error, of_all_devices, paired_values
from simulator.tuning.alternatives import Alternatives, Values
from simulator.tuning.racing import RaceGroup, looks
from simulator.tuning.trials import Aim, Budget, CommonSeeds, Course, Row, Rows, each_once

SHARED: Final = {"uplink", "downlink", "edge", "cloud"}
"""The parts of a cell on which its rounds do not depend."""


@dataclass(frozen=True)
class Outcome:
    """The setting chosen, of how many tried, and after how many seeds it was chosen; the next best, and by how much
    more that costs, paired by seed; None where there was no other that can be ranked."""

    values: Values
    tried: int
    seeds: int
    next: Values | None = None
    behind: Difference | None = None
    raced: Sequence[tuple[Values, Floats]] = field(default=(), compare=False)
    """The place's own setting, and those that raced on at least half of the seeds, with their costs [seeds]."""

    @property
    def error(self) -> float:
        """The error of the choice (`choice_error`), of the setting that is shown."""
        settings = [values for values, _ in self.raced]
        if self.values not in settings:
            return 0.0
        return choice_error([costs for _, costs in self.raced], settings.index(self.values))


class Tuner:
    """Tuner with one race for all places that share their rounds. `base` changes the cells of the trials only; the
    least mean ln(cost) wins."""

    def __init__(
        self, places: Sequence[Alternatives], aim: Aim, budget: Budget, base: Mapping[str, object] | None = None
    ) -> None:
        self._aim, self._budget, self._base = aim, budget, dict(base or {})
        groups = dict[str, list[int]]()
        for at, place in enumerate(places):
            same = place.cell.model_dump_json(exclude=SHARED) + repr((place.own, place.values))
            groups.setdefault(same, []).append(at)
        self._groups = list(groups.values())
        self._courses = [Course(self._raced([places[at] for at in group])) for group in self._groups]

    @property
    def rule(self) -> str:
        """Returns the rule of the choice, in words."""
        return f"tuned by {self._aim.metric}, over all places of the same rounds, {self._budget}"

    def first(self) -> list[Cell]:
        """The cells to begin with; [] where there is nothing to choose anywhere."""
        return each_once(cell for course in self._courses for cell in course.wanted)

    def more(self, table: pd.DataFrame) -> list[Cell]:
        """The cells that the races ask for next, none of them in the table."""
        rows = rows_of(table, self._aim)
        for course in self._courses:
            course.take(rows)
        return each_once(cell for course in self._courses for cell in course.wanted if cell.id not in rows)

    def outcomes(self) -> list[Outcome]:
        """Returns what each place chose, once all races are over."""
        assert all(course.ended for course in self._courses), "a race is still under way"
        found = {
            at: outcome
            for group, course in zip(self._groups, self._courses, strict=True)
            for at, outcome in zip(group, course.ended[0], strict=True)
        }
        return [found[at] for at in sorted(found)]

    def _raced(self, places: Sequence[Alternatives]) -> Generator[list[Cell], Rows, list[Outcome]]:
        budget, first = self._budget, places[0]
        trials = [CommonSeeds(place, self._aim, self._base) for place in places]
        modes = _possible(first.modes(), places)
        if len(modes) > 1:
            most = budget.looks[len(budget.looks) // 2]
            group = self._over(trials, modes)
            rows = yield group.cells(most)
            group.look(rows, most)
            modes = _possible([modes[group.leader], *modes], places)
        held = _possible([first.own, modes[0]], places)
        settings = _possible([*held, *first.sample(budget.settings, modes[0]), *modes], places)
        if len(settings) < 2:
            return [Outcome(first.own, 0, 0)] * len(places)
        group, seeds = self._over(trials, settings, len(held)), budget.looks[0]
        rows = yield group.cells(seeds)
        group.look(rows, seeds)
        kept, second = [settings[at] for at in group.racing], replace(budget, looks=budget.looks[1:] or budget.looks)
        starts = [_possible([*held, at.ranked(settings, seeds, rows)[0], *kept], places) for at in trials]
        searches = [
            Course(at.searched(start, second.looks[0], budget.steps)) for at, start in zip(trials, starts, strict=True)
        ]
        while wanted := each_once(cell for search in searches for cell in search.wanted):
            rows = yield wanted
            for search in searches:
                search.take(rows)
        ranked = [search.ended[0] for search in searches]
        leaders = [each[0] for each in ranked]
        entered = [_possible([*held, *mine, *leaders], places) for mine in ranked]
        groups = [self._over([at], mine, len(held)) for at, mine in zip(trials, entered, strict=True)]
        rows = yield from looks(groups, second)
        return [
            self._outcome(group, mine, len(_possible([*settings, *mine], places)), rows)
            for group, mine in zip(groups, entered, strict=True)
        ]

    def _over(self, trials: Sequence[CommonSeeds], settings: Sequence[Values], held: int = 0) -> RaceGroup:
        return RaceGroup([[at.at(each) for at in trials] for each in settings], self._aim, self._budget, held)

    def _outcome(self, group: RaceGroup, settings: Sequence[Values], tried: int, rows: Rows) -> Outcome:
        """Returns the choice of a place, and the best of the others that raced as long; its own setting if none can be
        ranked."""
        others = [place for place in group.ranked if place != group.leader and group.seeds_of(place) == group.seeds]
        if not others:
            return Outcome(settings[group.leader], tried, group.seeds)
        long = [at for at in group.ranked if at == 0 or 2 * group.seeds_of(at) >= group.seeds]
        raced = [(settings[at], group.costs([at], rows)[0]) for at in long]
        costs = group.costs([group.leader, *others], rows)
        following = 1 + int(np.log(costs[1:]).mean(axis=1).argmin())
        behind = paired_values(self._aim.metric, costs[following], costs[0])
        return Outcome(settings[group.leader], tried, group.seeds, settings[others[following - 1]], behind, raced)


def rows_of(table: pd.DataFrame, aim: Aim) -> dict[str, Row]:
    """Returns what a race needs of each trial in a table, by the cell's id."""
    table = of_all_devices(table, aim.metric)
    return dict(zip(table["cell"], table[aim.needed].astype(float).to_dict("records"), strict=True))


def _possible(settings: Sequence[Values], places: Sequence[Alternatives]) -> list[Values]:
    """The settings, each once, that all places take."""
    found = {tuple(each.items()): each for each in settings}.values()
    return [each for each in found if all(place.at(each) is not None for place in places)]
