"""Many schemes on many links: latency per token, those that are lowest somewhere in colour; and bits both ways.

Of latency, two envelopes are drawn in colour, that of all lossless schemes and that of those which send drafts: each
scheme with markers where it is the lowest and its name there, below the first envelope and above the second. All others
are thin and grey, lossy ones dashed. The paper's K-SQS, by its own count, is there to compare with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from pandas.api.types import is_numeric_dtype

from kinds.arrays import Floats
from plots.axes import place, scale, spans_far, swept, tick_at, with_unit, x_label
from plots.caption import caption, marks
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import curve_handles
from plots.page import Page
from plots.style import Look, chosen, curves, looks
from simulator.results.columns import CURVE
from simulator.results.intervals import named_without

UP, DOWN = "payload_bits_per_token", "reply_bits_per_token"
METRIC: Final = "latency_per_token_s"
BY: Final = "uplink.delay.delay_s"
_Line = tuple[str, object, float]  # colour, dashes and width
_OTHER: Final[_Line] = ("#9a9a9a", "-", 0.7)
_LOSSY: Final[_Line] = ("#9a9a9a", (0, (4, 2)), 0.9)
_DOTTED: Final[_Line] = ("black", (0, (1, 1.2)), 1.1)
_PAPER: Final = {"scheme.kind": "k_sqs", "scheme.code": "enumerative"}


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves against rate, a panel a delay; None where the axis is no number, or nothing was swept over delays too."""
    if axis is None or not {METRIC, BY, UP, axis} <= {*summary.columns} or not is_numeric_dtype(summary[axis]):
        return None
    rows = named_without(chosen(summary).dropna(subset=[METRIC]), BY)
    panels = list(rows.groupby(BY, sort=True))
    if not panels:
        return None
    look = looks(rows)
    figure, axes, width_in = grid(page, len(panels), 3, (0.4, 3.5), 2.3 if page.narrow else 3.6, "xy")
    for ax, (delay, part) in zip(axes, panels, strict=True):
        _panel(ax, part, axis, look, page)
        ax.set_title(f"one way {with_unit(float(str(delay)), BY)}", loc="left")
    swept(axes[0], axis, rows[axis].tolist(), width_in)
    means = rows[METRIC].tolist()
    scale(axes[0].yaxis, METRIC, means, means, spans_far(means))
    notes = ["In colour, marked where it is so: lowest of the lossless, and of those among them that send drafts."]
    text = caption(rows, page, "lower", [*notes, *marks(rows, METRIC)], intervals=False)
    words = Wording(f"Who wins against {page.axis(axis)}", text, x_label(page, axis),
                 page.metric(METRIC, "latency per output token"))  # fmt: skip
    finish(figure, page, words, *_legend(rows, look, page))
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, axis: str, look: dict[str, Look], page: Page) -> None:
    lossless = rows[~rows[CURVE].map(lambda curve: look[curve].lossy)]
    first = {*_lowest(lossless, axis)}
    lowest = first | {*_lowest(lossless[lossless[UP] > 0], axis)}
    paper = _is_papers(rows)
    for curve, part in curves(rows):
        given, seen = part.sort_values(axis), look[curve]
        x, y = place(given[axis]), given[METRIC].to_numpy(dtype=float)
        wins = [number for number, at in enumerate(given[axis]) if (at, curve) in lowest]
        if not wins:
            colour, dashes, wide = _DOTTED if paper[given.index].any() else _LOSSY if seen.lossy else _OTHER
            ax.plot(x, y, color=colour, linestyle=dashes, linewidth=wide, zorder=1)
            continue
        ax.plot(x, y, color=seen.colour, marker=seen.marker, markevery=wins, fillstyle=seen.fill,
                markerfacecoloralt="white", zorder=3)  # fmt: skip
        middle = wins[len(wins) // 2]
        below = (given[axis].iloc[middle], curve) in first  # beside both envelopes: between them there may be no room
        side = "left" if middle == 0 else "right" if middle == len(y) - 1 else "center"
        ax.annotate(
            page.curve(curve), (x[middle], y[middle]), (0, -9 if below else 7), textcoords="offset points", zorder=5,
            color=seen.colour, fontsize="x-small", ha=side, va="top" if below else "bottom",
            path_effects=[withStroke(linewidth=2.2, foreground="white")],
        )  # fmt: skip


def _lowest(rows: pd.DataFrame, axis: str) -> Iterator[tuple[float, str]]:
    for at, here in rows.groupby(axis):
        yield float(str(at)), str(here.sort_values(METRIC)[CURVE].iloc[0])


def _is_papers(rows: pd.DataFrame) -> pd.Series[bool]:
    found = pd.Series(True, index=rows.index)
    for name, value in _PAPER.items():
        found &= rows[name] == value if name in rows.columns else False
    return found


def _legend(rows: pd.DataFrame, look: dict[str, Look], page: Page) -> tuple[Sequence[Artist], Sequence[str]]:
    """The lines that have no name beside them."""
    paper = rows.loc[_is_papers(rows), CURVE].unique()
    shown = [(_OTHER, "other lossless"), *([(_LOSSY, "lossy")] if any(each.lossy for each in look.values()) else [])]
    shown += [(_DOTTED, f"{page.curve(str(name))}: the paper's") for name in paper]
    handles = [Line2D([], [], color=colour, linestyle=dashes, linewidth=wide) for (colour, dashes, wide), _ in shown]  # type: ignore[arg-type]
    return handles, [label for _, label in shown]


def draw_both_ways(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Bits a token up against bits a token down, a mark a scheme, without headers: both axes logarithmic; a scheme that
    sends nothing one way stands at the edge, where the axis says 0. A cross tells from the link on which a scheme takes
    least to that where it takes most, since each is at its own best there. None without both columns or two schemes."""
    if not {UP, DOWN} <= {*summary.columns}:
        return None
    rows = chosen(summary).dropna(subset=[UP, DOWN])
    rows = named_without(rows, BY) if BY in rows.columns else rows
    if rows[CURVE].nunique() < 2:
        return None
    look = looks(rows)
    figure = page.figure(7.4, 3.0 if page.narrow else 4.4)
    ax = figure.add_subplot()
    edges = _edge(rows[UP]), _edge(rows[DOWN])
    for curve, part in curves(rows):
        _mark(ax, part, edges, look[curve])
    ax.set(xscale="log", yscale="log")
    ax.set_xlim(*_scale(ax.xaxis, rows[UP].to_numpy(dtype=float), edges[0]))
    ax.set_ylim(*_scale(ax.yaxis, rows[DOWN].to_numpy(dtype=float), edges[1]))
    notes = ["A mark: the geometric mean over links, each scheme at its best on each; its cross: from least to most."]
    text = caption(rows, page, "lower", [*notes, *marks(rows)], clock=False, intervals=False)
    up, down = "payload bits per token, up", "reply bits per token, down"
    finish(
        figure,
        page,
        Wording("What each scheme says, both ways", text, up, down),
        *curve_handles(look, list(look), page),
    )
    return figure


def _mark(ax: Axes, rows: pd.DataFrame, edges: tuple[float, float], look: Look) -> None:
    ups, downs = (
        np.maximum(rows[name].to_numpy(dtype=float), edge) for name, edge in zip((UP, DOWN), edges, strict=True)
    )
    x, y = (float(np.exp(np.log(each).mean())) for each in (ups, downs))
    ax.plot([ups.min(), ups.max()], [y, y], color=look.colour, linewidth=0.8, zorder=2)
    ax.plot([x, x], [downs.min(), downs.max()], color=look.colour, linewidth=0.8, zorder=2)
    ax.plot(x, y, color=look.colour, marker=look.marker, markerfacecolor=look.face, fillstyle=look.fill,
            markerfacecoloralt="white", markersize=7, linestyle="", zorder=3)  # fmt: skip


def _edge(values: pd.Series[float]) -> float:
    """Where 0 stands: a little below the least that is more."""
    positive = values[values > 0]
    return float(positive.min()) / 3 if len(positive) else 1.0


def _scale(side: Axis, values: Floats, edge: float) -> tuple[float, float]:
    """Ticks in each decade, and one that says 0 at the edge where something stands there; both ends."""
    top, zero = max(float(values.max()), 3 * edge), bool((values <= 0).any())
    steps = (1, 2, 5) if top < 100 * edge else (1, 3)
    powers = range(int(np.floor(np.log10(edge))), int(np.ceil(np.log10(top))) + 1)
    given = [step * 10.0**power for power in powers for step in steps]
    given = [tick for tick in given if 1.8 * edge <= tick <= 1.4 * top]
    tick_at(side, [edge, *given] if zero else given, [*(["0"] if zero else []), *(f"{tick:,g}" for tick in given)])
    return (edge / 1.3 if zero else 2 * edge), 1.4 * top
