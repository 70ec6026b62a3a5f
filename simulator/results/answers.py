"""What answers to scenarios' questions are made of: who is lowest where, what one end of an axis costs against the
other, what one value of a field does in place of another. Words are computed from tables of cells with curves.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.findings import along, joined, lowest_of_kinds, outcomes, percent, span, stretches, would_show
from simulator.results.intervals import Difference, paired, paired_values
from simulator.results.lossy import ranked
from simulator.results.units import quantity


def lowest_where(cells: pd.DataFrame, axis: str | None, metric: str) -> str:
    """`a up to 1 kbit/s (30 ms to 20 ms), a or b from 2 kbit/s on (...)`: those that no seed tells from the lowest, and
    the lowest mean; lossy schemes left out. Where seeds are few, the difference that they would have shown."""
    found = outcomes(ranked(cells), axis, metric)
    told, last = [], len(found) - 1
    for tied, group in itertools.groupby(enumerate(found), key=lambda item: item[1].tied):
        run = list(group)
        (first, one), (end, other) = run[0], run[-1]
        where = "" if axis is None else f" {span(one.at, other.at, axis, first == 0, end == last)}"
        reached = dict.fromkeys(quantity(each.mean, metric) for each in (one, other))
        limit = would_show(less for _, each in run for less in each.unclear)
        told.append(f"{joined(tied, 'or')}{where} ({' to '.join(reached)}{limit and f'; {limit}'})")
    return ", ".join(told)


def ends(cells: pd.DataFrame, axis: str | None, start: float, end: float, metric: str) -> list[tuple[str, Difference]]:
    """Of each curve, its metric at the value `end` of the axis against that at `start`, paired by seed."""
    found = []
    for curve, rows in cells[cells[metric].notna()].groupby(CURVE, sort=False):
        if axis is None or curve is None:
            continue
        one, other = (
            rows[np.isclose(rows[axis].astype(float), at, rtol=1e-9)].set_index("seed")[metric] for at in (start, end)
        )
        if one.index.has_duplicates or other.index.has_duplicates:
            continue
        common = one.index.intersection(other.index)
        more = paired_values(metric, other[common].to_numpy(dtype=float), one[common].to_numpy(dtype=float))
        found += [(str(curve), more)] if more.n else []
    return found


def times(found: Difference) -> str:
    """`4.1 times (3.9 to 4.3)`; a difference that is no ratio by `percent`."""
    if not found.relative:
        return percent(found)
    ratio, low, high = 1 + found.size, 1 + found.low, 1 + found.high
    if (found.n == 1 or found.same) and abs(found.size) < 0.005:
        return "unchanged"
    if found.n == 1 or found.same or not np.isfinite(high):
        return f"{ratio:.3g} times"
    digits = max(0, 1 - int(np.floor(np.log10(max(ratio - low, 1e-3)))))
    return f"{ratio:.{digits}f} times ({low:.{digits}f} to {high:.{digits}f})"


def instead(
    cells: pd.DataFrame, field: str, value: object, base: object
) -> Iterator[tuple[str, pd.DataFrame, str, str]]:
    """Each pair of curves that differ in `field` alone: what both are called, their rows, the curve with `value`, the
    one with `base`."""
    word = field.removesuffix(".kind").rsplit(".", 1)[-1]
    values = cells[field].map(str)
    curves = {name: list(cells.loc[values == str(name), CURVE].unique()) for name in (value, base)}
    for mine in curves[value]:
        shared = mine.replace(f" {word}={value}", "")
        for theirs in curves[base]:
            if theirs.replace(f" {word}={base}", "") == shared:
                yield shared, cells[cells[CURVE].isin([mine, theirs])], mine, theirs


def percent_along(cells: pd.DataFrame, axis: str | None, metric: str, first: str, second: str, ends_only: bool) -> str:
    """`45% ± 1% lower at 1 kbit/s, ...` of a curve against another at the ends of the axis; where both ends say the
    same, once."""
    told: list[tuple[str, str]] = []
    parts = [(at, rows) for at, rows in along(cells[cells[metric].notna()], axis) if rows[CURVE].nunique() > 1]
    for at, rows in [parts[0], parts[-1]] if ends_only and len(parts) > 1 else parts:
        less = paired(rows, metric, rows[CURVE] == first, rows[CURVE] == second)
        if less.n:
            told.append((percent(less), "" if axis is None else f" at {quantity(at, axis)}"))
    if len({said for said, _ in told}) == 1:
        return told[0][0]
    return ", ".join(f"{said}{where}" for said, where in told)


def in_a_range(low: float, high: float, name: str) -> str:
    """`20 ms to 55 ms`, or one of them where both read the same."""
    return " to ".join(dict.fromkeys(quantity(value, name) for value in (low, high)))


def ranges(cells: pd.DataFrame, axis: str | None, metrics: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Of each curve the range of means along the axis of each metric."""
    found = []
    for curve, rows in cells.groupby(CURVE, sort=False):
        means = rows.groupby(axis)[list(metrics)].mean() if axis else rows[list(metrics)].mean().to_frame().T
        if means.notna().all(axis=None):
            found.append((str(curve), [in_a_range(means[name].min(), means[name].max(), name) for name in metrics]))
    return found


def compared(cells: pd.DataFrame, axis: str | None, first: str, second: str, metric: str) -> Difference:
    """`first` against `second`, two kinds of schemes, each by that of its curves which is lowest, paired by seed."""
    rows = lowest_of_kinds(cells[cells["scheme.kind"].isin((first, second))], axis, metric)
    return paired(rows, metric, rows[CURVE] == first, rows[CURVE] == second)


def below_where(cells: pd.DataFrame, axis: str, first: str, second: str, metric: str) -> str:
    """`everywhere`, `up to 0.7`, `nowhere that the seeds can tell`: where the kind `first` is below `second`."""
    found = {at: compared(rows, axis, first, second, metric) for at, rows in along(cells, axis)}
    lower = [at for at, less in found.items() if less.lower]
    limit = would_show(less for less in found.values() if not less.separable)
    nowhere = f"nowhere that the seeds can tell{limit and f' ({limit})'}"
    return stretches(cells[cells[axis].isin(lower)], cells, axis) or nowhere
