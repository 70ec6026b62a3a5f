"""Figures of stacked bars: where the time of a token goes, at up to three values of an axis; and in the real system
beside the simulated one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas.api.types import is_numeric_dtype

from plots.axes import rows_of, ticks, with_unit, written
from plots.bars import StackedPart, stack
from plots.caption import caption, marks
from plots.facets import panel_title, panels
from plots.layout import Wording, finish
from plots.page import Page
from plots.style import curves, lossy_curves
from simulator.results.column_names import BREAKDOWN, CURVE
from simulator.results.units import state_name

LABEL: Final = "time per output token"
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
OTHER: Final = ("#999999", "", "black")
SMALL: Final = 0.004
"""A part below this share of every bar it is in is drawn with the other small ones."""
_CUT: Final = "→: the bar is cut; its length stands beside it."
FOUND: Final = "capacity"
_LOADED: Final = "Each scheme with the most devices that it supports, which stand beside its bar: not at one load."
_SERVES_NONE: Final = "supports no device"


def looks_of(states: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Returns the look of each state, those of COLOURS first, in its order; spare looks for the others."""
    known = {name: look for name, look in COLOURS.items() if name in states}
    others = [name for name in states if name not in COLOURS]
    return known | {name: SPARE[place % len(SPARE)] for place, name in enumerate(others)}


def draw_breakdown(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """A bar a curve, in a panel for each of up to three values of the axis, of more the lowest, middle and highest. Of
    many set-ups the one with the most values is drawn. None where there is nothing."""
    names = [name for name in looks_of(BREAKDOWN) if name in summary.columns]
    if not names or not summary[names].fillna(0.0).to_numpy().any():
        return None
    set_up, members, others = _one_set_up(summary, axis, page)
    summary = summary[summary[CURVE].isin(list(members))]
    lossy, large, order = lossy_curves(summary), _large(summary, names), list(members)
    values = _few(summary, axis)
    across, longest = (1 if page.narrow else len(values)), max(map(len, map(page.curve, members.values())))
    height = 0.75 + (0.21 if page.narrow else 0.32) * len(order)
    figure = page.figure(1.0 + 0.07 * longest + 2.8 * across, height * len(values) / across)
    axes = figure.subplots(len(values) // across, across, squeeze=False).ravel()
    cut = False
    for ax, at in zip(axes, values, strict=True):
        cut |= _panel(ax, summary if at is None else summary[summary[axis] == at], order, names, large)
        rows_of(ax, [page.curve(members[name]) + lossy.get(name, "") for name in order])
        if axis is not None and at is not None:
            value = with_unit(at, axis) if isinstance(at, float) else page.word(at)
            ax.set_title(
                f"{page.axis(axis)} {value}" if ax is axes[0] or page.narrow else value, loc="left", fontsize="small"
            )
        ax.tick_params(labelleft=ax is axes[0] or page.narrow)
    searched = FOUND in summary.columns
    notes = [*([_CUT] if cut else []), *([_LOADED] if searched else []), *marks(summary)]
    notes += [f"Not drawn: {others} other set-ups."] if others else []
    text = caption(summary, page, "" if searched else "lower", notes, intervals=False)
    key = [(part.name, part.patch()) for part in _parts(summary, names, large)]
    title = ", ".join(filter(None, ["Where the time goes", set_up]))
    return finish(figure, page, Wording(title, text, LABEL), key)


def _parts(means: pd.DataFrame, names: Sequence[str], large: Sequence[str]) -> list[StackedPart]:
    """Returns the parts of bars, a row of `means` each: the large ones, and the small ones as one if there are any."""
    look, small = looks_of(BREAKDOWN), means[[name for name in names if name not in large]].fillna(0.0).sum(axis=1)
    parts = [StackedPart(state_name(name), means[name].to_numpy(dtype=float), look[name]) for name in large]
    return [
        *parts,
        *([StackedPart("other, each under 0.4%", small.to_numpy(dtype=float), OTHER)] if small.any() else []),
    ]


def _large(summary: pd.DataFrame, names: Sequence[str]) -> list[str]:
    parts = summary[[*names]].fillna(0.0)
    shares = parts.div(parts.sum(axis=1).replace(0.0, np.nan), axis=0)
    return [name for name in names if bool((shares[name] > SMALL).any())]


def _panel(ax: Axes, rows: pd.DataFrame, order: Sequence[str], names: Sequence[str], large: Sequence[str]) -> bool:
    """Stacks the parts from left to right, the curves in `order` from top to bottom; each panel has its own scale.
    True if a bar is cut. Of a search each bar tells its devices, and one that supports none has no bar."""
    means = rows.groupby(CURVE)[[*names]].mean().reindex([*order])
    devices = rows.groupby(CURVE)[FOUND].first().to_dict() if FOUND in rows.columns else {}
    missing = [curve for curve in order if means.loc[curve].isna().all() or devices.get(curve) == 0]
    means.loc[missing] = 0.0
    parts = _parts(means.fillna(0.0), names, large)
    totals = np.sum([part.lengths for part in parts], axis=0) if parts else np.zeros(len(order))
    # Bars that dwarf the others end at the longest within 5 times the median.
    top = max((total for total in totals if 0 < total <= 5 * float(np.median(totals[totals > 0]))), default=0.0)
    stack(ax, np.arange(len(order)), parts, 0.72, top)
    for y, (total, curve) in enumerate(zip(totals, order, strict=True)):
        label = written(float(total), "x_s") + (" →" if total > top else "")
        label += f", {devices[curve]:,.0f} devices" if curve in devices else ""
        label = (_SERVES_NONE if devices.get(curve) == 0 else "none") if curve in missing else label
        ax.text(min(total, top) + 0.02 * top, y, label, ha="left", va="center", fontsize="x-small")
    ax.xaxis.set_major_formatter(ticks("x_s"))
    ax.xaxis.set_major_locator(MaxNLocator(2))
    ax.set_xlim(0, top * (1.6 if devices else 1.3) or 1.0)
    return bool((totals > top).any())


def _one_set_up(summary: pd.DataFrame, axis: str | None, page: Page) -> tuple[str, Mapping[str, str], int]:
    """The set-up with the most values of the axis and curves, the first of several: its title, {curve: its name in it},
    and the number of other set-ups."""
    facets = panels([name for name, _ in curves(summary)])
    rows = [summary[summary[CURVE].isin(list(each))] for _, each in facets]
    sizes = [(each[axis].nunique() if axis else 0, each[CURVE].nunique()) for each in rows]
    fields, members = facets[sizes.index(max(sizes))]
    return panel_title(fields, page), members, len(facets) - 1


def _few(summary: pd.DataFrame, axis: str | None) -> list[float | str | None]:
    """Returns up to three numbers, of more the lowest, middle and highest; the first three of names."""
    if axis is None:
        return [None]
    if not is_numeric_dtype(summary[axis]):
        return [str(value) for value in list(dict.fromkeys(summary[axis].dropna()))[:3]]
    values = sorted(summary[axis].dropna().unique())
    shown = range(len(values)) if len(values) <= 3 else (0, (len(values) - 1) // 2, len(values) - 1)
    return [float(values[i]) for i in shown]


SYSTEM, PER_TOKEN = "system", "latency_per_token_s"


def draw_validation(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """The real system's bar, and right below it the simulated one's with its error, a pair a run, named by the axis;
    None of another study."""
    if axis is None or SYSTEM not in summary.columns:
        return None
    names = [name for name in looks_of(BREAKDOWN) if name in summary.columns]
    runs = list(dict.fromkeys(summary[axis]))
    figure = page.figure(8.4, 0.8 + 0.5 * len(runs))
    ax = figure.add_subplot()
    means = summary.groupby([axis, SYSTEM])[[*names, PER_TOKEN]].mean()
    for place, run in enumerate(runs):
        both = means.reindex([(run, "real"), (run, "simulated")])
        if both.isna().all(axis=1).any():
            continue
        stack(ax, place + np.array([-0.19, 0.19]), _parts(both.fillna(0.0), names, names), 0.34)
        took_s, simulated_s = (float(each) for each in both[PER_TOKEN])
        error = f" {100 * (simulated_s / took_s - 1):+.1f}%"
        for shift, words in ((-0.19, f" {written(took_s, PER_TOKEN)}"), (0.19, error)):
            ax.text(max(took_s, simulated_s), place + shift, words, va="center", fontsize="x-small")
    rows_of(ax, [page.word(str(run)) for run in runs])
    ax.set_xlim(0, 1.17 * float(summary[PER_TOKEN].max()))
    ax.xaxis.set_major_formatter(ticks("x_s"))
    note = "Upper bar: two real processes over a shaped link on one machine; lower: simulated, with its error."
    text = caption(summary, page, "", [note], intervals=False)
    key = [(part.name, part.patch()) for part in _parts(means, names, names)]
    return finish(figure, page, Wording("The real system and the simulated one", text, LABEL), key)
