"""Rejections per verified draft beside their bound: TV(q, p) + alpha + the quantizer's covering bound (SQS-SD)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from plots.lines_or_bars import Series, bars, changes, key, lines, room_for
from plots.style import level, looks, outside_legend, swept, upright
from simulator.results.units import title

_TOP = 1.08
LABEL = "rejections per verified draft"
SERIES = [
    Series("resampling_per_draft", "measured"),
    Series("rejection_bound", "bound", filled=False),
]


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """Bars in pairs, or curves where the axis changes the rate; None where nothing is drafted."""
    drafted = summary[summary["resampling_per_draft"].notna() & summary["rejection_bound"].notna()]
    if drafted.empty:
        return None
    if axis is not None and any(changes(drafted, axis, one.column) for one in SERIES):
        figure = Figure(figsize=(7.2, 4.0), layout="constrained")
        ax = figure.add_subplot()
        lines(ax, drafted, axis, SERIES, looks(summary))
        swept(ax, axis, drafted[axis].tolist())
        outside_legend(figure, ax)
        ax.set_title(f"Resampling rate and its bound against {title(axis)}", loc="left")
        upright(ax, "resampling_per_draft", [0.0], LABEL)
        ax.set_ylim(0, min(_TOP, ax.get_ylim()[1]))
        return figure
    figure = Figure(figsize=room_for(drafted, 2), layout="constrained")
    ax = figure.add_subplot()
    bars(ax, drafted, SERIES, looks(summary))
    labels = ["measured, 95% interval over seeds", "bound on the mean: TV(q, p) + dropped mass + covering bound"]
    key(figure, labels, columns=1)
    ax.set_title(
        "Resampling rate beside its bound" + (f" (the same at every {title(axis)})" if axis else ""), loc="left"
    )
    level(ax, "resampling_per_draft", LABEL)
    _cut_at_one(ax)
    return figure


def _cut_at_one(ax: Axes) -> None:
    """Ends the axis a little above 1: a bound beyond it says nothing, so its bar is cut and its value written there."""
    if ax.get_xlim()[1] <= _TOP:
        return
    ax.set_xlim(0, _TOP)
    for bar in ax.patches:
        if isinstance(bar, Rectangle) and bar.get_width() > _TOP:
            where = bar.get_y() + bar.get_height() / 2
            text = ax.text(0.985 * _TOP, where, f"{bar.get_width():.3g}", ha="right", va="center", fontsize=9)
            text.set_bbox({"facecolor": "white", "linewidth": 0})
