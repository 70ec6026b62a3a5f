"""By how much one scheme is below another: at values of the axis, in groups, where schemes swap, and from where on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from scenarios.findings.lowest import lowest_of_kinds
from scenarios.findings.question import LATENCY, Named, along, curves_of, groups, of_setting, parts
from scenarios.findings.sentences import (
    at,
    indistinguishable,
    joined,
    listed,
    passes,
    percent,
    sizes,
    stretches,
    times,
    would_show,
)
from simulator.results.columns import CHOSEN, CURVE
from simulator.results.crossings import Crossing, crossing
from simulator.results.intervals import Difference, paired, paired_values
from simulator.results.lossy import unmarked
from simulator.results.units import quantity, title


@dataclass(frozen=True)
class Below(Named):
    """By how many percent is each scheme of `first` below each of `second`, at these values of the axis, for each value
    of the column `by`?"""

    first: Sequence[str]
    second: Sequence[str]
    at: Sequence[float]
    metric: str = LATENCY
    by: str | None = None
    setting: str = CHOSEN
    """Where schemes choose for themselves: compare what they chose, or `fixed`, what the grid gives to all."""

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        clauses = [
            comparison(rows, axis, self.at, mine, theirs, self.metric)
            for one in self.first
            for other in self.second
            for _, rows in parts(of_setting(table, self.setting), self.by)
            for mine in curves_of(rows, one)
            for theirs in curves_of(rows, other)
        ]
        return listed(title(self.metric), clauses)


@dataclass(frozen=True)
class Swaps(Named):
    """Is the kind `low` lower at the low end of the axis and `high` at the high end, and are both below `against`?"""

    low: str
    high: str
    against: str
    metric: str = LATENCY

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        rows = of_setting(table)
        rows = rows[rows[self.metric].notna()]
        if axis is None or not {self.low, self.high, self.against} <= {*rows["scheme.kind"]}:
            return ""
        clauses = []
        for mine, theirs, end in ((self.low, self.high, rows[axis].min()), (self.high, self.low, rows[axis].max())):
            less = of_kinds(rows[rows[axis] == end], axis, mine, theirs, self.metric)
            word = "yes, " if less.lower else "no, " if less.separable else ""
            clauses.append(f"{mine} below {theirs} at {title(axis)} {quantity(end, axis)}: {word}{percent(less)}")
        for kind in (self.low, self.high):
            clauses.append(f"{kind} below {self.against} {below_where(rows, axis, kind, self.against, self.metric)}")
        return "; ".join(clauses)


@dataclass(frozen=True)
class Differences(Named):
    """How far is each kind of `first` from each of `second` in `metric`, within each group of the column `by`?"""

    first: Sequence[str]
    second: Sequence[str]
    metric: str
    by: str

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        if self.by not in table.columns:
            return ""
        clauses = []
        for one in self.first:
            for other in self.second:
                found = in_groups(of_setting(table), self.by, one, other, self.metric)
                clauses.append(
                    listed(f"{one} against {other}", [f"{name} {percent(less)}" for name, less in found], ", ")
                )
        clauses = [*filter(None, clauses)]
        return f"{title(self.metric)}, {'; '.join(clauses)}" if clauses else ""


@dataclass(frozen=True)
class InEveryGroup(Named):
    """Is each kind of `first` lower or higher than `second` in each of `metrics`, in every group of the column `by`?"""

    first: Sequence[str]
    second: str
    metrics: Sequence[str]
    by: str

    @property
    def metric(self) -> str:
        return self.metrics[0]

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        if self.by not in table.columns:
            return ""
        clauses = []
        for one in self.first:
            found = [
                (name, in_all_groups(in_groups(of_setting(table), self.by, one, self.second, name)))
                for name in self.metrics
            ]
            each = ", ".join(f"{title(name)} {line}" for name, line in found if line)
            clauses += [f"{one} against {self.second}, {each}"] if each else []
        return "; ".join(clauses)


@dataclass(frozen=True)
class Instead(Named):
    """By how much does one value of a field, in place of another, change each of `metrics`, all else the same?"""

    heading: str
    column: str
    value: str
    base: str
    metrics: Sequence[str]
    where: dict[str, object] = field(default_factory=dict)
    """Only rows with these values; None for a field that is not set."""
    ends: bool = True
    """At both ends of the axis alone, not at each of its values."""

    @property
    def metric(self) -> str:
        return self.metrics[0]

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        rows = of_setting(table)
        if not {self.column, *self.where} <= {*rows.columns}:
            return ""
        for name, wanted in self.where.items():
            rows = rows[rows[name].isna() if wanted is None else rows[name] == wanted]
        clauses = []
        for shared, mine, theirs in self._pairs(rows):
            pair = rows[rows[CURVE].isin([mine, theirs])]
            found = [(metric, _percent_along(pair, axis, metric, mine, theirs, self.ends)) for metric in self.metrics]
            each = ", ".join(f"{title(metric)} {line}" for metric, line in found if line)
            clauses += [f"{shared} {each}"] if each else []
        return listed(self.heading, clauses)

    def _pairs(self, rows: pd.DataFrame) -> list[tuple[str, str, str]]:
        """The pairs of curves that differ in the column alone: the name of both, the one with `value`, with `base`."""
        word = self.column.removesuffix(".kind").rsplit(".", 1)[-1]
        values = rows[self.column].map(str)
        mine, theirs = (
            {str(curve): str(curve).replace(f" {word}={value}", "") for curve in rows.loc[values == value, CURVE]}
            for value in (self.value, self.base)
        )
        return [(shared, one, two) for one, shared in mine.items() for two, other in theirs.items() if shared == other]


@dataclass(frozen=True)
class Costs(Named):
    """How many times its `metric` at one end of the axis does each scheme have at the other, for each value of `by`?"""

    heading: str
    """What is compared: `{end} of loss against {start}`."""
    metric: str = LATENCY
    by: str | None = None
    downwards: bool = False
    """Whether the axis is worse at its low end."""

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        rows = of_setting(table)
        rows = rows[rows[self.metric].notna()]
        if axis is None or rows.empty or rows[axis].nunique() < 2:
            return ""
        start, end = sorted((float(rows[axis].min()), float(rows[axis].max())), reverse=self.downwards)
        clauses = []
        for name, part in parts(rows, self.by, plain=True):
            found = _ends(part, axis, start, end, self.metric)
            clauses += [name + ", ".join(f"{curve} {times(ratio)}" for curve, ratio in found)] if found else []
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
        line = crossings(rows, axis, _alike(rows, self.kind, self.against), self.metric)
        return listed(f"{title(self.metric)} below that of {self.against}, over {title(axis)}", [line])


@dataclass(frozen=True)
class PaysFirst(Named):
    """For how many curves of each of `kinds` is there a stretch of the axis where it is below `against`, and which is
    first along the axis?"""

    kinds: Sequence[str]
    against: str
    metric: str = LATENCY

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        if axis is None:
            return ""
        rows = of_setting(table)
        found = [(kind, first_of(rows, axis, _alike(rows, kind, self.against), self.metric)) for kind in self.kinds]
        clauses = [f"{kind} {line}" for kind, line in found if line]
        return listed(f"{title(self.metric)} below that of {self.against}", clauses)


def comparison(
    cells: pd.DataFrame, axis: str | None, where: Sequence[float], first: str, second: str, metric: str
) -> str:
    """By how many percent the curve `first` is below `second` at these values of the axis; "" where at none."""
    clauses = []
    for value in where if axis is not None else (math.nan,):
        here = cells[cells[metric].notna() & (True if axis is None else np.isclose(cells[axis], value, rtol=1e-9))]
        less = paired(here, metric, here[CURVE] == first, here[CURVE] == second)
        if less.n:
            clauses.append(percent(less) + at(value, axis))
    return f"{first} against {second} {', '.join(clauses)}" if clauses else ""


def of_kinds(cells: pd.DataFrame, axis: str | None, first: str, second: str, metric: str) -> Difference:
    """`first` against `second`, two kinds of schemes, each by that of its curves which is lowest, paired by seed."""
    rows = lowest_of_kinds(cells[cells["scheme.kind"].isin((first, second))], axis, metric)
    return paired(rows, metric, rows[CURVE] == first, rows[CURVE] == second)


def below_where(cells: pd.DataFrame, axis: str, first: str, second: str, metric: str) -> str:
    """`everywhere`, `up to 0.7`, `nowhere that the seeds can tell`: where the kind `first` is below `second`."""
    found = {value: of_kinds(rows, axis, first, second, metric) for value, rows in along(cells, axis)}
    lower = [value for value, less in found.items() if less.lower]
    limit = would_show(less for less in found.values() if not less.separable)
    nowhere = f"nowhere that the seeds can tell{limit and f' ({limit})'}"
    return stretches(cells[cells[axis].isin(lower)], cells, axis) or nowhere


def in_groups(cells: pd.DataFrame, by: str, first: str, second: str, metric: str) -> list[tuple[str, Difference]]:
    """The kind `first` against `second` in each group of a column.

    Groups differ in more than their name (other texts, other links), so nothing is compared across them. Where a kind
    has several curves in a group, those are compared that come in the same order.
    """
    found = []
    for name, rows in groups(cells[cells[metric].notna()], by):
        for mine, theirs in zip(curves_of(rows, first), curves_of(rows, second), strict=False):
            less = paired(rows, metric, rows[CURVE] == mine, rows[CURVE] == theirs)
            found += [(name, less)] if less.n else []
    return found


def in_all_groups(found: Sequence[tuple[str, Difference]]) -> str:
    """`91% to 93% lower in all 6`, `13% higher in french, not distinguishable in 5 of 6`; "" where in none."""
    clauses = []
    for way, sign in (("lower", -1), ("higher", 1)):
        there = {name: less for name, less in found if less.separable and sign * less.size > 0}
        if there:
            where = f"all {len(found)}" if len(there) == len(found) > 1 else joined([*there])
            clauses.append(f"{sizes([*there.values()], 2)} {way} in {where}")
    alike = [less for _, less in found if not less.separable]
    clauses += [indistinguishable(alike, where=f"in {len(alike)} of {len(found)}")] if alike else []
    return ", ".join(clauses)


def crossings(cells: pd.DataFrame, axis: str, pairs: Sequence[tuple[str, str]], metric: str) -> str:
    """`a from 3 kbit/s on (2 to 5); b nowhere`: where the first of each pair of curves passes the second."""
    return "; ".join(f"{first} {passes(found, axis)}" for first, found in _crossings(cells, axis, pairs, metric))


def _crossings(
    cells: pd.DataFrame, axis: str, pairs: Sequence[tuple[str, str]], metric: str
) -> list[tuple[str, Crossing]]:
    """The pairs that can be compared, by their first."""
    found = [(first, crossing(cells, axis, first, second, metric)) for first, second in pairs]
    return [(first, there) for first, there in found if there is not None]


def first_of(cells: pd.DataFrame, axis: str, pairs: Sequence[tuple[str, str]], metric: str) -> str:
    """`everywhere for a, somewhere for 3 of 5, first b from 3 kbit/s on`; "" where none can be compared."""
    found = _crossings(cells, axis, pairs, metric)
    everywhere = [first for first, there in found if not there.log10_at.n and there.below > there.above + there.often]
    crossed = [(first, there) for first, there in found if there.crosses]
    clauses = [f"everywhere for {joined(everywhere)}"] if everywhere else []
    if crossed:
        first, there = min(crossed, key=lambda item: item[1].log10_at.mean if item[1].rising else math.inf)
        clauses.append(f"somewhere for {len(crossed)} of {len(found)}, first {first} {passes(there, axis)}")
    nowhere = len(found) - len(everywhere) - len(crossed)
    clauses += [f"nowhere for {nowhere} of {len(found)}"] if nowhere else []
    return ", ".join(clauses)


def _alike(rows: pd.DataFrame, kind: str, against: str) -> list[tuple[str, str]]:
    """The pairs of curves of two kinds that differ in the scheme alone."""
    return [
        (mine, theirs)
        for mine in curves_of(rows, kind)
        for theirs in curves_of(rows, against)
        if unmarked(mine).removeprefix(kind) == unmarked(theirs).removeprefix(against)
    ]


def _ends(cells: pd.DataFrame, axis: str, start: float, end: float, metric: str) -> list[tuple[str, Difference]]:
    """The metric of each curve at the value `end` of the axis against that at `start`, paired by seed."""
    found = []
    for curve, rows in cells[cells[metric].notna()].groupby(CURVE, sort=False):
        one, other = (
            rows[np.isclose(rows[axis].astype(float), value, rtol=1e-9)].set_index("seed")[metric]
            for value in (start, end)
        )
        if one.index.has_duplicates or other.index.has_duplicates:
            continue
        common = one.index.intersection(other.index)
        more = paired_values(metric, other[common].to_numpy(dtype=float), one[common].to_numpy(dtype=float))
        found += [(str(curve), more)] if more.n else []
    return found


def _percent_along(cells: pd.DataFrame, axis: str | None, metric: str, first: str, second: str, ends_only: bool) -> str:
    """`45% lower (44% to 46%) at 1 kbit/s, ...` of a curve against another at the ends of the axis; where both ends
    read the same, once."""
    found: list[tuple[str, str]] = []
    there = [(value, rows) for value, rows in along(cells[cells[metric].notna()], axis) if rows[CURVE].nunique() > 1]
    for value, rows in [there[0], there[-1]] if ends_only and len(there) > 1 else there:
        less = paired(rows, metric, rows[CURVE] == first, rows[CURVE] == second)
        if less.n:
            found.append((percent(less), at(value, axis)))
    if len({line for line, _ in found}) == 1:
        return found[0][0]
    return ", ".join(f"{line}{where}" for line, where in found)
