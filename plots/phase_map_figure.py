"""Who answers fastest: round-trip time across, prompt up, a panel a pair (down) and an answer's length (across).
Co-located speculation is left out of the colours: a frame marks where the fastest of the others beats it. And how long
an edge that drafts takes over cloud-only decoding by the closed form: accepted drafts across, round trip up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from plots import colour_cells
from plots.axes import rows_of, tick_at
from plots.caption import caption
from plots.colour_cells import Scale, Written
from plots.layout import Wording, finish
from plots.page import Page
from plots.style import chosen
from simulator.results import acceptance_plane as plane
from simulator.results import phase_regions as regions
from simulator.results.phase_regions import OPPONENT, RTT
from simulator.results.units import quantity

LOOKS: Final = {
    OPPONENT: ("#E3E3E3", "", "C", "cloud-only decoding"),
    regions.IDS[0]: ("#E08214", "///", "I", "edge sends ids"),
    regions.DISTRIBUTIONS[0]: ("#2C5985", "...", "D", "edge sends distributions"),
}
"""Colour, hatch, letter and words of a region."""
NOTES: Final = (
    "Shown: the fastest where the cloud does not speculate by itself; framed: it beats co-located speculation too. "
    "Digit: rounds drafted ahead; *: the cloud starts. Line: border by the closed form at the best serving mode, the "
    "edge to its left."
)


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """None of a table without cloud-only decoding, an edge that drafts, and two round-trip times."""
    rows = regions.mapped(summary)
    if rows.empty or rows[RTT].nunique() < 2:
        return None
    pairs, answers = list(dict.fromkeys(rows[regions.WHO])), regions.order(rows, regions.ANSWER)
    columns = [(answer, regions.WHOLE) for answer in answers] + [(answers[-1], regions.PER_TOKEN)]
    figure = page.figure(2.6 * len(columns) + 0.8, (0.42 * rows[regions.PROMPT].nunique() + 0.75) * len(pairs))
    axes = figure.subplots(len(pairs), len(columns), squeeze=False, sharex=True, sharey=True)
    stands: list[regions.Stand] = []
    for line, pair in zip(axes, pairs, strict=True):
        for ax, (answer, metric) in zip(line, columns, strict=True):
            part = rows[(rows[regions.WHO] == pair) & (rows[regions.ANSWER] == answer)]
            stands += _panel(ax, part, metric)
            words = f"{answer:g} tokens out, end to end" if metric == regions.WHOLE else "per token"
            ax.set_title(words if pair == pairs[0] else "", fontsize="small", loc="left")
        name, *rest = pair.split(", ")
        line[0].set_ylabel("\n".join([page.word(name), *rest]).replace(" / ", " /\n"), fontsize="small")
    text = caption(summary, page, "", [NOTES], intervals=False)
    wording = Wording("Who answers fastest?", text, below="round-trip time", beside="prompt tokens")
    finish(figure, page, wording, *_legend(stands))
    return figure


def _panel(ax: Axes, part: pd.DataFrame, metric: str) -> Sequence[regions.Stand]:
    across, up = (_edges([math.log10(each) for each in regions.order(part, name)]) for name in (RTT, regions.PROMPT))
    trips, prompts = regions.order(part, RTT), regions.order(part, regions.PROMPT)
    stands = list(regions.stands(part, metric))
    for stand in stands:
        column, row = trips.index(stand.place[3]), prompts.index(stand.place[1])
        _cell(ax, stand, (across[column], across[column + 1]), (up[row], up[row + 1]))
    _border(ax, part, metric, [math.log10(each) for each in prompts])
    ax.set_xlim(across[0], across[-1])
    ax.set_ylim(up[0], up[-1])
    for side, values, name in ((ax.xaxis, trips, RTT), (ax.yaxis, prompts, regions.PROMPT)):
        labels = [quantity(each, name) if name == RTT else f"{each:g}" for each in values]
        tick_at(side, [math.log10(each) for each in values], labels)
    ax.tick_params(length=0, labelsize="x-small")
    ax.grid(visible=False)
    return stands


def _look(stand: regions.Stand) -> tuple[str, str, str, str]:
    fastest = stand.fastest_apart
    return LOOKS[regions.DISTRIBUTIONS[0] if fastest in regions.DISTRIBUTIONS else fastest]


def _beats_all(stand: regions.Stand) -> bool:
    return stand.fastest != regions.COLOCATED and regions.COLOCATED in stand.means


def _cell(ax: Axes, stand: regions.Stand, x: tuple[float, float], y: tuple[float, float]) -> None:
    colour, hatch, letter, _ = _look(stand)
    row = stand.rows[stand.fastest_apart].iloc[0]
    letter += f"{regions.rounds_ahead(row) or ''}{'*' * regions.cloud_starts(row)}"
    corner, width, height = (x[0], y[0]), x[1] - x[0], y[1] - y[0]
    ax.add_patch(Rectangle(corner, width, height, facecolor=colour, edgecolor="white", hatch=hatch, linewidth=0.6))
    if stand.uncertain:
        ax.add_patch(Rectangle(corner, width, height, fill=False, edgecolor="black", hatch="xxx", linewidth=0.0))
        letter = "?"
    if _beats_all(stand):
        inset = 0.06 * width, 0.1 * height
        ax.add_patch(Rectangle((x[0] + inset[0], y[0] + inset[1]), width - 2 * inset[0], height - 2 * inset[1],
                               fill=False, edgecolor="black", linewidth=1.6))  # fmt: skip
    ax.text(sum(x) / 2, sum(y) / 2, letter, ha="center", va="center", fontsize="x-small",
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"})  # fmt: skip


def _border(ax: Axes, part: pd.DataFrame, metric: str, up: Sequence[float]) -> None:
    sends = regions.send_ids(part)
    if sends.empty:
        return
    heights = np.linspace(up[0], up[-1], 9)
    found = [
        max(regions.predicted_border_s(row, metric) for _, row in sends.assign(**{regions.PROMPT: at}).iterrows())
        for at in (round(10**height) for height in heights)
    ]
    if any(found):
        left = math.log10(min(each for each in found if each)) - 1  # off the panel, where the edge is faster nowhere
        drawn = [math.log10(at) if at else left for at in found]
        for colour, width in (("white", 3.4), ("black", 1.6)):
            ax.plot(drawn, heights, color=colour, linewidth=width)


def _edges(middles: Sequence[float]) -> list[float]:
    """Returns the edges of cells around places on an axis: half way between neighbours, and as far outside."""
    if len(middles) == 1:
        return [middles[0] - 0.3, middles[0] + 0.3]
    inner = [(low + high) / 2 for low, high in pairwise(middles)]
    return [2 * middles[0] - inner[0], *inner, 2 * middles[-1] - inner[-1]]


def _legend(stands: Sequence[regions.Stand]) -> tuple[list[Artist], list[str]]:
    seen = {_look(stand) for stand in stands}
    marks: list[tuple[Artist, str]] = [
        (Patch(facecolor=look[0], edgecolor="white", hatch=look[1]), f"{look[2]}: {look[3]}")
        for look in LOOKS.values()
        if look in seen
    ]
    if any(stand.uncertain for stand in stands):
        marks.append((Patch(facecolor="white", edgecolor="black", hatch="xxx"),
                      "?: edge and cloud-only not distinguishable"))  # fmt: skip
    if any(map(_beats_all, stands)):
        marks.append((Patch(facecolor="white", edgecolor="black", linewidth=1.6), "beats co-located too"))
    marks.append((Line2D([], [], color="black", linewidth=1.6), "border by the closed form"))
    return [handle for handle, _ in marks], [label for _, label in marks]


ACCEPTED: Final = "accepted drafts per round of 4"
DOTS: Final = (
    "Dots: pairs as published, each on its own task; lines: between temperatures 0 and 1, by the least that published "
    "models keep of AL - 1 (57%) where only one was measured. "
)
CELLS: Final = (
    "Cells: time of an answer over cloud-only decoding's, by the closed form, ids at the best draft length and serving "
    "mode (W: waits, S: the cloud starts, 1, 2: drafts so many rounds ahead, S1, S2: both). "
)
BESIDE: Final = "Circles: simulated, the best edge scheme there. Black lines: the edge is faster to the right."


def draw_acceptance_map(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """A plane a speed of the drafter, below them where published pairs lie. None unless an edge that sends ids was
    simulated along its drafter's speed."""
    rows = chosen(summary)
    ids = plane.sending_ids(rows)
    if axis != plane.SPEED or ids.empty:
        return None
    found = {float(row[plane.SPEED]): plane.plane(row) for _, row in ids.iterrows()}
    ran, pairs = plane.simulated(rows), plane.published()
    colours = Scale.of([each.edge for cells in found.values() for line in cells for each in line])
    height = 0.75 + 0.38 * len(plane.TRIPS_S)
    heights = [height] * len(found) + [0.5 + 0.2 * len(pairs)]
    figure = page.figure(9.6, sum(heights))
    *axes, below = figure.subplots(len(heights), 1, height_ratios=heights)
    for ax, (speed, cells) in zip(axes, found.items(), strict=True):
        _plane(ax, cells, ran[ran[plane.SPEED] == speed], colours)
        ax.set_title(f"drafter's speed {speed:g}", loc="left", fontsize="small")
        ax.set_ylabel("round-trip time", fontsize="small")
    _published(below, pairs, page)
    colour_cells.colour_bar(figure, axes, colours, "times cloud-only decoding's")
    near = [each.colocated < min(1.0, each.edge) for cells in found.values() for line in cells for each in line]
    notes = [CELLS + BESIDE, f"{DOTS}Co-located speculation is predicted fastest in {sum(near)} of {len(near)} cells."]
    text = caption(rows, page, "lower", notes, intervals=False)
    finish(figure, page, Wording("Does drafting at the edge pay?", text, ACCEPTED))
    return figure


def _plane(ax: Axes, cells: Sequence[Sequence[plane.Predicted]], ran: pd.DataFrame, colours: Scale) -> None:
    upward = cells[::-1]
    over = np.array([[each.edge for each in line] for line in upward])
    letters = dict(zip(plane.MODES, ("W", "S", "1", "2", "S1", "S2"), strict=True))
    texts = [[f"{each.edge:.2f} {letters[each.mode]}" for each in line] for line in upward]
    colour_cells.cells(ax, over, Written(texts, size=0.68), colours)
    colour_cells.sides(ax, [quantity(trip_s, RTT) for trip_s in plane.TRIPS_S[::-1]], _columns())
    for line, slower in enumerate((over >= 1).sum(axis=1)):  # more accepted drafts are faster
        if 0 < slower < len(plane.ACCEPTED):
            for colour, width in (("white", 3.4), ("black", 1.6)):
                ax.plot([slower - 0.5] * 2, [line - 0.5, line + 0.5], color=colour, linewidth=width, scalex=False,
                        scaley=False)  # fmt: skip
    for _, row in ran.iterrows():
        if row[RTT] in plane.TRIPS_S:
            ax.plot(_across(row["accepted"]), len(cells) - 1 - plane.TRIPS_S.index(row[RTT]) + 0.33, marker="o",
                    markersize=7, markerfacecolor=colours.colour(row["ratio"]), markeredgecolor="black",
                    scalex=False, scaley=False)  # fmt: skip


def _published(ax: Axes, pairs: pd.DataFrame, page: Page) -> None:
    for line, (_, pair) in enumerate(pairs.iterrows()):
        ax.plot([_across(pair["low"]), _across(pair["high"])], [line] * 2, color="#777777", linewidth=1.4)
        ax.plot(_across(pair["accepted"]), line, color="black", marker="o", markersize=4.5)
    names = [page.word(each) for each in pairs["name"]]
    tasks = [f"{task.count(',') + 1} tasks" if "," in task else task for task in pairs["task"]]
    rows_of(ax, [name if ", " in name else f"{name}, {task}" for name, task in zip(names, tasks, strict=True)])
    ax.set_xticks(range(len(plane.ACCEPTED)), _columns(), fontsize="small")
    ax.tick_params(axis="y", labelsize="x-small", length=0)
    ax.set_xlim(-0.5, len(plane.ACCEPTED) - 0.5)
    ax.grid(axis="y", visible=False)


def _across(accepted: float) -> float:
    """The place of so many accepted drafts on an axis of columns."""
    return (accepted - plane.ACCEPTED[0]) / (plane.ACCEPTED[1] - plane.ACCEPTED[0])


def _columns() -> list[str]:
    return [f"{each:g}" for each in plane.ACCEPTED]
