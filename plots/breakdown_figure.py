"""Where the time goes: seconds per output token by what the request waited for, stacked, at three axis values."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from plots.style import curves
from simulator.results.columns import BREAKDOWN, CURVE
from simulator.results.units import prefix_of, quantity, title

COLOURS: dict[str, str] = {
    "prompt_uplink_s": "#f6c9a0",
    "uplink_queue_s": "#fde5cf",
    "uplink_transmit_s": "#D55E00",
    "retransmit_s": "#8a2f00",
    "propagation_s": "#F0E442",
    "timeout_wait_s": "#9c8f00",
    "edge_queue_s": "#cfe3f1",
    "draft_s": "#0072B2",
    "encode_s": "#56B4E9",
    "prefill_s": "#c9e7d8",
    "cloud_queue_s": "#8fd3b6",
    "cloud_decode_s": "#00573f",
    "verify_s": "#009E73",
    "downlink_queue_s": "#ecd3e3",
    "downlink_s": "#CC79A7",
}
"""Orange: uplink. Yellow: in flight or waiting for a timer. Blue: edge. Green: cloud. Pink: downlink."""
_SMALL = 0.004
"""A part below this share of every bar it is in is drawn with the other small ones."""


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """A panel for the lowest, middle and highest value of the axis, a bar a curve; None where there is nothing."""
    names = [name for name in COLOURS if name in summary.columns]
    if not names or sorted(COLOURS) != sorted(BREAKDOWN) or not summary[names].fillna(0.0).to_numpy().any():
        return None
    order = [name for name, _ in curves(summary)]
    chosen = _three(summary, axis)
    panels = [(at, summary if at is None else summary[summary[axis] == at]) for at in chosen]
    large = _large(summary, names)
    names_in = 0.08 * summary[CURVE].str.len().max()
    figure = Figure(
        figsize=(2.2 + names_in + 2.7 * len(panels), max(3.4, 1.2 + 0.32 * summary[CURVE].nunique())),
        layout="constrained",
    )
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for ax, (at, rows) in zip(axes, panels, strict=True):
        _panel(ax, rows, order, names, large)
        if axis is not None and at is not None:
            ax.set_title(f"{title(axis)} {quantity(at, axis)}", fontsize=10)
    axes[0].invert_yaxis()
    figure.supxlabel("time per output token", fontsize=10)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center")
    figure.suptitle("Where the time goes", x=0.01, ha="left", fontsize=12)
    return figure


def _three(summary: pd.DataFrame, axis: str | None) -> list[float | None]:
    if axis is None:
        return [None]
    values = sorted(summary[axis].dropna().unique())
    return [float(values[i]) for i in sorted({0, (len(values) - 1) // 2, len(values) - 1})]


def _large(summary: pd.DataFrame, names: list[str]) -> list[str]:
    parts = summary[names].fillna(0.0)
    shares = parts.div(parts.sum(axis=1).replace(0.0, np.nan), axis=0)
    return [name for name in names if bool((shares[name] > _SMALL).any())]


def _top(totals: list[float]) -> float:
    """Where the panel ends: the longest bar within 5 times their median; those that dwarf the others are cut there."""
    return max((total for total in totals if total <= 5 * float(np.median(totals))), default=0.0)


def _panel(ax: Axes, rows: pd.DataFrame, order: list[str], names: list[str], large: list[str]) -> None:
    """Stacks the large parts and the sum of the others, from left to right, the curves in `order` from top to bottom;
    each panel has its own scale."""
    means = pd.DataFrame({curve: part[names].mean() for curve, part in curves(rows)})
    missing = [curve for curve in order if curve not in means or means[curve].isna().all()]
    means = means.reindex(columns=order).fillna(0.0)
    left = np.zeros(means.shape[1])
    places = np.arange(means.shape[1])
    stacks = [(name.removesuffix("_s").replace("_", " "), means.loc[name], COLOURS[name]) for name in large]
    small = [name for name in names if name not in large]
    if small and float(means.loc[small].to_numpy().sum()) > 0:
        stacks.append(("other, each under 0.4%", means.loc[small].sum(), "#999999"))
    top = _top(pd.concat([widths for _, widths, _ in stacks], axis=1).sum(axis=1).tolist())
    for label, widths, colour in stacks:
        right = left + widths.to_numpy()
        start = np.minimum(left, top)
        shown = np.minimum(right, top) - start
        ax.barh(places, shown, 0.68, left=start, color=colour, label=label, edgecolor="white", linewidth=0.4)
        left = right
    for y, total, curve in zip(places, left, order, strict=True):
        label = "none" if curve in missing else quantity(float(total), "x_s") + (" →" if total > top else "")
        ax.text(min(total, top) + 0.02 * top, float(y), label, ha="left", va="center", fontsize=8)
    factor, prefix = prefix_of(top)  # one for the whole axis; EngFormatter would have 500 ms beside 1 s
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / factor:g} {prefix}s" if x else "0"))
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.set_xlim(0, top * 1.3 or 1.0)
    ax.set_yticks(places, list(means.columns))
    ax.grid(axis="y", visible=False)
