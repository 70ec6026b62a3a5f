"""Which scheme is of use on which link: latency per token in a table, a row a link, a column a scheme."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kinds.arrays import Floats
from plots.axes import written
from plots.caption import caption, marks
from plots.colour_cells import Scale, Written, cells, sides
from plots.layout import Wording, finish
from plots.page import Page
from plots.style import lossy_curves
from simulator.results.columns import CURVE, READING_S
from simulator.results.units import quantity

METRIC = "latency_per_token_s"
RIVAL = "cloud_only"


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Framed: the lowest mean of a row among lossless schemes. Bold: below cloud-only decoding of that row. Starred: as
    fast as a person reads. None where the axis is a number, or there is none."""
    if axis is None or pd.api.types.is_numeric_dtype(summary[axis]) or METRIC not in summary.columns:
        return None
    links, curves = (list(dict.fromkeys(summary[name])) for name in (axis, CURVE))
    table = summary.pivot(index=axis, columns=CURVE, values=METRIC).reindex(index=links, columns=curves)
    kinds = summary.drop_duplicates(CURVE).set_index(CURVE)["scheme.kind"].reindex(curves)
    lossy = lossy_curves(summary)
    lossless = ~np.isin(curves, list(lossy))
    values = table.to_numpy(dtype=np.float64)
    rival = np.flatnonzero((kinds == RIVAL).to_numpy())
    below = values < values[:, rival[:1]] if rival.size else np.zeros(values.shape, dtype=bool)
    shown = Written(
        [[_text(value) for value in row] for row in values],
        framed=[(row, int(np.nanargmin(line))) for row, line in _lowest(values, lossless)],
        bold=[(int(row), int(column)) for row, column in np.argwhere(below)],
        size=0.65 if page.narrow else 0.75,
    )
    longest = max(len(quantity(link, axis)) for link in links)
    height = 0.45 + (0.19 if page.narrow else 0.27) * len(links)
    figure = page.figure(0.6 + 0.075 * longest + 0.95 * len(curves), height)
    ax = figure.add_subplot()
    cells(ax, values, shown, Scale.of(values))
    names = [page.curve(curve) + lossy.get(curve, "") for curve in curves]
    tops = [textwrap.fill(name, 9, break_long_words=False) for name in names]
    sides(ax, [quantity(link, axis) for link in links], tops)
    ax.xaxis.tick_top()
    notes = ["Framed: lowest of a row among lossless schemes. " + ("Bold: below cloud only. " if rival.size else "")
             + f"Star: at most {quantity(READING_S, METRIC)}, as fast as a person reads."]  # fmt: skip
    text = caption(summary, page, "lower", [*notes, *marks(summary)], intervals=False)
    finish(figure, page, Wording("Latency per token on each link", text))
    return figure


def _text(value: float) -> str:
    if np.isnan(value):
        return "-"
    return written(value, METRIC) + ("*" if value <= READING_S else "")


def _lowest(values: Floats, lossless: np.ndarray) -> list[tuple[int, Floats]]:
    kept = np.where(lossless[None, :], values, np.nan)
    return [(row, line) for row, line in enumerate(kept) if not np.isnan(line).all()]
