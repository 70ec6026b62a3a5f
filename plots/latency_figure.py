"""Latency per output token along the swept axis: a curve a scheme, intervals over seeds."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.along_axis import Along, along
from plots.lines_or_bars import Series
from plots.page import Page

METRIC = "latency_per_token_s"


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves of the mean with their intervals, means alone of a setting that is there to compare with; None without
    a swept axis."""
    if axis is None or METRIC not in summary.columns:
        return None
    label = "latency per output token"
    what = Along(f"Latency per token against {page.axis(axis)}", METRIC, label, [Series(METRIC, "")])
    return along(summary, axis, what, page)
