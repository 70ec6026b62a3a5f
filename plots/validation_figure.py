"""Where the time of a token goes in the real system, and right below it in the simulated one: two bars a cell."""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.axes import ticks, written
from plots.breakdown_figure import LABEL, looks_of
from plots.caption import caption
from plots.layout import Wording, finish
from plots.page import Page
from simulator.results.columns import BREAKDOWN
from simulator.results.units import state_name

SYSTEM: Final = "system"
SYSTEMS: Final = ("real", "simulated")
METRIC: Final = "latency_per_token_s"
NOTE: Final = "Upper bar: two real processes over a shaped link on one machine; lower: simulated, with its error."


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """A row a cell, named by the axis; None of another study."""
    if axis is None or SYSTEM not in summary.columns:
        return None
    cells = list(dict.fromkeys(summary[axis]))
    figure = page.figure(8.4, 0.8 + 0.5 * len(cells))
    ax = figure.add_subplot()
    for place, cell in enumerate(cells):
        rows = summary[summary[axis] == cell]
        both = [rows[rows[SYSTEM] == system] for system in SYSTEMS]
        if all(len(part) for part in both):
            _pair(ax, place, *both)
    ax.set_yticks(range(len(cells)), [page.word(str(cell)) for cell in cells])
    ax.set_ylim(len(cells) - 0.5, -0.5)
    ax.set_xlim(0, 1.17 * float(summary[METRIC].max()))
    ax.xaxis.set_major_formatter(ticks("x_s"))
    ax.grid(axis="y", visible=False)
    handles, labels = ax.get_legend_handles_labels()
    first = {label: handle for handle, label in reversed(list(zip(handles, labels, strict=True)))}
    order = [state_name(name) for name in looks_of(BREAKDOWN) if state_name(name) in first]
    wording = Wording("The real system and the simulated one", caption(summary, page, "", [NOTE], clock=False), LABEL)
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
    took_s, simulated_s = float(real[METRIC].mean()), float(made[METRIC].mean())
    ax.text(max(took_s, simulated_s), place - 0.19, f" {written(took_s, METRIC)}", va="center", fontsize="x-small")
    ax.text(
        max(took_s, simulated_s),
        place + 0.19,
        f" {100 * (simulated_s / took_s - 1):+.1f}%",
        va="center",
        fontsize="x-small",
    )
