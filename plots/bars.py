"""The drawer of bars: a row a name, in it the numbers of that row from 0, or dots on a logarithmic axis, which has no
foot for a bar."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from kinds.arrays import Floats
from plots.axes import LOG_FROM, rows_of, scale, spans_far
from plots.intervals import ends, halves, measured, reaches
from plots.layout import Key, Wording, finish
from plots.page import Page
from plots.style import GREY, Look, curves, looks
from simulator.results.columns import CURVE
from simulator.results.units import quantity

HATCH: Final = "////"
_HATCHES: Final = ("", HATCH, "")
"""Of the bars of a row by their rank: full, hatched, open."""


def bar_figure(
    summary: pd.DataFrame, columns: Mapping[str, str], page: Page, wording: Wording, far: float = LOG_FROM,
    *, valued: bool = False,
) -> Figure:  # fmt: skip
    """A row a curve, in it a bar each of up to two metrics of one unit, {column: its words}, the second hatched: from
    0, or dots on a logarithmic axis where means span `far`. Curves without a value are left out. `valued`: the mean is
    written beside its mark."""
    names = [*columns]
    groups = [(curve, rows.iloc[[0]]) for curve, rows in curves(summary) if rows[names[0]].notna().any()]
    rows, look = pd.concat([first for _, first in groups]), looks(summary)
    means = [float(value) for _, part in curves(summary) for value in part[names].iloc[0]]
    logarithmic = spans_far(means, far)
    figure = page.figure(*room_for(summary, page, len(names)))
    ax, height = figure.add_subplot(), 0.7 / len(names)
    for place, column in enumerate(names):
        at = np.arange(len(groups)) + (place - (len(names) - 1) / 2) * height
        if not logarithmic:
            bars(ax, rows, column, at, [look[curve].colour for curve, _ in groups], height, place)
        else:
            for y, (curve, first) in zip(at, groups, strict=True):
                dots(ax, first, column, [y], look[curve], logarithmic)
    rows_of(ax, [page.curve(curve) + look[curve].mark for curve, _ in groups])
    ax.grid(axis="y", visible=logarithmic)
    scale(ax.xaxis, names[0], means, reaches(summary, names, logarithmic), logarithmic)
    if valued:
        _values(ax, rows, names[0], logarithmic)
    return finish(figure, page, wording, rank_key([*columns.values()]))


def bars(
    ax: Axes, rows: pd.DataFrame, column: str, at: npt.ArrayLike, colours: Sequence[str], height: float, rank: int
) -> None:
    """Draws a bar from 0 with its interval at each of these places [n], in the look of its rank in a row."""
    mean, arms = measured(rows, column)
    ax.barh(at, mean, 0.92 * height, color="white" if rank else colours, edgecolor=colours, hatch=_HATCHES[rank],
            linewidth=1.0)  # fmt: skip
    ax.errorbar(mean, at, xerr=arms, linestyle="", color="#333333", elinewidth=1.1)


def dots(ax: Axes, rows: pd.DataFrame, column: str, at: npt.ArrayLike, look: Look, logarithmic: bool = False) -> None:
    """Draws the marks of a curve with their intervals at these places [n]."""
    mean, arms = measured(rows, column, logarithmic)
    ax.errorbar(mean, at, xerr=arms, linestyle="", elinewidth=1.1, label=str(rows[CURVE].iloc[0]), **look.marked())


def _values(ax: Axes, rows: pd.DataFrame, column: str, logarithmic: bool) -> None:
    high = ends(rows[column], halves(rows, column), logarithmic)[1]
    for y, (mean, end) in enumerate(zip(rows[column], high, strict=True)):
        beside = mean if np.isnan(end) else end
        ax.annotate(quantity(mean, ""), (beside, y), (5, 0), textcoords="offset points", va="center", fontsize="small")
    least, most = ax.get_xlim()
    ax.set_xlim(least, most * (most / least) ** 0.15 if logarithmic else most * 1.12)


def rank_key(labels: Sequence[str]) -> Key:
    """Returns what the bars of a row stand for, in the legend, if they are several."""
    return [
        (label, Patch(facecolor="white" if rank else GREY, edgecolor=GREY, hatch=_HATCHES[rank]))
        for rank, label in enumerate(labels)
        if len(labels) > 1
    ]


def room_for(summary: pd.DataFrame, page: Page, bars_a_curve: int = 1) -> tuple[float, float]:
    """Inches across and down of a figure with those bars and the names of the curves beside them."""
    names = summary[CURVE].astype(str)
    longest = max(len(page.curve(name)) for name in names)
    row = 0.3 * bars_a_curve**0.5 * (0.75 if page.narrow else 1.0)
    return 5.2 + 0.08 * longest, 0.7 + row * names.nunique()


class Part(NamedTuple):
    """A part of stacked bars: its name and length in each row [n], its colour, hatch, and the hatch's colour."""

    name: str
    lengths: Floats
    look: tuple[str, str, str]

    def patch(self) -> Patch:
        colour, hatch, ink = self.look
        return Patch(facecolor=colour, hatch=hatch, hatchcolor=ink, edgecolor="white")


def stack(ax: Axes, at: npt.ArrayLike, parts: Collection[Part], height: float, top: float = np.inf) -> Floats:
    """Stacks the parts from left to right at these places [n], cut at `top`; returns the lengths of the whole bars."""
    left = np.zeros(np.size(at))
    for part in parts:
        colour, hatch, ink = part.look
        start, left = np.minimum(left, top), left + part.lengths
        ax.barh(at, np.minimum(left, top) - start, height, left=start, color=colour, edgecolor="white", linewidth=0.5,
                hatch=hatch, hatchcolor=ink)  # fmt: skip
    ax.grid(axis="y", visible=False)
    return left
