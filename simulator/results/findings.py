"""What a sweep says, computed: which curve is lowest where on the swept axis, and where none can be told.

At each value of the axis every curve is compared with the one of least mean, seed by seed; those whose 95% interval of
the difference covers 0 are not separable from it. Neighbouring values with the same outcome make one clause.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.intervals import Interval, interval, paired
from simulator.results.units import quantity, title

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
    mean: float = math.nan
    """Of the lowest."""


def outcomes(cells: pd.DataFrame, axis: str | None, metric: str = "latency_per_token_s") -> list[Outcome]:
    """An outcome for each value of `axis`, ascending, from a cells table with `curve`, `seed` and `metric`.

    Without an axis there is one, at nan.
    """
    found = []
    for at in [math.nan] if axis is None else sorted(cells[axis].dropna().unique()):
        here = cells[cells[metric].notna() & (True if axis is None else cells[axis] == at)]
        means = {str(curve): interval(rows[metric].to_numpy()).mean for curve, rows in here.groupby(CURVE, sort=False)}
        if means:
            found.append(_outcome(here, float(at), metric, sorted(means, key=lambda curve: means[curve])))
    return found


def lowest(cells: pd.DataFrame, axis: str | None, metric: str = "latency_per_token_s") -> str:
    """The outcomes as one sentence, a clause for each stretch of the axis over which they agree; "" where none."""
    found = outcomes(cells, axis, metric)
    last = len(found) - 1
    told = []
    for _, group in itertools.groupby(enumerate(found), key=lambda item: (item[1].tied, item[1].following is None)):
        stretch = list(group)
        where = ""
        if axis is not None:
            where = span(stretch[0][1].at, stretch[-1][1].at, axis, stretch[0][0] == 0, stretch[-1][0] == last)
        told.append(f"{where} {_told([outcome for _, outcome in stretch])}".lstrip())
    over = "" if axis is None else f" over {title(axis)}"
    return f"{title(metric)}{over}: {'; '.join(told)}" if told else ""


def lowest_of_kinds(cells: pd.DataFrame, axis: str | None, metric: str) -> pd.DataFrame:
    """At each value of `axis` the rows of that curve of each kind of scheme whose mean is least, under the kind's name.

    Of several curves of a kind the luckiest is taken, so that a kind with more of them has a little more luck.
    """
    where = ["scheme.kind"] if axis is None else [axis, "scheme.kind"]
    kept = []
    for _, rows in cells[cells[metric].notna()].groupby(where, sort=False):
        means = rows.groupby(CURVE, sort=False)[metric].mean()
        kept.append(rows[rows[CURVE] == means.idxmin()])
    found = pd.concat(kept) if kept else cells.head(0)
    return found.assign(**{CURVE: found["scheme.kind"]})


def comparison(cells: pd.DataFrame, axis: str | None, at: Sequence[float], first: str, second: str, metric: str) -> str:
    """By how many percent of `second` the curve `first` is below it at these values of the axis; "" where at none.

    Each figure is a mean of paired differences ± its 95% half-width.
    """
    told = []
    for value in at if axis is not None else (math.nan,):
        here = cells[cells[metric].notna() & (True if axis is None else np.isclose(cells[axis], value, rtol=1e-9))]
        less = paired(here, metric, here[CURVE] == first, here[CURVE] == second, relative=True)
        if less.n:
            told.append(percent(less) + ("" if axis is None else f" at {quantity(value, axis)}"))
    return f"{first} against {second} {', '.join(told)}" if told else ""


def along(cells: pd.DataFrame, axis: str | None) -> list[tuple[object, pd.DataFrame]]:
    """The rows at each value of the axis, ascending; all of them without one."""
    return [(None, cells)] if axis is None else list(cells.groupby(axis, sort=True))


def with_interval(found: Interval, metric: str) -> str:
    """`0.61 ± 0.04` with its unit, and why where there is no interval."""
    if found.same:
        return f"{quantity(found.mean, metric)} in every seed"
    spread = f" ± {quantity(found.half_width, metric, 2)}" if found.n > 1 else ""
    return quantity(found.mean, metric) + spread


def percent(less: Interval) -> str:
    """`12% ± 3% lower`, and whether the seeds can tell."""
    mean, half = 100 * abs(less.mean), 100 * less.half_width
    way = "lower" if less.mean < 0 else "higher"
    if less.n == 1:
        return f"{quantity(mean, '')}% {way} (one seed)"
    if less.same:
        return f"{quantity(mean, '')}% {way} (the same in every seed)" if less.mean else "equal (in every seed)"
    digits = 0 if half >= 10 else 1 if half >= 0.1 else 2
    said = f"{mean:.{digits}f}% ± {half:.{digits}f}% {way}"
    return said if less.separable else f"not separable ({said})"


def _outcome(here: pd.DataFrame, at: float, metric: str, order: list[str]) -> Outcome:
    """`order`: the curves at this value, lowest mean first."""
    lowest = order[0]
    against = {
        other: paired(here, metric, here[CURVE] == lowest, here[CURVE] == other, relative=True) for other in order[1:]
    }
    behind = [
        other for other in order[1:] if against[other].separable or (against[other].n == 1 and against[other].mean != 0)
    ]
    tied = tuple(sorted({lowest, *order} - set(behind)))
    following = behind[0] if behind else None
    mean = float(here.loc[here[CURVE] == lowest, metric].mean())
    return Outcome(at, lowest, tied, following, against[following] if following else None, mean)


def _told(stretch: list[Outcome]) -> str:
    tied = stretch[0].tied
    if len(tied) > 1:
        return f"{joined(tied)} are not separable"
    margins = [(outcome.following, outcome.margin) for outcome in stretch if outcome.margin is not None]
    if not margins:
        return f"{tied[0]} alone"
    less = [-100 * margin.mean for _, margin in margins]
    names = joined(tuple(dict.fromkeys(str(name) for name, _ in margins)))
    by = f"{min(less):.2g}%" if np.isclose(min(less), max(less), rtol=0.05) else f"{min(less):.2g}% to {max(less):.2g}%"
    one_seed = all(margin.n == 1 for _, margin in margins)
    return f"{tied[0]} is lowest, {by} below the next ({names})" + ("; one seed, no interval" if one_seed else "")


def span(low: float, high: float, axis: str, from_start: bool, to_end: bool) -> str:
    """`at a`, `up to b`, `from a on`, `from a to b` or `everywhere`, in the axis's unit."""
    if from_start and to_end:
        return "everywhere"
    if low == high:
        return f"at {quantity(low, axis)}"
    if from_start:
        return f"up to {quantity(high, axis)}"
    if to_end:
        return f"from {quantity(low, axis)} on"
    return f"from {quantity(low, axis)} to {quantity(high, axis)}"


def stretches(flagged: pd.DataFrame, rows: pd.DataFrame, axis: str | None) -> str:
    """`up to 5 kbit/s, at 1 Mbit/s`: where along the axis of `rows` there are flagged ones; names one by one."""
    if axis is None:
        return ""
    if not pd.api.types.is_numeric_dtype(rows[axis]):
        names = list(flagged[axis].unique())
        return (
            "everywhere" if len(names) == rows[axis].nunique() else f"at {joined([quantity(at, axis) for at in names])}"
        )
    values, there = sorted(rows[axis].unique()), {*flagged[axis]}
    told = []
    for here, group in itertools.groupby(enumerate(values), key=lambda item: item[1] in there):
        run = [place for place, _ in group]
        if here:
            told.append(span(values[run[0]], values[run[-1]], axis, run[0] == 0, run[-1] == len(values) - 1))
    return ", ".join(told)


def joined(names: Sequence[str], word: str = "and") -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
