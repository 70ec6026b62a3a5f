"""Figures of who is ahead: many schemes over links, and the fronts of latency against joules and dollars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from pandas.api.types import is_numeric_dtype

from kinds.arrays import Floats
from plots.axes import log_ticks, place, swept, tick_at, with_unit, x_label
from plots.caption import caption, marks
from plots.layout import Key, Wording, finish, grid
from plots.line_figures import RIVAL
from plots.page import Page
from plots.style import Look, chosen, curve_key, curves, looks
from plots.whiskers import halves, numbers
from simulator.results.column_names import CI_SUFFIX, CURVE
from simulator.results.intervals import CONFIDENCE, geometric_means, named_without
from simulator.results.paired_ratios import HIGH, LOW, RATIO, ratios
from simulator.results.pareto_fronts import COSTS, LATENCY, PAYING, device_j, has_costs, usd
from simulator.results.tradeoffs import undominated

UP, DELAY = "payload_bits_per_token", "uplink.delay.delay_s"
MOST: Final = 5
_PAPER: Final = {"scheme.kind": "k_sqs", "scheme.code": "enumerative"}
_ALONE: Final = {"scheme.kind": RIVAL}
_NAMES: Final = ("cloud only's", "cloud-only decoding"), ("the paper's", "the paper's K-SQS")
"""Names of the line at 1."""
_BAND: Final = "#cfcfcf"
_LOSSY: Final[dict[str, Any]] = {"color": "#8a8a8a", "linestyle": (0, (4, 2)), "linewidth": 0.9}
_LINE: Final[dict[str, Any]] = {"color": "black", "linestyle": (0, (1, 1.2)), "linewidth": 1.5}
_PAIRED: Final = "Ratios are paired by seed."
_IN_COLOUR: Final = (
    f"{_PAIRED} In colour: the lossless schemes that are lowest somewhere, of all or of those that send drafts, then "
    "those of the least time; all other lossless ones lie in the band."
)


def draw_rivals(
    summary: pd.DataFrame, axis: str | None, page: Page, cells: pd.DataFrame | None = None
) -> Figure | None:
    """Latency per token of many schemes over that of the paper's K-SQS, or else of cloud-only decoding, along the axis,
    a panel a delay unless that is the axis. In colour, with intervals, are five lossless schemes: those lowest
    somewhere, then those of the least time. The other lossless ones are a grey band, lossy ones thin and dashed. None
    where the axis is no number, nothing was swept over delays too, or neither of the two is there."""
    if axis is None or not {LATENCY, DELAY, UP, axis} <= {*summary.columns} or not is_numeric_dtype(summary[axis]):
        return None
    rows = named_without(chosen(summary).dropna(subset=[LATENCY]), DELAY)
    who = next((each for each in (_PAPER, _ALONE) if _is(rows, each).any()), None)
    if who is None:
        return None
    look, paper = looks(rows), str(rows.loc[_is(rows, who), CURVE].iloc[0])
    lossy = [name for name, each in look.items() if each.lossy]
    five = _five(rows[~rows[CURVE].isin([*lossy, paper])], axis)
    five = [name for name in look if name in five]
    rest = [name for name in look if name not in (*five, *lossy, paper)]
    found = _ratios(rows, cells, axis, who)
    panels = [("", found)] if axis == DELAY else list(found.groupby(DELAY, sort=True))
    titles = [f"one way {with_unit(float(str(delay)), DELAY)}" if delay else "" for delay, _ in panels]
    figure, axes, width_in = grid(page, titles, 3, (0.4, 3.5), 2.3 if page.narrow else 3.6, "xy")
    for ax, (_, part) in zip(axes, panels, strict=True):
        if len(others := part[part[CURVE].isin(rest)]):
            ends = others.groupby(axis)[RATIO].agg(["min", "max"])
            ax.fill_between(place(ends.index), ends["min"], ends["max"], color=_BAND, linewidth=0, zorder=0.5)
        ax.axhline(1.0, zorder=2, **_LINE)
        for name, own in curves(part[part[CURVE].isin([*five, *lossy])].sort_values(axis)):
            x, (mean, low, high) = place(own[axis]), (numbers(own, each) for each in (RATIO, LOW, HIGH))
            if name in lossy:
                ax.plot(x, mean, zorder=1, **_LOSSY)
            else:
                ax.errorbar(x, mean, yerr=np.array([mean - low, high - mean]), linestyle=look[name].dashes,
                            elinewidth=1.0, label=name, zorder=3, **look[name].marked())  # fmt: skip
    swept(axes[0], axis, rows[axis].tolist(), width_in)
    reached = found.loc[found[CURVE].isin(five), RATIO]
    least, most = 0.8 * min(0.8, float(reached.min())), 1.25 * max(1.25, float(reached.max()))
    axes[0].set_yscale("log")
    axes[0].set_ylim(least, most)
    tick_at(axes[0].yaxis, log_ticks(least, most, 7))
    text = caption(
        rows, page, "lower", [_IN_COLOUR if rest else _PAIRED, *marks(rows, LATENCY)], intervals=cells is not None
    )
    theirs, rival = _NAMES[who is _PAPER]
    label = f"{page.metric(LATENCY, 'latency per token')} over {theirs}"
    words = Wording(f"Who is faster than {rival}, against {page.axis(axis)}", text, x_label(page, axis), label)
    key = curve_key({name: look[name] for name in five}, page)
    key.append((page.curve(paper) + (f": {theirs}" if who is _PAPER else ""), Line2D([], [], **_LINE)))
    key += [(f"{len(rest)} other lossless", Patch(facecolor=_BAND))] if rest else []
    return finish(figure, page, words, [*key, *([("lossy", Line2D([], [], **_LOSSY))] if lossy else [])])


def _ratios(rows: pd.DataFrame, cells: pd.DataFrame | None, axis: str, who: Mapping[str, str]) -> pd.DataFrame:
    """A row a curve, delay and value of the axis: paired by seed, or of the means alone where there are no cells."""
    places = [*dict.fromkeys((DELAY, axis))]
    if cells is not None:
        own = named_without(chosen(cells).dropna(subset=[LATENCY]), DELAY)
        return ratios(own, LATENCY, _is(own, who), places)
    theirs = rows[_is(rows, who)].set_index(places)[LATENCY].rename("theirs")
    both = rows.join(theirs, on=places)
    both[RATIO], both[LOW], both[HIGH] = both[LATENCY] / both["theirs"], np.nan, np.nan
    return both.dropna(subset=[RATIO])


def _five(lossless: pd.DataFrame, axis: str) -> list[str]:
    """Returns the schemes that are lowest somewhere, of all or of those that send drafts, then those of least time."""
    wins: list[str] = []
    for part in (lossless, lossless[lossless[UP] > 0]):
        for _, here in part.groupby([*dict.fromkeys((DELAY, axis))]):
            wins.append(str(here.sort_values(LATENCY)[CURVE].iloc[0]))
    ranked = pd.Series(wins, dtype=str).value_counts().index.tolist()
    ranked += geometric_means(lossless, CURVE, LATENCY).sort_values().index.tolist()
    return list(dict.fromkeys(ranked))[:MOST]


def _is(rows: pd.DataFrame, who: Mapping[str, str]) -> pd.Series[bool]:
    return rows.reindex(columns=[*who]).eq(pd.Series(who)).all(axis=1)


_SIZES: Final = (5.5, 8.0, 11.0, 13.5)
_LOADS: Final[tuple[Literal[":", "--", "-", "-."], ...]] = (":", "--", "-", "-.")  # dashes of the loads, ascending
_MS, _JOULES, _USD = "ms", "joules", "dollars"
_COSTS: Final = {_JOULES: "device J per token, radio included", _USD: "USD per million tokens, busy"}
"""Quantity of each panel, and the name of its axis."""
_LEAST, _MOST = " least", " most"


def draw_fronts(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Latency against a device's joules, and against dollars: a marker a scheme, larger the more devices share the
    cloud; bars are bands of watts and prices, and intervals of latency; a step line a load joins the front of lossless
    schemes. None where the table has no axis of numbers, or lacks latency, joules or dollars."""
    if axis is None or not has_costs(summary) or not is_numeric_dtype(summary[axis]):
        return None
    summary = summary.dropna(subset=[*COSTS])
    table = _priced(summary)
    loads = sorted(table[axis].unique())
    figure, axes, _ = grid(page, ["", ""], 2, (0.0, 4.6), 2.6 if page.narrow else 4.2, "y")
    styles, look = looks(table), dict[str, Look]()
    for curve, rows in curves(table):
        look.setdefault(str(rows["scheme.kind"].iloc[0]), styles[curve])
    for ax, cost in zip(axes, _COSTS, strict=True):
        for load, size in zip(loads, _SIZES * len(loads), strict=False):
            _schemes(ax, table[table[axis] == load], cost, look, size)
        ax.set(xscale="log", yscale="log", xlabel=_COSTS[cost])
        for side in (ax.xaxis, ax.yaxis):
            side.set_major_formatter(StrMethodFormatter("{x:g}"))
            side.set_minor_formatter(NullFormatter())
    for side in (axes[0].xaxis, axes[0].yaxis):
        side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    lossless = table[~table["scheme.kind"].isin([kind for kind, each in look.items() if each.lossy])]
    for ax, cost in zip(axes, _COSTS, strict=True):
        for load, dashes in zip(loads, _LOADS * len(loads), strict=False):
            _front(ax, lossless[lossless[axis] == load], cost, dashes)
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
    key: Key = [
        (page.curve(kind + each.mark), Line2D([], [], linestyle="", **each.marked())) for kind, each in look.items()
    ]
    sizes = [
        (f"{page.axis(axis)} {with_unit(load, axis)}",
         Line2D([], [], color="black", marker="o", markersize=size, linestyle=dashes, fillstyle="none"))
        for load, size, dashes in zip(loads, _SIZES * len(loads), _LOADS * len(loads), strict=False)
    ]  # fmt: skip
    return finish(figure, page, words, [*key, *sizes])


def _schemes(ax: Axes, rows: pd.DataFrame, cost: str, look: Mapping[str, Look], size: float) -> None:
    for rank, (kind, style) in enumerate(look.items()):
        mine = rows[rows["scheme.kind"] == kind]
        ax.errorbar(
            mine[cost], mine[_MS], xerr=np.array([mine[cost] - mine[cost + _LEAST], mine[cost + _MOST] - mine[cost]]),
            yerr=mine[_MS + CI_SUFFIX], linestyle="", **style.marked(),
            markersize=size * (1.15 - 0.06 * min(rank, 6)), markeredgecolor=style.colour if style.lossy else "white",
            markeredgewidth=0.8 if style.lossy else 0.4, ecolor="#b5b5b5", elinewidth=0.7, capsize=0,
            zorder=3 + rank / 10,
        )  # fmt: skip


def _priced(table: pd.DataFrame) -> pd.DataFrame:
    """The summary with what is drawn, and the ends of its bars: joules at their upper end, dollars in the geometric
    middle of theirs."""
    least, most = usd(table, PAYING[0], least=True), usd(table, PAYING[-1], least=False)
    joules = device_j(table, least=False)
    priced: dict[str, pd.Series[float]] = {
        _MS: 1e3 * table[LATENCY], _MS + CI_SUFFIX: pd.Series(1e3 * np.nan_to_num(halves(table, LATENCY)), table.index),
        _JOULES: joules, _JOULES + _LEAST: device_j(table, least=True), _JOULES + _MOST: joules,
        _USD: (least * most) ** 0.5, _USD + _LEAST: least, _USD + _MOST: most,
    }  # fmt: skip
    return pd.concat([table, pd.DataFrame(priced)], axis=1)  # at once: columns one by one are slow, pandas says so


def _alike(table: pd.DataFrame, page: Page) -> Iterator[str]:
    """Says which schemes hide each other: those whose settings all lie within 2% of another's."""
    places: list[tuple[Floats, list[str]]] = []
    for kind, rows in table.groupby("scheme.kind", sort=False):
        drawn = rows[[_MS, _JOULES, _USD]].to_numpy(dtype=float)
        like = [names for other, names in places if other.shape == drawn.shape and np.allclose(other, drawn, rtol=0.02)]
        if like:
            like[0].append(page.curve(str(kind)))
        else:
            places.append((drawn, [page.curve(str(kind))]))
    for _, names in places:
        if len(names) > 1:
            yield f"Within 2%, so that the last hides the others: {', '.join(names)}."


def _front(ax: Axes, rows: pd.DataFrame, cost: str, dashes: str) -> None:
    if rows.empty:
        return
    x, y = numbers(rows, cost), numbers(rows, _MS)
    front = undominated(x, y)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    ax.step([x[front[0]], *x[front], right], [top, *y[front], y[front[-1]]], where="post", color="black",
            linewidth=1.1, linestyle=dashes, zorder=2)  # fmt: skip
    ax.set(xlim=(left, right), ylim=(bottom, top))
