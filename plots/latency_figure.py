"""Latency per output token along the swept axis: means, and a panel for each model pair."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.along_axis import Along, along
from plots.axes import scale, spans_far, swept, x_label
from plots.caption import caption, marks
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import Series, curve_handles, lines, reaches
from plots.over_cloud import over_cloud
from plots.page import Page
from plots.style import curves, looks
from simulator.results.columns import CURVE
from simulator.results.display_names import words_of

METRIC, LABEL = "latency_per_token_s", "latency per output token"


def draw(summary: pd.DataFrame, axis: str | None, page: Page, cells: pd.DataFrame | None = None) -> Figure | None:
    """Curves of the mean with their intervals, means alone of a setting that is there to compare with; below them their
    ratios to cloud-only decoding, where some come near it. None without a swept axis."""
    if axis is None or METRIC not in summary.columns or not pd.api.types.is_numeric_dtype(summary[axis]):
        return None
    over = over_cloud(summary, cells, axis, METRIC)
    what = Along(f"Latency per token against {page.axis(axis)}", METRIC, LABEL, [Series(METRIC, "")], over=over)
    return along(summary, axis, what, page)


def draw_pairs(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves of schemes in a panel a model pair, by what a curve's name says beyond its scheme, all on one scale; None
    without an axis."""
    if axis is None or METRIC not in summary.columns or not pd.api.types.is_numeric_dtype(summary[axis]):
        return None
    shown = summary[summary[METRIC].notna()]
    kinds, names = shown["scheme.kind"].astype(str), shown[CURVE].astype(str)
    rest = [name.removeprefix(kind).strip() for name, kind in zip(names, kinds, strict=True)]
    shown = shown.assign(panel=rest, **{CURVE: kinds})
    look, panels = looks(shown), [*shown.groupby("panel", sort=False)]
    figure, axes, width_in = grid(page, len(panels), 4, (0.9, 2.6), 1.3 if page.narrow else 1.9, "xy", narrow=2)
    means = shown[METRIC].tolist()
    logarithmic = spans_far(means)
    for ax, (name, part) in zip(axes, panels, strict=True):
        lines(ax, part, axis, [Series(METRIC, "")], look, logarithmic)
        values = [page.setting(field, value) for field, value in words_of(f"x {name}")[1].items()]
        ax.set_title(", ".join(values), fontsize="small", loc="left")  # `sotu, 10k, 1m`
    scale(axes[0].yaxis, METRIC, means, reaches(shown, [METRIC], logarithmic), logarithmic)
    swept(axes[0], axis, shown[axis].tolist(), width_in)
    title = f"Latency per token against {page.axis(axis)}, by model pair"
    text = caption(shown, page, "lower", marks(shown))
    finish(figure, page, Wording(title, text, x_label(page, axis), page.metric(METRIC, LABEL)),
           *curve_handles(look, [name for name, _ in curves(shown)], page))  # fmt: skip
    return figure
