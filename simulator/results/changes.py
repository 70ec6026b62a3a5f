"""Changes between two tables in the settings that both have, and the test that tells them from noise.

Where the two have seeds in common the differences are taken seed by seed, else means are compared by Welch's test, both
of logarithms (`intervals.Difference`); of many at once some look like a change by chance, which `beyond_noise` holds
down. A single seed shows only that the value is another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from kinds.arrays import Floats, Ints
from simulator.results.intervals import CONFIDENCE, Difference, Interval, paired_values, settings_of
from simulator.results.plain_columns import numbered
from simulator.results.units import names_file, quantity

LEVEL: Final = round(1 - CONFIDENCE, 9)
"""The level of `beyond_noise`: what CONFIDENCE leaves."""


@dataclass(frozen=True)
class Change:
    """Metric of a setting in two tables: its means, and `difference`, after against before; `p` is nan if there is no
    interval."""

    metric: str
    before: float
    after: float
    difference: Difference
    p: float
    paired: bool


@dataclass(frozen=True)
class ChangedMetrics:
    """Changes in one setting. `gone`: metrics with a value before and none after, as when no request is answered any
    more; `came`: the other way round."""

    differing: Sequence[Change]
    gone: Sequence[str]
    came: Sequence[str]


def changes(before: pd.DataFrame, after: pd.DataFrame, metrics: Sequence[str]) -> ChangedMetrics:
    """Returns the metrics that differ between the rows of a setting in one table and in another, a row per seed
    each."""
    seeds = before["seed"].to_numpy(), after["seed"].to_numpy()
    values = [rows[list(metrics)].to_numpy(dtype=np.float64, na_value=math.nan) for rows in (before, after)]
    differing, gone, came = [], [], []
    for place, metric in enumerate(metrics):
        one, other = values[0][:, place], values[1][:, place]
        there = ~np.isnan(one), ~np.isnan(other)
        if there[0].any() and there[1].any():
            found = _change(metric, (seeds[0][there[0]], one[there[0]]), (seeds[1][there[1]], other[there[1]]))
            differing += [found] if found is not None else []
        elif there[0].any():
            gone.append(metric)
        elif there[1].any():
            came.append(metric)
    return ChangedMetrics(differing, gone, came)


def _change(metric: str, before: tuple[Ints, Floats], after: tuple[Ints, Floats]) -> Change | None:
    """Returns the change between seeds and values [n] of each side; None if they are the same."""
    common, *places = np.intersect1d(before[0], after[0], return_indices=True)
    paired = common.size > 1 or (common.size == 1 and min(before[0].size, after[0].size) == 1)
    one, other = (before[1][places[0]], after[1][places[1]]) if paired else (before[1], after[1])
    difference, p = _by_seed(metric, one, other) if paired else _welch(metric, one, other)
    if not difference.found.mean and (difference.n == 1 or difference.same):
        return None
    return Change(metric, float(one.mean()), float(other.mean()), difference, p, paired)


def beyond_noise(changes: Sequence[Change]) -> list[bool]:
    """True for each change that is more than noise, all taken together at LEVEL; without an interval none is.

    Of those that are reported, a share of at most LEVEL is false, on average (Benjamini and Hochberg 1995). What is the
    same on both sides is no change, and does not count among the tests.
    """
    from scipy.stats import false_discovery_control

    p = np.array([each.p for each in changes], dtype=np.float64)
    beyond = np.zeros(len(p), dtype=bool)
    tested = np.flatnonzero(~np.isnan(p))
    beyond[tested] = false_discovery_control(p[tested]) <= LEVEL
    return [bool(each) for each in beyond]


def _by_seed(metric: str, before: Floats, after: Floats) -> tuple[Difference, float]:
    from scipy.stats import t

    difference = paired_values(metric, after, before)
    found = difference.found
    if found.n == 1 or found.same:
        return difference, math.nan if found.n == 1 else 0.0  # each seed by the same amount
    error = found.half_width / float(t.ppf((1 + CONFIDENCE) / 2, found.n - 1))
    return difference, 2 * float(t.sf(abs(found.mean) / error, found.n - 1))


def _welch(metric: str, before: Floats, after: Floats) -> tuple[Difference, float]:
    """Two samples of unequal variance, degrees of freedom by Welch and Satterthwaite; n is that of the smaller one."""
    from scipy.stats import ttest_ind

    relative = bool((before > 0).all() and (after > 0).all() and np.isfinite([before.max(), after.max()]).all())
    if relative:
        before, after = np.log(before), np.log(after)
    n, half, p = min(before.size, after.size), math.nan, math.nan
    if n > 1 and not np.ptp(before) and not np.ptp(after):
        p = 0.0
    elif n > 1:
        tested = ttest_ind(after, before, equal_var=False)
        low, high = tested.confidence_interval(CONFIDENCE)
        half, p = float(high - low) / 2, float(tested.pvalue)
    return Difference(metric, Interval(float(after.mean() - before.mean()), half, n), relative), p


@dataclass(frozen=True)
class SameSettings:
    """Two tables by setting, which have some in common though one may come from other code, from another place.

    A setting is known by its configuration columns, files by their names alone; neither `source` nor `imports` count,
    nor a column of one table alone, as long as the others tell its settings apart. `both`: a pair of places in `before`
    and `after`, whose entries are a setting's rows.
    """

    before: Sequence[pd.DataFrame]
    after: Sequence[pd.DataFrame]
    both: Sequence[tuple[int, int]]
    fields_before: Sequence[str]
    """Configuration columns of the first table alone, where they have a value."""
    fields_after: Sequence[str]

    @property
    def only_before(self) -> list[pd.DataFrame]:
        met = {place for place, _ in self.both}
        return [rows for place, rows in enumerate(self.before) if place not in met]

    @property
    def only_after(self) -> list[pd.DataFrame]:
        met = {place for _, place in self.both}
        return [rows for place, rows in enumerate(self.after) if place not in met]


def same_settings(before: pd.DataFrame, after: pd.DataFrame, without: Sequence[str] = ()) -> SameSettings:
    """The settings of two tables of cells, in order of appearance; columns in `without` tell none apart."""
    tables = [_with_names_of_files(table) for table in (before, after)]
    silent = {"imports", "sources", *without}
    fields = [
        [name for name in settings_of(table) if name not in silent and not name.endswith(".source")] for table in tables
    ]
    shared = [name for name in fields[0] if name in fields[1]]
    alone = [[name for name in mine if name not in shared] for mine in fields]
    telling = [own if _tells(table, shared, own) else [] for table, own in zip(tables, alone, strict=True)]
    numbers = numbered(tables, [*shared, *telling[0], *telling[1]])
    keys = [[*dict.fromkeys(of.tolist())] for of in numbers]
    places = {key: place for place, key in enumerate(keys[1])}
    both = [(place, places[key]) for place, key in enumerate(keys[0]) if key in places]
    rows = [
        [table.iloc[np.flatnonzero(of == key)] for key in own]
        for table, of, own in zip((before, after), numbers, keys, strict=True)
    ]
    given = [[name for name in own if table[name].notna().any()] for table, own in zip(tables, alone, strict=True)]
    return SameSettings(rows[0], rows[1], both, given[0], given[1])


def _with_names_of_files(table: pd.DataFrame) -> pd.DataFrame:
    """The table with files by their names alone."""
    files = [name for name in table.columns if names_file(str(name))]
    stems = {name: pd.Series([quantity(each, name) for each in table[name]], index=table.index) for name in files}
    return table.assign(**{name: of.where(table[name].notna()) for name, of in stems.items()})


def _tells(table: pd.DataFrame, shared: Sequence[str], alone: Sequence[str]) -> bool:
    """True if a table takes the columns that it has alone to tell its settings apart."""
    (few,), (many,) = (numbered([table], columns) for columns in (shared, [*shared, *alone]))
    return int(few.max(initial=0)) < int(many.max(initial=0))
