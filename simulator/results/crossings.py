"""From which value of an axis on one curve is below another: a crossing for each seed, and an interval over them.

Between two values of the axis the logarithm of the ratio is taken to be linear in the logarithm of the axis. A curve
that is below everywhere, or nowhere, has no crossing; nor has one that crosses more than once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kinds.arrays import Floats
from simulator.results import compared
from simulator.results.columns import CURVE
from simulator.results.findings import joined
from simulator.results.intervals import Interval, interval
from simulator.results.units import quantity

_WIDE = 1.0
"""Half-width of log10 from which on an interval says nothing: a factor of ten either way."""


@dataclass(frozen=True)
class Crossing:
    """Where the first curve passes the second. `below`: of the seeds that cross nowhere, those in which it is below
    everywhere; `above`: in which nowhere; `often`: those that cross more than once."""

    log10_at: Interval
    rising: bool
    """Whether the first is below from there on (else up to there)."""
    below: int
    above: int
    often: int

    def told(self, axis: str) -> str:
        """`from 20 kbit/s on (14 to 29)`, `everywhere`, `nowhere`, or what the seeds say where they disagree."""
        crossed = self.log10_at.n
        if not crossed:
            counts = {"everywhere": self.below, "nowhere": self.above, "here and there": self.often}
            found = [f"{word}{f' in {n} seeds' if n < sum(counts.values()) else ''}" for word, n in counts.items() if n]
            return ", ".join(found)
        ends = [self.log10_at.mean + sign * self.log10_at.half_width for sign in (-1, 1)]
        at, low, high = (quantity(float(10**x), axis, 2) for x in (self.log10_at.mean, *ends))
        where = f"from {at} on" if self.rising else f"up to {at}"
        spread = "" if math.isnan(self.log10_at.half_width) else f" ({low} to {high})"
        if self.log10_at.half_width > _WIDE:
            spread = " (seeds differ too much for an interval)"
        others = self.below + self.above + self.often
        return where + spread + (f", in {crossed} of {crossed + others} seeds" if others else "")


def crossing(cells: pd.DataFrame, axis: str, first: str, second: str, metric: str) -> Crossing | None:
    """Of a cells table with CURVE and `seed`; None where the two curves have no seed and two values in common."""
    mine, other = (
        cells[cells[CURVE] == curve].pivot_table(index="seed", columns=axis, values=metric) for curve in (first, second)
    )
    ratios = (mine / other).dropna()
    if ratios.shape[0] == 0 or ratios.shape[1] < 2:
        return None
    x = np.log10(ratios.columns.to_numpy(dtype=float))
    found = [_crossed(x, row) for row in np.log(ratios.to_numpy(dtype=float))]
    ways = [way for way, _ in found if way in ("rising", "falling")]
    rising = ways.count("rising") >= ways.count("falling")
    kept = [at for way, at in found if way == ("rising" if rising else "falling")]
    counts = [way for way, _ in found]
    often = counts.count("often") + len(ways) - len(kept)
    compared.crossed(axis, metric, first, second, interval(kept), rising)
    return Crossing(interval(kept), rising, counts.count("below"), counts.count("above"), often)


def _crossed(x: Floats, ratios: Floats) -> tuple[str, float]:
    """How the logarithm of the ratio, [n] at x [n], changes its sign, and where."""
    below = ratios < 0
    places = np.flatnonzero(below[1:] != below[:-1])
    if places.size == 0:
        return ("below" if below[0] else "above"), math.nan
    if places.size > 1:
        return "often", math.nan
    i = int(places[0])
    share = ratios[i] / (ratios[i] - ratios[i + 1])
    return ("rising" if below[i + 1] else "falling"), float(x[i] + share * (x[i + 1] - x[i]))


def told(cells: pd.DataFrame, axis: str, pairs: Sequence[tuple[str, str]], metric: str) -> str:
    """One clause for each pair of curves that can be compared."""
    clauses = []
    for first, second in pairs:
        found = crossing(cells, axis, first, second, metric)
        if found is not None:
            clauses.append(f"{first} {found.told(axis)}")
    return "; ".join(clauses)


def first_of(cells: pd.DataFrame, axis: str, pairs: Sequence[tuple[str, str]], metric: str) -> str:
    """`everywhere for a, somewhere for 3 of 5, first b from 3 kbit/s on`; "" where none can be compared."""
    found = [
        (first, there) for first, second in pairs if (there := crossing(cells, axis, first, second, metric)) is not None
    ]
    everywhere = [first for first, there in found if not there.log10_at.n and there.below > there.above + there.often]
    crossed = [(first, there) for first, there in found if there.log10_at.n > there.above + there.below + there.often]
    told = [f"everywhere for {joined(everywhere)}"] if everywhere else []
    if crossed:
        first, there = min(crossed, key=lambda item: item[1].log10_at.mean if item[1].rising else math.inf)
        told.append(f"somewhere for {len(crossed)} of {len(found)}, first {first} {there.told(axis)}")
    nowhere = len(found) - len(everywhere) - len(crossed)
    told += [f"nowhere for {nowhere} of {len(found)}"] if nowhere else []
    return ", ".join(told)
