"""Choice of each scheme's own setting: what is tuned, what is chosen, and both beside the grid's own setting. The race
(`simulator.tuning`) is on seeds that are not shown, in a result directory of its own, `tuning/`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import median

import numpy as np
import pandas as pd

from scenarios.command.scenario import Tune
from scenarios.findings.wording import NO_DIFFERENCE, joined, percent
from simulator.cell.cell import Cell
from simulator.cell.dotted_names import flatten
from simulator.cell.settings import expand, held_by
from simulator.results.column_names import CHOSEN, CI_SUFFIX, CURVE, FIXED, SETTING
from simulator.results.display_names import SERVING, DisplayNames, letter, serving_mode
from simulator.results.intervals import Difference, of_all_devices, paired_values, summarise
from simulator.results.units import quantity, symbol, title
from simulator.sweeps.search import Capacity, Search
from simulator.tuning.alternatives import Alternatives, Values, open_fields
from simulator.tuning.successive_halving import Outcome, Tuner
from simulator.tuning.trials import FIRST_SEED, Aim, Budget
from simulator.tuning.trials import MOST_SEEDS as MOST_TRIED


@dataclass(frozen=True)
class Chosen:
    """A setting of the grid: its cells, and what was chosen for it; no values where there was nothing to choose."""

    cells: tuple[Cell, ...]
    outcome: Outcome
    alternatives: Alternatives
    searched: Mapping[str, Cell] = field(default_factory=dict)
    """Cells after a search: by the id of a cell, the same at the number that its setting supports."""
    behind: Difference | None = None
    """Difference by which the race's choice was behind the grid's own setting, which replaced it; None if it was not
    replaced."""

    @property
    def values(self) -> Values:
        """The fields that were tuned, at what was chosen."""
        return self.outcome.values

    def chosen(self) -> list[Cell]:
        """Returns the cells at the setting that was chosen."""
        return self._shown(self._changed)

    @cached_property
    def _changed(self) -> list[Cell]:
        return [changed(cell, self.values) for cell in self.cells]

    def fixed(self) -> list[Cell]:
        """Returns the cells as the grid gives them."""
        return self._shown(self.cells)

    def _shown(self, cells: Iterable[Cell]) -> list[Cell]:
        return [self.searched.get(cell.id, cell) for cell in cells]


class Choosing:
    """The choices of a scenario's cells; cells that differ by their seed alone choose together. `within`: the precision
    for which the looks go on, with twice the seeds each."""

    def __init__(self, cells: Sequence[Cell], tune: Tune, within: float | None = None) -> None:
        self._tune, self._settings = tune, by_setting(cells)
        firsts = [group[0] for group in self._settings]
        self.places = [
            Alternatives(cell, open_fields(cell, tune.further, tune.closed_in(cell.scheme.label))) for cell in firsts
        ]
        further = [min(tune.looks[-1] << n, MOST_TRIED) for n in range(1, 7)] if within is not None else []
        looks = tuple(dict.fromkeys((*tune.looks, *further)))
        self._budget = Budget(tune.settings, looks, tune.kept, tune.steps, within)

    def tuner(self) -> Tuner:
        """The races."""
        return Tuner(self.places, Aim(self._tune.metric), self._budget, self._tune.base)

    def most_shown(self) -> int:
        """The most cells that are then shown: of each setting with a choice, its own and those chosen."""
        settings = zip(self._settings, self.places, strict=True)
        return sum(len(cells) * (2 if place.fields else 1) for cells, place in settings)

    def choices(self, outcomes: Sequence[Outcome]) -> list[Chosen]:
        """Returns the choice of each setting."""
        found = zip(self._settings, outcomes, self.places, strict=True)
        return [Chosen(tuple(cells), outcome, place) for cells, outcome, place in found]

    def sought(self) -> list[Search]:
        """Returns the searches, if schemes choose what supports most: a place for each setting that has a choice, its
        own values first, which are left only for what supports more."""
        seeds = {"seed": [FIRST_SEED + seed for seed in range(self._budget.looks[0])]}

        def trial(place: Alternatives, values: Values) -> Sequence[Cell]:
            cell = place.at(values)
            assert cell is not None
            return expand(cell, seeds, held_by(cell, self._tune.base))

        places = (place for place in self.places if place.fields)
        return [Search([trial(place, values) for values in self._sought(place)]) for place in places]

    def _sought(self, place: Alternatives) -> list[Values]:
        """Returns the values that a search tries of a place, its own setting first: each serving mode, and a sample of
        the other fields."""
        sample = place.sample(self._budget.settings)
        return [*sample, *(mode for mode in place.modes() if mode not in sample)]

    def found(self, found: Sequence[Capacity]) -> list[tuple[Chosen, Capacity | None]]:
        """Returns the choice of each setting from the results of `sought`, and its capacity; None if no search was
        made."""
        capacities, seeds = iter(found), self._budget.looks[0]
        chosen: list[tuple[Chosen, Capacity | None]] = []
        for cells, place in zip(self._settings, self.places, strict=True):
            if not place.fields:
                chosen.append((Chosen(tuple(cells), Outcome({}, 0, 0), place), None))
                continue
            best, tried = next(capacities), self._sought(place)
            outcome = Outcome(tried[best.alternative], len(tried), seeds)
            chosen.append((Chosen(tuple(cells), outcome, place), best))
        return chosen


def tried_values(places: Sequence[Alternatives]) -> list[str]:
    """A line a kind of scheme: the fields that were tuned, with the values that each was tried with."""
    kinds: dict[str, Alternatives] = {}
    for place in places:
        if place.fields:
            kinds.setdefault(place.cell.scheme.kind, place)
    return [
        f"{DisplayNames().word(kind)}: "
        + ", ".join(f"{letter(path)} in {_listed(values)}" for path, values in place.values.items())
        for kind, place in kinds.items()
    ]


def served(choices: Sequence[Chosen]) -> str:
    """The serving modes chosen, of each kind of scheme the two most frequent: `Served: K-SQS: drafts 1 ahead (5 of 8),
    waits (3)`; "" where none was tuned."""
    modes = dict[str, Counter[str]]()
    for chosen in choices:
        if any(path in chosen.values for path in SERVING):
            kind = DisplayNames().word(chosen.cells[0].scheme.kind)
            modes.setdefault(kind, Counter())[serving_mode(flatten(chosen.chosen()[0]))] += 1
    alike = dict[str, list[str]]()
    for kind, counts in modes.items():
        (most, number), *others = counts.most_common(2)
        words = [f"{most} ({number} of {counts.total()})", *(f"{mode} ({times})" for mode, times in others)]
        alike.setdefault("; ".join(words) if others else most, []).append(kind)
    return f"Served: {'. '.join(f'{joined(kinds)}: {text}' for text, kinds in alike.items())}" if alike else ""


def doubts(choices: Sequence[Chosen], shown: pd.DataFrame, axis: str | None) -> list[str]:
    """Returns a line for each doubt about the settings chosen: the race could not tell one from the next, or the grid's
    own replaced it."""
    return [*_alike_next(choices, shown), *_behind_fixed(choices, shown, axis)]


def _alike_next(choices: Sequence[Chosen], shown: pd.DataFrame) -> list[str]:
    curves, raced = _curves(shown), dict[str, int]()
    alike = dict[str, list[float]]()  # by how much the next best may be better, nan of one seed
    for chosen in choices:
        if chosen.outcome.behind is not None and chosen.behind is None:
            curve = curves[chosen.chosen()[0].id]
            raced[curve] = raced.get(curve, 0) + 1
            if not (behind := chosen.outcome.behind).separable:
                most = 0.0 if behind.same else math.nan if behind.n < 2 else max(0.0, -behind.low)
                alike.setdefault(curve, []).append(most)
    if not alike:
        return []
    at = dict[str, list[str]]()
    for curve, behinds in alike.items():
        at.setdefault(f"at {len(behinds)} of {raced[curve]}", []).append(curve)
    text = "; ".join(f"{joined(names)} {where}{' each' * (len(names) > 1)}" for where, names in at.items())
    if 1 < len(alike) == len(raced) and {curve: len(behinds) for curve, behinds in alike.items()} == raced:
        text = "every curve at each value"
    known = [each for found in alike.values() for each in found if not math.isnan(each)]
    extent = (
        f"The next best may be better there by {median(known):.0%} (the median), and {max(known):.0%} at most."
        if known
        else "On one seed nothing tells by how much the next best may be better there."
    )
    return [f"Chosen, but not distinguishable from the next best setting in the race: {text}. {extent}"]


def _behind_fixed(choices: Sequence[Chosen], shown: pd.DataFrame, axis: str | None) -> list[str]:
    curves, places = _curves(shown), dict[str, object]()
    if axis is not None:
        places = dict(zip(shown["cell"], shown[axis], strict=True))
    found = dict[str, list[str]]()
    for chosen in choices:
        if chosen.behind is not None and not percent(chosen.behind).startswith(NO_DIFFERENCE):
            cell = chosen.chosen()[0].id
            where = "" if axis is None else f"at {quantity(places[cell], axis)} "
            found.setdefault(curves[cell], []).append(f"{where}{percent(chosen.behind)}")
    return [
        f"Shown at the grid's own setting, since what was chosen is behind it on the seeds shown: {curve} "
        f"{'; '.join(text)}"
        for curve, text in found.items()
    ]


def never_behind(choices: Sequence[Chosen], table: pd.DataFrame, metric: str, *, most: bool = False) -> list[Chosen]:
    """The choices, each behind the grid's own setting on the seeds shown replaced by it; `most`: more is better."""
    table = of_all_devices(table)
    if metric not in table.columns:
        return [*choices]
    values = dict(zip(table["cell"], table[metric].astype(float), strict=True))
    found = []
    for each in choices:
        mine, own = (np.array([values[cell.id] for cell in cells]) for cells in (each.chosen(), each.fixed()))
        behind = paired_values(metric, mine, own)
        worse = behind.found.mean < 0 if most else behind.found.mean > 0
        if worse or np.isnan(mine).sum() > np.isnan(own).sum():
            outcome = replace(each.outcome, values=each.alternatives.own)
            each = replace(each, outcome=outcome, behind=behind)
        found.append(each)
    return found


def _curves(shown: pd.DataFrame) -> dict[str, str]:
    rows = of_all_devices(shown[shown[SETTING] == CHOSEN])
    return dict(zip(rows["cell"], rows[CURVE].astype(str), strict=True))


def _listed(values: Sequence[object]) -> str:
    return "{" + ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values) + "}"


def to_show(choices: Sequence[Chosen]) -> list[Cell]:
    """The cells of the settings chosen and of the grid's own."""
    cells = [cell for chosen in choices for cell in (*chosen.chosen(), *chosen.fixed())]
    return list({cell.id: cell for cell in cells}.values())


def beside(
    table: pd.DataFrame, choices: Sequence[Chosen], named: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """The rows of the settings chosen, then those of the grid's own, with CURVE and SETTING. `named` gives curves to
    the grid's cells; a setting chosen has the grid's name, and the grid's own says what it did not choose."""
    rows = table.set_index("cell", drop=False)
    grid = [cell.id for chosen in choices for cell in chosen.fixed()]
    curves = named(rows.loc[grid]).set_index("cell")[CURVE]  # one a cell, or one of each of its classes of devices
    ids, names, settings = list[str](), list[str](), list[str]()
    for setting in (CHOSEN, FIXED):
        for chosen in choices if setting == CHOSEN else [each for each in choices if each.values]:
            cells = chosen.chosen() if setting == CHOSEN else chosen.fixed()
            found = [str(curve) for curve in curves.loc[[chosen.fixed()[0].id]].unique()]
            if setting == FIXED:
                words = _words(chosen.cells[0], {path: flatten(chosen.cells[0])[path] for path in chosen.values})
                found = [f"{curve} {words}" for curve in found]
            ids += [cell.id for cell in cells]
            names += found * len(cells)
            settings += [setting] * len(found) * len(cells)
    return rows.loc[ids].assign(**{CURVE: names, SETTING: settings}).reset_index(drop=True)


def choices_table(choices: Sequence[Chosen], shown: pd.DataFrame) -> pd.DataFrame:
    """A row per setting that chose: its row of configuration, CURVE, and what it chose in words, `chosen`."""
    first = shown[shown[SETTING] == CHOSEN].drop_duplicates("cell").set_index("cell")
    choosing = [chosen for chosen in choices if chosen.values]
    rows = first.loc[[chosen.chosen()[0].id for chosen in choosing]].reset_index(drop=True)
    own = [" (the grid's own)" if chosen.behind is not None else "" for chosen in choosing]
    words = [_words(chosen.cells[0], chosen.values, letter) for chosen in choosing]
    return rows.assign(chosen=[text + mark for text, mark in zip(words, own, strict=True)])


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


def _words(cell: Cell, values: Values, named: Callable[[str], str] = symbol) -> str:
    """`L=4 K=8 (drafts 1 ahead)`: the fields of a cell that were tuned, and its serving mode if that was; `named`: the
    name of a field, by default as names of curves have it."""
    mode, served = serving_mode({**flatten(cell), **values}), {path for path in values if path in SERVING}
    words = [f"{named(path)}={value}" for path, value in values.items() if path not in served]
    return " ".join([*words, f"({mode})"] if served else words)


MOST_SEEDS = 200
"""Number of seeds at which it ends, however wide the intervals are."""


@dataclass(frozen=True)
class Precision:
    """Adds seeds to all settings alike until no half-width of `metric` exceeds `within` of its mean: each time so many
    as the widest interval asks for, at most as many as there are."""

    cells: Sequence[Cell]
    metric: str
    within: float

    @property
    def rule(self) -> str:
        return f"{self.metric} within {self.within:g}"

    def more(self, table: pd.DataFrame) -> list[Cell]:
        """The cells of the seeds to add; [] where the table is precise enough, or has MOST_SEEDS."""
        seeds, widest = table["seed"].nunique(), self.widest(table)
        if widest <= self.within or seeds >= MOST_SEEDS:
            return []
        wanted = math.ceil(seeds * (widest / self.within) ** 2) if math.isfinite(widest) else 2 * seeds
        return self.at(range(seeds, min(wanted, 2 * seeds, MOST_SEEDS)), self.cells)

    def at(self, places: Sequence[int], cells: Sequence[Cell]) -> list[Cell]:
        """The settings of `cells` at their first seed + each of `places`."""
        groups = by_setting(cells)
        return [changed(group[0], {"seed": group[0].seed + place}) for group in groups for place in places]

    def widest(self, table: pd.DataFrame) -> float:
        """The largest half-width as a share of its mean; inf where one seed gives none, 0 of what varies with none."""
        summary = summarise(table)
        known = summary[summary[self.metric].notna()]
        none = known["n"].map(lambda seeds: math.inf if seeds == 1 else 0.0)
        shares = (known[self.metric + CI_SUFFIX] / known[self.metric].abs()).fillna(none)
        return float(shares.max()) if len(shares) else 0.0

    def text(self, table: pd.DataFrame) -> str:
        """Returns one line on the precision that was reached."""
        seeds, widest = table["seed"].nunique(), self.widest(table)
        reached = "reached" if widest <= self.within else "not reached"
        return f"Precision: {title(self.metric)} within {self.within:.2%}, {reached} with {seeds} seeds ({widest:.2%})"
