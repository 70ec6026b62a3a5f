"""The best setting of each kind of scheme: what it reaches, also over what the recommended does, a row a kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from kinds.arrays import Floats
from plots.axes import rows_of, scale, spans_far
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
FAR = 3.0
"""Ratios beyond this, or below 1 over it, have a panel of their own: on one axis the others would be one heap."""
TIMES = "\N{MULTIPLICATION SIGN}"
_WORDS = {"tokens_per_s": "throughput"}  # metrics whose name without its unit says nothing


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """The recommended at the top. None of a table that no recommendation has made."""
    if not {BY, BETTER, MARGIN, MARGIN_LOW, MARGIN_HIGH} <= set(summary.columns) or summary.empty:
        return None
    metric = str(summary[BY].iloc[0])
    ratio, low, high = (1 + summary[name].to_numpy(dtype=np.float64) for name in (MARGIN, MARGIN_LOW, MARGIN_HIGH))
    outlying = (ratio > FAR) | (ratio < 1 / FAR)
    panels = 3 if outlying.any() else 2
    figure, axes, _ = grid(page, panels, 3, (0.0, 4.3 if panels == 2 else 3.4), 0.8 + 0.26 * len(summary), "y")
    reached = axes[0]
    for ax, there in zip(axes[1:], (~outlying, outlying), strict=False):
        _ratios(ax, summary, np.where(there, ratio, np.nan), low, high)
    axes[1].axvline(1.0, color="black", linewidth=0.8)
    axes[1].set_xlabel("times the recommended")
    if panels == 3:
        axes[2].set_xlabel(f"times the recommended, beyond {FAR:g}{TIMES}")
    values, half = (summary[name].to_numpy(dtype=np.float64) for name in (metric, metric + CI_SUFFIX))
    far = spans_far(values)
    arms = np.nan_to_num(whiskers(values, half, far))
    _points(reached, summary, values, arms)
    scale(reached.xaxis, metric, [*values], [*(values - arms[0]), *(values + arms[1])], far, TICKS)
    reached.set_xlabel(page.labels.get(metric) or called(metric))
    lossy = lossy_curves(summary)
    rows_of(reached, [page.curve(curve) + lossy.get(curve, "") for curve in summary[CURVE].astype(str)])
    better: Better = "higher" if summary[BETTER].iloc[0] == "higher" else "lower"
    notes = ["The best setting of each kind, the recommended at the top; ratios are paired by seed.", *marks(summary)]
    text = caption(summary, page, better, notes)
    finish(figure, page, Wording("The recommended setting beside the best of other kinds", text))
    return figure


def _ratios(ax: Axes, summary: pd.DataFrame, ratio: Floats, low: Floats, high: Floats) -> None:
    shown = ~np.isnan(ratio)
    _points(ax, summary, ratio, np.nan_to_num(np.stack([ratio - low, high - ratio])))
    ends = [*ratio[shown], *low[shown], *high[shown]]
    scale(ax.xaxis, "", [*ratio[shown]], ends, True, TICKS)
    if not spans_far(ax.get_xlim()):
        at = [1.0, *MaxNLocator(TICKS).tick_values(*ax.get_xlim())]
        ax.xaxis.set_major_locator(FixedLocator([each for each in at if each > 0]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}{TIMES}"))


def called(metric: str) -> str:
    return _WORDS.get(metric) or title(metric)


def _points(ax: Axes, summary: pd.DataFrame, values: Floats, arms: Floats) -> None:
    styles = looks(summary)
    for place, (curve, value) in enumerate(zip(summary[CURVE].astype(str), values, strict=True)):
        look = styles[curve]
        ax.errorbar(
            value, place, xerr=arms[:, place : place + 1], **look.marked(), linestyle="",
        )  # fmt: skip
