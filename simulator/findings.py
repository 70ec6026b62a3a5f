"""What a sweep says, computed: which curve is lowest where on the swept axis, and where none can be told.

At each value of the axis every curve is compared with the one of least mean, seed by seed; those whose 95% interval of
the difference covers 0 are not separable from it. Neighbouring values with the same outcome make one line.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulator.stats import CURVE, Interval, interval, paired
from simulator.units import quantity, title

SEPARABLE = "Separable: the 95% interval of the difference, paired by seed, leaves out 0."


@dataclass(frozen=True)
class Outcome:
    """One value of the axis: the lowest curve, those not separable from it, and the best of the others.

    `margin` is (lowest - next) / next, paired over seeds; None where every curve is in `tied` or alone.
    """

    at: float
    lowest: str
    tied: tuple[str, ...]
    following: str | None
    margin: Interval | None


def outcomes(cells: pd.DataFrame, axis: str, metric: str = "latency_per_token_s") -> list[Outcome]:
    """An outcome for each value of `axis`, ascending, from a cells table with `curve`, `seed` and `metric`."""
    found = []
    for at in sorted(cells[axis].dropna().unique()):
        here = cells[(cells[axis] == at) & cells[metric].notna()]
        means = {str(curve): interval(rows[metric].to_numpy()).mean for curve, rows in here.groupby(CURVE, sort=False)}
        if means:
            found.append(_outcome(here, float(at), metric, sorted(means, key=lambda curve: means[curve])))
    return found


def lines(cells: pd.DataFrame, axis: str, metric: str = "latency_per_token_s") -> list[str]:
    """The outcomes as sentences, one for each stretch of the axis over which they agree."""
    found = outcomes(cells, axis, metric)
    last = len(found) - 1
    told = []
    for _, group in itertools.groupby(enumerate(found), key=lambda item: (item[1].tied, item[1].following is None)):
        stretch = list(group)
        where = _stretch(stretch[0][1].at, stretch[-1][1].at, axis, stretch[0][0] == 0, stretch[-1][0] == last)
        told.append(f"{title(metric)}, {title(axis)} {where}: {_told([outcome for _, outcome in stretch])}")
    return told


def _outcome(here: pd.DataFrame, at: float, metric: str, order: list[str]) -> Outcome:
    """`order`: the curves at this value, lowest mean first."""
    lowest = order[0]
    against = {
        other: paired(here, metric, here[CURVE] == lowest, here[CURVE] == other, relative=True) for other in order[1:]
    }
    behind = [other for other in order[1:] if against[other].separable or against[other].n == 1]
    tied = tuple(sorted({lowest, *order} - set(behind)))
    following = behind[0] if behind else None
    return Outcome(at, lowest, tied, following, against[following] if following else None)


def _told(stretch: list[Outcome]) -> str:
    tied = stretch[0].tied
    if len(tied) > 1:
        return f"{_and(tied)} are not separable"
    margins = [(outcome.following, outcome.margin) for outcome in stretch if outcome.margin is not None]
    if not margins:
        return f"{tied[0]} alone"
    less = [-100 * margin.mean for _, margin in margins]
    names = _and(tuple(dict.fromkeys(str(name) for name, _ in margins)))
    by = f"{min(less):.2g}%" if np.isclose(min(less), max(less), rtol=0.05) else f"{min(less):.2g}% to {max(less):.2g}%"
    one_seed = all(margin.n == 1 for _, margin in margins)
    return f"{tied[0]} is lowest, {by} below the next ({names})" + ("; one seed, no interval" if one_seed else "")


def _stretch(low: float, high: float, axis: str, from_start: bool, to_end: bool) -> str:
    """`at a`, `up to b`, `from a on` or `a to b`, in the axis's unit."""
    if low == high:
        return f"at {quantity(low, axis)}"
    if from_start and not to_end:
        return f"up to {quantity(high, axis)}"
    if to_end and not from_start:
        return f"from {quantity(low, axis)} on"
    return f"{quantity(low, axis)} to {quantity(high, axis)}" + (" (all of it)" if from_start else "")


def _and(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
