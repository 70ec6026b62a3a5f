"""Latency per output token along the swept axis: a curve a scheme, 95% intervals over seeds."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.style import curves, looks, outside_legend, place, swept, upright
from simulator.results.columns import CI_SUFFIX, FIXED, SETTING
from simulator.results.units import title

METRIC = "latency_per_token_s"


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """Curves of the mean with a band and bars of the 95% half-width, means alone of a setting that is there to compare
    with; None without a swept axis."""
    if axis is None:
        return None
    shown = summary[summary[METRIC].notna() & summary[axis].notna()]
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    ax = figure.add_subplot()
    look = looks(summary)
    for curve, rows in curves(shown):
        ordered = rows.sort_values(axis)
        x, mean = place(ordered[axis]), ordered[METRIC].to_numpy(dtype=float)
        if SETTING in rows and (rows[SETTING] == FIXED).all():
            ax.plot(x, mean, color=look[curve].colour, linestyle=(0, (1, 1.2)), linewidth=1.0, zorder=1)
            continue
        half = ordered[METRIC + CI_SUFFIX].fillna(0.0).to_numpy(dtype=float)
        style = look[curve]
        ax.fill_between(x, mean - half, mean + half, color=style.colour, alpha=0.18, linewidth=0)
        ax.errorbar(
            x, mean, yerr=half, color=style.colour, marker=style.marker, markersize=4.5, linestyle=style.dashes,
            linewidth=1.4, elinewidth=1.1, capsize=2.5, label=curve,
        )  # fmt: skip
    swept(ax, axis, shown[axis].tolist())
    widths = shown[METRIC + CI_SUFFIX].fillna(0.0)
    ends = pd.concat([shown[METRIC], shown[METRIC] + widths, (shown[METRIC] - widths).where(widths < shown[METRIC])])
    upright(ax, METRIC, ends.dropna().tolist(), "latency per output token")
    ax.set_title(f"Latency per token against {title(axis)}", loc="left")
    if SETTING in shown and (shown[SETTING] == FIXED).any():
        label = f"one setting at every {title(axis)}"
        ax.errorbar([], [], color="#777777", linestyle=(0, (1, 1.2)), linewidth=1.0, label=label)
    outside_legend(figure, ax)
    return figure
