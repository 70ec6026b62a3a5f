"""Means with their intervals: from the half-widths of a table to what matplotlib draws, and curves of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes

from kinds.arrays import Floats
from plots.axes import place
from plots.caption import unanswered
from plots.style import Look, curves
from simulator.results.column_names import CI_SUFFIX

Rows = Callable[[pd.DataFrame], "pd.Series[bool]"]  # which rows of a table
BANDS: Final = 4  # so many curves may have bands, which would hide each other; more have bars


def numbers(rows: pd.DataFrame, column: str) -> Floats:
    """Returns the values of a column [n]; nan where the table has none."""
    found = rows.get(column)
    return np.full(len(rows), np.nan) if found is None else found.to_numpy(dtype=np.float64)


def halves(rows: pd.DataFrame, column: str) -> Floats:
    """Returns the half-widths of a metric's intervals [n]; nan where the table has none."""
    return numbers(rows, column + CI_SUFFIX)


def measured(rows: pd.DataFrame, column: str, logarithmic: bool = False) -> tuple[Floats, Floats]:
    """Returns the means of a metric [n] and the lengths of their intervals [2, n], as `errorbar` takes them."""
    mean = numbers(rows, column)
    return mean, whiskers(mean, halves(rows, column), logarithmic)


def reaches(rows: pd.DataFrame, columns: Sequence[str], logarithmic: bool) -> list[float]:
    """Returns both ends of all intervals of these metrics."""
    both = [each for name in columns for each in ends(rows[name], halves(rows, name), logarithmic)]
    return [float(value) for each in both for value in each if np.isfinite(value)]


def ends(means: npt.ArrayLike, halves: npt.ArrayLike, logarithmic: bool) -> tuple[Floats, Floats]:
    """Lower and upper ends of intervals mean ± half-width [n]; nan where there is no half-width, or it is 0. On a
    logarithmic axis mean * exp(±half / mean), the interval of ln(mean) by the delta method; else they end at 0 at the
    latest."""
    mean, half = np.asarray(means, dtype=np.float64), np.asarray(halves, dtype=np.float64)
    half = np.where(half > 0, half, np.nan)
    if logarithmic:
        share = np.exp(half / np.where(mean > 0, mean, np.nan))
        return mean / share, mean * share
    return np.maximum(mean - half, 0.0), mean + half


def whiskers(means: npt.ArrayLike, halves: npt.ArrayLike, logarithmic: bool) -> Floats:
    """Lengths of the intervals below and above the means [2, n]."""
    low, high = ends(means, halves, logarithmic)
    mean = np.asarray(means, dtype=np.float64)
    return np.array([mean - low, high - mean])


def draw_curves(
    ax: Axes, summary: pd.DataFrame, axis: str, column: str, look: Mapping[str, Look], logarithmic: bool,
    ranged: tuple[str, str] = ("", ""), hollow: Rows = unanswered,
) -> None:  # fmt: skip
    """Draws a curve of the metric each, with intervals: bands of up to BANDS curves, else bars; bars of the range where
    its columns are given. Points of `hollow` rows are hollow."""
    shown = curves(summary)
    banded = len(shown) <= BANDS and not ranged[0]
    for curve, rows in shown:
        given, seen = rows[rows[column].notna()].sort_values(axis), look[curve]
        if given.empty:
            continue
        x, (mean, arms) = place(given[axis]), measured(given, column, logarithmic)
        if ranged[0]:
            low, high = (numbers(given, name) for name in ranged)
            ax.errorbar(x, (low + high) / 2, yerr=(high - low) / 2, fmt="none", ecolor=seen.colour, elinewidth=1.0)
            arms = np.full((2, len(given)), np.nan)
        if banded:
            below, above = np.nan_to_num(arms)
            ax.fill_between(x, mean - below, mean + above, color=seen.colour, alpha=0.18, linewidth=0)
        ax.errorbar(x, mean, yerr=None if banded else arms, linestyle=seen.dashes, elinewidth=1.0, label=curve,
                    **seen.marked())  # fmt: skip
        if (open_ := given[hollow(given)]).size:
            ax.plot(
                place(open_[axis]), open_[column], linestyle="", marker=seen.marker, color=seen.colour,
                markerfacecolor="white", markersize=1.3 * rcParams["lines.markersize"], zorder=3,  # above its own marks
            )  # fmt: skip
