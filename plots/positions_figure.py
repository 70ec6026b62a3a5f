"""The bound on rejections term by term at each draft position, beside the measured rate and its expectation, a panel a
curve. Stacked: TV(q, p), dropped mass, covering bound; the line across is TV(q, p) + TV(q, qhat)."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator

from plots.caption import caption
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import halves, whiskers
from plots.page import Page
from plots.style import curves

AXIS: Final = "position"
TERMS: Final = (
    ("tv_mismatch", "TV(q, p)", "#4C72B0", ""),
    ("dropped_mass", "dropped mass", "#F0B860", ""),
    ("covering_bound", "covering bound", "#F7F7F7", "////"),
)
"""The terms of the bound, from below: column, label, colour, hatch; lighter from term to term, for grey."""
_TOP, _BAR = 1.2, 0.62
NOTE: Final = (
    "The bound holds of the expected rate TV(qhat, p), draft by draft; the measured rate scatters about that. Above 1 "
    "a bound says nothing: bars and lines end there, and the bound's value is written."
)


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """None of a table without positions."""
    if axis != AXIS or "tv_compression" not in summary.columns:
        return None
    drawn = [(curve, rows[rows["verified_drafts"] > 0].sort_values(AXIS)) for curve, rows in curves(summary)]
    figure, panels, _ = grid(page, len(drawn), 3, (1.2, 2.6), 1.5 if page.narrow else 2.2, "xy", narrow=2)
    for panel, (curve, rows) in zip(panels, drawn, strict=True):
        _panel(panel, rows)
        panel.set_title(page.curve(curve), fontsize="small", loc="left")
        panel.xaxis.set_major_locator(FixedLocator(sorted(summary[AXIS].unique())))
    wording = Wording(
        "Resampling rate and the terms of its bound", caption(summary, page, "lower", [NOTE], clock=False),
        "draft position in its round", "rejection probability",
    )  # fmt: skip
    finish(figure, page, wording, *panels[0].get_legend_handles_labels())
    return figure


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    at, base = rows[AXIS].to_numpy(dtype=float), np.zeros(len(rows))
    for column, label, colour, hatch in TERMS:
        top = np.minimum(base + rows[column].to_numpy(dtype=float), 1.0)
        ax.bar(
            at, top - base, _BAR, bottom=base, color=colour, edgecolor="#222222", linewidth=0.8, hatch=hatch,
            label=f"bound: {label}",
        )  # fmt: skip
        base = top
    allowed = np.minimum(rows["tv_mismatch"] + rows["tv_compression"], 1.0)
    ax.hlines(
        allowed, at - 0.6 * _BAR, at + 0.6 * _BAR, colors="black", linewidth=2.0, zorder=1.5,
        label="TV(q, p) + TV(q, qhat), exact", path_effects=[withStroke(linewidth=4.0, foreground="white")],
    )  # fmt: skip
    rate = rows["resampling_per_draft"].to_numpy(dtype=float)
    ax.errorbar(
        at - 0.1, rate, yerr=whiskers(rate, halves(rows, "resampling_per_draft"), False), fmt="o", color="#000000",
        elinewidth=1.1, label="measured",
    )  # fmt: skip
    ax.plot(
        at + 0.12, rows["tv_qhat"], linestyle="", marker="D", markerfacecolor="#FFFFFF",
        markeredgecolor="#000000", label="expected: TV(qhat, p), exact",
    )  # fmt: skip
    ax.set_ylim(0, _TOP)
    ax.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1.0]))
    ax.axhline(1.0, color="#222222", linewidth=0.8, linestyle=(0, (4, 3)))
    ax.grid(axis="x", visible=False)
    for x, bound in zip(at, rows["rejection_bound"], strict=True):
        if bound > 1:
            text = ax.text(x, 1.1, f"{bound:.3g}", ha="center", va="center", fontsize="x-small")
            text.set_bbox({"facecolor": "white", "linewidth": 0, "pad": 1.0})
