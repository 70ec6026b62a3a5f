"""Latency of a full factorial: a panel for each value of the other factors, a cell for each setting of the scheme."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kinds.arrays import Floats
from plots.axes import told
from plots.caption import caption
from plots.colour_cells import Scale, Written, cells, sides
from plots.factorial import Factorial, chosen_length, factorial, part, values_of
from plots.layout import Told, finish
from plots.page import Page
from simulator.results.units import prefix_of, symbol

METRIC = "latency_per_token_s"


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """The lowest mean of a panel is framed; where draft lengths were chosen, each cell says which. A row of panels has
    one scale. None where the table is no full factorial of two fields of the scheme and at most two others."""
    found = factorial(summary)
    if found is None or summary[METRIC].isna().any():
        return None
    across, down = values_of(summary, found.across), values_of(summary, found.down)
    second = chosen_length(summary, found)
    width = 1.0 + len(across) * (0.4 + 0.52 * summary[found.columns].nunique())
    beside = 1 if page.narrow else len(across)
    below = len(down) * len(across) // beside
    height = below * (0.6 + (0.26 if page.narrow else 0.42) * summary[found.rows].nunique())
    figure = page.figure(max(width, 5.2), height)
    axes = figure.subplots(below, beside, squeeze=False).reshape(len(down), len(across))
    for row, low in enumerate(down):
        whole = part(summary, [(found.down, low)])
        scale, (factor, prefix) = Scale.of(whole[METRIC].to_numpy()), prefix_of(float(whole[METRIC].min()))
        for column, at in enumerate(across):
            ax = axes[row][column]
            _panel(ax, part(whole, [(found.across, at)]), found, second, scale, factor)
            if found.across is not None and (row == 0 or page.narrow):
                ax.set_title(f"{page.axis(found.across)} {told(float(at or 0), found.across)}", fontsize="small")
            ax.set_xlabel(
                symbol(found.columns) if row == len(down) - 1 and (column == len(across) - 1 or not page.narrow) else ""
            )
        where = "" if found.down is None else f"{page.axis(found.down)} {told(float(low or 0), found.down)}\n"
        for ax in axes[row][: None if page.narrow else 1]:
            ax.set_ylabel(f"{where}values in {prefix}s\n{symbol(found.rows)}", fontsize="small")
    length = f"Second line of a cell: {symbol(second)}, the draft length chosen. " if second is not None else ""
    text = caption(summary, page, "lower", [f"Framed: the lowest mean of a panel. {length}".strip()], intervals=False)
    title = f"Latency per token over {symbol(found.rows)} and {symbol(found.columns)}"
    finish(figure, page, Told(title, text))
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, found: Factorial, second: str | None, scale: Scale, factor: float) -> None:
    """`second`: the column written below the latency."""
    down, across = values_of(rows, found.rows), values_of(rows, found.columns)
    values = _table(rows, found, METRIC)
    texts = [[f"{value / factor:.3g}" for value in line] for line in values]
    if second is not None:
        below = _table(rows, found, second)
        texts = [[f"{text}\n{n:g}" for text, n in zip(*pair, strict=True)] for pair in zip(texts, below, strict=True)]
    lowest = divmod(int(np.argmin(values)), values.shape[1])
    cells(ax, values, Written(texts, framed=[lowest], bold=[lowest]), scale)
    sides(ax, [f"{value:g}" for value in down], [f"{value:g}" for value in across])


def _table(rows: pd.DataFrame, found: Factorial, column: str) -> Floats:
    return rows.pivot(index=found.rows, columns=found.columns, values=column).to_numpy(dtype=np.float64)
