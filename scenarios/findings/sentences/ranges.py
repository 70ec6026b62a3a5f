"""Between what the means of a metric lie along the axis or in groups of a column of names, and how many times one end
of the axis the other is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios.findings.question import LATENCY, Named, OfMetrics, groups, of_setting, parts
from scenarios.findings.wording import between, called, listed, times, with_interval
from simulator.results.columns import CURVE
from simulator.results.intervals import Difference, interval, paired_values
from simulator.results.units import quantity, title


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


@dataclass(frozen=True)
class Costs(Named):
    """How many times its `metric` at one end of the axis does each scheme have at the other, for each value of `by`?"""

    heading: str
    """What is compared: `{end} of loss against {start}`."""
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
