"""How many devices a cell bears at the objective, along the swept axis, a curve a scheme."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.style import curves, looks, outside_legend, place, swept, upright
from simulator.results.units import title


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """Curves of `capacity`; open markers where more devices were not tried. None without an axis or a search."""
    if axis is None or "capacity" not in summary.columns:
        return None
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    ax = figure.add_subplot()
    look = looks(summary)
    for curve, rows in curves(summary):
        ordered = rows.sort_values(axis)
        style = look[curve]
        x, y = place(ordered[axis]), ordered["capacity"].to_numpy(dtype=float)
        ax.plot(x, y, color=style.colour, linestyle=style.dashes, marker=style.marker, linewidth=1.4, label=curve)
        open_ = ~ordered["bounded"].to_numpy(dtype=bool)
        ax.plot(x[open_], y[open_], linestyle="", marker=style.marker, color=style.colour, markerfacecolor="white")
    swept(ax, axis, summary[axis].tolist())
    upright(ax, "devices", summary["capacity"].tolist(), "devices")
    ax.set_title(f"Devices that a cell bears against {title(axis)}", loc="left")
    if not summary["bounded"].all():
        ax.annotate("open: at least", (0.99, 0.01), xycoords="axes fraction", ha="right", va="bottom", fontsize=9)
    outside_legend(figure, ax)
    return figure
