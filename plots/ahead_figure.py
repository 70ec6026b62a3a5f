"""Drafting ahead: time per token over the round-trip time, closed form (lines, one a depth) and measured (dots), a
panel an acceptance; and over devices of a shared cell."""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.axes import scale, swept, x_label
from plots.caption import caption
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import APART, apart, halves, reaches, whiskers
from plots.page import Page
from plots.style import DASHES, SCHEMES, Look
from simulator.results.break_even_plane import DEVICES, RTT, TIME
from simulator.results.pipelined_time import DEPTH, DISTANCE, EXPECTED, RATE, beside, crowded

RTT_MS: Final = "round_trip"
NOTE: Final = (
    "Lines: the closed form, from the stages of rounds that wait for their verification results. Dots: measured."
)
SHARED: Final = "In the shared cell lines join what was measured."


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """None where there are no depths beside each other."""
    rows, many = beside(summary), crowded(summary)
    if rows.empty or rows[DEPTH].nunique() < 2:
        return None
    parts = [*rows.groupby(DISTANCE, sort=True)] if DISTANCE in rows.columns else [("", rows)]
    panels = len(parts) + (not many.empty)
    figure, axes, width_in = grid(page, panels, 3, (0.6, 3.4), 2.4 if page.narrow else 2.8, "y")
    depths = sorted({*map(float, rows[DEPTH]), *map(float, many[DEPTH])})
    for ax, (_, part) in zip(axes, parts, strict=False):
        _panel(ax, part.assign(**{RTT_MS: 1e3 * part[RTT]}), RTT_MS, depths, width_in, page)
        ax.set_title(f"acceptance {part[RATE].mean():.2f}", fontsize="small", loc="left")
    if not many.empty:
        _panel(axes[len(parts)], many, DEVICES, depths, width_in, page)
        axes[len(parts)].set_title("a shared cell", fontsize="small", loc="left")
    shown = pd.concat([rows, many])
    means = [float(each) for name in (TIME, EXPECTED) if name in shown for each in shown[name].dropna()]
    scale(axes[0].yaxis, TIME, means, reaches(shown, [TIME], True), True)
    notes = [NOTE, *([SHARED] if not many.empty else [])]
    wording = Wording(
        "Drafting ahead", caption(summary, page, "lower", notes), "", page.metric(TIME, "time per output token")
    )
    names = [f"{depth:g} ahead" if depth else "waiting" for depth in depths]
    finish(figure, page, wording, [_look(place).handle() for place in range(len(depths))], names)
    return figure


def _look(place: int) -> Look:
    colour, marker = [*SCHEMES.values()][place % len(SCHEMES)]
    return Look(colour, marker, DASHES[place % len(DASHES)])


def _panel(ax: Axes, rows: pd.DataFrame, axis: str, depths: list[float], width_in: float, page: Page) -> None:
    for place, depth in enumerate(depths):
        part = rows[rows[DEPTH] == depth].sort_values(axis)
        look, line = _look(place), EXPECTED if EXPECTED in part.columns else TIME
        ax.plot(part[axis], part[line], color=look.colour, linestyle=look.dashes, label=f"line {depth:g}")
        mean = part[TIME].to_numpy(dtype=float)
        ax.errorbar(
            part[axis], mean, yerr=whiskers(mean, halves(part, TIME), True), color=look.colour, marker=look.marker,
            linestyle="", elinewidth=1.0, label=f"depth {depth:g}",
            transform=apart(ax, APART * (place - (len(depths) - 1) / 2)),
        )  # fmt: skip
    swept(ax, axis, rows[axis].tolist(), width_in)
    if axis == RTT_MS:
        ax.set_xlabel("round trip (ms)", fontsize="small")
        return
    ax.set_xlabel(x_label(page, axis), fontsize="small")
