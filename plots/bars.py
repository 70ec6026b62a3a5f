"""The drawer of bars: a row a name, in it the numbers of that row from 0, or dots on a logarithmic axis, which has no
foot for a bar."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from kinds.arrays import Floats
from plots.axes import LOG_FROM, rows_of, scale, spans_far
from plots.caption import UNANSWERED, Better, caption, marks, unanswered
from plots.layout import Wording, finish
from plots.page import Page
from plots.style import GREY, ON_WHITE, Look, curves, looks
from plots.whiskers import Rows, ends, halves, measured, numbers, reaches
from simulator.results.column_names import CURVE
from simulator.results.units import quantity

HATCH: Final = "////"
_HATCHES: Final = ("", HATCH, "")
"""Hatches of a row's bars by their rank: full, hatched, open."""


@dataclass(frozen=True)
class Description:
    """Description of a figure of lines or bars: the metrics `columns` of one unit, {column: its words}, of lines in a
    row of panels each, of bars beside each other."""

    title: str
    columns: Mapping[str, str]
    label: str
    better: Better = "lower"
    notes: Sequence[str] = ()
    low: str = ""
    high: str = ""
    """Columns of a range that is drawn in place of intervals; it need not hold the metric."""
    reference: tuple[str, float] | None = None
    """A dotted line across: its name and height."""
    hollow: Rows = unanswered
    """The rows whose points or bars are open, which `hollow_label` explains in the legend."""
    hollow_label: str = UNANSWERED
    beyond: Rows | None = None
    """The rows that are a lower bound: their points have an arrow, which `beyond_label` explains."""
    beyond_label: str = ""
    from_zero: bool = False
    """True if the axis is linear from 0 on, however far the values span."""
    dots_from: float = LOG_FROM
    """Bars whose values span this ratio or more are dots on a logarithmic axis."""
    valued: bool = False
    """True if the mean is written beside its bar."""
    most: float = float("inf")
    """The axis ends here; curves beyond are cut."""


def bar_figure(summary: pd.DataFrame, what: Description, page: Page) -> Figure:
    """A row a curve, in it a bar a metric: from 0, or dots on a logarithmic axis. Curves without a value are left
    out."""
    columns, look = [*what.columns], looks(summary)
    rows = summary[summary[columns[0]].notna()].drop_duplicates(CURVE)
    means = [float(value) for value in summary.drop_duplicates(CURVE)[columns].to_numpy().ravel()]
    logarithmic = spans_far(means, what.dots_from) and not what.from_zero
    figure = page.figure(*room_for(summary, page, len(columns)))
    ax, height, names = figure.add_subplot(), 0.7 / len(columns), rows[CURVE].astype(str).tolist()
    for rank, column in enumerate(columns):
        at = np.arange(len(rows)) + (rank - (len(columns) - 1) / 2) * height
        if logarithmic:
            for y, (name, row) in zip(at, curves(rows), strict=True):
                dots(ax, row, column, [y], look[name], logarithmic)
        else:
            bars(ax, rows, column, at, [look[name].colour for name in names], height, rank, what)
    rows_of(ax, [page.curve(name) + look[name].mark for name in names])
    ax.grid(axis="y", visible=logarithmic)
    reach = reaches(summary, columns, logarithmic) + ([float(rows[what.high].max())] if what.high else [])
    scale(ax.xaxis, columns[0], means, reach, logarithmic)
    if what.valued:
        values_beside(ax, rows, columns[0], range(len(rows)), what, logarithmic)
        least, most = ax.get_xlim()
        room = 1.5 if what.beyond is not None and what.beyond(rows).any() else 1.12
        ax.set_xlim(least, most * (most / least) ** 0.15 if logarithmic else most * room)
    notes = [*what.notes, *marks(summary, columns[0])]
    text = caption(summary, page, what.better, notes, intervals=not what.low)
    key = rank_key([*what.columns.values()])
    if what.hollow(rows).any() and not logarithmic:
        key.append((what.hollow_label, Patch(facecolor="white", edgecolor=GREY)))
    return finish(figure, page, Wording(what.title, text, page.metric(columns[0], what.label)), key)


def bars(
    ax: Axes, rows: pd.DataFrame, column: str, at: npt.ArrayLike, colours: Sequence[str], height: float, rank: int,
    what: Description | None = None,
) -> None:  # fmt: skip
    """Draws a bar from 0 with its interval, or its range, at each of these places [n], in the look of its rank in a
    row."""
    mean, arms = measured(rows, column)
    open_, middle = [False] * len(rows) if what is None else what.hollow(rows).tolist(), mean
    if what is not None and what.low:
        low, high = numbers(rows, what.low), numbers(rows, what.high)
        middle, arms = (low + high) / 2, (high - low) / 2
    faces = ["white" if rank or open_[place] else colour for place, colour in enumerate(colours)]
    ax.barh(at, mean, 0.92 * height, color=faces, edgecolor=colours, hatch=_HATCHES[rank], linewidth=1.0)
    ax.errorbar(middle, at, xerr=arms, linestyle="", color="#333333", elinewidth=1.1)


def dots(ax: Axes, rows: pd.DataFrame, column: str, at: npt.ArrayLike, look: Look, logarithmic: bool = False) -> None:
    """Draws the marks of a curve with their intervals at these places [n]."""
    mean, arms = measured(rows, column, logarithmic)
    ax.errorbar(mean, at, xerr=arms, linestyle="", elinewidth=1.1, label=str(rows[CURVE].iloc[0]), **look.marked())


def values_beside(
    ax: Axes, rows: pd.DataFrame, column: str, at: Iterable[float], what: Description, logarithmic: bool = False
) -> None:
    """Writes the means of bars at these places [n] behind them and their intervals."""
    ends_ = numbers(rows, what.high) if what.high else ends(rows[column], halves(rows, column), logarithmic)[1]
    bounds = what.beyond(rows) if what.beyond is not None else [False] * len(rows)
    for y, mean, end, bound in zip(at, rows[column], ends_, bounds, strict=True):
        text = quantity(mean, "") + (f", {what.beyond_label}" if bound else "")
        beside = min(mean if np.isnan(end) else max(mean, end), what.most)
        behind = ON_WHITE if end > beside else None  # an interval that is cut goes on below the number
        ax.annotate(text, (beside, y), (5, 0), textcoords="offset points", va="center", fontsize="small", bbox=behind)


def rank_key(labels: Sequence[str], colours: Sequence[str] = (GREY,) * 3) -> list[tuple[str, Artist]]:
    """Returns what the bars of a row stand for, in the legend, if they are several."""
    return [
        (label, Patch(facecolor="white" if rank else colour, edgecolor=colour, hatch=_HATCHES[rank]))
        for rank, (label, colour) in enumerate(zip(labels, colours, strict=False))
        if len(labels) > 1
    ]


def room_for(summary: pd.DataFrame, page: Page, bars_a_curve: int = 1) -> tuple[float, float]:
    """Inches across and down of a figure with those bars and the names of the curves beside them."""
    names = summary[CURVE].astype(str)
    longest = max(len(page.curve(name)) for name in names)
    row = 0.3 * bars_a_curve**0.5 * (0.75 if page.narrow else 1.0)
    return 5.2 + 0.08 * longest, 0.7 + row * names.nunique()


class StackedPart(NamedTuple):
    """A part of stacked bars: its name and length in each row [n], its colour, hatch, and the hatch's colour."""

    name: str
    lengths: Floats
    look: tuple[str, str, str]

    def patch(self) -> Patch:
        colour, hatch, ink = self.look
        return Patch(facecolor=colour, hatch=hatch, hatchcolor=ink, edgecolor="white")


def stack(ax: Axes, at: npt.ArrayLike, parts: Collection[StackedPart], height: float, top: float = np.inf) -> Floats:
    """Stacks the parts from left to right at these places [n], cut at `top`; returns the lengths of the whole bars."""
    left = np.zeros(np.size(at))
    for part in parts:
        colour, hatch, ink = part.look
        start, left = np.minimum(left, top), left + part.lengths
        ax.barh(at, np.minimum(left, top) - start, height, left=start, color=colour, edgecolor="white", linewidth=0.5,
                hatch=hatch, hatchcolor=ink)  # fmt: skip
    ax.grid(axis="y", visible=False)
    return left
