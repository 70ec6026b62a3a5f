"""Crossings of two curves along an axis: one for each seed, and an interval over them. ln of the ratio is linear in ln
of the axis between two values. A curve that crosses more than once has no crossing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kinds.arrays import Floats
from simulator.results.column_names import CURVE
from simulator.results.intervals import Interval, interval
from simulator.results.plain_values import Plain, plain


@dataclass(frozen=True)
class Crossing:
    """Crossing of the first curve and the second. `below`: of the seeds that cross nowhere, those in which it is below
    everywhere; `above`: in which nowhere; `often`: those that cross more than once."""

    metric: str
    first: str
    second: str
    axis: str
    log10_at: Interval
    rising: bool
    """True if the first curve is below from there on (else up to there)."""
    below: int
    above: int
    often: int

    @property
    def at(self) -> float:
        """The mean crossing, on the axis."""
        return float(10**self.log10_at.mean)

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of its interval; nan without one."""
        mean, half = self.log10_at.mean, self.log10_at.half_width
        return float(10 ** (mean - half)), float(10 ** (mean + half))

    def numbers(self, columns: Sequence[str]) -> dict[str, Plain]:
        """The crossing for a program; {} where no seed crosses."""
        low, high = self.ends
        found = {
            "metric": self.metric, "first": self.first, "second": self.second, "axis": self.axis,
            "first_is_lower": "from" if self.rising else "up to", "crossing": self.at, "crossing_low": low,
            "crossing_high": high, "n": self.log10_at.n,
        }  # fmt: skip
        return {name: plain(value) for name, value in found.items()} if self.log10_at.n else {}

    @property
    def crosses(self) -> bool:
        """True if more seeds cross than not."""
        return self.log10_at.n > self.above + self.below + self.often


def crossing(cells: pd.DataFrame, axis: str, first: str, second: str, metric: str) -> Crossing | None:
    """The crossing of two curves of a table of cells with CURVE and `seed`; None where the two curves have no seed and
    two values in common."""
    table = cells[["seed", axis, metric]]
    mine, other = (table[cells[CURVE] == curve].groupby(["seed", axis])[metric].mean() for curve in (first, second))
    ratios = (mine.dropna().unstack() / other.dropna().unstack()).dropna()
    if ratios.shape[0] == 0 or ratios.shape[1] < 2:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):  # the logarithm of 0 is below that of anything
        x = np.log10(ratios.columns.to_numpy(dtype=float))
        found = [_crossed(x, row) for row in np.log(ratios.to_numpy(dtype=float))]
    counts = Counter(how for how, _ in found)
    rising = counts["rising"] >= counts["falling"]
    kept = [at for how, at in found if how == ("rising" if rising else "falling")]
    often = len(found) - len(kept) - counts["below"] - counts["above"]
    return Crossing(metric, first, second, axis, interval(kept), rising, counts["below"], counts["above"], often)


def _crossed(x: Floats, ratios: Floats) -> tuple[str, float]:
    """Returns the kind of sign change of the logarithm of the ratio, [n] at x [n], and its place."""
    below = ratios < 0
    places = np.flatnonzero(below[1:] != below[:-1])
    if places.size == 0:
        return ("below" if below[0] else "above"), math.nan
    if places.size > 1:
        return "often", math.nan
    i = int(places[0])
    share = ratios[i] / (ratios[i] - ratios[i + 1])
    return ("rising" if below[i + 1] else "falling"), float(x[i] + share * (x[i + 1] - x[i]))
