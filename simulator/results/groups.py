"""One metric of a scheme in each group of a column of names (languages, kinds of links): as it is, and against another
scheme's in the same group.

Groups differ in more than their name (other texts, other links), so nothing is compared across them seed by seed:
each mean has an interval of its own. Two schemes in one group meet the same texts and random numbers, and are paired.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.findings import INDISTINGUISHABLE, joined, percent, sizes, with_interval, would_show
from simulator.results.intervals import Difference, interval, paired
from simulator.results.units import quantity, title


def groups(cells: pd.DataFrame, by: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """(name as a person reads it, rows) of each value of the column, in order of appearance."""
    for value, rows in cells.groupby(by, sort=False):
        yield quantity(value, by), rows


def levels(cells: pd.DataFrame, by: str | None, kind: str, metric: str) -> str:
    """`german 0.61 ± 0.04, ...`: the mean over seeds in each group, or in all, for the schemes of one kind; "" where
    there is none."""
    told = []
    cells = cells[(cells["scheme.kind"] == kind) & cells[metric].notna()]
    for name, rows in [("", cells)] if by is None else groups(cells, by):
        for _, curve in rows.groupby(CURVE, sort=False):
            found = interval(curve.groupby("seed")[metric].mean().to_numpy())
            told.append(f"{name} {with_interval(found, metric)}".lstrip())
    return ", ".join(told)


def differences(cells: pd.DataFrame, by: str, first: str, second: str, metric: str) -> str:
    """`german 12% lower (9% to 15%), ...`: how far the kind `first` is from `second` in each group; "" in none."""
    return ", ".join(f"{name} {percent(found)}" for name, found in _differences(cells, by, first, second, metric))


def summed_up(cells: pd.DataFrame, by: str, first: str, second: str, metric: str) -> str:
    """`91% to 93% lower in all 6`, `13% higher in french, not distinguishable in 5 of 6`; "" where in none."""
    found = _differences(cells, by, first, second, metric)
    told = []
    for way, sign in (("lower", -1), ("higher", 1)):
        there = {name: less for name, less in found if less.separable and sign * less.size > 0}
        if there:
            where = f"all {len(found)}" if len(there) == len(found) > 1 else joined([*there])
            told.append(f"{sizes([*there.values()], 2)} {way} in {where}")
    alike = [less for _, less in found if not less.separable]
    limit = would_show(alike)
    told += [f"{INDISTINGUISHABLE} in {len(alike)} of {len(found)}{limit and f' ({limit})'}"] if alike else []
    return ", ".join(told)


def _differences(cells: pd.DataFrame, by: str, first: str, second: str, metric: str) -> list[tuple[str, Difference]]:
    """Of each group. Where a kind has several curves in a group, those are compared that come in the same order."""
    found = []
    for name, rows in groups(cells[cells[metric].notna()], by):
        curves = [list(dict.fromkeys(rows.loc[rows["scheme.kind"] == kind, CURVE])) for kind in (first, second)]
        for mine, theirs in zip(*curves, strict=False):
            less = paired(rows, metric, rows[CURVE] == mine, rows[CURVE] == theirs)
            found += [(name, less)] if less.n else []
    return found


def sentence(metric: str, told: str) -> str:
    """`title, told`; "" of nothing."""
    return f"{title(metric)}, {told}" if told else ""
