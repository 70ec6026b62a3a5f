"""Questions by how much one scheme is below another at values of the axis, and one end of the axis above the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios.findings.comparisons import PairedCurves, Place, lowest_of_kinds, places
from scenarios.findings.question import LATENCY, Named, curves_of, of_setting, parts
from scenarios.findings.wording import Finding, at, called, listed, percent, times
from simulator.results.column_names import CURVE
from simulator.results.intervals import Difference, paired_values
from simulator.results.units import quantity, title


@dataclass(frozen=True)
class Below(Named):
    """By how many percent is each scheme of `first` below each of `second`, at these values of the axis or at all, for
    each value of the column `by`?"""

    first: Sequence[str]
    second: Sequence[str]
    at: Sequence[float] = ()
    metric: str = LATENCY
    by: str | None = None

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        clauses = [
            comparison(rows, axis, self.at, mine, theirs, self.metric)
            for one in self.first
            for other in self.second
            for _, rows in parts(of_setting(table), self.by)
            for mine in curves_of(rows, one)
            for theirs in curves_of(rows, other)
        ]
        return listed(title(self.metric), clauses)


@dataclass(frozen=True)
class Costs(Named):
    """How many times its `metric` at one end of the axis does each scheme have at the other, for each value of `by`?"""

    heading: str
    """Heading of the comparison: `{end} of loss against {start}`."""
    metric: str = LATENCY
    by: str | None = None

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        rows = of_setting(table)
        rows = rows[rows[self.metric].notna()]
        if axis is None or rows.empty or rows[axis].nunique() < 2:
            return ""
        start, end = float(rows[axis].min()), float(rows[axis].max())
        clauses = []
        for name, part in parts(rows, self.by, plain=True):
            each = part.groupby(CURVE, sort=False)
            found = [(str(curve), end_over_start(own, axis, start, end, self.metric)) for curve, own in each]
            words = ", ".join(f"{called(curve)} {times(ratio)}" for curve, ratio in found if ratio.n)
            clauses += [name + words] if words else []
        heading = self.heading.format(start=quantity(start, axis), end=quantity(end, axis))
        return listed(f"{heading}, {title(self.metric)}", clauses)


def end_over_start(rows: pd.DataFrame, axis: str, start: float, end: float, metric: str) -> Difference:
    """A curve's metric at one end of the axis against that at the other, paired by seed; of no seed where several rows
    of one are alike."""
    one, other = (
        rows[np.isclose(rows[axis].astype(float), value, rtol=1e-9)].set_index("seed")[metric] for value in (end, start)
    )
    common = one.index.intersection(other.index)
    if one.index.has_duplicates or other.index.has_duplicates:
        common = common[:0]
    return paired_values(metric, one[common].to_numpy(dtype=float), other[common].to_numpy(dtype=float))


def comparison(
    cells: pd.DataFrame, axis: str | None, where: Sequence[float], first: str, second: str, metric: str
) -> str:
    """Returns by how many percent the curve `first` is below `second` at these values of the axis, or at all of them;
    "" where at none."""
    there = [
        place.of(first, second)
        for place in places(cells, axis, metric)
        if axis is None or not where or np.isclose(float(str(place.at)), where, rtol=1e-9).any()
    ]
    rows = [row for row in there if row.less.n]
    clauses = ", ".join(percent(row.less) + at(row.place.at, axis) for row in rows)
    return Finding(f"{called(first)} against {called(second)} {clauses}", rows) if rows else ""


def of_kinds(cells: pd.DataFrame, axis: str | None, first: str, second: str, metric: str) -> PairedCurves:
    """`first` against `second`, two kinds of schemes, each by that of its curves which is lowest, paired by seed."""
    rows = lowest_of_kinds(cells[cells["scheme.kind"].isin((first, second))], axis, metric)
    return Place(metric, rows).of(first, second)
