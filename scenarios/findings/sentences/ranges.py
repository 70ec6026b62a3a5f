"""Between what the means of a metric lie: along the axis, or in each group of a column of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from scenarios.findings.question import Named, OfMetrics, groups, of_setting
from scenarios.findings.wording import between, called, listed, with_interval
from simulator.results.columns import CURVE
from simulator.results.intervals import interval
from simulator.results.units import title


@dataclass(frozen=True)
class Ranges(OfMetrics):
    """Between what do means of `metrics` lie along the axis, scheme by scheme?"""

    heading: str
    metrics: Sequence[str]

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        clauses, names = [], list(self.metrics)
        for curve, rows in of_setting(table).groupby(CURVE, sort=False):
            means = rows.groupby(axis)[names].mean() if axis else rows[names].mean().to_frame().T
            if means.notna().all(axis=None):
                found = [between(means[name].min(), means[name].max(), name) for name in names]
                clauses.append(f"{called(curve)} {', '.join(found)}")
        return listed(self.heading, clauses)


@dataclass(frozen=True)
class Levels(Named):
    """What is the mean of `metric` of the schemes of one kind in each group of the column `by`, or in all?

    Groups differ in more than their name (other texts, other links), so each mean has an interval of its own.
    """

    kind: str
    metric: str
    by: str | None = None
    note: str = ""
    """What a reader must know to take the numbers for what they are."""

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        if self.by is not None and self.by not in table.columns:
            return ""
        rows = of_setting(table)
        rows = rows[(rows["scheme.kind"] == self.kind) & rows[self.metric].notna()]
        clauses = []
        for name, group in [("", rows)] if self.by is None else groups(rows, self.by):
            for _, curve in group.groupby(CURVE, sort=False):
                found = interval(curve.groupby("seed")[self.metric].mean().to_numpy())
                clauses.append(f"{name} {with_interval(found, self.metric)}".lstrip())
        line = listed(f"{title(self.metric)}, {called(self.kind)}", clauses, ", ")
        return f"{line} ({self.note})" if line and self.note else line
