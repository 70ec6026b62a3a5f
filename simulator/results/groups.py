"""One metric of a scheme in each group of a column of names (languages, kinds of links): as it is, and against another
scheme's in the same group.

Groups differ in more than their name (other texts, other links), so nothing is compared across them seed by seed:
each mean has an interval of its own. Two schemes in one group meet the same texts and random numbers, and are paired.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.findings import percent
from simulator.results.intervals import Interval, interval, paired
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
            told.append(f"{name} {_with_interval(found, metric)}".lstrip())
    return ", ".join(told)


def differences(cells: pd.DataFrame, by: str, first: str, second: str, metric: str) -> str:
    """`german 12% ± 3% lower, ...`: how far the kind `first` is from `second` in each group; "" where in none.

    Where a kind has several curves in a group, those are compared that come in the same order.
    """
    told = []
    for name, rows in groups(cells[cells[metric].notna()], by):
        curves = [list(dict.fromkeys(rows.loc[rows["scheme.kind"] == kind, CURVE])) for kind in (first, second)]
        for mine, theirs in zip(*curves, strict=False):
            found = paired(rows, metric, rows[CURVE] == mine, rows[CURVE] == theirs, relative=True)
            if found.n:
                told.append(f"{name} {percent(found)}")
    return ", ".join(told)


def sentence(metric: str, told: str) -> str:
    """`title, told`; "" of nothing."""
    return f"{title(metric)}, {told}" if told else ""


def _with_interval(found: Interval, metric: str) -> str:
    spread = f" ± {quantity(found.half_width, metric, 2)}" if found.n > 1 else ""
    return quantity(found.mean, metric) + spread
