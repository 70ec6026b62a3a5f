"""Bits of a draft against its rejections: families at equal bits, a point a setting, what no code can do without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, PercentFormatter, StrMethodFormatter

from kinds.arrays import Floats, Ints
from plots.axes import BEYOND, tick_at, with_unit
from plots.caption import caption
from plots.layout import Wording, finish, grid
from plots.page import Page
from plots.style import DASHES, SCHEMES, SPARSIFIERS, Look, curves, of_sparsifiers
from simulator.results.columns import CI_SUFFIX, CURVE
from simulator.results.intervals import interval
from simulator.results.tradeoffs import ADDED, TradeoffCurve, families, named, undominated

BITS, REJECTED, VOCABULARY, TEMPERATURE = "coded_bits_per_draft", "tv_qhat", "vocabulary", "models.temperature"
QUANTIZER, KEPT = "scheme.quantizer.kind", "scheme.sparsifier.kind"
FAMILY = (KEPT, "scheme.sparsifier.step")
CODE = "scheme.code.kind"
REFERENCE, DENSE, CODED = "threshold", "dense lattice", "lattice, context-coded"
LEAST, ORACLE, COVERING = "least_bits_per_draft", "oracle_bits_per_draft", "covering_bits_per_draft"
_BITS_TICKS = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_ADDED_TICKS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_BOTTOM_BITS = 0.1
_PLACES: Final = 7  # costs, in equal steps of the logarithm, at which families are compared
_REFERENCE: Final[dict[str, Any]] = {"color": SPARSIFIERS["threshold"][0], "linewidth": 2.0, "zorder": 1}
_QUANTIZERS: Final = {
    "lattice": SCHEMES["k_sqs"],
    "dual": (SCHEMES["dense"][0], "D"),
    "cubic": (SCHEMES["c_sqs"][0], "s"),
    "logarithmic": SCHEMES["s_q"],
    "halves": ("#7F7F7F", "P"),
    DENSE: (SCHEMES["cloud_only"][0], "*"),
    CODED: (SCHEMES["coupled"][0], "o"),
}
"""Colour and marker of each quantizer, the lattice over all of V and the lattice in fewer bits apart."""
_FAMILIES: Final = {
    "dense": (DENSE, *SCHEMES["dense"], DASHES[0]),
    "scalar": ("scalar, each probability rounded", *SCHEMES["half_dense"], DASHES[1]),
    "sparse top_k": ("top-K", *SCHEMES["k_sqs"], DASHES[0]),
    "sparse threshold": ("fixed threshold", SCHEMES["half_top_k"][0], "s", DASHES[2]),
    "sparse conformal": ("conformal threshold", *SCHEMES["c_sqs"], DASHES[3]),
    "ids": ("ids, shared randomness", *SCHEMES["coupled"], ""),
}
"""Label, colour, marker and dashes of each family of the study `rates`."""


def draw(summary: pd.DataFrame, axis: str | None, page: Page, cells: pd.DataFrame | None = None) -> Figure | None:
    """How far each kind of sparsifier is above the fixed threshold at equal bits, a panel for each value of the axis,
    with intervals of that ratio over seeds where the cells are there. None where the table has no families of one axis
    in these two metrics, or no fixed threshold."""
    if axis is None or not {BITS, REJECTED, KEPT, axis} <= set(summary.columns):
        return None
    table = (summary if cells is None else cells).dropna(subset=[BITS, REJECTED, KEPT])
    table = table.assign(**{CURVE: named(table, FAMILY)})
    panels = [(value, rows) for value, rows in table.groupby(axis, sort=True) if (rows[KEPT] == REFERENCE).any()]
    kinds = [kind for kind in dict.fromkeys(table[KEPT].astype(str)) if kind != REFERENCE]
    if not panels or not kinds:
        return None
    figure, axes, _ = grid(page, len(panels), 3, (1.8, 3.6), 2.2 if page.narrow else 3.8, "y")
    styles = of_sparsifiers(kinds)
    everything = [_excess(rows) for _, rows in panels]
    for ax, (value, _), found in zip(axes, panels, everything, strict=True):
        ax.set_title(f"{page.axis(axis)} {with_unit(float(str(value)), axis)}", fontsize="small", loc="left")
        ax.axhline(0.0, label=page.word(REFERENCE), **_REFERENCE)
        for rank, kind in enumerate(kinds):
            if kind in found:
                look = Look(*styles[kind], dashes=DASHES[rank % 2])
                _points(ax, found[kind], look, page.word(kind))
        ax.set_xscale("log")
        reached = [cost for each in found.values() for cost in each.cost]
        tick_at(ax.xaxis, [tick for tick in _BITS_TICKS if 0.9 * min(reached) <= tick <= 1.1 * max(reached)])
        ax.set_xlim(0.9 * min(reached), 1.1 * max(reached))
    axes[0].set_ylim(*_upright([each for panel in everything for each in panel.values()]))
    axes[0].yaxis.set_major_formatter(PercentFormatter(1.0))
    several = table.groupby(KEPT)[CURVE].nunique().gt(1)
    chosen = [
        f"{page.word(kind)}: for each seed at the step that serves the others best." for kind in several[several].index
    ]
    notes = ["Expected rejections, TV(qhat, p), at equal bits; below 0 is better than the fixed threshold.", *chosen]
    text = caption(summary, page, "lower", notes, clock=False, intervals=cells is not None)
    title = f"Expected rejections over those of the {page.word(REFERENCE)} at equal bits"
    words = Wording(title, text, "bits of a packet with one draft", f"above the {page.word(REFERENCE)}")
    finish(figure, page, words, *axes[0].get_legend_handles_labels())
    return figure


def _upright(found: Sequence[_Excess]) -> tuple[float, float]:
    """The ends of the vertical axis: those of all intervals, cut at BEYOND times the means that are farthest from 0."""
    means, low, high = (np.concatenate([getattr(each, name) for each in found]) for name in ("mean", "low", "high"))
    most = BEYOND * float(np.abs(means).max())
    reach = max(-most, float(np.nanmin([*means, *low]))), min(most, float(np.nanmax([*means, *high])))
    margin = 0.06 * (reach[1] - reach[0]) or 0.01
    return reach[0] - margin, reach[1] + margin


class _Excess(NamedTuple):
    """What a kind rejects over the reference, less 1, at `cost`, with the ends of its interval; all [n]."""

    cost: Floats
    mean: Floats
    low: Floats
    high: Floats


def _excess(rows: pd.DataFrame) -> dict[str, _Excess]:
    """By kind, from rows of one panel: a row per setting, and per seed where there are several. Of a kind with several
    families each seed has the one with the least mean over the other seeds."""
    texts = [each for _, each in rows.groupby("seed")] if "seed" in rows.columns else [rows]
    fronts = [{name: TradeoffCurve.of(each[BITS].to_numpy(), each[REJECTED].to_numpy()) for name, each in curves(text)}
              for text in texts]  # fmt: skip
    low, high = max(each[REFERENCE].cost[0] for each in fronts), min(each[REFERENCE].dearest for each in fronts)
    cost = np.geomspace(low, high, _PLACES)
    cost[0], cost[-1] = low, high  # to the last bit
    found: dict[str, _Excess] = {}
    for kind in dict.fromkeys(str(each) for each in rows[KEPT] if each != REFERENCE):
        names = list(dict.fromkeys(rows.loc[rows[KEPT] == kind, CURVE]))
        over = [[_within(each[name], cost) / each[REFERENCE].at(cost) for each in fronts] for name in names]
        logs: Floats = np.log(np.array(over))  # [family, seed, cost]
        best = _by_the_others(logs)
        values = logs[best, np.arange(len(best))]
        everywhere = ~np.isnan(values).any(axis=0)
        ratios = [interval(each) for each in values[:, everywhere].T]
        mean, half = (np.array([getattr(each, name) for each in ratios]) for name in ("mean", "half_width"))
        found[kind] = _Excess(cost[everywhere], np.expm1(mean), np.expm1(mean - half), np.expm1(mean + half))
    return found


def _within(curve: TradeoffCurve, cost: Floats) -> Floats:
    return np.where(cost <= curve.dearest, curve.at(cost), np.nan)


def _by_the_others(logs: Floats) -> Ints:
    """For each seed of values [family, seed, cost], the family of least mean over the other seeds, where all families
    have a value; a seed that is alone chooses for itself."""
    shared = ~np.isnan(logs).any(axis=(0, 1))
    means = logs[:, :, shared].sum(axis=2)
    others = means.sum(axis=1, keepdims=True) - means if means.shape[1] > 1 else means
    best: Ints = others.argmin(axis=0)
    return best


def _points(ax: Axes, found: _Excess, look: Look, label: str) -> None:
    arms = np.nan_to_num(np.stack([found.mean - found.low, found.high - found.mean]))
    ax.errorbar(found.cost, found.mean, yerr=arms, color=look.colour, marker=look.marker, linestyle=look.dashes,
                label=label, linewidth=1.2, elinewidth=0.8, capsize=1.5)  # fmt: skip


def draw_pareto(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """A point a setting, each quantizer by its marker, the front drawn, a panel for each vocabulary. None where the
    table has no quantizers in these two metrics."""
    if not {BITS, REJECTED, VOCABULARY, QUANTIZER, KEPT} <= set(summary.columns):
        return None
    table = summary.dropna(subset=[BITS, REJECTED, QUANTIZER])
    dense = (table[KEPT] == "all") & (table[QUANTIZER] == "lattice")
    coded = table.get(CODE, pd.Series(index=table.index)).eq("recoded")
    table = table.assign(family=table[QUANTIZER].astype(str).mask(dense, DENSE).mask(coded, CODED))
    panels = [*table.groupby(VOCABULARY, sort=True)]
    if not panels:
        return None
    figure, axes, _ = grid(page, len(panels), 3, (1.6, 3.2), 2.2 if page.narrow else 3.6, "y")
    for ax, (size, rows) in zip(axes, panels, strict=True):
        _settings(ax, rows)
        ax.set_title(f"V = {size:,.0f}", fontsize="small", loc="left")
    shown = {name: look for name, look in _QUANTIZERS.items() if name in set(table["family"])}
    handles: list[Artist] = [Line2D([], [], linestyle="", color=each, marker=marker) for each, marker in shown.values()]
    front = Line2D([], [], color="black", linewidth=1)
    notes = ["TV(qhat, p): the expected resampling rate. Filled: settings that none beats in both."]
    text = caption(table, page, "lower", notes, clock=False)
    title = "Expected resampling against bits, a point a setting"
    wording = Wording(title, text, "bits of a packet with one draft", "TV(qhat, p)")
    finish(figure, page, wording, [*handles, front], [*map(page.word, shown), "front"])
    return figure


def _settings(ax: Axes, rows: pd.DataFrame) -> None:
    bits, rejected = rows[BITS].to_numpy(), rows[REJECTED].to_numpy()
    front, families_ = undominated(bits, rejected), rows["family"].to_numpy()
    ax.plot(bits[front], rejected[front], color="black", linewidth=1, zorder=1)
    for name in dict.fromkeys(families_):
        colour, marker = _QUANTIZERS.get(name, ("#8A8A00", "X"))
        for place in np.flatnonzero(families_ == name):
            one = rows.iloc[[int(place)]]
            ax.errorbar(
                bits[place], rejected[place], xerr=_half(one, BITS), yerr=_half(one, REJECTED), marker=marker,
                color=colour, linestyle="", markeredgewidth=0.9, elinewidth=0.5, capsize=0,
                markersize=8 if marker == "*" else 5, markerfacecolor=colour if place in front else "white",
                zorder=3 if place in front else 2,
            )  # fmt: skip
    ax.set_xscale("log")
    tick_at(ax.xaxis, [tick for tick in _BITS_TICKS if bits.min() <= tick <= bits.max()], "{x:,.0f}")


def draw_rates(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Bits over the rejections that compression adds, a curve a family: a row of panels for each vocabulary, a column
    for each temperature. Shaded: bits below the lower bound, whatever the code, where the draw is the edge's own. None
    where the table has none of these families or no bound."""
    if not {BITS, ADDED, LEAST, ORACLE, COVERING, VOCABULARY, TEMPERATURE, "scheme.kind"} <= set(summary.columns):
        return None
    table = families(summary).dropna(subset=[BITS, ADDED])
    table = table[table[ADDED] > 0]  # on a logarithmic axis
    if table.empty:
        return None
    sizes, temperatures = (sorted(table[name].unique()) for name in (VOCABULARY, TEMPERATURE))
    figure = page.figure(3.0 * len(temperatures) + 1.2, (1.7 if page.narrow else 2.6) * len(sizes))
    axes = figure.subplots(len(sizes), len(temperatures), sharex="col", sharey=True, squeeze=False)
    handles: dict[str, Artist] = {}
    for row, size in zip(axes, sizes, strict=True):
        for ax, temperature in zip(row, temperatures, strict=True):
            rows = table[(table[VOCABULARY] == size) & (table[TEMPERATURE] == temperature)]
            ax.set_title(f"V = {size:,.0f}, T = {temperature:g}", fontsize="small", loc="left")
            handles |= _rates_panel(ax, rows)
    for ax, temperature in zip(axes[0], temperatures, strict=True):
        added = table.loc[table[TEMPERATURE] == temperature, ADDED]
        ax.set(xscale="log", yscale="log", xlim=(0.7 * added.min(), 1.4 * added.max()),
               ylim=(_BOTTOM_BITS, 1.6 * table[BITS].max()))  # fmt: skip
        tick_at(ax.xaxis, _ADDED_TICKS)
        ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.yaxis.set_minor_locator(NullLocator())
    notes = [
        "Added rejections: P(reject) - TV(q, p). Ids: raced, and coded by a context model.",
        "Shaded: below the least mean bits of any code and context model, where the draw is the edge's own.",
        "Oracle: top-K counts under a context model about p, which no edge knows.",
        "Covering: largest packet of a code for all distributions on 2^H(q) known tokens, at dense's TV(qhat, q).",
    ]
    text = caption(table, page, "lower", notes, clock=False)
    wording = Wording("Bits of a draft over the rejections that compression adds", text, "added rejections",
                      "bits a draft")  # fmt: skip
    finish(figure, page, wording, list(handles.values()), list(handles))
    return figure


def _rates_panel(ax: Axes, rows: pd.DataFrame) -> dict[str, Artist]:
    handles: dict[str, Artist] = {}
    bound = rows.dropna(subset=[LEAST]).sort_values(ADDED)
    if len(bound):
        least = np.maximum(bound[LEAST].to_numpy(), _BOTTOM_BITS)
        handles["below the lower bound"] = ax.fill_between(
            bound[ADDED], _BOTTOM_BITS, least, color="#BDBDBD", linewidth=0.8, edgecolor="#555555", zorder=1
        )
    for name, (label, colour, marker, dashes) in _FAMILIES.items():
        own = rows[rows[CURVE] == name].sort_values(ADDED)
        if own.empty:
            continue
        drawn = ax.errorbar(
            own[ADDED], own[BITS], xerr=_half(own, ADDED), yerr=_half(own, BITS), color=colour, marker=marker,
            linestyle=dashes, linewidth=1.1, elinewidth=0.5, capsize=0, zorder=3,
            markersize=rcParams["lines.markersize"] * (1.9 if marker == "*" else 0.75),
        )  # fmt: skip
        handles[label] = drawn.get_children()[0]
    for name, column, label, dashes in (
        ("sparse top_k", ORACLE, "oracle context model", (0, (3, 1, 1, 1))), ("dense", COVERING, "covering", ":")
    ):  # fmt: skip
        own = rows[(rows[CURVE] == name) & (rows[column] > _BOTTOM_BITS)].sort_values(ADDED)
        (handles[label],) = ax.plot(own[ADDED], own[column], color="black", linewidth=0.9, linestyle=dashes, zorder=2)
    return handles


def _half(rows: pd.DataFrame, column: str) -> Floats | None:
    if column + CI_SUFFIX not in rows.columns:
        return None
    half = np.nan_to_num(rows[column + CI_SUFFIX].to_numpy(dtype=float))
    return np.stack([np.minimum(half, 0.95 * rows[column].to_numpy(dtype=float)), half])
