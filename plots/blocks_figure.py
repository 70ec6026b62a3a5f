"""Tokens a round gained by block verification over rejection of the same drafts, against the bits of a draft."""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, PercentFormatter, StrMethodFormatter

from plots.caption import caption
from plots.layout import Wording, finish
from plots.page import Page
from plots.style import DASHES, GREY, SCHEMES, SPARSIFIERS
from simulator.results.columns import CI_SUFFIX

BITS, GAIN, LENGTH = "coded_bits_per_draft", "block_gain", "round_drafts"
PAIR, TEMPERATURE, KEPT, ELL = (
    "models.pair.kind", "models.temperature", "scheme.sparsifier.kind", "scheme.quantizer.resolution",
)  # fmt: skip
_LOOKS: Final = {
    "all": ("all of q, finer to the right", *SCHEMES["dense"], DASHES[0]),
    "top_k": ("top-K", *SPARSIFIERS["top_k"], DASHES[1]),
    "threshold": ("fixed threshold", *SPARSIFIERS["threshold"], DASHES[2]),
}
"""Label, colour, marker and dashes by what is kept of q."""


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """A row of panels for each pair, a column for each temperature: the longest rounds with filled markers, rounds of
    half as many drafts with open ones. Of what keeps a part of q the finest resolution is drawn. None of a table
    without gains."""
    if not {BITS, GAIN, LENGTH, PAIR, TEMPERATURE, KEPT, ELL} <= {*summary.columns}:
        return None
    finest = summary.groupby(KEPT)[ELL].transform("max")
    table = summary[(summary[KEPT] == "all") | (summary[ELL] == finest)]
    longest = int(table[LENGTH].max())
    pairs, temperatures = (list(dict.fromkeys(table[name])) for name in (PAIR, TEMPERATURE))
    figure = page.figure(3.0 * len(temperatures) + 1.2, (1.7 if page.narrow else 2.5) * len(pairs))
    axes = figure.subplots(len(pairs), len(temperatures), sharex=True, sharey="row", squeeze=False)
    handles: dict[str, Artist] = {}
    for row, pair in zip(axes, pairs, strict=True):
        for ax, temperature in zip(row, temperatures, strict=True):
            ax.set_title(f"{page.word(pair)}, T = {temperature:g}", fontsize="small", loc="left")
            here = table[(table[PAIR] == pair) & (table[TEMPERATURE] == temperature)]
            handles |= _panel(ax, here, longest)
    axes[0][0].set_xscale("log")
    notes = [
        f"Filled: rounds of {longest} drafts; open: of {longest // 2}. Exact given the drafts, which are the same for "
        "both verifications.",
        "Top-K from K = 1, where nothing is gained; the last point of all of q is in half precision.",
    ]
    text = caption(table, page, "higher", notes, clock=False)
    title = "Tokens a round gained by block verification over rejection"
    wording = Wording(title, text, "bits a draft", "more tokens a round")
    finish(figure, page, wording, list(handles.values()), list(handles))
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, longest: int) -> dict[str, Artist]:
    handles: dict[str, Artist] = {}
    for length, filled in ((longest, True), (longest // 2, False)):
        for kept, (label, colour, marker, dashes) in _LOOKS.items():
            own = rows[(rows[LENGTH] == length) & (rows[KEPT] == kept)].sort_values(BITS)
            if own.empty:
                continue
            half = own[GAIN + CI_SUFFIX] if GAIN + CI_SUFFIX in own.columns else None
            drawn = ax.errorbar(
                own[BITS], own[GAIN], yerr=half, color=colour, marker=marker, linestyle=dashes, elinewidth=0.6,
                markerfacecolor=colour if filled else "white", linewidth=1.3 if filled else 0.8, capsize=0,
            )  # fmt: skip
            if filled:
                handles[label] = drawn.get_children()[0]
    ax.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
    if handles:
        handles[f"open: rounds of {longest // 2}"] = Line2D([], [], color=GREY, marker="o", markerfacecolor="white")
    return handles
