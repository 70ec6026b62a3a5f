"""Along the swept axis: latency per output token, also in a panel a model pair, time to the first token and time per
token after it."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.along_axis import Along, along
from plots.axes import scale, spans_far, swept, x_label
from plots.caption import caption, marks
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import Series, curve_handles, lines, reaches
from plots.over_cloud import LABEL as OVER
from plots.over_cloud import NOTE, RATIOS, RIVAL, over_cloud, with_ratios
from plots.page import Page
from plots.style import curves, looks
from simulator.results.columns import CURVE, SPEEDUP
from simulator.results.display_names import words_of

METRIC, LABEL = "latency_per_token_s", "latency per output token"
PACE = "tpot_s"


def draw(summary: pd.DataFrame, axis: str | None, page: Page, cells: pd.DataFrame | None = None) -> Figure | None:
    """Curves of the mean with their intervals, means alone of a setting that is there to compare with; below them their
    ratios to cloud-only decoding, where some come near it. None without a swept axis."""
    if axis is None or METRIC not in summary.columns or not pd.api.types.is_numeric_dtype(summary[axis]):
        return None
    over = over_cloud(summary, cells, axis, METRIC)
    what = Along(f"Latency per token against {page.axis(axis)}", METRIC, LABEL, [Series(METRIC, "")], over=over)
    return along(summary, axis, what, page)


def draw_pairs(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves of schemes in a panel a model pair, by what a curve's name says beyond its scheme, all on one scale: over
    cloud-only decoding where that is among them. None without an axis."""
    if axis is None or METRIC not in summary.columns or not pd.api.types.is_numeric_dtype(summary[axis]):
        return None
    shown = summary[summary[METRIC].notna()]
    kinds, names = shown["scheme.kind"].astype(str), shown[CURVE].astype(str)
    rest = [name.removeprefix(kind).strip() for name, kind in zip(names, kinds, strict=True)]
    shown = shown.assign(panel=rest, **{CURVE: kinds})
    over = SPEEDUP in shown.columns and bool(shown[SPEEDUP].notna().any())
    look, series = looks(shown), RATIOS if over else Series(METRIC, "")
    given = with_ratios(shown) if over else shown
    panels = [*given.groupby("panel", sort=False)]
    figure, axes, width_in = grid(page, len(panels), 4, (0.9, 2.6), 1.3 if page.narrow else 1.9, "xy", narrow=2)
    means = given[series.column].tolist()
    logarithmic = over or spans_far(means)
    for ax, (name, part) in zip(axes, panels, strict=True):
        if over:
            ax.axhline(1.0, color=look[RIVAL].colour, linewidth=1.4, zorder=1.5)
        lines(ax, part, axis, [series], look, logarithmic)
        values = [page.setting(field, value) for field, value in words_of(f"x {name}")[1].items()]
        ax.set_title(", ".join(values), fontsize="small", loc="left")  # `sotu, 10k, 1m`
    ranges = [float(end) for name in (series.low, series.high) if name for end in given[name].dropna()]
    reach = ranges or reaches(given, [series.column], logarithmic)
    scale(axes[0].yaxis, "ratio" if over else METRIC, means, reach, logarithmic)
    swept(axes[0], axis, given[axis].tolist(), width_in)
    title = f"Latency per token{' over cloud only' if over else ''} against {page.axis(axis)}, by model pair"
    text = caption(shown, page, "lower", [*([NOTE] if over else []), *marks(shown)])
    label = page.metric(METRIC, LABEL)
    wording = Wording(title, text, x_label(page, axis), OVER if over else label)
    finish(figure, page, wording, *curve_handles(look, [name for name, _ in curves(shown)], page))
    return figure


PERCENTILES = {"ttft_p99_s": "99th percentile", "ttft_p95_s": "95th percentile", "ttft_p90_s": "90th percentile",
               "ttft_p50_s": "median"}  # fmt: skip


def draw_first_token(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves with their intervals, a panel a class of devices where there are many; None where nothing was answered."""
    words = {**PERCENTILES, "ttft_s": "mean"}
    there = next((name for name in words if name in summary.columns and summary[name].notna().any()), None)
    if there is None:
        return None
    label = f"time to first token, {words[there]}"
    title = f"Time to first token ({words[there]}){'' if axis is None else f' against {page.axis(axis)}'}"
    return along(summary, axis, Along(title, there, label, [Series(there, "")]), page)


def draw_pace(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves of the mean time per token after the first, with their intervals; None without a swept axis."""
    if axis is None or PACE not in summary.columns:
        return None
    label = "time per token after the first"
    title = f"{label[0].upper()}{label[1:]} against {page.axis(axis)}"
    return along(summary, axis, Along(title, PACE, label, [Series(PACE, "")]), page)
