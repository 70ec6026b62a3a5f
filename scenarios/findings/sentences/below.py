"""By how much one scheme is below another: at values of the axis, in groups, and where schemes swap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios.findings.comparisons import Place, in_groups, lowest_of_kinds
from scenarios.findings.question import LATENCY, Named, OfMetrics, along, curves_of, of_setting, parts
from scenarios.findings.wording import (
    at,
    called,
    joined,
    listed,
    no_difference,
    percent,
    sizes,
    stretches,
    would_show,
)
from simulator.results.columns import CHOSEN
from simulator.results.intervals import Difference
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
    """What is compared where schemes choose for themselves: `chosen`, or `fixed`, what the grid gives to all."""

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
            clauses.append(
                f"{called(mine)} below {called(theirs)} at {title(axis)} {quantity(end, axis)}: {word}{percent(less)}"
            )
        for kind in (self.low, self.high):
            where = below_where(rows, axis, kind, self.against, self.metric)
            clauses.append(f"{called(kind)} below {called(self.against)} {where}")
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
                    listed(
                        f"{called(one)} against {called(other)}",
                        [f"{name} {percent(less)}" for name, less in found],
                        ", ",
                    )
                )
        clauses = [*filter(None, clauses)]
        return f"{title(self.metric)}, {'; '.join(clauses)}" if clauses else ""


@dataclass(frozen=True)
class InEveryGroup(OfMetrics):
    """Is each kind of `first` lower or higher than `second` in each of `metrics`, in every group of the column `by`?"""

    first: Sequence[str]
    second: str
    metrics: Sequence[str]
    by: str

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
            clauses += [f"{called(one)} against {called(self.second)}, {each}"] if each else []
        return "; ".join(clauses)


def comparison(
    cells: pd.DataFrame, axis: str | None, where: Sequence[float], first: str, second: str, metric: str
) -> str:
    """By how many percent the curve `first` is below `second` at these values of the axis; "" where at none."""
    clauses = []
    for value in where if axis is not None else (math.nan,):
        here = cells[cells[metric].notna() & (True if axis is None else np.isclose(cells[axis], value, rtol=1e-9))]
        less = Place(metric, here).of(first, second).less
        if less.n:
            clauses.append(percent(less) + at(value, axis))
    return f"{called(first)} against {called(second)} {', '.join(clauses)}" if clauses else ""


def of_kinds(cells: pd.DataFrame, axis: str | None, first: str, second: str, metric: str) -> Difference:
    """`first` against `second`, two kinds of schemes, each by that of its curves which is lowest, paired by seed."""
    rows = lowest_of_kinds(cells[cells["scheme.kind"].isin((first, second))], axis, metric)
    return Place(metric, rows).of(first, second).less


def below_where(cells: pd.DataFrame, axis: str, first: str, second: str, metric: str, *, brief: bool = False) -> str:
    """`everywhere`, `up to 0.7`, `nowhere seen (a difference above 6% would have been seen)`, or two words of
    that where `brief`: where the kind `first` is below `second`."""
    found = {value: of_kinds(rows, axis, first, second, metric) for value, rows in along(cells, axis)}
    lower = [value for value, less in found.items() if less.lower]
    limit = "" if brief else would_show(less for less in found.values() if not less.separable)
    nowhere = f"nowhere seen{limit and f' ({limit})'}"
    return stretches(cells[cells[axis].isin(lower)], cells, axis) or nowhere


def in_all_groups(found: Sequence[tuple[str, Difference]]) -> str:
    """`91% to 93% lower in all 6`, `13% higher in french, no difference seen in 5 of 6`; "" where in none."""
    clauses = []
    for direction, sign in (("lower", -1), ("higher", 1)):
        there = {name: less for name, less in found if less.separable and sign * less.size > 0}
        if there:
            where = f"all {len(found)}" if len(there) == len(found) > 1 else joined([*there])
            clauses.append(f"{sizes([*there.values()], 2)} {direction} in {where}")
    alike = [less for _, less in found if not less.separable]
    clauses += [no_difference(alike, between=f"in {len(alike)} of {len(found)}")] if alike else []
    return ", ".join(clauses)
