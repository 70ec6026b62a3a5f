"""Where a tree is worth its bits: its latency per token over the chain's, a panel an acceptance, by tree and rate."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from plots import colour_cells
from plots.axes import written
from plots.caption import caption
from plots.colour_cells import Scale, Written, colour_bar, sides
from plots.layout import Wording, finish, grid
from plots.page import Page
from plots.style import chosen
from simulator.results.columns import CURVE
from simulator.results.intervals import CONFIDENCE, named_without, paired

METRIC, ACCEPTANCE = "latency_per_token_s", "acceptance_rate"

BY: Final = "models.pair.distance"
CHAIN: Final = "k_sqs"


def draw(summary: pd.DataFrame, axis: str | None, page: Page, cells: pd.DataFrame | None = None) -> Figure | None:
    """A panel an acceptance, a row a tree, a column a value of the axis; bold: distinguishable from the chain, seed by
    seed. None without a chain, or where rate and distance were not both swept."""
    if axis is None or not {METRIC, ACCEPTANCE, BY, axis} <= {*summary.columns}:
        return None
    rows = named_without(chosen(summary), BY)
    chain = rows[rows["scheme.kind"] == CHAIN]
    trees = list(dict.fromkeys(rows.loc[rows["scheme.kind"] != CHAIN, CURVE]))
    if chain[CURVE].nunique() != 1 or not trees:
        return None
    places = list(chain[[BY, axis]].drop_duplicates().itertuples(index=False, name=None))
    table = rows if cells is None else named_without(chosen(cells), BY)
    over = {(tree, by, at): _over_chain(table[(table[BY] == by) & (table[axis] == at)], tree)
            for tree in trees for by, at in places}  # fmt: skip
    sure = chain.groupby(BY, sort=True)[ACCEPTANCE].mean()
    rates = sorted({float(at) for _, at in places})
    longest = max(len(page.curve(tree)) for tree in trees)
    size = (0.3 + 0.07 * longest, 0.3 + 0.62 * len(rates)), 0.55 + 0.34 * len(trees)
    figure, axes, _ = grid(page, len(sure), 2, *size, "xy")
    scale = Scale.of([each.size for each in over.values()])
    for ax, (by, acceptance) in zip(axes, sure.items(), strict=True):
        each = [[over[tree, by, at] for at in rates] for tree in trees]
        values = np.array([[one.size for one in line] for line in each])
        texts = [["-" if np.isnan(value) else f"{value:.2f}" for value in line] for line in values]
        bold = [(row, column) for row, line in enumerate(each) for column, one in enumerate(line) if one.separable]
        colour_cells.cells(ax, values, Written(texts, bold=bold, size=0.8), scale)
        sides(ax, [page.curve(tree) for tree in trees], [written(at, axis) for at in rates])
        ax.set_title(f"the chain's acceptance {acceptance:.2f}", fontsize="small", loc="left")
    colour_bar(figure, axes, scale, "times the chain's")
    several = cells is not None and any(one.n > 1 for one in over.values())
    notes = ["Latency per token over the chain's, each at its best; below 1 the tree is faster."
             + (f" Bold: distinguishable from 1 at {CONFIDENCE:.0%}, paired by seed." if several else "")]  # fmt: skip
    text = caption(rows, page, "lower", notes, intervals=False)
    finish(figure, page, Wording("Where a tree is worth its bits", text, page.axis(axis)))
    return figure


class OverChain(NamedTuple):
    """A tree's metric over the chain's at one place, from `n` seeds; nan where it has none."""

    size: float
    separable: bool
    n: int


def _over_chain(here: pd.DataFrame, tree: str) -> OverChain:
    mine, theirs = here[CURVE] == tree, here["scheme.kind"] == CHAIN
    if "seed" not in here.columns:
        return OverChain(float(here.loc[mine, METRIC].mean() / here.loc[theirs, METRIC].mean()), False, 0)
    found = paired(here, METRIC, mine, theirs)
    return OverChain(1 + found.size if found.relative else math.nan, found.n > 1 and found.separable, found.n)
