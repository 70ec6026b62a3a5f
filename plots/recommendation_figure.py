"""The best setting of each kind of scheme: what it reaches, and what that is over the recommended, a row a kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from kinds.arrays import Floats
from plots.axes import scale, spans_far
from plots.caption import Better, caption, marks
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import whiskers
from plots.page import Page
from plots.style import looks, lossy_curves
from simulator.results.columns import CI_SUFFIX, CURVE
from simulator.results.units import title

BY, BETTER, MARGIN = "metric", "better", "margin"
"""Columns: the metric aimed at, which way is better, and a setting's metric over that of the best, less 1."""
MARGIN_LOW, MARGIN_HIGH = f"{MARGIN}_low", f"{MARGIN}_high"  # columns: the ends of its interval
TICKS = 5
_WORDS = {"tokens_per_s": "throughput"}  # metrics whose name without its unit says nothing


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """The recommended at the top. None of a table that no recommendation has made."""
    if not {BY, BETTER, MARGIN, MARGIN_LOW, MARGIN_HIGH} <= set(summary.columns) or summary.empty:
        return None
    metric = str(summary[BY].iloc[0])
    figure, (reached, margin), _ = grid(page, 2, 2, (0.0, 4.3), 0.8 + 0.26 * len(summary), "y")
    values, half = (summary[name].to_numpy(dtype=np.float64) for name in (metric, metric + CI_SUFFIX))
    far = spans_far(values)
    arms = np.nan_to_num(whiskers(values, half, far))
    _points(reached, summary, values, arms)
    scale(reached.xaxis, metric, [*values], [*(values - arms[0]), *(values + arms[1])], far, TICKS)
    reached.set_xlabel(page.labels.get(metric) or called(metric))
    _margins(margin, summary)
    lossy = lossy_curves(summary)
    names = [page.curve(curve) + lossy.get(curve, "") for curve in summary[CURVE].astype(str)]
    reached.set_yticks(range(len(summary)), names)
    reached.set_ylim(len(summary) - 0.5, -0.5)
    better: Better = "higher" if summary[BETTER].iloc[0] == "higher" else "lower"
    notes = ["The best setting of each kind, the recommended at the top; ratios are paired by seed.", *marks(summary)]
    text = caption(summary, page, better, notes)
    finish(figure, page, Wording("The recommended setting beside the best of other kinds", text))
    return figure


def _margins(ax: Axes, summary: pd.DataFrame) -> None:
    """In percent from 0; as ratios on a logarithmic axis where they span far, so that none flattens the others."""
    share, low, high = (summary[name].to_numpy(dtype=np.float64) for name in (MARGIN, MARGIN_LOW, MARGIN_HIGH))
    arms = np.nan_to_num(np.stack([share - low, high - share]))
    if spans_far(1 + share):
        _points(ax, summary, 1 + share, arms)
        scale(ax.xaxis, "", [*(1 + share)], [*(1 + low), *(1 + high)], True, TICKS)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}\N{MULTIPLICATION SIGN}"))
        ax.axvline(1.0, color="black", linewidth=0.8)
        ax.set_xlabel("times the recommended")
        return
    _points(ax, summary, share, arms)
    ax.axvline(0.0, color="black", linewidth=0.8)
    ax.xaxis.set_major_locator(MaxNLocator(TICKS))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_xlabel("more than the recommended")


def called(metric: str) -> str:
    return _WORDS.get(metric) or title(metric)


def _points(ax: Axes, summary: pd.DataFrame, values: Floats, arms: Floats) -> None:
    styles = looks(summary)
    for place, (curve, value) in enumerate(zip(summary[CURVE].astype(str), values, strict=True)):
        look = styles[curve]
        ax.errorbar(
            value, place, xerr=arms[:, place : place + 1], color=look.colour, marker=look.marker,
            markerfacecolor=look.face, linestyle="",
        )  # fmt: skip
