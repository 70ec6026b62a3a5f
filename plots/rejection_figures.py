"""Figures of rejections: the measured rate beside its bound, and the terms of that by the position of a draft."""

from __future__ import annotations

import textwrap
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator
from pandas.api.types import is_numeric_dtype

from plots.axes import place, rows_of, swept, x_label
from plots.bar_figures import changes, in_the_middle, name_once, no_factor, row_panels
from plots.bars import HATCH
from plots.caption import caption
from plots.facets import in_panels
from plots.layout import Key, Wording, finish, grid
from plots.page import Page
from plots.style import Look, curves, looks
from plots.whiskers import measured, numbers
from simulator.results.column_names import CURVE

MEASURED, EXPECTED, BOUND = "resampling_per_draft", "tv_qhat", "rejection_bound"
_NOTE: Final = (
    "Bound: TV(q, p) + dropped mass + covering bound, mean over drafts. It holds of TV(qhat, p), the exact "
    "probability of a rejection, of each draft; the measured rate scatters about that and may lie above either. A "
    "bound above 1 says nothing."
)
_TOP, _SHADE = 1.05, "#555555"
_EXACT: Final = {"linestyle": "", "marker": "D", "color": "black", "markerfacecolor": "white"}


def draw_resampling(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Rejections per verified draft, beside their expected rate TV(qhat, p) and the bound on that, which holds draft by
    draft (SQS-SD). Rows, or a panel a curve where the axis changes the rate. None where nothing is drafted."""
    if not {MEASURED, BOUND} <= {*summary.columns}:
        return None
    drafted = summary[summary[MEASURED].notna() & summary[BOUND].notna()]
    if drafted.empty:
        return None
    label, what = page.metric(MEASURED, "rejections per verified draft"), "Resampling rate"
    chose = any(changes(drafted, axis, name) for name in (MEASURED, BOUND))
    if axis is not None and chose and not no_factor(drafted, axis):
        if not is_numeric_dtype(drafted[axis]):
            return None
        look, shown = looks(drafted), curves(drafted)
        row_in, most = 1.25 if page.narrow else 1.9, 3 if len(shown) <= 9 else 4
        titles = [textwrap.fill(page.curve(name), 28) for name, _ in shown]
        figure, axes, width_in = grid(page, titles, most, (0.9, 2.5), row_in, "xy", narrow=2)
        for ax, (name, rows) in zip(axes, shown, strict=True):
            _rejections_along(ax, rows.sort_values(axis), axis, look[name])
        axes[0].set_ylim(0, _TOP)
        swept(axes[0], axis, drafted[axis].tolist(), width_in)
        text = caption(drafted, page, "lower", [_NOTE])
        wording = Wording(f"{what} and its bound against {page.axis(axis)}", text, x_label(page, axis), label)
        bound: Patch | Line2D = Line2D([], [], linestyle="--", color=_SHADE)
    else:
        drafted, at = in_the_middle(drafted, axis, [MEASURED, BOUND], page)
        facets = in_panels(drafted, looks(drafted))
        figure, axes = row_panels(page, facets)
        for ax, (_, rows, look) in zip(axes, facets, strict=True):
            for y, (name, part) in enumerate(curves(rows)):
                _rejections(ax, part.iloc[:1], y, look[name])
            rows_of(ax, [page.curve(name) for name, _ in curves(rows)])
            ax.set_xlim(0, _TOP)
            ax.grid(axis="y", visible=False)
        name_once(axes)
        text = caption(drafted, page, "lower", [_NOTE])
        wording = Wording(f"{what} beside its bound{at}", text, label)
        bound = Patch(facecolor="white", edgecolor="black", hatch=HATCH)
    exact: Key = [("TV(qhat, p), exact", Line2D([], [], **_EXACT))] if _expected(drafted).notna().any() else []  # type: ignore[arg-type]
    rate = Line2D([], [], color="black", marker="o", linestyle="-")
    return finish(figure, page, wording, [("measured", rate), *exact, ("bound on TV(qhat, p), if below 1", bound)])


def _expected(rows: pd.DataFrame) -> pd.Series[float]:
    """Returns TV(qhat, p) where it is the expected rate: of all but coupled schemes; nan elsewhere."""
    coupled = rows["scheme.kind"].isin(("coupled", "coupled_tree"))
    if "scheme.acceptance.kind" in rows.columns:
        coupled |= rows["scheme.acceptance.kind"] == "coupling"
    return pd.Series(numbers(rows, EXPECTED), index=rows.index).where(~coupled)


def _rejections(ax: Axes, kept: pd.DataFrame, y: int, look: Look) -> None:
    """The measured rate with its interval, TV(qhat, p), and the bound as a wide open bar."""
    at = np.array([float(y)])
    bound, (rate, arms) = numbers(kept, BOUND), measured(kept, MEASURED)
    ax.barh(at, np.where(bound > 1, 0.0, bound), 0.66, color="white", edgecolor=look.colour, hatch=HATCH,
            linewidth=1.0)  # fmt: skip
    ax.errorbar(rate, at, xerr=arms, linestyle="", color="black", marker="o", elinewidth=1.3)
    ax.plot(_expected(kept), at, **_EXACT)  # type: ignore[arg-type]
    if (bound > 1).any():
        ax.text(0.99, y, "no bound", ha="right", va="center", fontsize="small")


def _rejections_along(ax: Axes, rows: pd.DataFrame, axis: str, look: Look) -> None:
    x, bound, (rate, arms) = place(rows[axis]), np.minimum(numbers(rows, BOUND), 1.0), measured(rows, MEASURED)
    ax.fill_between(x, bound, 1.2, color=_SHADE, alpha=0.12, linewidth=0)
    ax.plot(x, bound, color=_SHADE, linestyle="--", marker="", linewidth=1.2)
    ax.errorbar(x, rate, yerr=arms, elinewidth=1.0, label=rows[CURVE].iloc[0], **look.marked())
    ax.plot(x, _expected(rows), markersize=3.2, zorder=3, **_EXACT)  # type: ignore[arg-type]


POSITION: Final = "position"
TERMS: Final = (
    ("tv_mismatch", "TV(q, p)", "#4C72B0", ""),
    ("dropped_mass", "dropped mass", "#F0B860", ""),
    ("covering_bound", "covering bound", "#F7F7F7", "////"),
)
"""The terms of the bound, from below: column, label, colour, hatch; lighter from term to term, for grey."""
_WIDE: Final = 0.62


def draw_positions(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """The bound on rejections term by term at each draft position, beside the measured rate and its expectation, a
    panel a curve. Stacked: TV(q, p), dropped mass, covering bound; the line across is TV(q, p) + TV(q, qhat). None of a
    table without positions."""
    if axis != POSITION or "tv_compression" not in summary.columns:
        return None
    drawn = [(curve, rows[rows["verified_drafts"] > 0].sort_values(POSITION)) for curve, rows in curves(summary)]
    titles = [page.curve(curve) for curve, _ in drawn]
    figure, axes, _ = grid(page, titles, 3, (1.2, 2.6), 1.5 if page.narrow else 2.2, "xy", narrow=2)
    for ax, (_, rows) in zip(axes, drawn, strict=True):
        _position(ax, rows)
        ax.xaxis.set_major_locator(FixedLocator(sorted(summary[POSITION].unique())))
    note = (
        "The bound holds of the expected rate TV(qhat, p), draft by draft; the measured rate scatters about that. "
        "Above 1 a bound says nothing: bars and lines end there, and the bound's value is written."
    )
    text = caption(summary, page, "lower", [note])
    words = "Resampling rate and the terms of its bound", text, "draft position in its round", "rejection probability"
    handles, labels = axes[0].get_legend_handles_labels()
    return finish(figure, page, Wording(*words), list(zip(labels, handles, strict=True)))


def _position(ax: Axes, rows: pd.DataFrame) -> None:
    at, base = numbers(rows, POSITION), np.zeros(len(rows))
    for column, label, colour, hatch in TERMS:
        top = np.minimum(base + numbers(rows, column), 1.0)
        ax.bar(at, top - base, _WIDE, bottom=base, color=colour, edgecolor="#222222", linewidth=0.8, hatch=hatch,
               label=f"bound: {label}")  # fmt: skip
        base = top
    ax.hlines(
        np.minimum(rows["tv_mismatch"] + rows["tv_compression"], 1.0), at - 0.6 * _WIDE, at + 0.6 * _WIDE,
        colors="black", linewidth=2.0, zorder=1.5, label="TV(q, p) + TV(q, qhat), exact",
        path_effects=[withStroke(linewidth=4.0, foreground="white")],
    )  # fmt: skip
    rate, arms = measured(rows, MEASURED)
    ax.errorbar(at - 0.1, rate, yerr=arms, fmt="o", color="#000000", elinewidth=1.1, label="measured")
    ax.plot(at + 0.12, rows["tv_qhat"], label="expected: TV(qhat, p), exact", **_EXACT)  # type: ignore[arg-type]
    ax.set_ylim(0, 1.2)
    ax.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1.0]))
    ax.axhline(1.0, color="#222222", linewidth=0.8, linestyle=(0, (4, 3)))
    ax.grid(axis="x", visible=False)
    for x, bound in zip(at, rows["rejection_bound"], strict=True):
        if bound > 1:
            text = ax.text(x, 1.1, f"{bound:.3g}", ha="center", va="center", fontsize="x-small")
            text.set_bbox({"facecolor": "white", "linewidth": 0, "pad": 1.0})
