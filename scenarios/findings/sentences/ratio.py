"""What one end of the axis costs against the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios.findings.question import LATENCY, Named, of_setting, parts
from scenarios.findings.wording import called, listed, times
from simulator.results.columns import CURVE
from simulator.results.intervals import Difference, paired_values
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
