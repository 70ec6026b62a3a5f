"""Payload bits per output token of each scheme: what its drafts cost on the uplink, headers and retries apart."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.along_axis import Along, along
from plots.axes import level, spans_far
from plots.caption import caption, marks
from plots.error_bars import ends
from plots.layout import Told, finish
from plots.lines_or_bars import Series, bars, changes, halves, reaches, room_for
from plots.page import Page
from plots.style import curves, looks
from simulator.results.units import quantity

METRIC = "payload_bits_per_token"
LABEL = "payload bits per output token"
DOTS_FROM = 50.0
"""Values that span this ratio or more are dots on a logarithmic axis."""


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Bars, or curves where the axis changes the bits; None where no scheme sends a payload."""
    sent = summary[summary[METRIC] > 0] if METRIC in summary.columns else summary.iloc[:0]
    if sent.empty:
        return None
    series = [Series(METRIC, "")]
    if axis is not None and changes(sent, axis, METRIC):
        return along(
            sent, axis, Along(f"Payload bits per token against {page.axis(axis)}", METRIC, LABEL, series), page
        )
    figure = page.figure(*room_for(sent, page))
    ax = figure.add_subplot()
    means = [float(rows[METRIC].iloc[0]) for _, rows in curves(sent)]
    logarithmic = spans_far(means, DOTS_FROM)
    bars(ax, sent, series, looks(sent), page, logarithmic)
    level(ax, METRIC, means, reaches(sent, [METRIC], logarithmic), logarithmic)
    _values(ax, sent, logarithmic)
    title = "Payload bits per token" + (f" (the same at every {page.axis(axis)})" if axis else "")
    text = caption(sent, page, "lower", marks(sent, METRIC), clock=False)
    finish(figure, page, Told(title, text, page.metric(METRIC, LABEL)))
    return figure


def _values(ax: Axes, sent: pd.DataFrame, logarithmic: bool) -> None:
    """The value beside each bar, beyond its interval, and room for it."""
    for y, (_, rows) in enumerate(curves(sent)):
        mean = float(rows[METRIC].iloc[0])
        high = ends(rows[METRIC], halves(rows, METRIC), logarithmic)[1][0]
        at = mean if pd.isna(high) else float(high)
        ax.annotate(quantity(mean, ""), (at, y), (5, 0), textcoords="offset points", va="center", fontsize="small")
    low, high = ax.get_xlim()
    ax.set_xlim(low, high * (high / low) ** 0.15 if logarithmic else high * 1.12)
