"""Figures of cells: schemes on links, who answers fastest, and where drafting at the edge pays."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from pandas.api.types import is_numeric_dtype

from plots.axes import rows_of, written
from plots.caption import caption, marks
from plots.cells import Cell, Scale, colour_bar, draw_cells
from plots.layout import Key, Wording, finish, grid
from plots.page import Page
from plots.style import chosen, lossy_curves, tint
from simulator.results import acceptance_plane as plane
from simulator.results import goodput_plane as goodput
from simulator.results import phase_regions as regions
from simulator.results.column_names import CURVE, READING_S
from simulator.results.display_names import MARKS
from simulator.results.fastest_schemes import CODES, FAMILIES, LEAST, RATE, Fastest, fastest_schemes
from simulator.results.phase_regions import OPPONENT, RTT
from simulator.results.units import quantity

LATENCY, LENGTH = "latency_per_token_s", "scheme.max_drafts"


def draw_useful(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Draws the use of each scheme on each link: latency per token, a row per link, a column per scheme. Framed: the
    lowest mean of a row among lossless schemes. Bold: below cloud-only decoding of that row. Starred: as fast as a
    person reads. None where the axis is a number, or there is none."""
    if axis is None or is_numeric_dtype(summary[axis]) or LATENCY not in summary.columns:
        return None
    links, curves = (list(dict.fromkeys(summary[name])) for name in (axis, CURVE))
    table = summary.pivot(index=axis, columns=CURVE, values=LATENCY).reindex(index=links, columns=curves)
    kinds = summary.drop_duplicates(CURVE).set_index(CURVE)["scheme.kind"].reindex(curves)
    lossy, values = lossy_curves(summary), table.to_numpy(dtype=np.float64)
    lossless = np.where(np.isin(curves, list(lossy)), np.inf, np.nan_to_num(values, nan=np.inf))
    rival = (kinds == OPPONENT).to_numpy()
    alone = values[:, rival.argmax()] if rival.any() else np.full(len(links), -np.inf)
    names, colours = [quantity(link, axis) for link in links], Scale.of(values)
    height = 0.45 + (0.19 if page.narrow else 0.27) * len(links)
    figure = page.figure(0.6 + 0.075 * max(map(len, names)) + 0.95 * len(curves), height)
    ax = figure.add_subplot()
    lines = [
        [
            Cell(colours.colour(each),
                 "-" if np.isnan(each) else written(each, LATENCY) + ("*" if each <= READING_S else ""),
                 framed=column == line.argmin() and np.isfinite(line.min()), bold=each < alone[row])
            for column, each in enumerate(values[row])
        ]
        for row, line in enumerate(lossless)
    ]  # fmt: skip
    heads = [textwrap.fill(page.curve(curve) + lossy.get(curve, ""), 9, break_long_words=False) for curve in curves]
    draw_cells(ax, lines, names, heads, size=0.65 if page.narrow else 0.75)
    ax.xaxis.tick_top()
    note = (
        f"Framed: lowest of a row among lossless schemes. {'Bold: below cloud only. ' if rival.any() else ''}"
        f"Star: at most {quantity(READING_S, LATENCY)}, as fast as a person reads."
    )
    text = caption(summary, page, "lower", [note, *marks(summary)], intervals=False)
    return finish(figure, page, Wording("Latency per token on each link", text))


def draw_goodput(
    summary: pd.DataFrame, axis: str | None, page: Page, cells: pd.DataFrame | None = None
) -> Figure | None:
    """Draws the goodput over a plane of limits, a panel a device: in each cell the scheme of the most requests per
    second, their number, and those of the best edge scheme and of cloud-only decoding. None without the cells, or if
    they lack the times and arrival rates."""
    found = [] if cells is None else goodput.plane(chosen(cells))
    if not found:
        return None
    devices = list(dict.fromkeys(each.device for each in found))
    tpots, ttfts = ([quantity(each, name) for each in values] for values, name in
                    ((goodput.TPOT_S, goodput.TPOT), (goodput.TTFT_S[::-1], goodput.TTFT)))  # fmt: skip
    figure, axes, _ = grid(page, [f"{name} drafts" for name in devices], 1, (1.6, 1.55 * len(tpots)),
                           0.6 + 0.55 * len(ttfts), "xy")  # fmt: skip
    colours = Scale.of([_most(each) for each in found])
    for ax, device in zip(axes, devices, strict=True):
        own = {(each.ttft_s, each.tpot_s): each for each in found if each.device == device}
        lines = [
            [
                Cell(colours.colour(_most(each)), _best_and_rivals(each), tied=bool(each.tied))
                for each in (own[ttft_s, tpot_s] for tpot_s in goodput.TPOT_S)
            ]
            for ttft_s in goodput.TTFT_S[::-1]
        ]
        draw_cells(ax, lines, ttfts, tpots)
    colour_bar(figure, axes, colours, "requests per second")
    notes = [
        "In a cell: the scheme of the most requests per second, then the best edge scheme's and cloud only's.",
        "+: at least. Dashed: another scheme is not distinguishable from the first.",
    ]
    text = caption(summary, page, "higher", notes, intervals=False)
    down, across = "95% of first tokens within", "95% of times per output token within"
    return finish(figure, page, Wording("Requests per second within limits", text, across, down))


def _most(within: goodput.Within) -> float:
    """Returns the most requests per second of any scheme; nan if none serves any."""
    return within.schemes[0].found.mean or np.nan


def _best_and_rivals(within: goodput.Within) -> str:
    best, edge, cloud = within.schemes[0], within.best(edge=True), within.of(OPPONENT)
    if not best.found.mean:
        return "none"
    rivals = [f"{name} {each.written}" for name, each in (("edge", edge), ("cloud", cloud)) if each is not None]
    return "\n".join([f"{best.scheme} {best.written}", ", ".join(rivals)])


def draw_fastest(
    summary: pd.DataFrame, axis: str | None, page: Page, cells: pd.DataFrame | None = None
) -> Figure | None:
    """Draws the map of the fastest kind of scheme: temperature down, rate across, a panel a pair and code. In each
    cell the kind and by how much less time than the next; dashed where another is not distinguishable from it. None
    without the cells, or if they lack temperatures or rates."""
    found = [] if cells is None else fastest_schemes(chosen(cells))
    if not found:
        return None
    panels = list(dict.fromkeys((each.pair, each.code) for each in sorted(found, key=lambda each: each.pair != "sotu")))
    rates = sorted({each.rate_bps for each in found})
    down = max(len({each.temperature for each in found if (each.pair, each.code) == panel}) for panel in panels)
    titles = [f"{page.word(pair)}, {CODES.get(code, code)}" for pair, code in panels]
    figure, axes, _ = grid(page, titles, 3, (0.4, max(2.6, 0.4 + 1.1 * len(rates))), 0.6 + 0.5 * down)
    for ax, panel in zip(axes, panels, strict=True):
        own = {
            (each.temperature, each.rate_bps): Cell(tint(each.kind), _ahead(each), tied=bool(each.tied))
            for each in found
            if (each.pair, each.code) == panel
        }
        rows = sorted({temperature for temperature, _ in own}, reverse=True)
        lines = [[own.get((temperature, rate), Cell()) for rate in rates] for temperature in rows]
        names = [f"{temperature:g}" for temperature in rows], [quantity(rate, RATE) for rate in rates]
        draw_cells(ax, lines, *names, size=0.62)
    seen = Counter(each.kind for each in found if not each.tied)
    line = ", ".join(f"{FAMILIES.get(kind, kind)} at {seen[kind]}" for kind in FAMILIES if seen[kind]) or "none"
    notes = [
        "In a cell: the fastest kind, each by its best curve, and how much less time it takes than the next kind. "
        f"Dashed: another is within {LEAST:.0%} or not distinguishable from it. C-SQS only where it has settled."
    ]
    text = caption(summary, page, "", notes, intervals=False)
    words = Wording(f"Seen fastest, of {len(found)} places: {line}", text, page.axis(RATE), "temperature")
    return finish(figure, page, words)


def _ahead(each: Fastest) -> str:
    """Returns `K-SQS` over `12% less`, or over `~ C-SQS` if that is not distinguishable."""
    name = FAMILIES.get(each.kind, each.kind)
    if each.tied:
        others = [FAMILIES.get(kind, kind) for kind in each.tied]
        return f"{name}\n~ {others[0] if len(others) == 1 else f'{len(others)} others'}"
    return f"{name}\n{100 * abs(each.less.size):.0f}% less"


LOOKS: Final = {
    OPPONENT: ("#E3E3E3", "", "C", "cloud-only decoding"),
    regions.IDS[0]: ("#E08214", "///", "I", "edge sends ids"),
    regions.DISTRIBUTIONS[0]: ("#2C5985", "...", "D", "edge sends distributions"),
}
"""Colour, hatch, letter and words of a region."""
_UNCERTAIN: Final = ("xxx", "black")


def draw_phase_map(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Draws the map of the fastest scheme: round-trip time across, prompt up, a panel per pair (down) and per length of
    an answer (across). Co-located speculation is left out of the colours: a frame marks where the fastest of the others
    beats it. None of a table without cloud-only decoding, an edge that drafts, and two round-trip times."""
    rows = regions.mapped(summary)
    if rows.empty or rows[RTT].nunique() < 2:
        return None
    pairs, answers = list(dict.fromkeys(rows[regions.WHO])), regions.order(rows, regions.ANSWER)
    columns = [(answer, regions.WHOLE) for answer in answers] + [(answers[-1], regions.PER_TOKEN)]
    figure = page.figure(2.6 * len(columns) + 0.8, (0.42 * rows[regions.PROMPT].nunique() + 0.75) * len(pairs))
    axes = figure.subplots(len(pairs), len(columns), squeeze=False, sharex=True, sharey=True)
    stands: list[regions.Stand] = []
    places = regions.order(rows, RTT), regions.order(rows, regions.PROMPT)[::-1]
    for line, pair in zip(axes, pairs, strict=True):
        for ax, (answer, metric) in zip(line, columns, strict=True):
            part = rows[(rows[regions.WHO] == pair) & (rows[regions.ANSWER] == answer)]
            stands += _regions(ax, part, metric, *places)
            words = f"{answer:g} tokens out, end to end" if metric == regions.WHOLE else "per token"
            ax.set_title(words if pair == pairs[0] else "", fontsize="small", loc="left")
        name, *rest = pair.split(", ")
        line[0].set_ylabel("\n".join([page.word(name), *rest]).replace(" / ", " /\n"), fontsize="small")
    note = (
        "Shown: the fastest where the cloud does not speculate by itself; framed: it beats co-located speculation too. "
        f"{MARKS} Line: border by the closed form at the best serving mode, the edge to its left. White: not run."
    )
    text = caption(summary, page, "", [note], intervals=False)
    seen = {_look(stand)[2] for stand in stands}
    key: Key = [(f"{letter}: {words}", Patch(facecolor=colour, edgecolor="white", hatch=hatch))
                for colour, hatch, letter, words in LOOKS.values() if letter in seen]  # fmt: skip
    if any(stand.uncertain for stand in stands):
        uncertain = Patch(facecolor="white", edgecolor="black", hatch=_UNCERTAIN[0])
        key = [*key, ("?: edge and cloud-only not distinguishable", uncertain)]
    if any(map(_beats_all, stands)):
        key = [*key, ("beats co-located too", Patch(facecolor="white", edgecolor="black", linewidth=1.6))]
    key = [*key, ("border by the closed form", Line2D([], [], color="black", linewidth=1.6))]
    return finish(figure, page, Wording("Who answers fastest?", text, "round-trip time", "prompt tokens"), key)


def _regions(
    ax: Axes, part: pd.DataFrame, metric: str, trips: Sequence[float], prompts: Sequence[float]
) -> Sequence[regions.Stand]:
    stands = {(prompts.index(each.place[1]), trips.index(each.place[3])): each for each in regions.stands(part, metric)}
    cells = [[Cell()] * len(trips) for _ in prompts]
    for (row, column), stand in stands.items():
        colour, hatch, letter, _ = _look(stand)
        text, pattern = f"{letter}{stand.rows[stand.fastest_apart].iloc[0][regions.MARK]}", (hatch, "white")
        text, pattern = ("?", _UNCERTAIN) if stand.uncertain else (text, pattern)
        cells[row][column] = Cell(colour, text, framed=_beats_all(stand), hatch=pattern)
    draw_cells(ax, cells, [f"{each:g}" for each in prompts], [quantity(each, RTT) for each in trips], size=0.7)
    ax.tick_params(labelsize="x-small")
    _border(ax, regions.send_ids(part), metric, trips, prompts)
    return list(stands.values())


def _look(stand: regions.Stand) -> tuple[str, str, str, str]:
    fastest = stand.fastest_apart
    return LOOKS[regions.DISTRIBUTIONS[0] if fastest in regions.DISTRIBUTIONS else fastest]


def _beats_all(stand: regions.Stand) -> bool:
    return stand.fastest != regions.COLOCATED and regions.COLOCATED in stand.means


def _border(ax: Axes, sends: pd.DataFrame, metric: str, trips: Sequence[float], prompts: Sequence[float]) -> None:
    """Draws the round-trip time up to which the edge is faster by the closed form, at prompts between those shown."""
    asked = np.geomspace(prompts[0], prompts[-1], 9).round()
    found = [
        max(regions.predicted_border_s(row, metric) for _, row in sends.assign(**{regions.PROMPT: at}).iterrows())
        for at in (asked if len(sends) else ())
    ]
    if any(found):
        logs = np.log10(trips)
        ends = [2 * logs[0] - logs[1], *logs, 2 * logs[-1] - logs[-2]]  # off the panel at both
        x = np.interp([np.log10(at) if at else -np.inf for at in found], ends, range(-1, len(trips) + 1))
        y = np.interp(-np.log10(asked), -np.log10(prompts), range(len(prompts)))
        for colour, width in (("white", 3.4), ("black", 1.6)):
            ax.plot(x, y, color=colour, linewidth=width, scalex=False, scaley=False)


ACCEPTED: Final = "accepted drafts per round of 4"
_CELLS: Final = (
    "Cells: time of an answer over cloud-only decoding's, by the closed form, ids at the best draft length and serving "
    f"mode. {MARKS} Prepared rounds: {plane.NEXT_CHOICE:.0%} of the guesses behind a rejection are right, as at "
    "temperature 0. Circles: simulated, the best edge scheme there. Black lines: the edge is faster to the right."
)
_DOTS: Final = (
    "Dots: pairs as published, each on its own task; lines: between temperatures 0 and 1, by the least that published "
    "models keep of AL - 1 (57%) where only one was measured. "
)


def draw_acceptance_map(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Draws the time of an edge that drafts over cloud-only decoding by the closed form: accepted drafts across, round
    trip up, a plane per speed of the drafter, and the published pairs below. None unless an edge that sends ids was
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
    colour_bar(figure, axes, colours, "times cloud-only decoding's")
    near = [each.colocated < min(1.0, each.edge) for cells in found.values() for line in cells for each in line]
    notes = [_CELLS, f"{_DOTS}Co-located speculation is predicted fastest in {sum(near)} of {len(near)} cells."]
    text = caption(rows, page, "lower", notes, intervals=False)
    return finish(figure, page, Wording("Does drafting at the edge pay?", text, ACCEPTED))


def _plane(ax: Axes, cells: Sequence[Sequence[plane.Predicted]], ran: pd.DataFrame, colours: Scale) -> None:
    upward, trips = cells[::-1], plane.TRIPS_S[::-1]
    lines = [
        [Cell(colours.colour(each.edge), f"{each.edge:.2f} {plane.MARKS[each.mode]}".strip()) for each in line]
        for line in upward
    ]
    draw_cells(ax, lines, [quantity(trip_s, RTT) for trip_s in trips], _columns(), size=0.56)
    for place, line in enumerate(upward):
        slower = sum(each.edge >= 1 for each in line)  # more accepted drafts are faster
        if 0 < slower < len(plane.ACCEPTED):
            for colour, width in (("white", 3.4), ("black", 1.6)):
                ax.plot([slower - 0.5] * 2, [place - 0.5, place + 0.5], color=colour, linewidth=width, scalex=False,
                        scaley=False)  # fmt: skip
    for _, row in ran[ran[RTT].isin(trips)].iterrows():
        ax.plot(_across(row["accepted"]), trips.index(row[RTT]) + 0.33, marker="o", markersize=7, scalex=False,
                scaley=False, markerfacecolor=colours.colour(row["ratio"]), markeredgecolor="black")  # fmt: skip


def _published(ax: Axes, pairs: pd.DataFrame, page: Page) -> None:
    names = []
    for line, (_, pair) in enumerate(pairs.iterrows()):
        ax.plot([_across(pair["low"]), _across(pair["high"])], [line] * 2, color="#777777", linewidth=1.4)
        ax.plot(_across(pair["accepted"]), line, color="black", marker="o", markersize=4.5)
        name, tasks = page.word(pair["name"]), pair["task"].count(",") + 1
        task = f"{tasks} tasks" if tasks > 1 else pair["task"]
        names.append(name if ", " in name else f"{name}, {task}")
    rows_of(ax, names)
    ax.set_xticks(range(len(plane.ACCEPTED)), _columns(), fontsize="small")
    ax.tick_params(axis="y", labelsize="x-small", length=0)
    ax.set_xlim(-0.5, len(plane.ACCEPTED) - 0.5)
    ax.grid(axis="y", visible=False)


def _across(accepted: float) -> float:
    """Returns the place of so many accepted drafts on an axis of columns."""
    return (accepted - plane.ACCEPTED[0]) / (plane.ACCEPTED[1] - plane.ACCEPTED[0])


def _columns() -> list[str]:
    return [f"{each:g}" for each in plane.ACCEPTED]
