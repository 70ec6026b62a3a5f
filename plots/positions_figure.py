"""The bound on rejections term by term at each draft position, beside the measured rate and its expectation.

A panel a curve. Stacked: TV(q, p), dropped mass, covering bound; the line across is TV(q, p) + TV(q, qhat), the most
that the triangle inequality allows for the law that was sent.
"""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from plots.style import curves
from simulator.results.columns import CI_SUFFIX

AXIS: Final = "position"
TERMS: Final = (
    ("tv_mismatch", "TV(q, p)", "#4C72B0", ""),
    ("dropped_mass", "dropped mass", "#F0B860", ""),
    ("covering_bound", "covering bound", "#F7F7F7", "////"),
)
"""Of the bound, from below: column, label, colour, hatch; lighter from term to term, for grey."""
_TOP, _BAR = 1.26, 0.62
COLUMNS: Final = 3
"""Panels side by side, at most."""


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """None of a table without positions."""
    if axis != AXIS or "tv_compression" not in summary.columns:
        return None
    drawn = [(curve, rows[rows["verified_drafts"] > 0].sort_values(AXIS)) for curve, rows in curves(summary)]
    across = min(COLUMNS, len(drawn))
    down = -(-len(drawn) // across)
    figure = Figure(figsize=(1.2 + 2.6 * across, 1.2 + 2.3 * down), layout="constrained")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, (curve, rows) in zip(panels, drawn, strict=False):
        _panel(panel, rows)
        panel.set_title(curve, fontsize=10, loc="left")
    for unused in panels[len(drawn) :]:
        unused.set_axis_off()
    for place, panel in enumerate(panels[: len(drawn)]):
        panel.xaxis.set_major_locator(FixedLocator(sorted(summary[AXIS].unique())))
        if place + across >= len(drawn):
            panel.xaxis.set_tick_params(labelbottom=True)
            panel.set_xlabel("draft position in its round")
    figure.supylabel("probability that a draft is rejected", fontsize=10)
    figure.suptitle("Resampling rate and the terms of its bound", x=0.01, ha="left", fontsize=12)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, across + 1))
    return figure


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    at, base = rows[AXIS].to_numpy(dtype=float), pd.Series(0.0, index=rows.index)
    for column, label, colour, hatch in TERMS:
        ax.bar(
            at, rows[column], _BAR, bottom=base, color=colour, edgecolor="#222222", linewidth=0.8, hatch=hatch,
            label=f"bound: {label}",
        )  # fmt: skip
        base = base + rows[column]
    allowed = rows["tv_mismatch"] + rows["tv_compression"]
    ax.hlines(
        allowed, at - _BAR / 2, at + _BAR / 2, colors="#C00000", linewidth=2.0, label="TV(q, p) + TV(q, qhat), exact"
    )
    half = rows.get("resampling_per_draft" + CI_SUFFIX, pd.Series(0.0, index=rows.index)).fillna(0.0)
    ax.errorbar(
        at - 0.1, rows["resampling_per_draft"], yerr=half, fmt="o", color="#000000", markersize=4.5, capsize=2.5,
        elinewidth=1.1, label="measured, 95% interval over seeds",
    )  # fmt: skip
    ax.plot(
        at + 0.12, rows["tv_qhat"], linestyle="", marker="D", markersize=5, markerfacecolor="#FFFFFF",
        markeredgecolor="#000000", label="expected: TV(qhat, p), exact",
    )  # fmt: skip
    ax.set_ylim(0, _TOP)
    ax.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1.0]))
    ax.axhline(1.0, color="#222222", linewidth=0.8, linestyle=(0, (4, 3)))
    ax.grid(axis="x", visible=False)
    for x, bound in zip(at, rows["rejection_bound"], strict=True):
        if bound > 1:
            text = ax.text(x, 1.2, f"{bound:.3g}", ha="center", va="center", fontsize=8)
            text.set_bbox({"facecolor": "white", "linewidth": 0, "pad": 1.0})
