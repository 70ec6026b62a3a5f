"""Bits of a draft against its expected rejection, a curve a family of settings, a panel for each value of the axis.

Below: how far each family is above the fixed threshold at equal bits, where curves that nearly meet can be told apart.
"""

from __future__ import annotations

import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, PercentFormatter, StrMethodFormatter

from plots.style import SCHEMES, Look, curves, looks
from simulator.results.columns import CURVE
from simulator.results.tradeoffs import TradeoffCurve, named
from simulator.results.units import quantity, title

BITS, REJECTED = "coded_bits_per_draft", "tv_qhat"
FAMILY = ("scheme.sparsifier.kind", "scheme.sparsifier.step")
REFERENCE = "threshold"
_TICKS = (5, 10, 20, 50, 100, 200, 500, 1000)


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """None where the table has no families of one axis in these two metrics."""
    if axis is None or not {BITS, REJECTED, *FAMILY, axis} <= set(summary.columns):
        return None
    table = summary.dropna(subset=[BITS, REJECTED, FAMILY[0]])
    table = table.assign(**{CURVE: named(table, FAMILY)})
    panels = [*table.groupby(axis, sort=True)]
    if not panels:
        return None
    figure = Figure(figsize=(3.1 * len(panels) + 2.4, 6.6), layout="constrained")
    above, below = figure.subplots(2, len(panels), sharex="col", sharey="row", squeeze=False, height_ratios=(3, 2))
    for upper, lower, (value, rows) in zip(above, below, panels, strict=True):
        upper.set_title(f"{title(axis)} {quantity(value, axis)}", fontsize=10)
        _curves(upper, lower, rows, table)
    above[0].set_ylabel("expected resampling rate, TV(qhat, p)")
    below[0].set_ylabel(f"above {REFERENCE} at equal bits")
    below[0].yaxis.set_major_formatter(PercentFormatter(1.0))
    figure.suptitle("Expected resampling against bits, a curve a family of settings", x=0.01, ha="left", fontsize=12)
    figure.supxlabel("bits of a packet with one draft", fontsize=10)
    handles, labels = above[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")
    return figure


def _curves(upper: Axes, lower: Axes, rows: pd.DataFrame, table: pd.DataFrame) -> None:
    """The settings of each family, and its front beside that of the reference."""
    look, families = _looks(table), dict(curves(rows))
    fronts = {
        name: TradeoffCurve.of(each[BITS].to_numpy(), each[REJECTED].to_numpy()) for name, each in families.items()
    }
    for name, settings in families.items():
        ordered = settings.sort_values(BITS)
        _line(upper, ordered[BITS], ordered[REJECTED], look[name], name)
        if REFERENCE in fronts:
            bits = fronts[name].cost[fronts[name].cost <= fronts[REFERENCE].cost[-1]]
            _line(lower, bits, fronts[name].at(bits) / fronts[REFERENCE].at(bits) - 1, look[name], name)
    upper.set_xscale("log")
    shown = rows[BITS]
    upper.set_xticks([tick for tick in _TICKS if shown.min() <= tick <= shown.max()])
    for ax in (upper, lower):
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())


def _looks(table: pd.DataFrame) -> dict[str, Look]:
    """A colour and a marker for each kind, dashes among families of one kind."""
    styles = [*SCHEMES]
    ranks = {kind: styles[place % len(styles)] for place, kind in enumerate(dict.fromkeys(table[FAMILY[0]]))}
    return looks(table.assign(**{"scheme.kind": table[FAMILY[0]].map(ranks)}))


def _line(ax: Axes, x: npt.ArrayLike, y: npt.ArrayLike, look: Look, label: str) -> None:
    ax.plot(
        x, y, color=look.colour, marker=look.marker, linestyle=look.dashes, linewidth=1.2, markersize=4, label=label
    )
