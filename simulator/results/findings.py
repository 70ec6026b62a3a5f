"""What a sweep says, computed: which curve is lowest where on the swept axis, and where none can be told.

At each value of the axis every curve is compared with the one of least geometric mean, seed by seed; those whose 95%
interval of the mean ln ratio covers 0 are not distinguishable from it. Neighbouring values with the same outcome make
one clause.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.intervals import Difference, Interval, geometric_means, paired
from simulator.results.units import quantity, title

INDISTINGUISHABLE = "not distinguishable"
FEW_SEEDS = 8
"""Of fewer none says that two are not distinguishable without the difference that they would have shown."""
DISTINGUISHABLE = "Distinguishable: the 95% interval of mean ln(a/b), paired by seed, leaves out 0 (shown: a/b - 1)."


@dataclass(frozen=True)
class Outcome:
    """One value of the axis: the lowest curve, those not distinguishable from it, and the best of the others.

    `margin` is the lowest against the next, paired over seeds; None where every curve is in `tied` or alone.
    """

    at: float
    lowest: str
    tied: tuple[str, ...]
    following: str | None
    margin: Difference | None
    mean: float = math.nan
    """The arithmetic mean of the lowest."""
    unclear: tuple[Difference, ...] = ()
    """The lowest against each of the others in `tied`."""


def outcomes(cells: pd.DataFrame, axis: str | None, metric: str = "latency_per_token_s") -> list[Outcome]:
    """An outcome for each value of `axis`, ascending, from a cells table with `curve`, `seed` and `metric`.

    Without an axis there is one, at nan.
    """
    found = []
    for at in [math.nan] if axis is None else sorted(cells[axis].dropna().unique()):
        here = cells[cells[metric].notna() & (True if axis is None else cells[axis] == at)]
        if len(here):
            order = geometric_means(here, CURVE, metric).sort_values(kind="stable").index
            found.append(_outcome(here, float(at), metric, [str(curve) for curve in order]))
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
    """At each value of `axis` the rows of that curve of each kind of scheme whose geometric mean is least, under the
    kind's name.

    Of several curves of a kind the luckiest is taken, so that a kind with more of them has a little more luck.
    """
    where = ["scheme.kind"] if axis is None else [axis, "scheme.kind"]
    kept = []
    for _, rows in cells[cells[metric].notna()].groupby(where, sort=False):
        kept.append(rows[rows[CURVE] == geometric_means(rows, CURVE, metric).idxmin()])
    found = pd.concat(kept) if kept else cells.head(0)
    return found.assign(**{CURVE: found["scheme.kind"]})


def comparison(cells: pd.DataFrame, axis: str | None, at: Sequence[float], first: str, second: str, metric: str) -> str:
    """By how many percent the curve `first` is below `second` at these values of the axis; "" where at none."""
    told = []
    for value in at if axis is not None else (math.nan,):
        here = cells[cells[metric].notna() & (True if axis is None else np.isclose(cells[axis], value, rtol=1e-9))]
        less = paired(here, metric, here[CURVE] == first, here[CURVE] == second)
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


def percent(less: Difference) -> str:
    """`12% lower (9% to 15%)`, and whether the seeds can tell: `not distinguishable (-1.2%, -4.0% to 1.7%)`, where they
    are few with `would_show`."""
    way = "lower" if less.found.mean < 0 else "higher"
    if less.same and not less.found.mean:
        return "equal (in every seed)"
    if less.n == 1 or less.same:
        return f"{sizes([less])} {way} ({'one seed' if less.n == 1 else 'the same in every seed'})"
    if not less.separable:
        size, low, high = (_amount(less, each) for each in (less.size, less.low, less.high))
        return indistinguishable([less], f"{size}, {low} to {high}")
    near, size, far = (_amount(less, each) for each in sorted((abs(less.low), abs(less.size), abs(less.high))))
    return f"{size} {way} ({near} to {far})"


def would_show(found: Iterable[Difference]) -> str:
    """`a difference above 6% would have shown`: the half-width of the mean ln ratio, the largest of several; "" of
    FEW_SEEDS or more, of one seed, and of seeds that all say the same, which have no interval."""
    few = [less for less in found if 1 < less.n < FEW_SEEDS and not less.same]
    if not few:
        return ""
    widest = max((less for less in few if less.relative == few[0].relative), key=lambda less: less.found.half_width)
    half = widest.found.half_width
    if not math.isfinite(half):
        return "no difference would have shown"
    least = f"{quantity(100 * math.expm1(half), '', 2)}%" if widest.relative else quantity(half, widest.metric, 2)
    return f"a difference above {least} would have shown"


def indistinguishable(found: Iterable[Difference], *more: str) -> str:
    """`not distinguishable (more; a difference above 6% would have shown)`."""
    said = "; ".join(each for each in (*more, would_show(found)) if each)
    return f"{INDISTINGUISHABLE} ({said})" if said else INDISTINGUISHABLE


def sizes(found: Sequence[Difference], digits: int = 3) -> str:
    """`7% to 12%`: the least and the largest of some differences without their signs."""
    ordered = sorted(found, key=lambda less: abs(less.size))
    told = [
        f"{quantity(100 * abs(less.size), '', digits)}%"
        if less.relative and math.isfinite(less.size)
        else quantity(abs(less.size), less.metric, digits)
        for less in (ordered[0], ordered[-1])
    ]
    return " to ".join(dict.fromkeys(told))


def _amount(less: Difference, value: float) -> str:
    """A value of a difference to the digits that its interval allows, in the metric's unit where it is no ratio."""
    if not less.relative:
        return quantity(value, less.metric)
    if not math.isfinite(value):
        return quantity(value, "")
    half = 50 * (less.high - less.low)
    digits = 0 if half >= 10 else 1 if half >= 0.1 else 2
    return f"{100 * value:,.{digits}f}%"


def _outcome(here: pd.DataFrame, at: float, metric: str, order: list[str]) -> Outcome:
    """`order`: the curves at this value, lowest mean first."""
    lowest = order[0]
    against = {other: paired(here, metric, here[CURVE] == lowest, here[CURVE] == other) for other in order[1:]}
    behind = [
        other for other in order[1:] if against[other].separable or (against[other].n == 1 and against[other].size != 0)
    ]
    tied = tuple(sorted({lowest, *order} - set(behind)))
    following = behind[0] if behind else None
    mean = float(here.loc[here[CURVE] == lowest, metric].mean())
    unclear = tuple(against[other] for other in order[1:] if other in tied)
    return Outcome(at, lowest, tied, following, against[following] if following else None, mean, unclear)


def _told(stretch: list[Outcome]) -> str:
    tied = stretch[0].tied
    if len(tied) > 1:
        return f"{joined(tied)} are {indistinguishable(less for outcome in stretch for less in outcome.unclear)}"
    margins = [(outcome.following, outcome.margin) for outcome in stretch if outcome.margin is not None]
    if not margins:
        return f"{tied[0]} alone"
    less = [margin for _, margin in margins]
    names = joined(tuple(dict.fromkeys(str(name) for name, _ in margins)))
    least, most = (pick(abs(each.size) for each in less) for pick in (min, max))
    by = sizes(less[:1] if np.isclose(least, most, rtol=0.05) else less, 2)
    one_seed = all(margin.n == 1 for margin in less)
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
