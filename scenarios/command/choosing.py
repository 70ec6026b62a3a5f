"""Each scheme at its own best setting: what is tried, what is chosen, and both shown beside the grid's own setting.

The trials run on seeds that are not shown, so that what is shown is not the luck of the choice. They are a result
directory of their own, `tuning/`, inside the scenario's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scenarios.command.scenario import Best
from simulator.cell.dotted_names import flatten, names
from simulator.cell.settings import expand
from simulator.results.columns import BEST, CURVE, FIXED, SETTING
from simulator.results.intervals import summarise
from simulator.results.units import symbol
from simulator.sweeps.search import Capacity, Sought

if TYPE_CHECKING:
    from simulator.cell.cell import Cell

FIRST_SEED = 1_000_000
"""Of the trials."""
_NAME = "shown as"
Values = Mapping[str, object]


@dataclass(frozen=True)
class Trial:
    """One choice of a setting: the values of those fields that its scheme has, and the cells that try it."""

    values: Values
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Chosen:
    """A setting of the grid: its cells, and what it chose; no values where there was nothing to choose."""

    cells: tuple[Cell, ...]
    values: Values
    searched: Mapping[str, Cell] = field(default_factory=dict)
    """After a search: by the id of a cell, the same at what its setting bears."""

    def best(self) -> list[Cell]:
        return self._shown(changed(cell, self.values) for cell in self.cells)

    def fixed(self) -> list[Cell]:
        """As the grid gives them."""
        return self._shown(self.cells)

    def _shown(self, cells: Iterable[Cell]) -> list[Cell]:
        return [self.searched.get(cell.id, cell) for cell in cells]


class Choosing:
    """The choices of a scenario's cells; cells that differ by their seed alone choose together."""

    def __init__(self, cells: Sequence[Cell], best: Best) -> None:
        self.best = best
        self._settings = by_setting(cells)
        self._trials = [self._tried(group[0]) for group in self._settings]

    def trials(self) -> list[Cell]:
        """The cells to try."""
        cells = {cell.id: cell for trials in self._trials for trial in trials for cell in trial.cells}
        return list(cells.values())

    def most_shown(self) -> int:
        """The most cells that are then shown: of each setting with a choice, its own and others that it chose."""
        settings = zip(self._settings, self._trials, strict=True)
        return sum(len(cells) * (2 if trials else 1) for cells, trials in settings)

    def choices(self, table: pd.DataFrame) -> list[Chosen]:
        """What each setting chooses, from the table of the trials: the least mean, the first of equals."""
        found = dict(zip(table["cell"], table[self.best.metric], strict=True))
        chosen = []
        for cells, trials in zip(self._settings, self._trials, strict=True):
            means = [np.mean([found[cell.id] for cell in trial.cells]) for trial in trials]
            values = trials[int(np.argmin(np.nan_to_num(means, nan=np.inf)))].values if trials else {}
            chosen.append(Chosen(tuple(cells), values))
        return chosen

    def sought(self) -> list[Sought]:
        """What to search, where schemes choose what bears most: a place for each setting that has a choice."""
        return [Sought([trial.cells for trial in trials]) for trials in self._own_first() if trials]

    def chosen(self, found: Sequence[Capacity]) -> list[tuple[Chosen, Capacity | None]]:
        """What each setting chooses, from what `sought` gave, and that; None where nothing was sought."""
        capacities = iter(found)
        chosen: list[tuple[Chosen, Capacity | None]] = []
        for cells, trials in zip(self._settings, self._own_first(), strict=True):
            best = next(capacities) if trials else None
            values = trials[best.alternative].values if best is not None else {}
            chosen.append((Chosen(tuple(cells), values), best))
        return chosen

    def _own_first(self) -> list[list[Trial]]:
        """The trials of each setting, that of the grid's own values first: it is left for what bears more, only."""
        own = [flatten(cells[0]) for cells in self._settings]
        return [
            sorted(trials, key=lambda trial: any(given[path] != value for path, value in trial.values.items()))
            for given, trials in zip(own, self._trials, strict=True)
        ]

    def _tried(self, cell: Cell) -> list[Trial]:
        """Every choice of a setting; [] where its scheme has none of the fields."""
        if self.best.of and cell.scheme.kind not in self.best.of:
            return []
        known = set(names(type(cell), cell.model_dump()))
        over = {path: values for path, values in self.best.over.items() if path in known}
        seeds = list(range(FIRST_SEED, FIRST_SEED + self.best.seeds))
        return [
            Trial({path: flatten(each)[path] for path in over}, tuple(expand(each, {"seed": seeds}, self.best.base)))
            for each in (expand(cell, over) if over else [])
        ]


def to_show(choices: Sequence[Chosen]) -> list[Cell]:
    """The cells of the settings chosen and of the grid's own."""
    cells = [cell for chosen in choices for cell in (*chosen.best(), *chosen.fixed())]
    return list({cell.id: cell for cell in cells}.values())


def beside(
    table: pd.DataFrame, choices: Sequence[Chosen], named: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """The rows of the settings chosen, then those of the grid's own, with CURVE and SETTING.

    `named` gives curves to the grid's cells; a setting chosen has the name of the grid's, and the grid's own says what
    it did not choose.
    """
    rows = table.set_index("cell", drop=False)
    grid = [cell.id for chosen in choices for cell in chosen.fixed()]
    curves = named(rows.loc[grid]).set_index("cell")[CURVE]
    parts = []
    for setting in (BEST, FIXED):
        for chosen in choices if setting == BEST else [each for each in choices if each.values]:
            cells = chosen.best() if setting == BEST else chosen.fixed()
            curve = str(curves.loc[chosen.fixed()[0].id])
            if setting == FIXED:
                curve = f"{curve} {_told({path: flatten(chosen.cells[0])[path] for path in chosen.values})}"
            parts.append(rows.loc[[cell.id for cell in cells]].assign(**{CURVE: curve, SETTING: setting}))
    return pd.concat(parts, ignore_index=True)


def summarised(shown: pd.DataFrame) -> pd.DataFrame:
    """The summary of `beside`'s rows, curves kept."""
    return summarise(shown.rename(columns={CURVE: _NAME})).rename(columns={_NAME: CURVE})


def choices_table(choices: Sequence[Chosen], shown: pd.DataFrame) -> pd.DataFrame:
    """A row per setting that chose: its row of configuration, CURVE, and what it chose in words, `chosen`."""
    first = shown[shown[SETTING] == BEST].drop_duplicates("cell").set_index("cell")
    rows = [
        {**first.loc[chosen.best()[0].id].to_dict(), "chosen": _told(chosen.values)}
        for chosen in choices
        if chosen.values
    ]
    return pd.DataFrame(rows)


def by_setting(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The cells by setting, those that differ by their seed alone together, in order of appearance."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.model_copy(update={"seed": 0}).model_dump_json(), []).append(cell)
    return list(groups.values())


def changed(cell: Cell, values: Values) -> Cell:
    """The cell with other values of some fields."""
    (found,) = expand(cell, {}, values) if values else [cell]
    return found


def _told(values: Values) -> str:
    return " ".join(f"{symbol(path)}={value}" for path, value in values.items())
