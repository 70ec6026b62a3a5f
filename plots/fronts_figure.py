"""Latency against a device's joules, and against dollars: a marker a scheme, larger the more devices share the cloud;
bars are bands of watts and prices, and intervals of latency; a step line a load joins the front of lossless schemes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from kinds.arrays import Floats
from plots.axes import with_unit
from plots.caption import caption, marks
from plots.layout import Wording, finish, grid
from plots.page import Page
from plots.style import Look, curves, looks
from simulator.results.columns import CI_SUFFIX
from simulator.results.intervals import CONFIDENCE
from simulator.results.pareto_fronts import LATENCY, PAYING, device_j, has_costs, usd
from simulator.results.tradeoffs import undominated

_SIZES: Final = (5.5, 8.0, 11.0, 13.5)
_DASHES: Final[tuple[Literal[":", "--", "-", "-."], ...]] = (":", "--", "-", "-.")  # of the loads, ascending
_LATENCY, _JOULES, _USD = "ms", "joules", "dollars"
_COSTS: Final = {_JOULES: "device J per token, radio included", _USD: "USD per million tokens, busy"}
"""What a panel is of, and how its axis is called."""
_LEAST, _MOST = " least", " most"


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """None where the table has no axis of numbers, or lacks latency, joules or dollars."""
    if axis is None or not has_costs(summary) or not pd.api.types.is_numeric_dtype(summary[axis]):
        return None
    table = _points(summary)
    loads = sorted(table[axis].unique())
    figure, axes, _ = grid(page, 2, 2, (0.0, 4.6), 2.6 if page.narrow else 4.2, "y")
    styles, look = looks(table), dict[str, Look]()
    for curve, rows in curves(table):
        look.setdefault(str(rows["scheme.kind"].iloc[0]), styles[curve])
    for ax, cost in zip(axes, _COSTS, strict=True):
        for place, load in enumerate(loads):
            _marks(ax, table[table[axis] == load], cost, look, place)
        ax.set(xscale="log", yscale="log", xlabel=_COSTS[cost])
    for side in (side for ax in axes for side in (ax.xaxis, ax.yaxis)):
        side.set_major_formatter(StrMethodFormatter("{x:g}"))
        side.set_minor_formatter(NullFormatter())
    for side in (axes[0].xaxis, axes[0].yaxis):
        side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    for ax, cost in zip(axes, _COSTS, strict=True):
        for place, load in enumerate(loads):
            _front(ax, table[table[axis] == load], cost, _DASHES[place % len(_DASHES)])
    first, last = (f"{page.word(each.gpu)} and {page.word(each.kwh)}" for each in (PAYING[0], PAYING[-1]))
    notes = [
        f"Lines: the front of the lossless in a panel's means. Bars: {CONFIDENCE:.0%} in latency; in joules the band "
        f"of watts, the mark at its end; in dollars from the least watts at {first} to the most at {last}, the mark "
        "between.",
        *_alike(table, page),
        *marks(summary, LATENCY),
    ]
    words = Wording("Who is on the front of latency, joules and dollars", caption(summary, page, "lower", notes),
                 beside="latency per output token (ms)")  # fmt: skip
    finish(figure, page, words, *_legend(look, loads, axis, page))
    return figure


def _marks(ax: Axes, rows: pd.DataFrame, cost: str, look: Mapping[str, Look], place: int) -> None:
    for rank, (kind, style) in enumerate(look.items()):
        mine = rows[rows["scheme.kind"] == kind]
        bars = [mine[cost] - mine[cost + _LEAST], mine[cost + _MOST] - mine[cost]]
        size = _SIZES[place % len(_SIZES)] * (1.15 - 0.06 * min(rank, 6))
        ax.errorbar(
            mine[cost], mine[_LATENCY], xerr=np.array(bars), yerr=mine[_LATENCY + CI_SUFFIX], linestyle="",
            marker=style.marker, markersize=size, color=style.colour, markerfacecolor=style.face,
            markeredgecolor=style.colour if style.lossy else "white", markeredgewidth=0.8 if style.lossy else 0.4,
            ecolor="#b5b5b5", elinewidth=0.7, capsize=0, zorder=3 + rank / 10,
        )  # fmt: skip


def _points(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary with what is drawn, and the ends of its bars: joules at their upper end, dollars in the geometric
    middle of theirs."""
    table = summary.dropna(subset=[LATENCY])
    least, most = usd(table, PAYING[0], least=True), usd(table, PAYING[-1], least=False)
    joules = device_j(table, least=False)
    half = table[LATENCY + CI_SUFFIX].fillna(0.0) if LATENCY + CI_SUFFIX in table.columns else 0.0
    return table.assign(
        **{
            _LATENCY: 1e3 * table[LATENCY], _LATENCY + CI_SUFFIX: 1e3 * half,
            _JOULES: joules, _JOULES + _LEAST: device_j(table, least=True), _JOULES + _MOST: joules,
            _USD: np.sqrt(least * most), _USD + _LEAST: least, _USD + _MOST: most,
        }
    )  # fmt: skip


def _alike(table: pd.DataFrame, page: Page) -> list[str]:
    """Which schemes hide each other: those whose settings all lie within 2% of another's."""
    places: list[tuple[Floats, list[str]]] = []
    for kind, rows in table.groupby("scheme.kind", sort=False):
        drawn = rows[[_LATENCY, _JOULES, _USD]].to_numpy(dtype=float)
        like = [names for other, names in places if other.shape == drawn.shape and np.allclose(other, drawn, rtol=0.02)]
        if like:
            like[0].append(page.curve(str(kind)))
        else:
            places.append((drawn, [page.curve(str(kind))]))
    return [
        f"Within 2%, so that the last hides the others: {', '.join(names)}." for _, names in places if len(names) > 1
    ]


def _front(ax: Axes, rows: pd.DataFrame, cost: str, dashes: str) -> None:
    lossy = rows["lossy"].fillna(False).astype(bool) if "lossy" in rows.columns else pd.Series(False, index=rows.index)
    kept = rows[~lossy]
    if kept.empty:
        return
    x, y = kept[cost].to_numpy(dtype=float), kept[_LATENCY].to_numpy(dtype=float)
    front = undominated(x, y)
    (_, right), (_, top) = ax.get_xlim(), ax.get_ylim()
    ax.step([x[front[0]], *x[front], right], [top, *y[front], y[front[-1]]], where="post", color="black",
            linewidth=1.1, linestyle=dashes, zorder=2)  # fmt: skip
    ax.set(xlim=(ax.get_xlim()[0], right), ylim=(ax.get_ylim()[0], top))


def _legend(look: Mapping[str, Look], loads: Sequence[float], axis: str, page: Page) -> tuple[list[Artist], list[str]]:
    handles: list[Artist] = [
        Line2D([], [], color=style.colour, marker=style.marker, markerfacecolor=style.face, linestyle="")
        for style in look.values()
    ]
    labels = [page.curve(kind + look[kind].mark) for kind in look]
    for place, load in enumerate(loads):
        size, dashes = _SIZES[place % len(_SIZES)], _DASHES[place % len(_DASHES)]
        handles.append(Line2D([], [], color="black", marker="o", markersize=size, linestyle=dashes, fillstyle="none"))
        labels.append(f"{page.axis(axis)} {with_unit(load, axis)}")
    return handles, labels
