"""Payload bits of each scheme, headers and retries apart: per output token, or per draft where the axis moves the
length of a round, whose steps would look like costs of a code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.along_axis import Along, along, in_panels, row_panels
from plots.axes import rows_of, scale, spans_far
from plots.caption import caption, marks
from plots.layout import Wording, finish
from plots.lines_or_bars import (
    CHOSE,
    Series,
    bar_figure,
    changes,
    distinct,
    ends,
    halves,
    no_factor,
    reaches,
    whiskers,
)
from plots.page import Page
from plots.style import Look, curves, looks
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
    metric, label, title = PER_DRAFT if moved else PER_TOKEN
    notes = [MOVED] if moved else []
    chose = axis is not None and changes(sent, axis, metric) and no_factor(sent, axis)
    if axis is not None and changes(sent, axis, metric) and not chose:
        what = Along(f"{title} against {page.axis(axis)}", metric, label, [Series(metric, "")], notes=notes)
        return along(sent, axis, what, page)
    facets = in_panels(sent, looks(sent))
    title += "" if axis is None else f" ({page.axis(axis)} is no factor)"
    notes += [CHOSE.format(page.axis(str(axis)))] if chose else []
    text = caption(sent, page, "lower", [*notes, *marks(sent, metric)], clock=False)
    wording = Wording(title, text, page.metric(metric, label))
    if chose or len(facets) > 1:
        return _dots(facets, axis if chose else None, metric, wording, page)
    figure, ax, logarithmic = bar_figure(sent, metric, [Series(metric, "")], page, wording, DOTS_FROM)
    _values(ax, sent, metric, logarithmic)
    return figure


def _dots(
    facets: Sequence[tuple[Mapping[str, str], pd.DataFrame, dict[str, Look]]], axis: str | None, metric: str,
    wording: Wording, page: Page,
) -> Figure:  # fmt: skip
    """A row a curve with its mean and interval, several where it chose several settings along the axis; a panel a
    facet, all on one scale."""
    figure, axes = row_panels(page, facets)
    given = pd.concat([rows for _, rows, _ in facets])
    means = given[metric].tolist()
    logarithmic = spans_far(means)
    for ax, (_, rows, look) in zip(axes, facets, strict=True):
        shown = curves(rows)
        for y, (name, part) in enumerate(shown):
            kept = distinct(part, axis, [metric])
            mean = kept[metric].to_numpy(dtype=float)
            ax.errorbar(
                mean, y + 0.5 * (np.arange(1, len(kept) + 1) / (len(kept) + 1) - 0.5),
                xerr=whiskers(mean, halves(kept, metric), logarithmic), linestyle="",
                **look[name].marked(), elinewidth=1.1, label=name,
            )  # fmt: skip
        rows_of(ax, [page.curve(name) + look[name].mark for name, _ in shown])
    scale(axes[0].xaxis, metric, means, reaches(given, [metric], logarithmic), logarithmic)
    finish(figure, page, wording)
    return figure


def _values(ax: Axes, sent: pd.DataFrame, metric: str, logarithmic: bool) -> None:
    for y, (_, rows) in enumerate(curves(sent)):
        mean = float(rows[metric].iloc[0])
        high = ends(rows[metric], halves(rows, metric), logarithmic)[1][0]
        at = mean if pd.isna(high) else float(high)
        ax.annotate(quantity(mean, ""), (at, y), (5, 0), textcoords="offset points", va="center", fontsize="small")
    low, high = ax.get_xlim()
    ax.set_xlim(low, high * (high / low) ** 0.15 if logarithmic else high * 1.12)
