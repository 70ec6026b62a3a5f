"""Where the time goes: seconds per output token by what the request waited for, stacked, at three axis values; and in
the real system beside the simulated one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plots.axes import ticks, with_unit, written
from plots.caption import caption, marks
from plots.layout import Wording, finish, grid
from plots.page import Page
from plots.style import curves, lossy_curves
from simulator.results.columns import BREAKDOWN
from simulator.results.units import state_name

LABEL = "time per output token"
COLOURS: Final[dict[str, tuple[str, str, str]]] = {
    "prompt_uplink_s": ("#f6c9a0", "//", "#D55E00"),
    "uplink_queue_s": ("#fde5cf", "....", "#D55E00"),
    "uplink_transmit_s": ("#D55E00", "////", "white"),
    "retransmit_s": ("#8a2f00", "xxxx", "white"),
    "propagation_s": ("#F0E442", "", "black"),
    "timeout_wait_s": ("#9c8f00", "----", "white"),
    "edge_queue_s": ("#cfe3f1", "oo", "#0072B2"),
    "draft_s": ("#0072B2", "", "white"),
    "encode_s": ("#56B4E9", "||||", "white"),
    "prefill_s": ("#c9e7d8", "++++", "#00573f"),
    "cloud_queue_s": ("#8fd3b6", "....", "#00573f"),
    "cloud_decode_s": ("#00573f", "||", "white"),
    "verify_s": ("#009E73", "\\\\\\\\", "white"),
    "downlink_queue_s": ("#ecd3e3", "**", "#8a3d70"),
    "downlink_s": ("#CC79A7", "oo", "white"),
}
"""Colour, hatch and its colour. Orange: uplink. Yellow: in flight or waiting for a timer. Blue: edge. Green: cloud.
Pink: downlink. Distinguishable in grey by hatches, or far brighter ones."""
SPARE: Final = (("#B0B0B0", "**", "black"), ("#6E6E6E", "OO", "white"), ("#DDDDDD", "xx", "black"))
"""The looks of states that have none above."""
_OTHER: Final = ("#999999", "", "black")
_SMALL = 0.004  # A part below this share of every bar it is in is drawn with the other small ones
_CUT: Final = "→: the bar is cut; its length stands beside it."


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """A panel for the lowest, middle and highest value of the axis, a bar a curve; None where there is nothing."""
    names = [name for name in looks_of(BREAKDOWN) if name in summary.columns]
    if not names or not summary[names].fillna(0.0).to_numpy().any():
        return None
    order = [name for name, _ in curves(summary)]
    chosen = _three(summary, axis)
    panels = [(at, summary if at is None else summary[summary[axis] == at]) for at in chosen]
    large = _large(summary, names)
    longest = max(len(page.curve(name)) for name in order)
    row_in = 0.75 + (0.21 if page.narrow else 0.32) * len(order)
    figure, axes, _ = grid(page, len(panels), len(panels), (1.0 + 0.07 * longest, 2.8), row_in, "y")
    cut = [_panel(ax, rows, order, names, large) for ax, (_, rows) in zip(axes, panels, strict=True)]
    lossy = lossy_curves(summary)
    labels = [page.curve(name) + lossy.get(name, "") for name in order]
    for ax, (at, _) in zip(axes, panels, strict=True):
        ax.set_yticks(range(len(order)), labels)
        ax.set_ylim(len(order) - 0.5, -0.5)
        if axis is not None and at is not None:
            ax.set_title(
                f"{page.axis(axis)} {with_unit(at, axis) if isinstance(at, float) else page.word(at)}", loc="left"
            )
    notes = [*([_CUT] if any(cut) else []), *marks(summary)]
    words = Wording("Where the time goes", caption(summary, page, "lower", notes, intervals=False), LABEL)
    finish(figure, page, words, *axes[0].get_legend_handles_labels())
    return figure


def looks_of(states: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """How each state is drawn, those of COLOURS first, in its order; spare looks for the others."""
    known = {name: look for name, look in COLOURS.items() if name in states}
    others = [name for name in states if name not in COLOURS]
    return known | {name: SPARE[place % len(SPARE)] for place, name in enumerate(others)}


def _three(summary: pd.DataFrame, axis: str | None) -> list[float | str | None]:
    """Returns the lowest, middle and highest of numbers, the first three of names."""
    if axis is None:
        return [None]
    if not pd.api.types.is_numeric_dtype(summary[axis]):
        return [str(value) for value in list(dict.fromkeys(summary[axis].dropna()))[:3]]
    values = sorted(summary[axis].dropna().unique())
    return [float(values[i]) for i in sorted({0, (len(values) - 1) // 2, len(values) - 1})]


def _large(summary: pd.DataFrame, names: list[str]) -> list[str]:
    parts = summary[names].fillna(0.0)
    shares = parts.div(parts.sum(axis=1).replace(0.0, np.nan), axis=0)
    return [name for name in names if bool((shares[name] > _SMALL).any())]


def _top(totals: list[float]) -> float:
    """Where the panel ends: the longest bar within 5 times their median; those that dwarf the others are cut there."""
    return max((total for total in totals if total <= 5 * float(np.median(totals))), default=0.0)


def _panel(ax: Axes, rows: pd.DataFrame, order: list[str], names: list[str], large: list[str]) -> bool:
    """Stacks the large parts and the sum of the others, from left to right, the curves in `order` from top to bottom;
    each panel has its own scale. Whether a bar is cut."""
    means = pd.DataFrame({curve: part[names].mean() for curve, part in curves(rows)})
    missing = [curve for curve in order if curve not in means or means[curve].isna().all()]
    means = means.reindex(columns=order).fillna(0.0)
    look = looks_of(BREAKDOWN)
    stacks = [(state_name(name), means.loc[name], look[name]) for name in large]
    small = [name for name in names if name not in large]
    if small and float(means.loc[small].to_numpy().sum()) > 0:
        stacks.append(("other, each under 0.4%", means.loc[small].sum(), _OTHER))
    top = _top(pd.concat([widths for _, widths, _ in stacks], axis=1).sum(axis=1).tolist())
    left, places = np.zeros(len(order)), np.arange(len(order))
    for label, widths, (colour, hatch, ink) in stacks:
        right = left + widths.to_numpy()
        start = np.minimum(left, top)
        ax.barh(
            places, np.minimum(right, top) - start, 0.72, left=start, color=colour, label=label, edgecolor="white",
            linewidth=0.5, hatch=hatch, hatchcolor=ink,
        )  # fmt: skip
        left = right
    for y, total, curve in zip(places, left, order, strict=True):
        label = "none" if curve in missing else written(float(total), "x_s") + (" →" if total > top else "")
        ax.text(min(total, top) + 0.02 * top, float(y), label, ha="left", va="center", fontsize="x-small")
    ax.xaxis.set_major_formatter(ticks("x_s"))
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.set_xlim(0, top * 1.3 or 1.0)
    ax.grid(axis="y", visible=False)
    return bool((left > top).any())


SYSTEM, PER_TOKEN = "system", "latency_per_token_s"
SYSTEMS_NOTE: Final = (
    "Upper bar: two real processes over a shaped link on one machine; lower: simulated, with its error."
)


def draw_validation(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """The real system's bar, and right below it the simulated one's, a pair a run, named by the axis; None of another
    study."""
    if axis is None or SYSTEM not in summary.columns:
        return None
    cells = list(dict.fromkeys(summary[axis]))
    figure = page.figure(8.4, 0.8 + 0.5 * len(cells))
    ax = figure.add_subplot()
    for place, cell in enumerate(cells):
        rows = summary[summary[axis] == cell]
        both = [rows[rows[SYSTEM] == system] for system in ("real", "simulated")]
        if all(len(part) for part in both):
            _pair(ax, place, *both)
    ax.set_yticks(range(len(cells)), [page.word(str(cell)) for cell in cells])
    ax.set_ylim(len(cells) - 0.5, -0.5)
    ax.set_xlim(0, 1.17 * float(summary[PER_TOKEN].max()))
    ax.xaxis.set_major_formatter(ticks("x_s"))
    ax.grid(axis="y", visible=False)
    handles, labels = ax.get_legend_handles_labels()
    first = {label: handle for handle, label in reversed(list(zip(handles, labels, strict=True)))}
    order = [state_name(name) for name in looks_of(BREAKDOWN) if state_name(name) in first]
    text = caption(summary, page, "", [SYSTEMS_NOTE], clock=False)
    wording = Wording("The real system and the simulated one", text, LABEL)
    finish(figure, page, wording, [first[name] for name in order], order)
    return figure


def _pair(ax: Axes, place: int, real: pd.DataFrame, made: pd.DataFrame) -> None:
    look = looks_of([name for name in BREAKDOWN if name in real.columns])
    for shift, rows in ((-0.19, real), (0.19, made)):
        left = 0.0
        for name, (colour, hatch, ink) in look.items():
            width = float(rows[name].mean())
            ax.barh(place + shift, width, 0.34, left=left, color=colour, hatch=hatch, hatchcolor=ink, edgecolor="white",
                    linewidth=0.4, label=state_name(name))  # fmt: skip
            left += width
    took_s, simulated_s = float(real[PER_TOKEN].mean()), float(made[PER_TOKEN].mean())
    error = f" {100 * (simulated_s / took_s - 1):+.1f}%"
    for shift, words in ((-0.19, f" {written(took_s, PER_TOKEN)}"), (0.19, error)):
        ax.text(max(took_s, simulated_s), place + shift, words, va="center", fontsize="x-small")
