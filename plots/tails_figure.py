"""How uneven latency is: median and 99th percentile over requests, along the swept axis or as bars."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.lines_or_bars import Series, bars, key, lines, room_for
from plots.style import level, looks, swept, upright
from simulator.results.units import title

SERIES = [
    Series("latency_per_token_p50_s", "median"),
    Series("latency_per_token_p99_s", "99th percentile", filled=False),
]


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """Two curves a scheme, or two bars where nothing is swept; None where nothing was answered."""
    names = [one.column for one in SERIES]
    if not set(names) <= set(summary.columns) or summary[names].isna().all(axis=None):
        return None
    figure = Figure(figsize=(7.2, 4.4) if axis is not None else room_for(summary, 2), layout="constrained")
    ax = figure.add_subplot()
    if axis is not None:
        lines(ax, summary, axis, SERIES, looks(summary))
        swept(ax, axis, summary[axis].tolist())
        _name_each_curve_once(ax)
        ax.set_title(f"Median and 99th percentile against {title(axis)}", loc="left")
        upright(ax, "latency_s", summary[names].to_numpy(dtype=float).ravel().tolist(), "latency per output token")
        return figure
    bars(ax, summary, SERIES, looks(summary))
    key(figure, [one.label for one in SERIES], columns=2)
    ax.set_title("Median and 99th percentile over requests", loc="left")
    level(ax, "latency_s", "latency per output token")
    return figure


def _name_each_curve_once(ax: Axes) -> None:
    """Leaves the medians in the legend, and says what the other curve of each is."""
    handles, labels = ax.get_legend_handles_labels()
    medians = [(handle, label) for handle, label in zip(handles, labels, strict=True) if label.endswith(", median")]
    note = "filled: median\nopen, dotted: 99th percentile"
    ax.legend(
        [handle for handle, _ in medians], [label.removesuffix(", median") for _, label in medians],
        loc="upper left", bbox_to_anchor=(1.01, 1.0), title=note, borderaxespad=0.0, alignment="left",
    )  # fmt: skip
