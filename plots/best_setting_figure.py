"""Where the best setting of a scheme moves in a full factorial: a panel a parameter, a cell for each of the other
factors' values."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from plots.axes import written, x_label
from plots.caption import caption
from plots.colour_cells import Scale, Written, cells, sides
from plots.heatmap_figure import chosen_length, factorial, part, values_of
from plots.layout import Wording, finish
from plots.page import Page
from simulator.results.units import symbol

METRIC = "latency_per_token_s"


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Draws the setting with the lowest mean: its parameters, then its latency. None where the table is no full
    factorial of two fields of the scheme and one or two others."""
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
    wide = page.across(4, len(shown)) if not page.narrow else min(2, len(shown))
    tall = -(-len(shown) // wide)
    figure = page.figure(max(6.0, 0.9 + wide * (0.3 + 0.72 * len(across))), tall * (0.6 + 0.45 * len(down)))
    axes = figure.subplots(tall, wide, squeeze=False, sharey=True).ravel()
    for ax, name in zip(axes, shown, strict=False):
        values = np.array([[float(row[name]) for row in line] for line in best])
        texts = [[written(float(f"{row[name]:.3g}"), name) for row in line] for line in best]
        cells(ax, values, Written(texts, size=0.85), Scale.of(values))
        sides(
            ax,
            ["" if value is None else written(value, str(found.down)) for value in down],
            ["" if value is None else written(value, found.across) for value in across],
        )
        ax.set_title(page.axis(name) if name == METRIC else symbol(name), fontsize="small")
    text = caption(summary, page, "", ["Of each panel's place, the setting with the lowest mean."], intervals=False)
    beside = "" if found.down is None else page.axis(found.down)
    finish(figure, page, Wording("The setting with the lowest mean latency", text, x_label(page, found.across), beside))
    return figure
