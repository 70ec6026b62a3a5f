"""Bits of a draft against its rejections: a curve a family, a point a setting, and what no code can do without."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, PercentFormatter, StrMethodFormatter

from kinds.arrays import Floats
from plots.axes import tick_at, with_unit
from plots.caption import caption
from plots.layout import Wording, finish, grid
from plots.page import Page
from plots.style import DASHES, SCHEMES, Look, curves, looks
from simulator.results.columns import CI_SUFFIX, CURVE
from simulator.results.tradeoffs import ADDED, TradeoffCurve, families, named, undominated

BITS, REJECTED, VOCABULARY, TEMPERATURE = "coded_bits_per_draft", "tv_qhat", "vocabulary", "models.temperature"
QUANTIZER, KEPT = "scheme.quantizer.kind", "scheme.sparsifier.kind"
FAMILY = (KEPT, "scheme.sparsifier.step")
REFERENCE, DENSE = "threshold", "dense lattice"
LEAST, ORACLE, COVERING = "least_bits_per_draft", "oracle_bits_per_draft", "covering_bits_per_draft"
_BITS_TICKS = (5, 10, 20, 50, 100, 200, 500, 1000)
_ADDED_TICKS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_BOTTOM_BITS = 0.1
_QUANTIZERS: Final = {
    "lattice": SCHEMES["k_sqs"],
    "dual": (SCHEMES["dense"][0], "D"),
    "cubic": (SCHEMES["c_sqs"][0], "s"),
    "logarithmic": SCHEMES["s_q"],
    "halves": ("#7F7F7F", "P"),
    DENSE: (SCHEMES["cloud_only"][0], "*"),
}
"""Colour and marker of each quantizer, the lattice over all of V apart."""
_FAMILIES: Final = {
    "dense": (DENSE, *SCHEMES["dense"], DASHES[0]),
    "scalar": ("scalar, each probability rounded", *SCHEMES["half_dense"], DASHES[1]),
    "sparse top_k": ("top-K", *SCHEMES["k_sqs"], DASHES[0]),
    "sparse threshold": ("fixed threshold", SCHEMES["half_top_k"][0], "s", DASHES[2]),
    "sparse conformal": ("conformal threshold", *SCHEMES["c_sqs"], DASHES[3]),
    "ids": ("ids, shared randomness", *SCHEMES["coupled"], ""),
}
"""Label, colour, marker and dashes of each family of the study `rates`."""


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """A curve a family of settings, a panel for each value of the axis; below, how far each family is above the fixed
    threshold at equal bits, where curves that nearly meet are distinguishable. None where the table has no families of
    one axis in these two metrics."""
    if axis is None or not {BITS, REJECTED, KEPT, axis} <= set(summary.columns):
        return None
    table = summary.dropna(subset=[BITS, REJECTED, KEPT])
    table = table.assign(**{CURVE: named(table, FAMILY)})
    panels = [*table.groupby(axis, sort=True)]
    if not panels:
        return None
    figure, above, below = _grid(page, len(panels))
    for upper, lower, (value, rows) in zip(above, below, panels, strict=True):
        upper.set_title(f"{page.axis(axis)} {with_unit(float(str(value)), axis)}", fontsize="small", loc="left")
        _curves(upper, lower, rows, table, page)
        lower.yaxis.set_major_formatter(PercentFormatter(1.0))
    first = slice(None) if page.narrow else slice(1)
    for upper, lower in zip(above[first], below[first], strict=True):
        upper.set_ylabel("TV(qhat, p)")
        lower.set_ylabel("excess")
    notes = [f"TV(qhat, p): the expected resampling rate. Excess: above {page.word(REFERENCE)} at equal bits."]
    text = caption(table, page, "lower", notes, clock=False, intervals=False)
    words = Wording("Expected resampling against bits, a curve a family", text, "bits of a packet with one draft")
    finish(figure, page, words, *above[0].get_legend_handles_labels())
    return figure


def _grid(page: Page, panels: int) -> tuple[Figure, list[Axes], list[Axes]]:
    """The curves' axes above those of their excess, side by side, or pair by pair on a narrow page."""
    if page.narrow:
        figure = page.figure(0.0, 2.4 * panels)
        axes = list(figure.subplots(2 * panels, 1, squeeze=False, height_ratios=(3, 2) * panels)[:, 0])
        for upper, lower in zip(axes[::2], axes[1::2], strict=True):
            upper.sharex(lower)
            upper.tick_params(labelbottom=False)
        return figure, axes[::2], axes[1::2]
    figure = page.figure(3.1 * panels + 1.8, 5.4)
    above, below = figure.subplots(2, panels, sharex="col", sharey="row", squeeze=False, height_ratios=(3, 2))
    return figure, list(above), list(below)


def _curves(upper: Axes, lower: Axes, rows: pd.DataFrame, table: pd.DataFrame, page: Page) -> None:
    look, settings = _looks(table), {name: each.sort_values(BITS) for name, each in curves(rows)}
    fronts = {name: TradeoffCurve.of(each[BITS].to_numpy(), each[REJECTED].to_numpy()) for name, each in curves(rows)}
    for name, each in settings.items():
        _line(upper, each[BITS], each[REJECTED], look[name], page.curve(name))
        if REFERENCE in fronts:
            bits = fronts[name].cost[fronts[name].cost <= fronts[REFERENCE].cost[-1]]
            _line(lower, bits, fronts[name].at(bits) / fronts[REFERENCE].at(bits) - 1, look[name], page.curve(name))
    upper.set_xscale("log")
    for ax in (upper, lower):
        tick_at(ax.xaxis, [tick for tick in _BITS_TICKS if rows[BITS].min() <= tick <= rows[BITS].max()])


def _looks(table: pd.DataFrame) -> dict[str, Look]:
    """A colour and a marker for each kind, dashes among families of one kind."""
    styles = [*SCHEMES]
    ranks = {kind: styles[place % len(styles)] for place, kind in enumerate(dict.fromkeys(table[KEPT]))}
    kinds = table.assign(**{"scheme.kind": table[KEPT].map(ranks)})
    return looks(kinds.drop(columns=["lossy", "tv_output"], errors="ignore"))


def _line(ax: Axes, x: npt.ArrayLike, y: npt.ArrayLike, look: Look, label: str) -> None:
    size = 0.8 * rcParams["lines.markersize"]
    ax.plot(np.asarray(x), np.asarray(y), color=look.colour, marker=look.marker, linestyle=look.dashes,
            linewidth=1.2, markersize=size, label=label)  # fmt: skip


def draw_pareto(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """A point a setting, each quantizer by its marker, the front drawn, a panel for each vocabulary. None where the
    table has no quantizers in these two metrics."""
    if not {BITS, REJECTED, VOCABULARY, QUANTIZER, KEPT} <= set(summary.columns):
        return None
    table = summary.dropna(subset=[BITS, REJECTED, QUANTIZER])
    dense = (table[KEPT] == "all") & (table[QUANTIZER] == "lattice")
    table = table.assign(family=table[QUANTIZER].astype(str).mask(dense, DENSE))
    panels = [*table.groupby(VOCABULARY, sort=True)]
    if not panels:
        return None
    figure, axes, _ = grid(page, len(panels), 3, (1.6, 3.2), 2.2 if page.narrow else 3.6)
    for ax, (size, rows) in zip(axes, panels, strict=True):
        _settings(ax, rows)
        ax.set_title(f"V = {size:,.0f}", fontsize="small", loc="left")
    shown = {name: look for name, look in _QUANTIZERS.items() if name in set(table["family"])}
    handles: list[Artist] = [Line2D([], [], linestyle="", color=each, marker=marker) for each, marker in shown.values()]
    front = Line2D([], [], color="black", linewidth=1)
    notes = ["TV(qhat, p): the expected resampling rate. Filled: settings that none beats in both."]
    text = caption(table, page, "lower", notes, clock=False, intervals=False)
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
            ax.plot(
                bits[place], rejected[place], marker=marker, color=colour, linestyle="", markeredgewidth=0.9,
                markersize=8 if marker == "*" else 5, markerfacecolor=colour if place in front else "white",
                zorder=3 if place in front else 2,
            )  # fmt: skip
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())


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
    """Half-widths, none where the table has no intervals; a bar of added rejections stays above 0."""
    if column + CI_SUFFIX not in rows.columns:
        return None
    half = np.nan_to_num(rows[column + CI_SUFFIX].to_numpy(dtype=float))
    return np.stack([np.minimum(half, 0.95 * rows[column].to_numpy(dtype=float)), half])
