"""Latency per token of many schemes against rate, a panel a delay: those that are lowest somewhere stand out.

Two envelopes are drawn in colour, that of all lossless schemes and that of those which send drafts: each scheme with
markers where it is the lowest and its name there, below the first envelope and above the second. All others are thin
and grey, lossy ones dashed. The paper's K-SQS, by its own count, is there to compare with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from pandas.api.types import is_numeric_dtype

from plots.axes import place, spans_far, swept, upright, with_unit, x_label
from plots.caption import caption, marks
from plots.layout import Wording, finish, grid
from plots.page import Page
from plots.style import Look, chosen, curves, looks
from simulator.results.columns import CURVE
from simulator.results.intervals import named_without

UP = "payload_bits_per_token"

METRIC: Final = "latency_per_token_s"
BY: Final = "uplink.delay.delay_s"
_Line = tuple[str, object, float]  # colour, dashes and width
_OTHER: Final[_Line] = ("#9a9a9a", "-", 0.7)
_LOSSY: Final[_Line] = ("#9a9a9a", (0, (4, 2)), 0.9)
_DOTTED: Final[_Line] = ("black", (0, (1, 1.2)), 1.1)
_PAPER: Final = {"scheme.kind": "k_sqs", "scheme.code": "enumerative"}


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """None where the axis is of names, or there is none, or nothing was swept over delays too."""
    if axis is None or not {METRIC, BY, UP, axis} <= {*summary.columns} or not is_numeric_dtype(summary[axis]):
        return None
    rows = named_without(chosen(summary).dropna(subset=[METRIC]), BY)
    panels = list(rows.groupby(BY, sort=True))
    if not panels:
        return None
    look = looks(rows)
    figure, axes, across = grid(page, len(panels), 3, (0.4, 3.5), 2.3 if page.narrow else 3.6, "xy")
    width = float(figure.get_size_inches()[0]) / across - 0.5
    for ax, (delay, part) in zip(axes, panels, strict=True):
        _panel(ax, part, axis, look, page)
        ax.set_title(f"one way {with_unit(float(str(delay)), BY)}", loc="left")
    swept(axes[0], axis, rows[axis].tolist(), width)
    means = rows[METRIC].tolist()
    upright(axes[0], METRIC, means, means, spans_far(means))
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
