"""What one end of the axis costs against the other, and one value of a field in place of another, all else the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from scenarios.findings.question import LATENCY, Named, OfMetrics, along, of_setting, parts
from scenarios.findings.wording import at, called, listed, percent, times
from simulator.results.columns import CURVE
from simulator.results.intervals import Difference, paired, paired_values
from simulator.results.units import quantity, title


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


@dataclass(frozen=True)
class Instead(OfMetrics):
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
            clauses += [f"{called(shared)} {each}"] if each else []
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
