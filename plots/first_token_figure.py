"""Time to the first token along the swept axis: the highest percentile that was asked for, else the mean."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.along_axis import Along, along
from plots.lines_or_bars import Series
from plots.page import Page

PERCENTILES = {"ttft_p99_s": "99th percentile", "ttft_p95_s": "95th percentile", "ttft_p90_s": "90th percentile",
               "ttft_p50_s": "median"}  # fmt: skip


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves with their intervals, a panel a class of devices where there are many; None where nothing was answered."""
    words = {**PERCENTILES, "ttft_s": "mean"}
    there = next((name for name in words if name in summary.columns and summary[name].notna().any()), None)
    if there is None:
        return None
    label = f"time to first token, {words[there]}"
    title = f"Time to first token ({words[there]}){'' if axis is None else f' against {page.axis(axis)}'}"
    return along(summary, axis, Along(title, there, label, [Series(there, "")]), page)
