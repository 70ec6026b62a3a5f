"""Bits of a draft against its expected rejection, a point a setting: each quantizer by its marker, the front drawn, a
panel for each vocabulary."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, StrMethodFormatter

from plots.caption import caption
from plots.layout import Wording, finish, grid
from plots.page import Page
from plots.style import SCHEMES
from simulator.results.tradeoffs import undominated

BITS, REJECTED, VOCABULARY = "coded_bits_per_draft", "tv_qhat", "vocabulary"
QUANTIZER, KEPT = "scheme.quantizer.kind", "scheme.sparsifier.kind"
DENSE = "dense lattice"
_LOOKS = {
    "lattice": SCHEMES["k_sqs"],
    "dual": ("#0072B2", "D"),
    "cubic": ("#009E73", "s"),
    "logarithmic": ("#CC79A7", "v"),
    "halves": ("#7F7F7F", "P"),
    DENSE: ("#000000", "*"),
}
_OTHER = ("#8A8A00", "X")


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """None where the table has no quantizers in these two metrics."""
    if not {BITS, REJECTED, VOCABULARY, QUANTIZER, KEPT} <= set(summary.columns):
        return None
    table = summary.dropna(subset=[BITS, REJECTED, QUANTIZER])
    panels = [*table.groupby(VOCABULARY, sort=True)]
    if not panels:
        return None
    figure, axes, _ = grid(page, len(panels), 3, (1.6, 3.2), 2.2 if page.narrow else 3.6)
    for ax, (size, rows) in zip(axes, panels, strict=True):
        _points(ax, rows)
        ax.set_title(f"V = {size:,.0f}", fontsize="small", loc="left")
    kinds = [name for name in _LOOKS if name in set(_families(table))]
    handles: list[Artist] = [
        Line2D([], [], linestyle="", color=_LOOKS[name][0], marker=_LOOKS[name][1]) for name in kinds
    ]
    front = Line2D([], [], color="black", linewidth=1)
    notes = ["TV(qhat, p): the expected resampling rate. Filled: settings that none beats in both."]
    wording = Wording("Expected resampling against bits, a point a setting",
                caption(table, page, "lower", notes, clock=False, intervals=False),
                "bits of a packet with one draft", "TV(qhat, p)")  # fmt: skip
    finish(figure, page, wording, [*handles, front], [*map(page.word, kinds), "front"])
    return figure


def _families(rows: pd.DataFrame) -> list[str]:
    """The quantizer of each row, the lattice over all of V apart."""
    dense = (rows[KEPT] == "all") & (rows[QUANTIZER] == "lattice")
    return [DENSE if all_ else str(kind) for all_, kind in zip(dense, rows[QUANTIZER], strict=True)]


def _points(ax: Axes, rows: pd.DataFrame) -> None:
    bits, rejected = rows[BITS].to_numpy(), rows[REJECTED].to_numpy()
    front = undominated(bits, rejected)
    ax.plot(bits[front], rejected[front], color="black", linewidth=1, zorder=1)
    families = np.array(_families(rows))
    for name in dict.fromkeys(families):
        colour, marker = _LOOKS.get(name, _OTHER)
        for place in np.flatnonzero(families == name):
            face = colour if place in front else "white"
            ax.plot(
                bits[place], rejected[place], marker=marker, color=colour, markerfacecolor=face,
                markersize=8 if marker == "*" else 5, linestyle="", zorder=3 if place in front else 2,
                markeredgewidth=0.9,
            )  # fmt: skip
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
