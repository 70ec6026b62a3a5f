"""What changed between two tables of the same settings, and what of that is more than noise.

Where the two have seeds in common the differences are taken seed by seed: the same seed means the same texts and random
numbers, whatever changed beside them. Else the means are compared by Welch's test. Both are of logarithms
(`intervals.Difference`) and have an interval and a p-value; of many at once some look like a change by chance, which
`beyond_noise` holds down. A single seed shows only that the value is another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from kinds.arrays import Floats, Ints
from simulator.results.intervals import CONFIDENCE, Difference, Interval, paired_values

Control = Literal["bh", "holm"]
LEVEL: Final = round(1 - CONFIDENCE, 9)
"""The level of `beyond_noise`: what CONFIDENCE leaves."""


@dataclass(frozen=True)
class Change:
    """One metric of one setting: its means, and `difference`, after against before; `p` is nan where there is no
    interval."""

    metric: str
    before: float
    after: float
    difference: Difference
    p: float
    paired: bool


@dataclass(frozen=True)
class ChangedMetrics:
    """What changed in one setting. `gone`: metrics with a value before and none after, as where no request is answered
    any more; `came`: the other way round."""

    differing: Sequence[Change]
    gone: Sequence[str]
    came: Sequence[str]


def changes(before: pd.DataFrame, after: pd.DataFrame, metrics: Sequence[str]) -> ChangedMetrics:
    """Which of `metrics` differ between the rows of a setting in one table and in another, one row a seed each."""
    seeds = before["seed"].to_numpy(), after["seed"].to_numpy()
    values = [rows[list(metrics)].to_numpy(dtype=np.float64, na_value=math.nan) for rows in (before, after)]
    differing, gone, came = [], [], []
    for place, metric in enumerate(metrics):
        one, other = values[0][:, place], values[1][:, place]
        there = ~np.isnan(one), ~np.isnan(other)
        if there[0].any() and there[1].any():
            found = _change(metric, (seeds[0][there[0]], one[there[0]]), (seeds[1][there[1]], other[there[1]]))
            differing += [found] if found is not None else []
        elif there[0].any():
            gone.append(metric)
        elif there[1].any():
            came.append(metric)
    return ChangedMetrics(differing, gone, came)


def _change(metric: str, before: tuple[Ints, Floats], after: tuple[Ints, Floats]) -> Change | None:
    """From seeds and values [n], each side; None where they are the same."""
    common, *places = np.intersect1d(before[0], after[0], return_indices=True)
    paired = common.size > 1 or (common.size == 1 and min(before[0].size, after[0].size) == 1)
    one, other = (before[1][places[0]], after[1][places[1]]) if paired else (before[1], after[1])
    difference, p = _by_seed(metric, one, other) if paired else _welch(metric, one, other)
    if not difference.found.mean and (difference.n == 1 or difference.same):
        return None
    return Change(metric, float(one.mean()), float(other.mean()), difference, p, paired)


def beyond_noise(changes: Sequence[Change], control: Control) -> list[bool]:
    """Which changes are more than noise, all taken together at LEVEL; none without an interval is.

    `holm` (Holm 1979): the probability that any of them is a false alarm is at most LEVEL. `bh` (Benjamini and Hochberg
    1995): of those that are reported, a share of at most LEVEL is false, on average. What is the same on both sides is
    no change, and does not count among the tests.
    """
    p = np.array([each.p for each in changes])
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    m = len(order)
    limits = LEVEL * np.arange(1, m + 1) / m if control == "bh" else LEVEL / np.arange(m, 0, -1)
    within = p[order] <= limits
    if control == "bh":
        kept = int(np.flatnonzero(within).max()) + 1 if within.any() else 0
    else:
        kept = m if within.all() else int(np.argmin(within))
    beyond = np.zeros(len(changes), dtype=bool)
    beyond[order[:kept]] = True
    return [bool(each) for each in beyond]


def _by_seed(metric: str, before: Floats, after: Floats) -> tuple[Difference, float]:
    difference = paired_values(metric, after, before)
    found = difference.found
    if found.n == 1:
        return difference, math.nan
    if found.same:
        return difference, 0.0  # each seed by the same amount
    error = found.half_width / float(stdtrit(found.n - 1, (1 + CONFIDENCE) / 2))
    return difference, _two_sided(found.mean / error, found.n - 1)


def _welch(metric: str, before: Floats, after: Floats) -> tuple[Difference, float]:
    """Two samples of unequal variance, degrees of freedom by Welch and Satterthwaite; n is that of the smaller one."""
    relative = bool((before > 0).all() and (after > 0).all() and np.isfinite([before.max(), after.max()]).all())
    if relative:
        before, after = np.log(before), np.log(after)
    mean, n = float(after.mean() - before.mean()), min(before.size, after.size)
    if n == 1:
        return Difference(metric, Interval(mean, math.nan, 1), relative), math.nan
    parts = [float(each.var(ddof=1)) / each.size for each in (before, after)]
    squared = sum(parts)
    if squared == 0:
        return Difference(metric, Interval(mean, math.nan, n), relative), 0.0
    degrees = squared**2 / sum(part**2 / (each.size - 1) for part, each in zip(parts, (before, after), strict=True))
    error = math.sqrt(squared)
    found = Interval(mean, float(stdtrit(degrees, (1 + CONFIDENCE) / 2)) * error, n)
    return Difference(metric, found, relative), _two_sided(mean / error, degrees)


def _two_sided(t: float, degrees: float) -> float:
    return 2 * float(stdtr(degrees, -abs(t)))
