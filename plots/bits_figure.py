"""Payload bits of each scheme: what its drafts cost on the uplink, headers and retries apart.

They are per output token. Where the axis moves the length of a round they are per draft: a token costs more
bits in longer rounds, of which more drafts are rejected, so that steps of the length would look like costs of a code.
"""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.along_axis import Along, along
from plots.caption import caption, marks
from plots.layout import Wording
from plots.lines_or_bars import Series, bar_figure, changes, ends, halves
from plots.page import Page
from plots.style import curves
from simulator.results.units import quantity

PER_TOKEN: Final = ("payload_bits_per_token", "payload bits per output token", "Payload bits per token")
PER_DRAFT: Final = ("payload_bits_per_draft", "payload bits per draft", "Payload bits per draft")
"""Column, label, title."""
LENGTH = "draft_length"
MOVED = "Per draft: the length of a round changes along the axis, and with it the bits of a token."
DOTS_FROM = 50.0  # values that span this ratio or more are dots on a logarithmic axis


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Bars, or curves where the axis changes the bits; None where no scheme sends a payload."""
    sent = summary[summary[PER_TOKEN[0]] > 0] if PER_TOKEN[0] in summary.columns else summary.iloc[:0]
    if sent.empty:
        return None
    moved = {LENGTH, PER_DRAFT[0]} <= {*sent.columns} and changes(sent, axis, LENGTH)
    metric, label, said = PER_DRAFT if moved else PER_TOKEN
    notes = [MOVED] if moved else []
    if axis is not None and changes(sent, axis, metric):
        what = Along(f"{said} against {page.axis(axis)}", metric, label, [Series(metric, "")], notes=notes)
        return along(sent, axis, what, page)
    title = said + (f" (the same at every {page.axis(axis)})" if axis else "")
    text = caption(sent, page, "lower", [*notes, *marks(sent, metric)], clock=False)
    wording = Wording(title, text, page.metric(metric, label))
    figure, ax, logarithmic = bar_figure(sent, metric, [Series(metric, "")], page, wording, DOTS_FROM)
    _values(ax, sent, metric, logarithmic)
    return figure


def _values(ax: Axes, sent: pd.DataFrame, metric: str, logarithmic: bool) -> None:
    """The value beside each bar, beyond its interval, and room for it."""
    for y, (_, rows) in enumerate(curves(sent)):
        mean = float(rows[metric].iloc[0])
        high = ends(rows[metric], halves(rows, metric), logarithmic)[1][0]
        at = mean if pd.isna(high) else float(high)
        ax.annotate(quantity(mean, ""), (at, y), (5, 0), textcoords="offset points", va="center", fontsize="small")
    low, high = ax.get_xlim()
    ax.set_xlim(low, high * (high / low) ** 0.15 if logarithmic else high * 1.12)
