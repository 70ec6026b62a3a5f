"""Many schemes on many links: latency per token over that of the paper's K-SQS, or else of cloud-only decoding; and
bits both ways.

In colour, with intervals, are five lossless schemes: those lowest somewhere, then those of the least time. The other
lossless ones are a grey band, lossy ones thin and dashed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator
from pandas.api.types import is_numeric_dtype

from kinds.arrays import Floats
from plots.axes import log_ticks, place, rows_of, swept, tick_at, with_unit, x_label
from plots.caption import caption, marks
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import curve_handles
from plots.over_cloud import RIVAL
from plots.page import Page
from plots.style import Look, chosen, curves, looks
from simulator.results.columns import CURVE
from simulator.results.intervals import geometric_means, named_without
from simulator.results.paired_ratios import HIGH, LOW, RATIO, ratios

UP, DOWN = "payload_bits_per_token", "reply_bits_per_token"
METRIC: Final = "latency_per_token_s"
BY: Final = "uplink.delay.delay_s"
MOST: Final = 5
_PAPER: Final = {"scheme.kind": "k_sqs", "scheme.code": "enumerative"}
_ALONE: Final = {"scheme.kind": RIVAL}
_NAMES: Final = ("cloud only's", "cloud-only decoding"), ("the paper's", "the paper's K-SQS")
"""What the line at 1 is called."""
_BAND: Final = "#cfcfcf"
_LOSSY: Final = {"color": "#8a8a8a", "linestyle": (0, (4, 2)), "linewidth": 0.9}
_LINE: Final = {"color": "black", "linestyle": (0, (1, 1.2)), "linewidth": 1.5}
PAIRED: Final = "Ratios are paired by seed."
BAND: Final = (
    f"{PAIRED} In colour: the lossless schemes that are lowest somewhere, of all or of those that send drafts, then "
    "those of the least time; all other lossless ones lie in the band."
)


def draw(summary: pd.DataFrame, axis: str | None, page: Page, cells: pd.DataFrame | None = None) -> Figure | None:
    """Ratios along the axis, a panel a delay unless that is the axis; None where the axis is no number, nothing was
    swept over delays too, or neither the paper's K-SQS nor cloud-only decoding is there."""
    if axis is None or not {METRIC, BY, UP, axis} <= {*summary.columns} or not is_numeric_dtype(summary[axis]):
        return None
    rows = named_without(chosen(summary).dropna(subset=[METRIC]), BY)
    who = next((each for each in (_PAPER, _ALONE) if _is(rows, each).any()), None)
    if who is None:
        return None
    look, paper = looks(rows), str(rows.loc[_is(rows, who), CURVE].iloc[0])
    found = _ratios(rows, cells, axis, who)
    five = _five(rows, axis, look, paper)
    panels = [("", found)] if axis == BY else list(found.groupby(BY, sort=True))
    figure, axes, width_in = grid(page, len(panels), 3, (0.4, 3.5), 2.3 if page.narrow else 3.6, "xy")
    for ax, (delay, part) in zip(axes, panels, strict=True):
        _panel(ax, part[part[CURVE] != paper], axis, look, five)
        ax.set_title(f"one way {with_unit(float(str(delay)), BY)}" if delay else "", loc="left")
    swept(axes[0], axis, rows[axis].tolist(), width_in)
    _ratio_scale(axes[0], found[found[CURVE].isin(five)])
    note = BAND if _unnamed(look, five, paper) else PAIRED
    text = caption(rows, page, "lower", [note, *marks(rows, METRIC)], intervals=cells is not None)
    theirs, rival = _NAMES[who is _PAPER]
    label = f"{page.metric(METRIC, 'latency per token')} over {theirs}"
    words = Wording(f"Who is faster than {rival}, against {page.axis(axis)}", text, x_label(page, axis), label)
    handles, labels = curve_handles(look, five, page)
    others, names = _others(look, five, paper, page, theirs)
    finish(figure, page, words, [*handles, *others], [*labels, *names])
    return figure


def _ratios(rows: pd.DataFrame, cells: pd.DataFrame | None, axis: str, who: Mapping[str, str]) -> pd.DataFrame:
    """A row a curve, delay and value of the axis: paired by seed, or of the means alone where there are no cells."""
    places = [*dict.fromkeys((BY, axis))]
    if cells is not None:
        named = named_without(chosen(cells).dropna(subset=[METRIC]), BY)
        return ratios(named, METRIC, _is(named, who), places)
    theirs = rows[_is(rows, who)].set_index(places)[METRIC].rename("theirs")
    both = rows.join(theirs, on=places)
    both[RATIO], both[LOW], both[HIGH] = both[METRIC] / both["theirs"], np.nan, np.nan
    return both.dropna(subset=[RATIO])


def _five(rows: pd.DataFrame, axis: str, look: dict[str, Look], paper: str) -> list[str]:
    lossless = rows[rows[CURVE].map(lambda curve: not look[curve].lossy and curve != paper)]
    wins = [name for part in (lossless, lossless[lossless[UP] > 0]) for name in _lowest(part, axis)]
    ranked = pd.Series(wins, dtype=str).value_counts().index.tolist()
    ranked += geometric_means(lossless, CURVE, METRIC).sort_values().index.tolist()
    kept = list(dict.fromkeys(ranked))[:MOST]
    return [name for name in look if name in kept]


def _panel(ax: Axes, rows: pd.DataFrame, axis: str, look: dict[str, Look], five: Sequence[str]) -> None:
    others = rows[~rows[CURVE].isin(five) & ~rows[CURVE].map(lambda curve: look[curve].lossy)]
    if len(others):
        ends = others.groupby(axis)[RATIO].agg(["min", "max"])
        ax.fill_between(place(ends.index), ends["min"], ends["max"], color=_BAND, linewidth=0, zorder=0.5)
    for _, part in curves(rows[rows[CURVE].map(lambda curve: look[curve].lossy)]):
        given = part.sort_values(axis)
        ax.plot(place(given[axis]), given[RATIO], zorder=1, **_LOSSY)  # type: ignore[arg-type]
    ax.axhline(1.0, zorder=2, **_LINE)  # type: ignore[arg-type]
    for name in five:
        given, seen = rows[rows[CURVE] == name].sort_values(axis), look[name]
        mean, low, high = (given[each].to_numpy(dtype=float) for each in (RATIO, LOW, HIGH))
        ax.errorbar(
            place(given[axis]), mean, yerr=np.array([mean - low, high - mean]), linestyle=seen.dashes, **seen.marked(),
            elinewidth=1.0, label=name, zorder=3,
        )  # fmt: skip


def _ratio_scale(ax: Axes, shown: pd.DataFrame) -> None:
    low, high = 0.8 * min(0.8, float(shown[RATIO].min())), 1.25 * max(1.25, float(shown[RATIO].max()))
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    ax.yaxis.set_major_locator(FixedLocator(log_ticks(low, high, 7)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter("{x:g}")


def _lowest(rows: pd.DataFrame, axis: str) -> Iterator[str]:
    for _, here in rows.groupby([*dict.fromkeys((BY, axis))]):
        yield str(here.sort_values(METRIC)[CURVE].iloc[0])


def _is(rows: pd.DataFrame, who: Mapping[str, str]) -> pd.Series[bool]:
    found = pd.Series(True, index=rows.index)
    for name, value in who.items():
        found &= rows[name] == value if name in rows.columns else False
    return found


def _unnamed(look: dict[str, Look], five: Sequence[str], paper: str) -> list[str]:
    return [name for name, each in look.items() if name not in (*five, paper) and not each.lossy]


def _others(
    look: dict[str, Look], five: Sequence[str], paper: str, page: Page, theirs: str
) -> tuple[list[Artist], list[str]]:
    lossy = [name for name, each in look.items() if each.lossy]
    rest = _unnamed(look, five, paper)
    name = page.curve(paper) + (f": {theirs}" if theirs == _NAMES[True][0] else "")
    shown: list[tuple[Artist, str]] = [(Line2D([], [], **_LINE), name)]  # type: ignore[arg-type]
    if rest:
        shown.append((Patch(facecolor=_BAND), f"{len(rest)} other lossless"))
    if lossy:
        shown.append((Line2D([], [], **_LOSSY), "lossy"))  # type: ignore[arg-type]
    return [handle for handle, _ in shown], [label for _, label in shown]


def draw_both_ways(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Bits a token up, and beside it down, without headers: a row a scheme, both logarithmic, nothing at the edge. A
    mark is the geometric mean over links, the broad line their range. None without both columns or two schemes."""
    if not {UP, DOWN} <= {*summary.columns}:
        return None
    rows = chosen(summary).dropna(subset=[UP, DOWN])
    rows = named_without(rows, BY) if BY in rows.columns else rows
    if rows[CURVE].nunique() < 2:
        return None
    look = looks(rows)
    means = rows.groupby(CURVE, sort=False)[[UP, DOWN]].mean()
    order = means.sort_values([UP, DOWN]).index.tolist()
    figure, axes, _ = grid(page, 2, 2, (2.0, 3.2), 0.6 + (0.18 if page.narrow else 0.25) * len(order), "y", narrow=2)
    for ax, (name, title) in zip(axes, ((UP, "payload, up"), (DOWN, "reply, down")), strict=True):
        edge = _edge(rows[name])
        for row, curve in enumerate(order):
            _range(ax, rows.loc[rows[CURVE] == curve, name], row, edge, look[curve])
        ax.set_xscale("log")
        ax.set_xlim(*_scale(ax.xaxis, rows[name].to_numpy(dtype=float), edge))
        ax.set_title(title, loc="left", fontsize="small")
        ax.grid(axis="y", visible=True)
    rows_of(axes[0], [page.curve(name) + look[name].mark for name in order])
    notes = ["A mark: the geometric mean over links, each scheme at its best on each; broad lines: from the link that "
             "takes least to that which takes most, no intervals."]  # fmt: skip
    text = caption(rows, page, "lower", [*notes, *marks(rows)], clock=False, intervals=False)
    finish(figure, page, Wording("What each scheme sends, both ways", text, "bits per output token"))
    return figure


def _range(ax: Axes, given: pd.Series[float], row: int, edge: float, look: Look) -> None:
    values = np.maximum(given.to_numpy(dtype=float), edge)
    ax.plot([values.min(), values.max()], [row, row], color=look.colour, linewidth=5, alpha=0.3, solid_capstyle="butt")
    ax.plot(float(np.exp(np.log(values).mean())), row, color=look.colour, marker=look.marker, fillstyle=look.fill,
            markerfacecolor=look.face, markerfacecoloralt="white", linestyle="", zorder=3)  # fmt: skip


def _edge(values: pd.Series[float]) -> float:
    positive = values[values > 0]
    return float(positive.min()) / 3 if len(positive) else 1.0


def _scale(side: Axis, values: Floats, edge: float) -> tuple[float, float]:
    top, zero = max(float(values.max()), 3 * edge), bool((values <= 0).any())
    given = log_ticks(1.8 * edge, 1.4 * top, most=6)
    tick_at(side, [edge, *given] if zero else given, [*(["0"] if zero else []), *(f"{tick:,g}" for tick in given)])
    return (edge / 1.3 if zero else 2 * edge), 1.4 * top
