"""Questions by how much one scheme is below another at values of the axis, from which value on it is, and by how much
one end of the axis is above the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios.findings.comparisons import PairedCurves, Place, lowest_of_kinds, places
from scenarios.findings.question import LATENCY, Named, curves_of, of_setting, parts
from scenarios.findings.wording import Finding, at, called, listed, passes, percent, times
from simulator.results.column_names import CURVE
from simulator.results.crossings import crossing
from simulator.results.display_names import words_of
from simulator.results.lossy_schemes import unmarked
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
    """How many times its `metric` at one end of the axis does each scheme have at the other?"""

    heading: str
    """Heading of the comparison: `{end} of loss against {start}`."""
    metric: str = LATENCY

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        rows = of_setting(table)
        rows = rows[rows[self.metric].notna()]
        if axis is None or rows.empty or rows[axis].nunique() < 2:
            return ""
        start, end = float(rows[axis].min()), float(rows[axis].max())
        clauses = []
        for name, part in parts(rows, None):
            here, ends = Place(self.metric, part), [part[axis].eq(at) for at in (end, start)]
            curves = {curve: part[CURVE].eq(curve) for curve in part[CURVE].unique()}
            found = {curve: here.paired(*(mine & at for at in ends)).less for curve, mine in curves.items()}
            words = [f"{called(curve)} {times(less)}" for curve, less in found.items() if less.n]
            clauses += [f"{name}{', '.join(words)}"] if words else []
        heading = self.heading.format(start=quantity(start, axis), end=quantity(end, axis))
        return listed(f"{heading}, {title(self.metric)}", clauses)


@dataclass(frozen=True)
class PaysFrom(Named):
    """From which value of the axis on, or up to which, is `kind` below `against`? Each of its curves is compared with
    the one that differs from it in the scheme alone."""

    kind: str
    against: str
    metric: str = LATENCY

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        if axis is None:
            return ""
        rows = of_setting(table)
        line = crossings(rows, axis, alike(rows, self.kind, self.against), self.metric)
        return listed(f"{title(self.metric)} below that of {called(self.against)}, over {title(axis)}", [line])


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


def crossings(cells: pd.DataFrame, axis: str, pairs: Sequence[tuple[str, str]], metric: str) -> str:
    """`a from 3 kbit/s on (2 to 5); b nowhere`: where the first of each pair of curves passes the second."""
    found = [(first, crossing(cells, axis, first, second, metric)) for first, second in pairs]
    known = [(first, there) for first, there in found if there is not None]
    line = "; ".join(f"{called(first)} {passes(there, axis)}" for first, there in known)
    return Finding(line, [there for _, there in known])


def alike(rows: pd.DataFrame, kind: str, against: str) -> list[tuple[str, str]]:
    """The pairs of curves of two kinds that differ in the scheme alone."""
    return [
        (mine, theirs)
        for mine in curves_of(rows, kind)
        for theirs in curves_of(rows, against)
        if words_of(unmarked(mine))[1] == words_of(unmarked(theirs))[1]
    ]
