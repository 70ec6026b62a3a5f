"""What each step of a ladder is worth: time per token, a row a step, a bar a length of headers, a panel a temperature
and link. Decoding in the cloud, alone or with its own drafter, is a line."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from plots.axes import rows_of, scale, with_unit
from plots.caption import caption, marks
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import halves, reaches, whiskers
from plots.page import Page
from plots.style import GREY, SCHEMES, chosen
from simulator.results.columns import CURVE

METRIC: Final = "latency_per_token_s"
HEADER: Final = "uplink.header_bits"
LINKS: Final = ["models.temperature", "uplink.delay.delay_s", "downlink.delay.delay_s", "uplink.rate.bps"]
CLOUD: Final[dict[str, Literal["-", "--"]]] = {"cloud_only": "-", "colocated": "--"}
"""Kinds that are drawn as lines, with their dashes."""
NOTE: Final = "A step has all that those above it have, unless its name says otherwise. Each panel has its own scale."
HATCHES: Final = ("", "////", "")
"""Of the bars of a row: full, hatched, open."""


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Bars from 0 with intervals, the steps in the table's order; None without two steps, or along a number."""
    if axis is None or pd.api.types.is_numeric_dtype(summary[axis]) or not {METRIC, HEADER, *LINKS} <= {*summary}:
        return None
    rows = chosen(summary).dropna(subset=[METRIC, *LINKS])
    steps = list(dict.fromkeys(rows.loc[~rows["scheme.kind"].isin(CLOUD), CURVE]))
    if len(steps) < 2:
        return None
    headers = sorted(rows[HEADER].unique(), reverse=True)
    panels = list(rows.groupby(LINKS, sort=False))
    longest = max(len(page.curve(step)) for step in steps)
    height = 0.7 + (0.24 if page.narrow else 0.3) * len(steps)
    figure, axes, _ = grid(page, len(panels), 2, (0.5 + 0.07 * longest, 3.4), height, "y")
    for ax, (_, part) in zip(axes, panels, strict=True):
        _panel(ax, part, steps, headers[: len(HATCHES)])
        temperature, up_s, down_s, bps = (float(part[name].iloc[0]) for name in LINKS)
        trip = with_unit(up_s + down_s, "x_s")
        ax.set_title(f"temperature {temperature:g}, {trip}, {with_unit(bps, LINKS[-1])}", loc="left", fontsize="small")
    rows_of(axes[0], [page.curve(step) for step in steps])
    text = caption(rows, page, "lower", [NOTE, *marks(rows)])
    words = Wording("What each step is worth", text, page.metric(METRIC, "latency per token"))
    handles, labels = _legend(rows, headers[: len(HATCHES)], page)
    finish(figure, page, words, handles, labels)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, steps: list[str], headers: list[float]) -> None:
    there = [bits for bits in headers if rows[HEADER].eq(bits).any()]
    height = 0.76 / len(there)
    for place, bits in enumerate(there):
        given = rows[rows[HEADER].eq(bits) & rows[CURVE].isin(steps)]
        at = np.array([steps.index(step) for step in given[CURVE]]) + (place - (len(there) - 1) / 2) * height
        mean = given[METRIC].to_numpy(dtype=float)
        colours = [SCHEMES.get(kind, (GREY, ""))[0] for kind in given["scheme.kind"]]
        rank = headers.index(bits)
        ax.barh(at, mean, 0.9 * height, color=[_face(rank, colour) for colour in colours], edgecolor=colours,
                hatch=HATCHES[rank], linewidth=0.9, alpha=0.65)  # fmt: skip
        ax.errorbar(mean, at, xerr=whiskers(mean, halves(given, METRIC), False), linestyle="", ecolor="black",
                    elinewidth=1.0)  # fmt: skip
    for kind, dashes in CLOUD.items():
        for mean in rows.loc[rows["scheme.kind"].eq(kind) & rows[HEADER].eq(there[0]), METRIC]:
            ax.axvline(mean, color="black", linestyle=dashes, linewidth=1.2, zorder=3)
    scale(ax.xaxis, METRIC, [*rows[METRIC]], reaches(rows, [METRIC], False), False, most=4)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)


def _legend(rows: pd.DataFrame, headers: list[float], page: Page) -> tuple[list[Artist], list[str]]:
    shown: list[tuple[Artist, str]] = [
        (Line2D([], [], color="black", linestyle=dashes, linewidth=1.2), page.word(kind))
        for kind, dashes in CLOUD.items()
        if rows["scheme.kind"].eq(kind).any()
    ]
    if len(headers) > 1:
        shown += [
            (
                Patch(facecolor="white" if rank else GREY, edgecolor=GREY, hatch=HATCHES[rank]),
                f"headers of {bits:g} bits",
            )
            for rank, bits in enumerate(headers)
        ]
    return [handle for handle, _ in shown], [label for _, label in shown]


def _face(rank: int, colour: str) -> str:
    return "white" if rank else colour
