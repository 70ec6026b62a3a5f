"""Along the swept axis: latency per output token, time to the first token and time per token after it."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.along_axis import Along, along
from plots.lines_or_bars import Series
from plots.over_cloud import over_cloud
from plots.page import Page

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
