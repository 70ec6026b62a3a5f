"""Figures of bits against rejections: families at equal bits, a point a setting, what no code can do without, and what
verification by blocks gains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, PercentFormatter, StrMethodFormatter

from kinds.arrays import Floats, Ints
from plots.axes import BEYOND, log_ticks, tick_at, with_unit
from plots.caption import caption
from plots.layout import Key, Wording, finish, grid
from plots.page import Page
from plots.scatter import Family, plane, points
from plots.style import DASHES, GREY, SCHEMES, SPARSIFIERS, Look, curves, of_sparsifiers
from plots.whiskers import numbers
from simulator.results.column_names import CURVE
from simulator.results.intervals import interval
from simulator.results.tradeoffs import ADDED, TradeoffCurve, families, named, undominated
from simulator.results.tradeoffs import DENSE as STATIC

BITS, REJECTED, VOCABULARY, TEMPERATURE = "coded_bits_per_draft", "tv_qhat", "vocabulary", "models.temperature"
QUANTIZER, KEPT, CODE = "scheme.quantizer.kind", "scheme.sparsifier.kind", "scheme.code.kind"
FAMILY: Final = (KEPT, "scheme.sparsifier.step")
REFERENCE, DENSE, CODED = "threshold", "dense lattice", "lattice, context-coded"
PACKET: Final = "bits of a packet with one draft"
_PLACES: Final = 7  # costs, in equal steps of the logarithm, at which families are compared


def draw_tradeoff(
    summary: pd.DataFrame, axis: str | None, page: Page, cells: pd.DataFrame | None = None
) -> Figure | None:
    """Draws the distance of each kind of sparsifier above the fixed threshold at equal bits, a panel for each value of
    the axis, with intervals of that ratio over seeds where the cells are there. None where the table has no families of
    one axis in these two metrics, or no fixed threshold."""
    if axis is None or not {BITS, REJECTED, KEPT, axis} <= {*summary.columns}:
        return None
    table = (summary if cells is None else cells).dropna(subset=[BITS, REJECTED, KEPT])
    table = table.assign(**{CURVE: named(table, FAMILY)})
    panels = {value: _excess(rows) for value, rows in table.groupby(axis) if (rows[KEPT] == REFERENCE).any()}
    kinds = [kind for kind in dict.fromkeys(table[KEPT].astype(str)) if kind != REFERENCE]
    if not panels or not kinds:
        return None
    titles = [f"{page.axis(axis)} {with_unit(float(str(value)), axis)}" for value in panels]
    figure, axes, _ = grid(page, titles, 3, (1.8, 3.6), 2.2 if page.narrow else 3.8, "y")
    styles = of_sparsifiers(kinds)
    for ax, found in zip(axes, panels.values(), strict=True):
        ax.axhline(0.0, label=page.word(REFERENCE), color=SPARSIFIERS[REFERENCE][0], linewidth=2.0, zorder=1)
        for rank, kind in enumerate(kinds):
            if (each := found.get(kind)) is not None:
                arms = np.nan_to_num(np.stack([each.mean - each.low, each.high - each.mean]))
                ax.errorbar(each.cost, each.mean, yerr=arms, linestyle=DASHES[rank % 2], label=page.word(kind),
                            linewidth=1.2, elinewidth=0.8, capsize=1.5, **Look(*styles[kind]).marked())  # fmt: skip
        ax.set_xscale("log")
        reached = np.concatenate([each.cost for each in found.values()])
        ends = 0.9 * reached.min(), 1.1 * reached.max()
        tick_at(ax.xaxis, log_ticks(*ends, most=4))
        ax.set_xlim(*ends)
    axes[0].set_ylim(*_upright([each for found in panels.values() for each in found.values()]))
    axes[0].yaxis.set_major_formatter(PercentFormatter(1.0))
    several = table.groupby(KEPT)[CURVE].nunique().gt(1)
    notes = ["Expected rejections, TV(qhat, p), at equal bits; below 0 is better than the fixed threshold."]
    notes += [
        f"{page.word(each)}: for each seed at the step that serves the others best." for each in several[several].index
    ]
    text = caption(summary, page, "lower", notes, intervals=cells is not None)
    title = f"Expected rejections over those of the {page.word(REFERENCE)} at equal bits"
    handles, labels = axes[0].get_legend_handles_labels()
    words = Wording(title, text, PACKET, f"above the {page.word(REFERENCE)}")
    return finish(figure, page, words, list(zip(labels, handles, strict=True)))


class _Excess(NamedTuple):
    """Rejections of a kind over the reference, less 1, at `cost`, with the ends of its interval; all [n]."""

    cost: Floats
    mean: Floats
    low: Floats
    high: Floats


def _upright(found: Sequence[_Excess]) -> tuple[float, float]:
    """The ends of the vertical axis: those of all intervals, cut at BEYOND times the means that are farthest from 0."""
    means, low, high = (np.concatenate([getattr(each, name) for each in found]) for name in ("mean", "low", "high"))
    most = BEYOND * float(np.abs(means).max())
    reach = max(-most, float(np.nanmin([*means, *low]))), min(most, float(np.nanmax([*means, *high])))
    margin = 0.06 * (reach[1] - reach[0]) or 0.01
    return reach[0] - margin, reach[1] + margin


def _excess(rows: pd.DataFrame) -> dict[str, _Excess]:
    """Returns the excess of each kind, from rows of one panel: a row per setting, and per seed if there are several. Of
    a kind with several families each seed has the one with the least mean over the other seeds."""
    texts = [each for _, each in rows.groupby("seed")] if "seed" in rows.columns else [rows]
    fronts = [{name: TradeoffCurve.of(each[BITS].to_numpy(), each[REJECTED].to_numpy()) for name, each in curves(text)}
              for text in texts]  # fmt: skip
    low, high = max(each[REFERENCE].cost[0] for each in fronts), min(each[REFERENCE].dearest for each in fronts)
    cost = np.geomspace(low, high, _PLACES)
    cost[0], cost[-1] = low, high  # to the last bit
    found: dict[str, _Excess] = {}
    for kind in dict.fromkeys(str(each) for each in rows[KEPT] if each != REFERENCE):
        names = list(dict.fromkeys(rows.loc[rows[KEPT] == kind, CURVE]))
        over = [[np.where(cost <= each[name].dearest, each[name].at(cost), np.nan) / each[REFERENCE].at(cost)
                 for each in fronts] for name in names]  # fmt: skip
        logs: Floats = np.log(np.array(over))  # [family, seed, cost]
        best = _by_the_others(logs)
        values = logs[best, np.arange(len(best))]
        everywhere = ~np.isnan(values).any(axis=0)
        each = [interval(column) for column in values[:, everywhere].T]
        mean, half = (np.array([getattr(ratio, name) for ratio in each]) for name in ("mean", "half_width"))
        found[kind] = _Excess(cost[everywhere], np.expm1(mean), np.expm1(mean - half), np.expm1(mean + half))
    return found


def _by_the_others(logs: Floats) -> Ints:
    """Returns, for each seed of values [family, seed, cost], the family of least mean over the other seeds, at the
    costs at which all families have a value; a seed that is alone chooses for itself."""
    shared = ~np.isnan(logs).any(axis=(0, 1))
    means = logs[:, :, shared].sum(axis=2)
    others = means.sum(axis=1, keepdims=True) - means if means.shape[1] > 1 else means
    best: Ints = others.argmin(axis=0)
    return best


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


def draw_pareto(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Bits against expected resampling: a point a setting, each quantizer by its marker, the front drawn, a panel for
    each vocabulary. None where the table has no quantizers in these two metrics."""
    if not {BITS, REJECTED, VOCABULARY, QUANTIZER, KEPT} <= {*summary.columns}:
        return None
    table = summary.dropna(subset=[BITS, REJECTED, QUANTIZER])
    dense = (table[KEPT] == "all") & (table[QUANTIZER] == "lattice")
    coded = table.get(CODE, pd.Series(index=table.index)).eq("recoded")
    table = table.assign(family=table[QUANTIZER].astype(str).mask(dense, DENSE).mask(coded, CODED))
    panels = [*table.groupby(VOCABULARY, sort=True)]
    if not panels:
        return None
    titles = [f"V = {size:,.0f}" for size, _ in panels]
    figure, axes, _ = grid(page, titles, 3, (1.6, 3.2), 2.2 if page.narrow else 3.6, "y")
    for ax, (_, rows) in zip(axes, panels, strict=True):
        bits, rejected = numbers(rows, BITS), numbers(rows, REJECTED)
        front = undominated(bits, rejected)
        ax.plot(bits[front], rejected[front], color="black", linewidth=1, zorder=1)
        for at in range(len(rows)):
            family = Family("", *_QUANTIZERS.get(rows["family"].iloc[at], ("#8A8A00", "X")))
            points(ax, rows.iloc[[at]], BITS, REJECTED, family, markeredgewidth=0.9, zorder=3 if at in front else 2,
                   markersize=8 if family.marker == "*" else 5,
                   markerfacecolor=family.colour if at in front else "white")  # fmt: skip
        ax.set_xscale("log")
        tick_at(ax.xaxis, log_ticks(bits.min(), bits.max(), most=3), "{x:,.0f}")
    key: Key = [(page.word(name), Line2D([], [], linestyle="", color=colour, marker=marker))
                for name, (colour, marker) in _QUANTIZERS.items() if name in {*table["family"]}]  # fmt: skip
    notes = ["TV(qhat, p): the expected resampling rate. Filled: settings that none beats in both."]
    text = caption(table, page, "lower", notes)
    wording = Wording("Expected resampling against bits, a point a setting", text, PACKET, "TV(qhat, p)")
    return finish(figure, page, wording, [*key, ("front", Line2D([], [], color="black", linewidth=1))])


LEAST, ORACLE, COVERING = "least_bits_per_draft", "oracle_bits_per_draft", "covering_bits_per_draft"
_ADDED_TICKS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_BOTTOM_BITS: Final = 0.1
_FAMILIES: Final = {
    STATIC: Family(STATIC, *SCHEMES["dense"], DASHES[0]),
    "scalar": Family("scalar, each probability rounded", *SCHEMES["half_dense"], DASHES[1]),
    "sparse top_k": Family("top-K", *SCHEMES["k_sqs"], DASHES[0]),
    "sparse threshold": Family("fixed threshold", SCHEMES["half_top_k"][0], "s", DASHES[2]),
    "sparse conformal": Family("conformal threshold", *SCHEMES["c_sqs"], DASHES[3]),
    "ids": Family("ids, shared randomness", *SCHEMES["coupled"]),
}
"""The families of the study `rates`."""


def draw_rates(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Bits over the rejections that compression adds, a curve a family: a row of panels for each vocabulary, a column
    for each temperature. Shaded: bits below the lower bound, whatever the code, where the draw is the edge's own. None
    where the table has none of these families or no bound."""
    if not {BITS, ADDED, LEAST, ORACLE, COVERING, VOCABULARY, TEMPERATURE, "scheme.kind"} <= {*summary.columns}:
        return None
    table = families(summary).dropna(subset=[BITS, ADDED])
    table = table[table[ADDED] > 0].sort_values([VOCABULARY, TEMPERATURE], kind="stable")  # on a logarithmic axis
    if table.empty:
        return None
    figure, panels = plane(page, table, VOCABULARY, TEMPERATURE, 1.7 if page.narrow else 2.6, "col", "all")
    key: dict[str, Artist] = {}
    for ax, size, temperature, rows in panels:
        ax.set_title(f"V = {size:,.0f}, T = {temperature:g}", fontsize="small", loc="left")
        key |= _rates(ax, rows.sort_values(ADDED))
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
    text = caption(table, page, "lower", notes)
    title = "Bits of a draft over the rejections that compression adds"
    return finish(figure, page, Wording(title, text, "added rejections", "bits a draft"), [*key.items()])


def _rates(ax: Axes, rows: pd.DataFrame) -> dict[str, Artist]:
    handles: dict[str, Artist] = {}
    bound = rows.dropna(subset=[LEAST])
    if len(bound):
        handles["below the lower bound"] = ax.fill_between(
            bound[ADDED], _BOTTOM_BITS, np.maximum(bound[LEAST], _BOTTOM_BITS), color="#BDBDBD", linewidth=0.8,
            edgecolor="#555555", zorder=1,
        )  # fmt: skip
    for name, family in _FAMILIES.items():
        if len(own := rows[rows[CURVE] == name]):
            size = rcParams["lines.markersize"] * (1.9 if family.marker == "*" else 0.75)
            drawn = points(ax, own, ADDED, BITS, family, linewidth=1.1, zorder=3, markersize=size)
            handles[family.label] = drawn.get_children()[0]
    for name, column, label, dashes in (
        ("sparse top_k", ORACLE, "oracle context model", (0, (3, 1, 1, 1))), (STATIC, COVERING, "covering", ":")
    ):  # fmt: skip
        own = rows[(rows[CURVE] == name) & (rows[column] > _BOTTOM_BITS)]
        (handles[label],) = ax.plot(own[ADDED], own[column], color="black", linewidth=0.9, linestyle=dashes, zorder=2)
    return handles


GAIN, DRAFTS, PAIR, ELL = "block_gain", "round_drafts", "models.pair.kind", "scheme.quantizer.resolution"
_BLOCKS: Final = {
    "all": Family("all of q, finer to the right", *SCHEMES["dense"], DASHES[0]),
    "top_k": Family("top-K", *SPARSIFIERS["top_k"], DASHES[1]),
    "threshold": Family("fixed threshold", *SPARSIFIERS["threshold"], DASHES[2]),
}
"""Looks of families, by what is kept of q."""


def draw_blocks(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Tokens a round gained by block verification over rejection of the same drafts, against the bits of a draft: a row
    of panels for each pair, a column for each temperature; the longest rounds with filled markers, rounds of half as
    many drafts with open ones. Of what keeps a part of q the finest resolution is drawn. None of a table without
    gains."""
    if not {BITS, GAIN, DRAFTS, PAIR, TEMPERATURE, KEPT, ELL} <= {*summary.columns}:
        return None
    finest = summary.groupby(KEPT)[ELL].transform("max")
    table = summary[(summary[KEPT] == "all") | (summary[ELL] == finest)]
    longest = int(table[DRAFTS].max())
    figure, panels = plane(page, table, PAIR, TEMPERATURE, 1.7 if page.narrow else 2.5, "all", "row")
    key: dict[str, Artist] = {}
    for ax, pair, temperature, rows in panels:
        ax.set_title(f"{page.word(pair)}, T = {temperature:g}", fontsize="small", loc="left")
        for length in (longest, longest // 2):
            for kept, family in _BLOCKS.items():
                own = rows[(rows[DRAFTS] == length) & (rows[KEPT] == kept)].sort_values(BITS)
                if len(own):
                    filled = length == longest
                    drawn = points(ax, own, BITS, GAIN, family, elinewidth=0.6, linewidth=1.3 if filled else 0.8,
                                   markerfacecolor=family.colour if filled else "white")  # fmt: skip
                    key.setdefault(family.label, drawn.get_children()[0])
        ax.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        top = max(float(table.loc[table[PAIR] == pair, GAIN].max()), 0.01)
        ax.set_ylim(-0.3 * top, 2.0 * top)  # few seeds have intervals that would leave nothing to see
        ax.set_xscale("log")
        tick_at(ax.xaxis, (10, 1_000, 100_000), "{x:,.0f}")
    notes = [
        f"Filled: rounds of {longest} drafts; open: of {longest // 2}. Exact given the drafts, which are the same for "
        "both verifications.",
        "Top-K from K = 1, where nothing is gained; the last point of all of q is in half precision. Intervals "
        "end at the panel.",
    ]
    text = caption(table, page, "higher", notes)
    half = Line2D([], [], color=GREY, marker="o", markerfacecolor="white")
    wording = Wording(
        "Tokens a round gained by block verification over rejection", text, "bits a draft", "more tokens a round"
    )
    return finish(figure, page, wording, [*key.items(), (f"open: rounds of {longest // 2}", half)])
