"""Where the time goes: seconds per output token by what the request waited for, stacked, at up to four values of an
axis; and in the real system beside the simulated one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from plots.axes import rows_of, ticks, with_unit, written
from plots.caption import caption, marks
from plots.layout import Wording, finish
from plots.page import Page
from plots.style import curves, lossy_curves
from simulator.results.columns import BREAKDOWN, CURVE
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
FOUND: Final = "capacity"
_LOADED: Final = "Each scheme with the most devices that it supports, which stand beside its bar: not at one load."
_SERVES_NONE: Final = "supports no device"


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """A bar a curve, in a panel for each of up to four values of the axis, of more the lowest, middle and highest.
    Curves that hardly share a value with the others have a row of panels of their own. None where there is nothing."""
    names = [name for name in looks_of(BREAKDOWN) if name in summary.columns]
    if not names or not summary[names].fillna(0.0).to_numpy().any():
        return None
    lossy, look = lossy_curves(summary), _Bars.of(summary, names)
    groups = [(order, summary[summary[CURVE].isin(order)]) for order in _groups(summary, axis)]
    panels = [[(at, rows if at is None else rows[rows[axis] == at]) for at in _few(rows, axis)] for _, rows in groups]
    figure, axes = _grid(page, [len(each) for each in panels], [len(order) for order, _ in groups],
                         max(len(page.curve(name)) for order, _ in groups for name in order))  # fmt: skip
    cut = False
    for line, (order, _), row in zip(axes, groups, panels, strict=True):
        for ax, (at, rows) in zip(line, row, strict=True):
            cut |= _panel(ax, rows, order, look)
            rows_of(ax, [page.curve(name) + lossy.get(name, "") for name in order])
            if axis is not None and at is not None:
                value = with_unit(at, axis) if isinstance(at, float) else page.word(at)
                ax.set_title(f"{page.axis(axis)} {value}", loc="left")
            if ax is not line[0] and not page.narrow:
                ax.tick_params(labelleft=False)
    searched = FOUND in summary.columns
    notes = [*([_CUT] if cut else []), *([_LOADED] if searched else []), *marks(summary)]
    text = caption(summary, page, "" if searched else "lower", notes, intervals=False)
    finish(figure, page, Wording("Where the time goes", text, LABEL), *look.legend())
    return figure


def _groups(summary: pd.DataFrame, axis: str | None) -> list[list[str]]:
    """The curves, in order, by values of the axis: those of a group have half of their values in common with its first;
    one group where the axis is of names."""
    names = [name for name, _ in curves(summary)]
    if axis is None or not pd.api.types.is_numeric_dtype(summary[axis]):
        return [names]
    groups: list[tuple[set[float], list[str]]] = []
    for name, rows in curves(summary):
        mine = {*rows[axis].dropna()}
        for theirs, members in groups:
            if 2 * len(mine & theirs) >= len(mine | theirs):
                members.append(name)
                break
        else:
            groups.append((mine, [name]))
    return [members for _, members in groups]


def _grid(page: Page, panels: Sequence[int], bars_: Sequence[int], longest: int) -> tuple[Figure, list[list[Axes]]]:
    across = 1 if page.narrow else max(panels)
    lines = [(row, at) for row, number in enumerate(panels) for at in range(number)] if page.narrow else [
        (row, 0) for row in range(len(panels))
    ]  # fmt: skip
    heights = [0.75 + (0.21 if page.narrow else 0.32) * bars_[row] for row, _ in lines]
    figure = page.figure(1.0 + 0.07 * longest + 2.8 * across, sum(heights))
    made = figure.subplots(len(lines), across, squeeze=False, height_ratios=heights)
    axes: list[list[Axes]] = [[] for _ in panels]
    for place, (row, _) in enumerate(lines):
        kept = 1 if page.narrow else panels[row]
        axes[row] += list(made[place][:kept])
        for unused in made[place][kept:]:
            unused.set_axis_off()
    return figure, axes


def looks_of(states: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """How each state is drawn, those of COLOURS first, in its order; spare looks for the others."""
    known = {name: look for name, look in COLOURS.items() if name in states}
    others = [name for name in states if name not in COLOURS]
    return known | {name: SPARE[place % len(SPARE)] for place, name in enumerate(others)}


def _few(summary: pd.DataFrame, axis: str | None) -> list[float | str | None]:
    """Returns up to four numbers, of more the lowest, middle and highest; the first three of names."""
    if axis is None:
        return [None]
    if not pd.api.types.is_numeric_dtype(summary[axis]):
        return [str(value) for value in list(dict.fromkeys(summary[axis].dropna()))[:3]]
    values = sorted(summary[axis].dropna().unique())
    shown = range(len(values)) if len(values) <= 4 else (0, (len(values) - 1) // 2, len(values) - 1)
    return [float(values[i]) for i in shown]


def _large(summary: pd.DataFrame, names: list[str]) -> list[str]:
    parts = summary[names].fillna(0.0)
    shares = parts.div(parts.sum(axis=1).replace(0.0, np.nan), axis=0)
    return [name for name in names if bool((shares[name] > _SMALL).any())]


def _top(totals: list[float]) -> float:
    """Where the panel ends: the longest bar within 5 times their median; those that dwarf the others are cut there."""
    return max((total for total in totals if total <= 5 * float(np.median(totals))), default=0.0)


@dataclass(frozen=True)
class _Bars:
    """The parts that are drawn by themselves, in order, and those that are drawn as one."""

    large: list[str]
    small: list[str]
    other: bool
    """Whether what is drawn as one is anywhere more than nothing."""

    @classmethod
    def of(cls, summary: pd.DataFrame, names: list[str]) -> _Bars:
        large = _large(summary, names)
        small = [name for name in names if name not in large]
        return cls(large, small, bool((summary[small].fillna(0.0) > 0).to_numpy().any()))

    def stacks(self, means: pd.DataFrame) -> list[tuple[pd.Series[float], tuple[str, str, str]]]:
        """The lengths of each part, a curve a column of `means`, and its look."""
        look, parts = looks_of(BREAKDOWN), means.T
        stacks = [(parts[name], look[name]) for name in self.large]
        return [*stacks, (parts[self.small].sum(axis=1), _OTHER)] if self.other else stacks

    def legend(self) -> tuple[list[Artist], list[str]]:
        look = looks_of(BREAKDOWN)
        looks = [*(look[name] for name in self.large), *([_OTHER] if self.other else [])]
        handles: list[Artist] = [
            Patch(facecolor=colour, hatch=hatch, hatchcolor=ink, edgecolor="white") for colour, hatch, ink in looks
        ]
        return handles, [*map(state_name, self.large), *(["other, each under 0.4%"] if self.other else [])]


def _panel(ax: Axes, rows: pd.DataFrame, order: list[str], look: _Bars) -> bool:
    """Stacks the parts from left to right, the curves in `order` from top to bottom; each panel has its own scale.
    Returns whether a bar is cut. Of a search each bar tells its devices, and one that supports none has no bar."""
    means = pd.DataFrame({curve: part[[*look.large, *look.small]].mean() for curve, part in curves(rows)})
    devices = {curve: float(part[FOUND].iloc[0]) for curve, part in curves(rows)} if FOUND in rows.columns else {}
    missing = [curve for curve in order if curve not in means or means[curve].isna().all() or devices.get(curve) == 0]
    means = means.reindex(columns=order).fillna(0.0)
    means[missing] = 0.0
    stacks = look.stacks(means)
    top = _top([total for total in pd.concat([each for each, _ in stacks], axis=1).sum(axis=1).tolist() if total])
    left, places = np.zeros(len(order)), np.arange(len(order))
    for widths, (colour, hatch, ink) in stacks:
        right = left + widths.to_numpy()
        start = np.minimum(left, top)
        ax.barh(
            places, np.minimum(right, top) - start, 0.72, left=start, color=colour, edgecolor="white",
            linewidth=0.5, hatch=hatch, hatchcolor=ink,
        )  # fmt: skip
        left = right
    for y, total, curve in zip(places, left, order, strict=True):
        label = written(float(total), "x_s") + (" →" if total > top else "")
        label += f", {devices[curve]:,.0f} devices" if curve in devices else ""
        label = (_SERVES_NONE if devices.get(curve) == 0 else "none") if curve in missing else label
        ax.text(min(total, top) + 0.02 * top, float(y), label, ha="left", va="center", fontsize="x-small")
    ax.xaxis.set_major_formatter(ticks("x_s"))
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.set_xlim(0, top * (1.6 if devices else 1.3) or 1.0)
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
    rows_of(ax, [page.word(str(cell)) for cell in cells])
    ax.set_xlim(0, 1.17 * float(summary[PER_TOKEN].max()))
    ax.xaxis.set_major_formatter(ticks("x_s"))
    ax.grid(axis="y", visible=False)
    handles, labels = ax.get_legend_handles_labels()
    first = {label: handle for handle, label in reversed(list(zip(handles, labels, strict=True)))}
    order = [state_name(name) for name in looks_of(BREAKDOWN) if state_name(name) in first]
    text = caption(summary, page, "", [SYSTEMS_NOTE], clock=False, intervals=False)
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
