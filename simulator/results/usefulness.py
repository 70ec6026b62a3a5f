"""Where along an axis each scheme is of use: fast enough for a reader, faster than another scheme, or fastest."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.findings import joined, sizes, span
from simulator.results.intervals import paired
from simulator.results.units import quantity


@dataclass(frozen=True)
class Reach:
    """One curve: the least value of the axis from which on its mean stays within a limit, None where it does nowhere;
    and its lowest mean."""

    curve: str
    start: float | None
    lowest: float


def reaches(cells: pd.DataFrame, axis: str, metric: str, within: float) -> list[Reach]:
    """Of each curve, in order of appearance."""
    found = []
    for curve, rows in cells[cells[metric].notna()].groupby(CURVE, sort=False):
        means = rows.groupby(axis)[metric].mean().sort_index()
        beyond = means.index[means > within]
        inside = means.index[means.index > beyond.max()] if len(beyond) else means.index
        found.append(Reach(str(curve), float(inside[0]) if len(inside) else None, float(means.min())))
    return found


def reach_words(found: Sequence[Reach], axis: str, metric: str, values: Sequence[float]) -> str:
    """`a everywhere; b and c from 5 kbit/s on; not d (at least 300 ms)`, along an axis of these values."""
    told: dict[str, list[str]] = {}
    for reach in found:
        if reach.start is not None:
            over = span(reach.start, max(values), axis, reach.start == min(values), True)
            told.setdefault(over, []).append(reach.curve)
    words = [f"{joined(curves)} {over}" for over, curves in told.items()]
    missing = [reach for reach in found if reach.start is None]
    if missing:
        least = quantity(min(reach.lowest for reach in missing), metric)
        words.append(f"not {joined([reach.curve for reach in missing])} (at least {least})")
    return "; ".join(words)


def below(cells: pd.DataFrame, axis: str, metric: str, rival: str) -> dict[str, str]:
    """Of each curve that is anywhere below the kind `rival` by more than the paired seeds' noise: where, and by how
    much: `up to 500 bit/s (7% to 12%)`."""
    found = {}
    values = sorted(cells[axis].unique())
    theirs = cells["scheme.kind"] == rival
    for curve in dict.fromkeys(cells.loc[~theirs, CURVE]):
        here = [
            paired(rows, metric, rows[CURVE] == curve, rows["scheme.kind"] == rival)
            for rows in (cells[cells[axis] == value] for value in values)
        ]
        lower = [less.lower or (less.n == 1 and less.size < 0) for less in here]
        told = [
            f"{span(values[places[0]], values[places[-1]], axis, places[0] == 0, places[-1] == len(values) - 1)} "
            f"({sizes([here[place] for place in places], 2)})"
            for places in _runs(lower)
        ]
        if told:
            found[str(curve)] = " and ".join(told)
    return found


def fastest(cells: pd.DataFrame, axis: str, metric: str) -> str:
    """`coupled up to 500 bit/s (3.3 s to 6.6 s), cloud_only from 1 kbit/s on (...)`: the curve of least mean, and that
    mean."""
    best = []
    for value in sorted(cells[axis].unique()):
        means = cells[cells[axis] == value].groupby(CURVE, sort=False)[metric].mean().dropna()
        if len(means):
            best.append((float(value), str(means.idxmin()), float(means.min())))
    told, last = [], len(best) - 1
    for curve, group in itertools.groupby(enumerate(best), key=lambda item: item[1][1]):
        run = list(group)
        (first, (low, _, at_low)), (end, (high, _, at_high)) = run[0], run[-1]
        reached = dict.fromkeys(quantity(value, metric) for value in (at_low, at_high))
        told.append(f"{curve} {span(low, high, axis, first == 0, end == last)} ({' to '.join(reached)})")
    return ", ".join(told)


def _runs(flags: Sequence[bool]) -> list[list[int]]:
    """The places of each unbroken run of True."""
    groups = itertools.groupby(enumerate(flags), key=lambda item: item[1])
    return [[place for place, _ in group] for flag, group in groups if flag]


def first_within(cells: pd.DataFrame, axis: str, metric: str, within: float) -> str:
    """`from 200 bit/s on (a)`, `nowhere (a is nearest, 1.04 s)`: from where on the first of the curves stays within a
    limit."""
    found = reaches(cells, axis, metric, within)
    starts = [reach.start for reach in found if reach.start is not None]
    if not found:
        return ""
    if not starts:
        nearest = min(found, key=lambda reach: reach.lowest)
        return f"nowhere ({nearest.curve} is nearest, {quantity(nearest.lowest, metric)})"
    values = cells[axis].dropna()
    where = span(min(starts), float(values.max()), axis, min(starts) == values.min(), True)
    return f"{where} ({joined([reach.curve for reach in found if reach.start == min(starts)])})"
