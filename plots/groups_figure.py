"""What a swept name, such as a language, does to each scheme: a panel a metric, a row a name, a mark a scheme."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from plots.style import curves, level, looks
from simulator.results.columns import CI_SUFFIX
from simulator.results.units import quantity, title

BITS = "payload_bits_per_token"
"""0 of a scheme without a payload, which has no mark there."""
SHARES = ("resampling_per_draft", "dropped_mass")
PANELS = (
    ("resampling_per_draft", "rejections per verified draft"),
    ("support_size", "tokens kept, K"),
    ("dropped_mass", "dropped mass"),
    (BITS, "payload bits per token"),
    ("latency_per_token_s", "latency per token"),
)
_LOG_FROM, _DECADES_FROM = 20.0, 200.0
"""Values that span these ratios or more: on a logarithmic scale, and with a tick a decade at most."""


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """Means with 95% half-widths over seeds; None where the axis is a number, or there is none."""
    if axis is None or pd.api.types.is_numeric_dtype(summary[axis]):
        return None
    names = list(dict.fromkeys(summary[axis]))
    panels = [(name, label) for name, label in PANELS if summary[name].gt(0).any()]
    figure = Figure(figsize=(1.4 + 2.3 * len(panels), 1.5 + 0.55 * len(names)), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for ax, (name, label) in zip(axes, panels, strict=True):
        _panel(ax, summary, axis, names, name)
        level(ax, name, label)
        _spread(ax, [] if name in SHARES else [value for value in summary[name].dropna() if value])
        ax.tick_params(axis="x", labelsize=8.5)
    axes[0].set_yticks(range(len(names)), [quantity(name, axis) for name in names])
    axes[0].invert_yaxis()
    figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    figure.suptitle(f"Each scheme by {title(axis)}, 95% intervals over seeds", x=0.01, ha="left", fontsize=12)
    return figure


def _panel(ax: Axes, summary: pd.DataFrame, axis: str, names: Sequence[object], metric: str) -> None:
    look, shown = looks(summary), curves(summary)
    for place, (curve, rows) in enumerate(shown):
        given = rows[rows[metric].gt(0) if metric == BITS else rows[metric].notna()].set_index(axis)
        at = np.array([names.index(name) for name in given.index]) + 0.14 * (place - (len(shown) - 1) / 2)
        ax.errorbar(
            given[metric].to_numpy(dtype=float), at, xerr=given[metric + CI_SUFFIX].fillna(0.0).to_numpy(dtype=float),
            color=look[curve].colour, marker=look[curve].marker, markersize=5, linestyle="", elinewidth=1.1,
            capsize=2.5, label=curve,
        )  # fmt: skip
    for row in range(1, len(names)):
        ax.axhline(row - 0.5, color="#dddddd", linewidth=0.6)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)


def _spread(ax: Axes, values: Sequence[float]) -> None:
    """A logarithmic scale where the values span far; otherwise from a little below 0, so that marks at 0 are whole."""
    if values and min(values) > 0 and max(values) / min(values) >= _LOG_FROM:
        ticks = ax.xaxis.get_major_formatter()
        ax.set_xscale("log")
        ax.set_xlim(min(values) / 1.6, max(values) * 1.6)
        decades = max(values) / min(values) >= _DECADES_FROM
        ax.xaxis.set_major_locator(LogLocator(numticks=4) if decades else LogLocator(subs=(1.0, 3.0)))
        ax.xaxis.set_major_formatter(ticks)
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.set_xlim(left=-0.03 * ax.get_xlim()[1])
