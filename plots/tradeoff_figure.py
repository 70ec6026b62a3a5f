"""Bits of a draft against its expected rejection, a curve a family of settings, a panel for each value of the axis.

Below: how far each family is above the fixed threshold at equal bits, where curves that nearly meet are
distinguishable.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter, StrMethodFormatter

from plots.axes import with_unit
from plots.caption import caption
from plots.layout import Wording, finish
from plots.page import Page
from plots.style import SCHEMES, Look, curves, looks
from simulator.results.columns import CURVE
from simulator.results.tradeoffs import TradeoffCurve, named

BITS, REJECTED = "coded_bits_per_draft", "tv_qhat"
FAMILY = ("scheme.sparsifier.kind", "scheme.sparsifier.step")
REFERENCE = "threshold"
_TICKS = (5, 10, 20, 50, 100, 200, 500, 1000)


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """None where the table has no families of one axis in these two metrics."""
    if axis is None or not {BITS, REJECTED, FAMILY[0], axis} <= set(summary.columns):
        return None
    table = summary.dropna(subset=[BITS, REJECTED, FAMILY[0]])
    table = table.assign(**{CURVE: named(table, FAMILY)})
    panels = [*table.groupby(axis, sort=True)]
    if not panels:
        return None
    figure, above, below = _grid(page, len(panels))
    for upper, lower, (value, rows) in zip(above, below, panels, strict=True):
        upper.set_title(f"{page.axis(axis)} {with_unit(float(str(value)), axis)}", fontsize="small", loc="left")
        _curves(upper, lower, rows, table, page)
        lower.yaxis.set_major_formatter(PercentFormatter(1.0))
    first = slice(None) if page.narrow else slice(1)
    for upper, lower in zip(above[first], below[first], strict=True):
        upper.set_ylabel("TV(qhat, p)")
        lower.set_ylabel("excess")
    notes = [f"TV(qhat, p): the expected resampling rate. Excess: above {page.word(REFERENCE)} at equal bits."]
    text = caption(table, page, "lower", notes, clock=False, intervals=False)
    words = Wording("Expected resampling against bits, a curve a family", text, "bits of a packet with one draft")
    handles: list[Artist] = list(above[0].get_legend_handles_labels()[0])
    labels = above[0].get_legend_handles_labels()[1]
    finish(figure, page, words, handles, labels)
    return figure


def _grid(page: Page, panels: int) -> tuple[Figure, list[Axes], list[Axes]]:
    """The curves' axes above those of their excess, side by side, or pair by pair on a narrow page."""
    if page.narrow:
        figure = page.figure(0.0, 2.4 * panels)
        axes = list(figure.subplots(2 * panels, 1, squeeze=False, height_ratios=(3, 2) * panels)[:, 0])
        for upper, lower in zip(axes[::2], axes[1::2], strict=True):
            upper.sharex(lower)
            upper.tick_params(labelbottom=False)
        return figure, axes[::2], axes[1::2]
    figure = page.figure(3.1 * panels + 1.8, 5.4)
    above, below = figure.subplots(2, panels, sharex="col", sharey="row", squeeze=False, height_ratios=(3, 2))
    return figure, list(above), list(below)


def _curves(upper: Axes, lower: Axes, rows: pd.DataFrame, table: pd.DataFrame, page: Page) -> None:
    look, families = _looks(table), dict(curves(rows))
    fronts = {
        name: TradeoffCurve.of(each[BITS].to_numpy(), each[REJECTED].to_numpy()) for name, each in families.items()
    }
    for name, settings in families.items():
        ordered = settings.sort_values(BITS)
        _line(upper, ordered[BITS], ordered[REJECTED], look[name], page.curve(name))
        if REFERENCE in fronts:
            bits = fronts[name].cost[fronts[name].cost <= fronts[REFERENCE].cost[-1]]
            _line(lower, bits, fronts[name].at(bits) / fronts[REFERENCE].at(bits) - 1, look[name], page.curve(name))
    upper.set_xscale("log")
    shown = rows[BITS]
    upper.set_xticks([tick for tick in _TICKS if shown.min() <= tick <= shown.max()])
    for ax in (upper, lower):
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.xaxis.set_minor_locator(NullLocator())


def _looks(table: pd.DataFrame) -> dict[str, Look]:
    """A colour and a marker for each kind, dashes among families of one kind."""
    styles = [*SCHEMES]
    ranks = {kind: styles[place % len(styles)] for place, kind in enumerate(dict.fromkeys(table[FAMILY[0]]))}
    kinds = table.assign(**{"scheme.kind": table[FAMILY[0]].map(ranks)})
    return looks(kinds.drop(columns=[name for name in ("lossy", "tv_output") if name in kinds.columns]))


def _line(ax: Axes, x: npt.ArrayLike, y: npt.ArrayLike, look: Look, label: str) -> None:
    size = 0.8 * rcParams["lines.markersize"]
    ax.plot(np.asarray(x), np.asarray(y), color=look.colour, marker=look.marker, linestyle=look.dashes,
            linewidth=1.2, markersize=size, label=label)  # fmt: skip
