"""Bits a token up against bits a token down, a mark a scheme: what is said each way, without headers.

Both axes are logarithmic; a scheme that says nothing one way stands at the edge, where the axis says 0. A cross tells
from the link on which a scheme takes least to that where it takes most, since each is at its own best there.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from kinds.arrays import Floats
from plots.caption import caption, marks
from plots.layout import Wording, finish
from plots.lines_or_bars import curve_handles
from plots.page import Page
from plots.style import Look, chosen, curves, looks
from simulator.results.columns import CURVE
from simulator.results.intervals import named_without

UP, DOWN = "payload_bits_per_token", "reply_bits_per_token"

BY: Final = "uplink.delay.delay_s"
_NEAR: Final = 100.0  # values that span less have three ticks a decade, others two


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """None where the table has not both columns, or one scheme alone."""
    if not {UP, DOWN} <= {*summary.columns}:
        return None
    rows = chosen(summary).dropna(subset=[UP, DOWN])
    rows = named_without(rows, BY) if BY in rows.columns else rows
    if rows[CURVE].nunique() < 2:
        return None
    look = looks(rows)
    figure = page.figure(7.4, 3.0 if page.narrow else 4.4)
    ax = figure.add_subplot()
    edges = _edge(rows[UP]), _edge(rows[DOWN])
    for curve, part in curves(rows):
        _mark(ax, part, edges, look[curve])
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(*_scale(ax.xaxis, rows[UP].to_numpy(dtype=float), edges[0]))
    ax.set_ylim(*_scale(ax.yaxis, rows[DOWN].to_numpy(dtype=float), edges[1]))
    notes = ["A mark: the geometric mean over links, each scheme at its best on each; its cross: from least to most."]
    text = caption(rows, page, "lower", [*notes, *marks(rows)], clock=False, intervals=False)
    words = Wording(
        "What each scheme says, both ways", text, "payload bits per token, up", "reply bits per token, down"
    )
    finish(figure, page, words, *curve_handles(look, list(look), page))
    return figure


def _mark(ax: Axes, rows: pd.DataFrame, edges: tuple[float, float], look: Look) -> None:
    ups, downs = (
        np.maximum(rows[name].to_numpy(dtype=float), edge) for name, edge in zip((UP, DOWN), edges, strict=True)
    )
    x, y = (float(np.exp(np.log(each).mean())) for each in (ups, downs))
    ax.plot([ups.min(), ups.max()], [y, y], color=look.colour, linewidth=0.8, zorder=2)
    ax.plot([x, x], [downs.min(), downs.max()], color=look.colour, linewidth=0.8, zorder=2)
    ax.plot(x, y, color=look.colour, marker=look.marker, markerfacecolor=look.face, fillstyle=look.fill,
            markerfacecoloralt="white", markersize=7, linestyle="", zorder=3)  # fmt: skip


def _edge(values: pd.Series[float]) -> float:
    """Where 0 stands: a little below the least that is more."""
    positive = values[values > 0]
    return float(positive.min()) / 3 if len(positive) else 1.0


def _scale(side: Axis, values: Floats, edge: float) -> tuple[float, float]:
    """Ticks in each decade, and one that says 0 at the edge where something stands there; both ends."""
    top, zero = max(float(values.max()), 3 * edge), bool((values <= 0).any())
    steps = (1, 2, 5) if top < _NEAR * edge else (1, 3)
    powers = range(int(np.floor(np.log10(edge))), int(np.ceil(np.log10(top))) + 1)
    given = [step * 10.0**power for power in powers for step in steps]
    given = [tick for tick in given if 1.8 * edge <= tick <= 1.4 * top]
    side.set_major_locator(FixedLocator([*([edge] if zero else []), *given]))
    side.set_major_formatter(FixedFormatter([*(["0"] if zero else []), *(f"{tick:,g}" for tick in given)]))
    side.set_minor_locator(NullLocator())
    return (edge / 1.3 if zero else 2 * edge), 1.4 * top
