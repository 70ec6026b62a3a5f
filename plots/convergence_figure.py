"""The running mean of the dropped mass along a text, beside both bounds of the conformal threshold and its target.

A panel for each curve with a threshold that moves; a threshold that stays is drawn in each panel that begins at it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from plots.style import curves
from simulator.results.columns import CI_SUFFIX
from simulator.results.units import symbol

AXIS: Final = "tokens"
FIXED: Final = "scheme.sparsifier.beta"
BOUNDS: Final = (
    ("papers_bound", "papers' bound", "#56B4E9", (0, (1, 1.4)), 1.8),
    ("one_sided_bound", "one-sided bound", "#0072B2", "-", 2.2),
    ("adversarial_dropped_mass", "laws chosen against it", "#D55E00", (0, (5, 2)), 1.3),
)
"""Column, label, colour, dashes, width."""
COLUMNS: Final = 3
"""Panels side by side, at most."""


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """None of a table without bounds along a text."""
    if axis != AXIS or "one_sided_bound" not in summary.columns:
        return None
    bounded = summary[summary["one_sided_bound"].notna()]
    drawn = [rows.sort_values(AXIS) for _, rows in curves(bounded)]
    if not drawn:
        return None
    across = min(COLUMNS, len(drawn))
    down = -(-len(drawn) // across)
    figure = Figure(figsize=(1.0 + 2.9 * across, 1.3 + 2.25 * down), layout="constrained")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, rows in zip(panels, drawn, strict=False):
        _panel(panel, rows, summary)
    for unused in panels[len(drawn) :]:
        unused.set_axis_off()
    _axes(panels[0], summary, bounded)
    for place, panel in enumerate(panels[: len(drawn)]):
        if place + across >= len(drawn):
            panel.xaxis.set_tick_params(labelbottom=True)
            panel.set_xlabel("output tokens")
    figure.supylabel("mean dropped mass so far", fontsize=10)
    figure.suptitle("Dropped mass under a conformal threshold, and what is promised of it", x=0.01, ha="left")
    labels = dict(pair for panel in panels for pair in zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    figure.legend(list(labels.values()), list(labels), loc="outside lower center", ncols=min(4, across + 1))
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, summary: pd.DataFrame) -> None:
    first, at = rows.iloc[0], rows[AXIS].to_numpy(dtype=float)
    for column, label, colour, dashes, width in BOUNDS:
        ax.plot(at, rows[column], color=colour, linestyle=dashes, linewidth=width, label=label)
    ax.axhline(first["scheme.target"], color="#666666", linewidth=0.9, linestyle=(0, (4, 3)), label="target")
    fixed = _fixed(summary, first["scheme.initial"])
    if fixed is not None:
        ax.plot(
            fixed[AXIS], fixed["kept_dropped_mass"], color="#999999", linewidth=1.2, marker="s", markersize=3,
            label="threshold that stays",
        )  # fmt: skip
    if not np.allclose(rows["verified_dropped_mass"], rows["kept_dropped_mass"], rtol=1e-9):
        ax.plot(
            at, rows["verified_dropped_mass"], color="#CC79A7", linewidth=1.1, marker="x", markersize=4,
            label="measured, verified drafts",
        )  # fmt: skip
    half = rows["kept_dropped_mass" + CI_SUFFIX].where(rows["n"] > 2, 0.0).fillna(0.0)  # of two seeds it tells nothing
    ax.errorbar(
        at, rows["kept_dropped_mass"], yerr=half, color="#000000", linewidth=0.9, marker="o", markersize=3.6,
        capsize=2, elinewidth=0.9, label="measured, kept drafts",
    )  # fmt: skip
    ax.set_title(_title(first), fontsize=9, loc="left")


def _axes(ax: Axes, summary: pd.DataFrame, bounded: pd.DataFrame) -> None:
    """Both logarithmic, the vertical one from below the target to a little above 1, where bounds end."""
    ax.set_xscale("log")
    lengths = sorted(summary[AXIS].unique())
    ax.xaxis.set_major_locator(FixedLocator(lengths[::2]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yscale("log")
    ax.set_ylim(0.5 * min(bounded["scheme.target"].min(), bounded["kept_dropped_mass"].min()), 1.6)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))


def _fixed(summary: pd.DataFrame, beta: float) -> pd.DataFrame | None:
    if FIXED not in summary.columns:
        return None
    rows = summary[summary["one_sided_bound"].isna() & (summary[FIXED] == beta)]
    return None if rows.empty else rows.sort_values(AXIS)


def _title(row: pd.Series[float]) -> str:
    """`eta = 0.01, beta_1 = 0.1`, and what is not the default."""
    words = [f"{symbol(name)} = {row[name]:g}" for name in ("scheme.step", "scheme.initial")]
    rollback = str(row["scheme.rollback"])
    words += [] if rollback == "through_rejection" else [rollback]
    return ", ".join([*words, *([] if row["scheme.carry"] else ["without carry"])])
