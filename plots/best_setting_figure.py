"""Where the best setting of a scheme moves in a full factorial: a panel a parameter, a cell for each of the other
factors' values."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from plots.colour_cells import Scale, Written, cells, sides
from plots.factorial import chosen_length, factorial, part, values_of
from simulator.results.units import quantity, symbol, title

METRIC = "latency_per_token_s"


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """Of the setting with the lowest mean: its parameters, then its latency. None where the table is no full factorial
    of two fields of the scheme and one or two others."""
    found = factorial(summary)
    if found is None or found.across is None or summary[METRIC].isna().any():
        return None
    across, down = values_of(summary, found.across), values_of(summary, found.down)
    best = [
        [part(summary, [(found.across, at), (found.down, low)]).nsmallest(1, METRIC).iloc[0] for at in across]
        for low in down
    ]
    length = chosen_length(summary, found)
    shown = [found.rows, found.columns, *([] if length is None else [length]), METRIC]
    size = (0.9 + len(shown) * (0.3 + 0.72 * len(across)), 1.4 + 0.5 * len(down))
    figure = Figure(figsize=(max(size[0], 6.0), size[1]), layout="constrained")
    for ax, name in zip(figure.subplots(1, len(shown), squeeze=False, sharey=True)[0], shown, strict=True):
        values = np.array([[float(row[name]) for row in line] for line in best])
        texts = [[quantity(float(row[name]), name) for row in line] for line in best]
        cells(ax, values, Written(texts, size=8.5), Scale.of(values))
        sides(
            ax,
            ["" if value is None else quantity(value, str(found.down)) for value in down],
            [quantity(value, found.across) for value in across],
        )
        ax.set_title(title(name) if name == METRIC else symbol(name), fontsize=10)
    figure.supxlabel(title(found.across), fontsize=9.5)
    if found.down is not None:
        figure.supylabel(title(found.down), fontsize=9.5)
    figure.suptitle("The setting with the lowest mean latency", x=0.01, ha="left", fontsize=11)
    return figure
