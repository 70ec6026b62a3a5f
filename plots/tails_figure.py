"""How uneven latency is: median and 99th percentile over requests, along the swept axis or as bars."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots.along_axis import Along, along
from plots.axes import level, spans_far
from plots.caption import caption, marks
from plots.layout import Told, finish
from plots.lines_or_bars import Series, bars, key, reaches, room_for
from plots.page import Page
from plots.style import looks

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
    figure = page.figure(*room_for(summary, page, 2))
    ax = figure.add_subplot()
    means = summary[names].to_numpy(dtype=float).ravel().tolist()
    logarithmic = spans_far(means)
    bars(ax, summary, SERIES, looks(summary), page, logarithmic)
    level(ax, METRIC, means, reaches(summary, names, logarithmic), logarithmic)
    told = caption(summary, page, "lower", marks(summary))
    finish(figure, page, Told("Median and 99th percentile over requests", told, LABEL), *key([s.label for s in SERIES]))
    return figure
