"""How uneven latency is: median and 99th percentile over requests, along the swept axis or as bars."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots.along_axis import Along, along
from plots.caption import caption, marks
from plots.layout import Wording
from plots.lines_or_bars import Series, bar_figure
from plots.page import Page

METRIC = "latency_s"
LABEL = "latency per output token"
SERIES = [
    Series("latency_per_token_p50_s", "median"),
    Series("latency_per_token_p99_s", "99th percentile", filled=False),
]


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Two curves a scheme, or two bars where nothing is swept; None where nothing was answered."""
    names = [one.column for one in SERIES]
    if not set(names) <= set(summary.columns) or summary[names].isna().all(axis=None):
        return None
    if axis is not None:
        grey = "#777777"
        lines = [
            Line2D([], [], color=grey, marker="o"),
            Line2D([], [], color=grey, marker="o", markerfacecolor="white", linestyle=":"),
        ]
        legend = [(line, one.label) for line, one in zip(lines, SERIES, strict=True)]
        what = Along(
            f"Median and 99th percentile over requests against {page.axis(axis)}", METRIC, LABEL, SERIES, key=legend
        )
        return along(summary, axis, what, page)
    wording = Wording(
        "Median and 99th percentile over requests", caption(summary, page, "lower", marks(summary)), LABEL
    )
    return bar_figure(summary, METRIC, SERIES, page, wording)[0]
