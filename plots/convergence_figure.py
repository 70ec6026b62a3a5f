"""The running mean of the dropped mass along a text, beside both bounds of the conformal threshold and its target: two
panels, of the thresholds that go on, where the one-sided bound ends lowest, and highest."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

from plots.axes import swept
from plots.caption import caption
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import halves, whiskers
from plots.page import Page
from plots.style import curves
from simulator.results.display_names import DIRECTORY, FIELDS, words_of
from simulator.results.intervals import interval

AXIS: Final = "tokens"
TITLE: Final = "Dropped mass under a conformal threshold, and what is promised of it"
FIXED: Final = "scheme.sparsifier.beta"
DEFAULT: Final = "through_rejection"
BOTH: Final = "Bars reach to either seed."
BOUNDS: Final = (
    ("papers_bound", "papers' bound", "#56B4E9", (0, (1, 1.4)), 1.8),
    ("one_sided_bound", "one-sided bound", "#0072B2", "-", 2.2),
    ("adversarial_dropped_mass", "distributions chosen against it", "#D55E00", (0, (5, 2)), 1.3),
)
"""Column, label, colour, dashes, width."""


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """None of a table without bounds along a text."""
    if axis != AXIS or "one_sided_bound" not in summary.columns:
        return None
    bounded = summary[summary["one_sided_bound"].notna()]
    found = [(curve, rows.sort_values(AXIS)) for curve, rows in curves(bounded)]
    found = [each for each in found if _plain(each[1].iloc[0])] or found
    found.sort(key=lambda each: float(each[1]["one_sided_bound"].iloc[-1]))
    drawn = [*found[:1], *found[1:][-1:]]
    if not drawn:
        return None
    figure, panels, width_in = grid(page, len(drawn), 2, (1.0, 3.6), 1.6 if page.narrow else 2.8, "xy", narrow=2)
    for panel, (curve, rows) in zip(panels, drawn, strict=True):
        _panel(panel, rows, summary)
        source = words_of(curve)[1].get(DIRECTORY)
        panel.set_title(_title(rows.iloc[0]) + (f", {source}" if source else ""), fontsize="x-small", loc="left")
    lowest = min(min(rows["scheme.target"].min(), rows["kept_dropped_mass"].min()) for _, rows in drawn)
    panels[0].set(yscale="log", ylim=(0.5 * lowest, 1.1))  # bounds end at 1: more says nothing
    panels[0].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    panels[0].yaxis.set_minor_locator(NullLocator())
    swept(panels[0], AXIS, sorted(summary[AXIS].unique()), width_in)
    labels = dict(pair for panel in panels for pair in zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    ends = (
        f"Of {len(found)} thresholds that move, those whose bound is lowest and highest at the end; the report has all."
    )
    notes = [*([ends] if len(found) > len(drawn) else []), *([BOTH] if (bounded["n"] == 2).all() else [])]
    text = caption(summary, page, "lower", notes, clock=False, intervals=bool((bounded["n"] > 2).any()))
    wording = Wording(TITLE, text, "output tokens", "mean dropped mass so far")
    finish(figure, page, wording, list(labels.values()), list(labels))
    return figure


def _plain(row: pd.Series[float]) -> bool:
    """Whether the threshold goes on from request to request and counts what a rejection leaves."""
    return str(row["scheme.rollback"]) == DEFAULT and bool(row["scheme.carry"])


def _panel(ax: Axes, rows: pd.DataFrame, summary: pd.DataFrame) -> None:
    first, at = rows.iloc[0], rows[AXIS].to_numpy(dtype=float)
    for column, label, colour, dashes, width in BOUNDS:
        ax.plot(at, rows[column].where(rows[column] > 0), color=colour, linestyle=dashes, linewidth=width, label=label)
    ax.axhline(first["scheme.target"], color="#666666", linewidth=0.9, linestyle=(0, (4, 3)), label="target")
    betas = summary.get(FIXED, pd.Series(np.nan, index=summary.index))
    fixed = summary[summary["one_sided_bound"].isna() & (betas == first["scheme.initial"])].sort_values(AXIS)
    if len(fixed):
        ax.plot(
            fixed[AXIS], fixed["kept_dropped_mass"], color="#999999", linewidth=1.2, marker="s", markersize=3,
            label="threshold that stays",
        )  # fmt: skip
    if not np.allclose(rows["verified_dropped_mass"], rows["kept_dropped_mass"], rtol=1e-9):
        ax.plot(
            at, rows["verified_dropped_mass"], color="#CC79A7", linewidth=1.1, marker="x", markersize=4,
            label="measured, verified drafts",
        )  # fmt: skip
    mean = rows["kept_dropped_mass"].to_numpy(dtype=float)
    half, two = halves(rows, "kept_dropped_mass"), bool((rows["n"] == 2).all())
    half = half / interval((0.0, 2.0)).half_width if two else half
    ax.errorbar(
        at, mean, yerr=whiskers(mean, half, not two), color="#000000", linewidth=0.9, marker="o", markersize=3.6,
        elinewidth=0.9, label="measured, kept drafts",
    )  # fmt: skip


def _title(row: pd.Series[float]) -> str:
    words = [f"{FIELDS[name]} = {row[f'scheme.{name}']:g}" for name in ("step", "initial")]
    rollback = str(row["scheme.rollback"])
    words += [] if rollback == DEFAULT else [rollback.replace("_", " ")]
    return ", ".join([*words, *([] if row["scheme.carry"] else ["without carry"])])
