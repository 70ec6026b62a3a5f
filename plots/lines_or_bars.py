"""One metric of each curve: bars where the swept axis leaves it as it is, curves where it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from kinds.arrays import Floats
from plots.axes import LOG_FROM, place, rows_of, scale, spans_far
from plots.caption import unanswered
from plots.layout import Wording, finish
from plots.page import Page
from plots.style import GREY, Look, curves, looks
from simulator.results.columns import CHOSEN, CI_SUFFIX, CURVE, SETTING

Hollow = Callable[[pd.DataFrame], "pd.Series[bool]"]  # which rows are drawn with hollow markers
BANDS = 4  # so many curves may have bands, which would hide each other; more have bars
CHOSE = "Marks of one row: settings that the scheme chose at other values; {} itself changes none of this."
_PLACES = ("uplink.", "downlink.", "edge.", "cloud.", "workload.devices")

UNBOUNDED: Final[dict[str, Any]] = {
    "linestyle": "", "marker": r"$\uparrow$", "markersize": 9, "markerfacecolor": "black", "markeredgewidth": 0.4,
}  # fmt: skip
"""The arrow at a point that is a lower bound."""


@dataclass(frozen=True)
class Series:
    """One metric column and how it differs from others in the same figure."""

    column: str
    label: str
    filled: bool = True
    low: str = ""
    high: str = ""
    """Columns of a range that is drawn in place of intervals; it need not hold the metric."""


def changes(summary: pd.DataFrame, axis: str | None, column: str) -> bool:
    """Whether the metric takes more than one value (beyond 1e-9 of it) along the axis, on any curve."""
    if axis is None:
        return False
    for _, rows in curves(summary):
        values = rows[column].dropna()
        if len(values) > 1 and not np.allclose(values, values.iloc[0], rtol=1e-9, atol=0):
            return True
    return False


def no_factor(summary: pd.DataFrame, axis: str | None) -> bool:
    """Whether tokens and bits change along the axis by what schemes chose there alone: it is of the network, of a
    machine, or of the load."""
    tokens = axis is None or axis.startswith(("models.", "scheme.")) or not axis.startswith(_PLACES)
    return not tokens and SETTING in summary.columns and bool((summary[SETTING] == CHOSEN).all())


def distinct(rows: pd.DataFrame, axis: str | None, columns: Sequence[str]) -> pd.DataFrame:
    """The rows of a curve along the axis that differ in a column (beyond 1e-9 of it), the first of each."""
    ordered = rows.sort_values(axis) if axis is not None else rows.iloc[:1]
    keys = ordered[list(columns)].map(lambda value: f"{value:.9g}")
    return ordered[~keys.duplicated()]


def lines(
    ax: Axes,
    summary: pd.DataFrame,
    axis: str,
    series: Sequence[Series],
    look: dict[str, Look],
    logarithmic: bool,
    hollow: Hollow = unanswered,
    beyond: Hollow | None = None,
) -> None:
    """A curve for each curve and series, with intervals: bands of one series and up to BANDS curves, else bars.
    Unfilled series are thin and dotted with open markers; points of `hollow` rows are hollow, those of `beyond` rows
    have an arrow above them."""
    shown = curves(summary)
    banded = len(series) == 1 and len(shown) <= BANDS and not series[0].low
    for curve, rows in shown:
        for one in sorted(series, key=lambda one: one.filled):
            given = rows[rows[one.column].notna()].sort_values(axis)
            if given.empty:
                continue
            _line(ax, given, axis, one, look[curve], logarithmic, banded)
            if (open_ := given[hollow(given)]).size:
                ax.plot(
                    place(open_[axis]), open_[one.column], linestyle="", marker=look[curve].marker,
                    color=look[curve].colour, markerfacecolor="white", markersize=1.3 * rcParams["lines.markersize"],
                    zorder=3,  # above the curve's own marks
                )  # fmt: skip
            if beyond is not None and (more := given[beyond(given)]).size:
                figure = ax.get_figure(root=True)
                assert figure is not None
                above = ax.transData + ScaledTranslation(0, 11 / 72, figure.dpi_scale_trans)
                ax.plot(place(more[axis]), more[one.column], transform=above, color=look[curve].colour, **UNBOUNDED)


def _line(ax: Axes, rows: pd.DataFrame, axis: str, one: Series, look: Look, logarithmic: bool, banded: bool) -> None:
    x, mean, half = place(rows[axis]), rows[one.column].to_numpy(dtype=float), halves(rows, one.column)
    if one.low:
        low, high = (rows[name].to_numpy(dtype=float) for name in (one.low, one.high))
        ax.errorbar(x, (low + high) / 2, yerr=(high - low) / 2, fmt="none", ecolor=look.colour, elinewidth=1.0)
        half = np.full(len(rows), np.nan)
    if banded:
        low, high = ends(mean, half, logarithmic)
        ax.fill_between(
            x, np.where(np.isnan(low), mean, low), np.where(np.isnan(high), mean, high), color=look.colour, alpha=0.18,
            linewidth=0,
        )  # fmt: skip
    ax.errorbar(
        x, mean, yerr=None if banded else whiskers(mean, half, logarithmic), color=look.colour, marker=look.marker,
        markerfacecolor=look.face if one.filled else "white", linestyle=look.dashes if one.filled else ":",
        linewidth=rcParams["lines.linewidth"] * (1.0 if one.filled else 0.7), elinewidth=1.0,
        markersize=rcParams["lines.markersize"] * (1.0 if one.filled else 1.4), fillstyle=look.fill,
        markerfacecoloralt="white",
        label=f"{rows[CURVE].iloc[0]}, {one.label}" if one.label else rows[CURVE].iloc[0],
    )  # fmt: skip


def bars(
    ax: Axes, summary: pd.DataFrame, series: Sequence[Series], look: dict[str, Look], page: Page, logarithmic: bool
) -> None:
    """A group of level bars a curve, one a series, with intervals; dots on a logarithmic axis, which has no foot
    for a bar. Curves without a value are left out."""
    groups = [(name, rows.iloc[0]) for name, rows in curves(summary) if rows[series[0].column].notna().any()]
    height = 0.7 / len(series)
    for i, one in enumerate(series):
        rows = pd.DataFrame([row for _, row in groups])
        mean = rows[one.column].to_numpy(dtype=float)
        at = np.arange(len(groups)) + (i - (len(series) - 1) / 2) * height
        colours = [look[name].colour for name, _ in groups]
        if not logarithmic:
            ax.barh(
                at, mean, height * 0.92, color=[colour if one.filled else "white" for colour in colours],
                edgecolor=colours, hatch=None if one.filled else "////", linewidth=1.0,
            )  # fmt: skip
        reach = whiskers(mean, halves(rows, one.column), logarithmic)
        for j, (name, _) in enumerate(groups):
            ax.errorbar(
                mean[j], at[j], xerr=reach[:, j : j + 1], linestyle="", ecolor="#333333", elinewidth=1.1,
                color=colours[j], marker=look[name].marker if logarithmic else "",
                markerfacecolor=look[name].face if one.filled else "white",
            )  # fmt: skip
    rows_of(ax, [page.curve(name) + look[name].mark for name, _ in groups])
    ax.grid(axis="y", visible=logarithmic)


def bar_figure(
    summary: pd.DataFrame, metric: str, series: Sequence[Series], page: Page, wording: Wording, far: float = LOG_FROM
) -> tuple[Figure, Axes, bool]:
    """A figure of `bars` along one axis of the metric, from 0, or logarithmic (the last) where means span `far`."""
    figure = page.figure(*room_for(summary, page, len(series)))
    ax, columns = figure.add_subplot(), [one.column for one in series]
    means = [float(value) for _, rows in curves(summary) for value in rows[columns].iloc[0]]
    logarithmic = spans_far(means, far)
    bars(ax, summary, series, looks(summary), page, logarithmic)
    scale(ax.xaxis, metric, means, reaches(summary, columns, logarithmic), logarithmic)
    finish(figure, page, wording, *(key([one.label for one in series]) if len(series) > 1 else ()))
    return figure, ax, logarithmic


def halves(rows: pd.DataFrame, column: str) -> np.ndarray:
    """The half-widths of a metric; nan where the table has none."""
    found = rows.get(column + CI_SUFFIX)
    return np.full(len(rows), np.nan) if found is None else found.to_numpy(dtype=float)


def reaches(rows: pd.DataFrame, columns: Sequence[str], logarithmic: bool) -> list[float]:
    """Both ends of all intervals of these metrics."""
    both = [each for name in columns for each in ends(rows[name], halves(rows, name), logarithmic)]
    return [float(value) for each in both for value in each if np.isfinite(value)]


def key(labels: Sequence[str]) -> tuple[list[Artist], list[str]]:
    """What a filled and a hatched bar stand for."""
    return [Patch(facecolor=GREY, edgecolor=GREY), Patch(facecolor="white", edgecolor=GREY, hatch="////")], [*labels]


def curve_handles(look: dict[str, Look], names: Sequence[str], page: Page) -> tuple[list[Artist], list[str]]:
    """The legend of these curves, lossy ones said to be."""
    handles: list[Artist] = [look[name].handle() for name in names]
    return handles, [page.curve(name) + look[name].mark for name in names]


def hollow_mark() -> Line2D:
    return Line2D([], [], linestyle="", marker="o", color=GREY, markerfacecolor="white")


def unbounded_mark() -> Line2D:
    return Line2D([], [], color=GREY, **UNBOUNDED)


def room_for(summary: pd.DataFrame, page: Page, bars_a_curve: int = 1) -> tuple[float, float]:
    """Inches across and down of a figure with those bars and the names of the curves beside them."""
    names = summary[CURVE].astype(str)
    longest = max(len(page.curve(name)) for name in names)
    row = 0.3 * bars_a_curve**0.5 * (0.75 if page.narrow else 1.0)
    return 5.2 + 0.08 * longest, 0.7 + row * names.nunique()


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
    """Lengths below and above the means [2, n], as `errorbar` takes them."""
    low, high = ends(means, halves, logarithmic)
    mean = np.asarray(means, dtype=np.float64)
    return np.array([mean - low, high - mean])
