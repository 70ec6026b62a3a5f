"""Payload bits per output token of each scheme: what its drafts cost on the uplink, headers and retries apart."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.lines_or_bars import Series, bars, changes, lines, room_for
from plots.style import curves, level, looks, outside_legend, swept, upright
from simulator.results.columns import CI_SUFFIX
from simulator.results.units import quantity, title

METRIC = "payload_bits_per_token"


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """Bars, or curves where the axis changes the bits; None where no scheme sends a payload."""
    sent = summary[summary[METRIC] > 0]
    if sent.empty:
        return None
    series = [Series(METRIC, "payload")]
    if axis is not None and changes(sent, axis, METRIC):
        figure = Figure(figsize=(7.2, 4.0), layout="constrained")
        ax = figure.add_subplot()
        lines(ax, sent, axis, series, looks(summary))
        swept(ax, axis, sent[axis].tolist())
        outside_legend(figure, ax)
        ax.set_title(f"Payload bits per token against {title(axis)}", loc="left")
        upright(ax, METRIC, sent[METRIC].tolist(), "payload bits per output token")
        return figure
    figure = Figure(figsize=room_for(sent), layout="constrained")
    ax = figure.add_subplot()
    bars(ax, sent, series, looks(summary))
    level(ax, METRIC, "payload bits per output token")
    tops = [float(rows[METRIC].iloc[0]) for _, rows in curves(sent)]
    halves = [float(rows[METRIC + CI_SUFFIX].fillna(0.0).iloc[0]) for _, rows in curves(sent)]
    for y, (top, half) in enumerate(zip(tops, halves, strict=True)):
        ax.annotate(quantity(top, ""), (top + half, y), (4, 0), textcoords="offset points", va="center", fontsize=9)
    highest = max(top + half for top, half in zip(tops, halves, strict=True))
    if max(tops) > 50 * min(tops):
        ax.set_xscale("log")
        ax.set_xlim(min(tops) / 2, highest * 6)
    else:
        ax.set_xlim(0, highest * 1.15)
    ax.set_title("Payload bits per token" + (f" (the same at every {title(axis)})" if axis else ""), loc="left")
    return figure
