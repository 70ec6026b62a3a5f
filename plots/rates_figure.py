"""Bits of a draft over the rejections that its compression adds: a curve a family, above what no code can do without.

A row of panels for each vocabulary, a column for each temperature. Shaded: bits below the lower bound, whatever the
code, where the draw is the edge's own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, StrMethodFormatter

from kinds.arrays import Floats
from plots.caption import caption
from plots.layout import Wording, finish
from plots.page import Page
from simulator.results.columns import CI_SUFFIX, CURVE
from simulator.results.tradeoffs import ADDED, BITS, families

LEAST, ORACLE, COVERING = "least_bits_per_draft", "oracle_bits_per_draft", "covering_bits_per_draft"
TEMPERATURE, VOCABULARY = "models.temperature", "vocabulary"
_LOOKS: dict[str, tuple[str, str, str, object]] = {
    "dense": ("dense lattice", "#0072B2", "o", "-"),
    "scalar": ("scalar, each probability rounded", "#56B4E9", "P", (0, (5, 2))),
    "sparse top_k": ("top-K", "#D55E00", "^", "-"),
    "sparse threshold": ("fixed threshold", "#E69F00", "s", (0, (1.5, 1.5))),
    "sparse conformal": ("conformal threshold", "#009E73", "D", (0, (6, 2, 1.5, 2))),
    "ids": ("ids, shared randomness", "#B2182B", "*", ""),
}
_SHADE = "#BDBDBD"
_BOTTOM_BITS = 0.1
_TICKS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """None where the table has none of these families or no bound."""
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
            handles |= _panel(ax, rows)
    for column, temperature in zip(axes[0], temperatures, strict=True):
        _scales(column, table[table[TEMPERATURE] == temperature], float(table[BITS].max()))
    notes = [
        "Added rejections: P(reject) - TV(q, p). Ids: raced, and coded by a context model.",
        "Shaded: below the least mean bits of any code and context model, where the draw is the edge's own.",
        "Oracle: top-K counts under a context model about p, which no edge knows.",
        "Covering: largest packet of a code for all distributions on 2^H(q) known tokens, at dense's TV(qhat, q).",
    ]
    wording = Wording("Bits of a draft over the rejections that compression adds",
                caption(summary, page, "lower", notes, clock=False), "added rejections",
                "bits a draft")  # fmt: skip
    finish(figure, page, wording, list(handles.values()), list(handles))
    return figure


def _panel(ax: Axes, rows: pd.DataFrame) -> dict[str, Artist]:
    handles: dict[str, Artist] = {}
    bound = rows.dropna(subset=[LEAST]).sort_values(ADDED)
    if len(bound):
        least = np.maximum(bound[LEAST].to_numpy(), _BOTTOM_BITS)
        handles["below the lower bound"] = ax.fill_between(
            bound[ADDED], _BOTTOM_BITS, least, color=_SHADE, linewidth=0.8, edgecolor="#555555", zorder=1
        )
    for name, (label, colour, marker, dashes) in _LOOKS.items():
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
        (line,) = ax.plot(own[ADDED], own[column], color="black", linewidth=0.9, linestyle=dashes, zorder=2)
        handles[label] = line
    return handles


def _half(rows: pd.DataFrame, column: str) -> Floats | None:
    """Half-widths, none where the table has no intervals; a bar of added rejections stays above 0."""
    name = column + CI_SUFFIX
    if name not in rows.columns:
        return None
    half = np.nan_to_num(rows[name].to_numpy(dtype=float))
    return np.stack([np.minimum(half, 0.95 * rows[column].to_numpy(dtype=float)), half])


def _scales(ax: Axes, table: pd.DataFrame, most_bits: float) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(_BOTTOM_BITS, 1.6 * most_bits)
    ax.set_xlim(0.7 * float(table[ADDED].min()), 1.4 * float(table[ADDED].max()))
    ax.xaxis.set_major_locator(FixedLocator(_TICKS))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
