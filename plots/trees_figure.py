"""Where a tree is worth its bits: its latency per token over the chain's, a panel a tree, over rate and acceptance."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from plots.axes import written, x_label
from plots.caption import caption
from plots.colour_cells import Scale, Written, cells, sides
from plots.layout import Wording, finish, grid
from plots.page import Page
from plots.style import chosen
from simulator.results.columns import CURVE
from simulator.results.intervals import named_without

METRIC, ACCEPTANCE = "latency_per_token_s", "acceptance_rate"

BY: Final = "models.pair.distance"
CHAIN: Final = "k_sqs"


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Bold: below 1, whether or not the seeds can tell.

    None without a chain, or where rate and distance were not both swept.
    """
    if axis is None or not {METRIC, ACCEPTANCE, BY, axis} <= {*summary.columns}:
        return None
    rows = named_without(chosen(summary), BY)
    chain = rows[rows["scheme.kind"] == CHAIN]
    trees = list(dict.fromkeys(rows.loc[rows["scheme.kind"] != CHAIN, CURVE]))
    if chain[CURVE].nunique() != 1 or not trees:
        return None
    below = _table(chain, axis)
    over = {tree: _table(rows[rows[CURVE] == tree], axis).reindex_like(below) / below for tree in trees}
    sure = rows[rows["scheme.kind"] == CHAIN].groupby(BY)[ACCEPTANCE].mean()
    wide = max(0.5 * below.shape[1], 0.085 * max(len(page.curve(tree)) for tree in trees))
    figure, axes, _ = grid(page, len(trees), 2, (1.1, 0.3 + wide), 0.6 + 0.42 * below.shape[0], "xy")
    scale = Scale.of(np.concatenate([table.to_numpy().ravel() for table in over.values()]))
    for ax, (tree, table) in zip(axes, over.items(), strict=True):
        values = table.to_numpy(dtype=np.float64)
        texts = [["-" if np.isnan(value) else f"{value:.2f}" for value in line] for line in values]
        bold = [(int(row), int(column)) for row, column in np.argwhere(values < 1)]
        cells(ax, values, Written(texts, bold=bold, size=0.8), scale)
        sides(ax, [f"{sure[float(by)]:.2f}" for by in table.index], [written(float(at), axis) for at in table.columns])
        ax.set_title(page.curve(tree), fontsize="small", loc="left")
    notes = [
        "Latency per token over the chain's, each at its best, by the chain's acceptance. "
        "Bold: below 1, be it by chance; the table says where the seeds can tell."
    ]
    text = caption(rows, page, "lower", notes, intervals=False)
    finish(figure, page, Wording("Where a tree is worth its bits", text, x_label(page, axis), "acceptance"))
    return figure


def _table(rows: pd.DataFrame, axis: str) -> pd.DataFrame:
    """The metric, a row a distance, the least first, a column a value of the axis."""
    return rows.pivot(index=BY, columns=axis, values=METRIC).sort_index()
