"""Who wins where: accepted drafts against the length of a round, and the cloud's time a token over its load.

On the map a round costs x target passes beyond one (across) and yields A accepted drafts (up): above the diagonal
speculation is faster than the cloud alone. A dot is one scheme with one pair, target, rate and round-trip time; its
marker tells who is measured to be the faster, that scheme or cloud-only decoding.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots.axes import spans_far, swept, tick_at, ticks, x_label
from plots.caption import caption
from plots.layout import Wording, finish, grid
from plots.page import Page
from plots.style import DASHES, SCHEMES, Look, looks
from simulator.results import break_even_plane as plane
from simulator.results.columns import CURVE

_TICKS: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
RATE: Final = "uplink.rate.bps"
_LEAST: Final = 0.02  # A smaller x or A stands here
NOTES: Final = (
    "A dot: one scheme with a pair, target, rate and round-trip time; its marker: who is measured to be faster, that "
    "scheme or cloud only. A line: a pair's fastest scheme, from the nearest cloud to the farthest."
)


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """The map, and beside it the load where the table has some; None where nothing can be held against cloud-only."""
    alone, shared = plane.map_and_load(summary)
    dots = plane.plane(alone)
    if dots.empty:
        return None
    winners = dots["scheme.kind"].astype(str).where(dots[plane.TIME] < dots[plane.TARGET], plane.OPPONENT)
    dots = dots.assign(clock=plane.clocks(dots), wins=winners)
    panels = 2 if plane.plane(shared).shape[0] else 1
    figure, axes, width_in = grid(page, panels, 2, (0.6, 5.6), 3.6 if page.narrow else 4.6)
    look = {kind: _look(kind, summary) for kind in dict.fromkeys([plane.OPPONENT, *summary["scheme.kind"].astype(str)])}
    shown = _map(axes[0], dots, look, page)
    if panels == 2:
        _load(axes[1], shared, look, page, width_in)
        shown += [kind for kind in dict.fromkeys(shared["scheme.kind"].astype(str)) if kind not in shown]
    handles = [Line2D([], [], color=look[kind].colour, marker=look[kind].marker, linestyle="") for kind in shown]
    wording = Wording("When does it pay?", caption(summary, page, "", [NOTES], intervals=False))
    finish(figure, page, wording, handles, [page.word(kind) for kind in shown])
    return figure


def _map(ax: Axes, dots: pd.DataFrame, look: dict[str, Look], page: Page) -> list[str]:
    """Draws the map; the winners, in the order of the legend."""
    x, accepted = (np.maximum(dots[name].to_numpy(dtype=float), _LEAST) for name in (plane.X, plane.ACCEPTED))
    low, high = 0.8 * min(x.min(), accepted.min()), 1.25 * max(x.max(), accepted.max())
    ax.plot([low, high], [low, high], color="black", linewidth=1.0, zorder=1)
    ax.fill_between([low, high], [low, high], high, color="#000000", alpha=0.05, linewidth=0, zorder=0)
    _lines(ax, dots, page)
    winners = [kind for kind in look if (dots["wins"] == kind).any()]
    for kind in winners:
        there = (dots["wins"] == kind).to_numpy()
        lost = kind == plane.OPPONENT
        ax.plot(
            x[there], accepted[there], linestyle="", marker=look[kind].marker, color=look[kind].colour, label=kind,
            markerfacecolor="white" if lost else look[kind].colour, markersize=3.6 if lost else 5.0, zorder=3 - lost,
            markeredgewidth=0.7,
        )  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="x: a round in target passes, less one")
    ax.set(xlim=(0.9 * x.min(), 1.12 * x.max()), ylabel="A: accepted drafts a round")
    ax.set(ylim=(min(0.5, 0.8 * accepted.min()), max(5.0, 1.25 * accepted.max())))
    for side in (ax.xaxis, ax.yaxis):
        tick_at(side, _TICKS)
    ax.set_title("faster above the line: A > x", fontsize="small", loc="left")
    return winners


def _lines(ax: Axes, dots: pd.DataFrame, page: Page) -> None:
    """A thin line for each pair along round-trip times, at the middle target and the highest rate, with its name at the
    far end; a pair with one place has its name beside it."""
    ends: list[tuple[float, float, str]] = []
    for pair, rows in dots.groupby(plane.PAIR, sort=False):
        targets = rows.groupby("clock")[plane.TARGET].mean().sort_values()
        here = rows[rows["clock"] == targets.index[(len(targets) - 1) // 2]]
        if RATE in here.columns:
            here = here[here[RATE] == here[RATE].max()]
        here = here.loc[here.groupby(plane.RTT, dropna=False)[plane.TIME].idxmin()].sort_values(plane.X)
        ax.plot(here[plane.X], here[plane.ACCEPTED], color="#888888", linewidth=0.8, zorder=1)
        ends.append(
            (
                float(here[plane.X].iloc[-1]),
                float(here[plane.ACCEPTED].iloc[-1]),
                page.word(str(pair).replace("synthetic distance=", "TV ")),
            )
        )
    placed: list[float] = []
    for x, accepted, name in sorted(ends, key=lambda end: end[1]):
        at = max(accepted, 1.16 * placed[-1]) if placed else accepted
        placed.append(at)
        ax.annotate(
            name, (max(x, _LEAST), max(accepted, _LEAST)), (1.02, at), textcoords=ax.get_yaxis_transform(),
            fontsize="x-small", va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": "#bbbbbb", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip


def _load(ax: Axes, shared: pd.DataFrame, look: dict[str, Look], page: Page, width_in: float) -> None:
    """The cloud's seconds a token over devices: a marker a scheme, dashes a clock."""
    named = shared.assign(clock=plane.clocks(shared))
    for place, (clock, rows) in enumerate(named.groupby("clock", sort=False)):
        for kind, part in rows.groupby("scheme.kind", sort=False):
            given = part.groupby(plane.DEVICES)[plane.CLOUD_TIME].min()
            ax.plot(
                given.index, given.to_numpy(), color=look[str(kind)].colour, marker=look[str(kind)].marker,
                linestyle=DASHES[place % 4], label=f"{kind} {clock}",
            )  # fmt: skip
        last = rows[rows["scheme.kind"] == plane.OPPONENT].sort_values(plane.DEVICES).iloc[0]
        ax.annotate(page.word(_machine(str(clock))), (last[plane.DEVICES], last[plane.CLOUD_TIME]), (0, 5),
                    textcoords="offset points", fontsize="x-small")  # fmt: skip
    values = named[plane.CLOUD_TIME].tolist()
    if spans_far(values):
        ax.set_yscale("log")
    swept(ax, plane.DEVICES, named[plane.DEVICES].tolist(), width_in - 0.8)
    ax.yaxis.set_major_formatter(ticks(plane.CLOUD_TIME))
    ax.set_xlabel(x_label(page, plane.DEVICES))
    ax.set_ylabel("cloud seconds a token")
    ax.set_title("the cloud's time: cheaper below cloud only", fontsize="small", loc="left")


def _machine(clock: str) -> str:
    """`roofline name=a100_80gb_sxm flops_per_s=...` -> its name alone."""
    return next((word.partition("=")[2] for word in clock.split() if word.startswith("name=")), clock)


def _look(kind: str, summary: pd.DataFrame) -> Look:
    if kind in SCHEMES:
        return Look(*SCHEMES[kind])
    kinds = summary.drop_duplicates("scheme.kind").assign(**{CURVE: lambda rows: rows["scheme.kind"]})
    return looks(kinds).get(kind, Look("#7F7F7F", "d"))
