"""Latency of a full factorial: a panel for each value of the other factors, a cell for each setting of the scheme."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kinds.arrays import Floats
from plots.colour_cells import Scale, Written, cells, sides
from plots.factorial import Factorial, chosen_length, factorial, part, values_of
from simulator.results.units import prefix_of, quantity, symbol, title

METRIC = "latency_per_token_s"


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """The lowest mean of a panel is framed; where draft lengths were chosen, each cell says which. A row of panels has
    one scale. None where the table is no full factorial of two fields of the scheme and at most two others."""
    found = factorial(summary)
    if found is None or summary[METRIC].isna().any():
        return None
    across, down = values_of(summary, found.across), values_of(summary, found.down)
    width = 1.3 + len(across) * (0.5 + 0.52 * summary[found.columns].nunique())
    height = 1.3 + len(down) * (0.6 + 0.42 * summary[found.rows].nunique())
    second = chosen_length(summary, found)
    figure = Figure(figsize=(max(width, 5.2), height), layout="constrained")
    axes = figure.subplots(len(down), len(across), squeeze=False)
    for row, low in enumerate(down):
        whole = part(summary, [(found.down, low)])
        scale, unit = Scale.of(whole[METRIC].to_numpy()), prefix_of(float(whole[METRIC].min()))
        for column, at in enumerate(across):
            ax = axes[row][column]
            _panel(ax, part(whole, [(found.across, at)]), found, second, scale, unit[0])
            if found.across is not None and row == 0:
                ax.set_title(f"{title(found.across)} {quantity(at, found.across)}", fontsize=9.5)
            ax.set_xlabel(symbol(found.columns) if row == len(down) - 1 else "")
            ax.set_ylabel("" if column else symbol(found.rows))
        where = "" if found.down is None else f"{title(found.down)} {quantity(low, found.down)}\n"
        axes[row][0].annotate(
            f"{where}values in {unit[1]}s", (0, 0.5), (-46, 0), xycoords="axes fraction", textcoords="offset points",
            rotation=90, ha="right", va="center", fontsize=9.5,
        )  # fmt: skip
    length = f"; second line: {symbol(second)}, the draft length chosen" if second is not None else ""
    figure.suptitle(
        f"Latency per token over {symbol(found.rows)} and {symbol(found.columns)}\nframe: lowest mean{length}",
        x=0.01, ha="left", fontsize=11,
    )  # fmt: skip
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
