"""Rejections per verified draft, beside what they are expected to be, TV(qhat, p), and the bound on that, TV(q, p) +
alpha + covering bound, which holds draft by draft (SQS-SD)."""

from __future__ import annotations

import textwrap
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from plots.along_axis import in_panels, row_panels
from plots.axes import place, rows_of, swept, x_label
from plots.caption import caption
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import CHOSE, changes, distinct, halves, no_factor, whiskers
from plots.page import Page
from plots.style import Look, curves, looks
from simulator.results.columns import CURVE
from simulator.results.units import quantity

MEASURED, EXPECTED, BOUND = "resampling_per_draft", "tv_qhat", "rejection_bound"
LABEL = "rejections per verified draft"
NOTE: Final = (
    "Bound: TV(q, p) + dropped mass + covering bound, mean over drafts. It holds of TV(qhat, p), the exact "
    "probability of a rejection, of each draft; the measured rate scatters about that and may lie above either. A "
    "bound above 1 says nothing: it is drawn at 1."
)
_TOP = 1.05
_SHADE = "#555555"
_HATCH = "////"


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Rows, several marks in one where schemes chose otherwise along an axis that is no factor itself; or a panel a
    curve where the axis changes the rate. None where nothing is drafted."""
    if not {MEASURED, BOUND} <= set(summary.columns):
        return None
    drafted = summary[summary[MEASURED].notna() & summary[BOUND].notna()]
    if drafted.empty:
        return None
    moving = axis is not None and any(changes(drafted, axis, name) for name in (MEASURED, BOUND))
    chose = moving and no_factor(drafted, axis)
    if axis is not None and moving and not chose:
        return _panels(drafted, axis, page) if pd.api.types.is_numeric_dtype(drafted[axis]) else None
    facets = in_panels(drafted, looks(drafted))
    figure, axes = row_panels(page, facets)
    for ax, (_, rows, look) in zip(axes, facets, strict=True):
        _rows(ax, rows, look, axis if chose else None, page)
    notes = [NOTE, *([CHOSE.format(page.axis(str(axis)))] if chose else [])]
    title = "Resampling rate beside its bound" + (f" ({page.axis(axis)} is no factor)" if axis else "")
    wording = Wording(title, caption(drafted, page, "lower", notes, clock=False), page.metric(MEASURED, LABEL))
    finish(figure, page, wording, *_key(drafted, bars=True))
    return figure


def expected(rows: pd.DataFrame) -> pd.Series[float]:
    """TV(qhat, p) where it is the expected rate: of all but coupled schemes; nan elsewhere."""
    if EXPECTED not in rows.columns:
        return pd.Series(np.nan, index=rows.index)
    coupled = rows["scheme.kind"].isin(("coupled", "coupled_tree"))
    if "scheme.acceptance.kind" in rows.columns:
        coupled |= rows["scheme.acceptance.kind"] == "coupling"
    return rows[EXPECTED].where(~coupled)


def _rows(ax: Axes, drafted: pd.DataFrame, look: dict[str, Look], axis: str | None, page: Page) -> None:
    """A row a curve: the measured rate with its interval, TV(qhat, p), and the bound as a wide open bar; one below the
    other where it chose several settings along the axis."""
    shown = curves(drafted)
    for y, (name, rows) in enumerate(shown):
        kept = distinct(rows, axis, [MEASURED, BOUND])
        for place_, (_, row) in enumerate(kept.groupby(np.arange(len(kept)))):
            _row(ax, row, y + (place_ - (len(kept) - 1) / 2) * 0.8 / len(kept), 0.66 / len(kept), look[name])
    rows_of(ax, [page.curve(name) for name, _ in shown])
    ax.set_xlim(0, _TOP)
    ax.grid(axis="y", visible=False)


def _row(ax: Axes, row: pd.DataFrame, y: float, high: float, look: Look) -> None:
    bound, rate = float(row[BOUND].iloc[0]), row[MEASURED].to_numpy(dtype=float)
    ax.barh(y, min(bound, 1.0), high, color="white", edgecolor=look.colour, hatch=_HATCH, linewidth=1.0)
    ax.errorbar(
        rate, [y], xerr=whiskers(rate, halves(row, MEASURED), False), linestyle="", color="black", marker="o",
        elinewidth=1.3,
    )  # fmt: skip
    ax.plot(expected(row), [y], linestyle="", marker="D", color="black", markerfacecolor="white")
    if bound > 1:
        text = ax.text(0.99, y, f"bound {quantity(bound, '')}", ha="right", va="center", fontsize="small")
        text.set_bbox({"facecolor": "white", "linewidth": 0, "pad": 1.0})


def _panels(drafted: pd.DataFrame, axis: str, page: Page) -> Figure:
    look, shown = looks(drafted), curves(drafted)
    row_in, most = 1.25 if page.narrow else 1.9, 3 if len(shown) <= 9 else 4
    figure, axes, width_in = grid(page, len(shown), most, (0.9, 2.5), row_in, "xy", narrow=2)
    for ax, (name, rows) in zip(axes, shown, strict=True):
        _curve(ax, rows.sort_values(axis), axis, look[name])
        ax.set_title(textwrap.fill(page.curve(name), 28), loc="left", fontsize="small")
    axes[0].set_ylim(0, _TOP)
    swept(axes[0], axis, drafted[axis].tolist(), width_in)
    text = caption(drafted, page, "lower", [NOTE], clock=False)
    title = f"Resampling rate and its bound against {page.axis(axis)}"
    wording = Wording(title, text, x_label(page, axis), page.metric(MEASURED, LABEL))
    finish(figure, page, wording, *_key(drafted, bars=False))
    return figure


def _curve(ax: Axes, rows: pd.DataFrame, axis: str, look: Look) -> None:
    x, rate = place(rows[axis]), rows[MEASURED].to_numpy(dtype=float)
    bound = np.minimum(rows[BOUND].to_numpy(dtype=float), 1.0)
    ax.fill_between(x, bound, 1.2, color=_SHADE, alpha=0.12, linewidth=0)
    ax.plot(x, bound, color=_SHADE, linestyle="--", marker="", linewidth=1.2)
    ax.errorbar(x, rate, yerr=whiskers(rate, halves(rows, MEASURED), False), **look.marked(),
                elinewidth=1.0, label=rows[CURVE].iloc[0])  # fmt: skip
    ax.plot(x, expected(rows), linestyle="", marker="D", markersize=3.2, color="black", markerfacecolor="white",
            zorder=3)  # fmt: skip


def _key(drafted: pd.DataFrame, *, bars: bool) -> tuple[list[Artist], list[str]]:
    bar = Patch(facecolor="white", edgecolor="black", hatch=_HATCH)
    handles: list[Artist] = [
        Line2D([], [], color="black", marker="o", linestyle="-"),
        bar if bars else Line2D([], [], linestyle="--", color=_SHADE),
    ]
    labels = ["measured", "bound on TV(qhat, p), at most 1"]
    if expected(drafted).notna().any():
        handles.insert(1, Line2D([], [], linestyle="", marker="D", color="black", markerfacecolor="white"))
        labels.insert(1, "TV(qhat, p), exact")
    return handles, labels
