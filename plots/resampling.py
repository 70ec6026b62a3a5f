"""Rejections per verified draft beside their bound: TV(q, p) + alpha + the quantizer's covering bound (SQS-SD)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from plots.lines_or_bars import Series, bars, changes, lines
from plots.style import looks, outside_legend, swept, upright
from simulator.units import title

SERIES = [
    Series("resampling_per_draft", "measured"),
    Series("rejection_bound", "bound", filled=False),
]


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """Bars in pairs, or curves where the axis changes the rate; None where nothing is drafted."""
    drafted = summary[summary["resampling_per_draft"].notna() & summary["rejection_bound"].notna()]
    if drafted.empty:
        return None
    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    ax = figure.add_subplot()
    if axis is not None and any(changes(drafted, axis, one.column) for one in SERIES):
        lines(ax, drafted, axis, SERIES, looks(summary))
        swept(ax, axis, drafted[axis].tolist())
        outside_legend(figure, ax)
        ax.set_title(f"Resampling rate and its bound against {title(axis)}", loc="left")
    else:
        bars(ax, drafted, SERIES, looks(summary))
        keys = [
            Patch(facecolor="#777777", edgecolor="#777777"),
            Patch(facecolor="white", edgecolor="#777777", hatch="////"),
        ]
        labels = ["measured, 95% interval over seeds", "bound on the mean: TV(q, p) + dropped mass + covering bound"]
        figure.legend(keys, labels, loc="outside lower center", ncols=2)
        ax.set_title(
            "Resampling rate beside its bound" + (f" (the same at every {title(axis)})" if axis else ""), loc="left"
        )
    upright(ax, "resampling_per_draft", [0.0], "rejections per verified draft")
    return figure
