"""Which scheme is of use on which link: latency per token in a table, a row a link, a column a scheme."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from plots.colour_cells import Scale, Written, cells, sides
from simulator.results.columns import CURVE, READING_S
from simulator.results.units import quantity

METRIC = "latency_per_token_s"
RIVAL = "cloud_only"


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """Framed: the lowest mean of a row among lossless schemes. Bold: below cloud-only decoding of that row. Starred: as
    fast as a person reads. None where the axis is a number, or there is none."""
    if axis is None or pd.api.types.is_numeric_dtype(summary[axis]):
        return None
    links, curves = (list(dict.fromkeys(summary[name])) for name in (axis, CURVE))
    table = summary.pivot(index=axis, columns=CURVE, values=METRIC).reindex(index=links, columns=curves)
    kinds = summary.drop_duplicates(CURVE).set_index(CURVE)["scheme.kind"].reindex(curves)
    lossless = summary.groupby(CURVE)["tv_output"].max().reindex(curves).fillna(0.0).to_numpy() < 1e-9
    values = table.to_numpy(dtype=np.float64)
    rival = np.flatnonzero((kinds == RIVAL).to_numpy())
    below = values < values[:, rival[:1]] if rival.size else np.zeros(values.shape, dtype=bool)
    written = Written(
        [[_text(value) for value in row] for row in values],
        framed=[(row, int(np.nanargmin(line))) for row, line in _lowest(values, lossless)],
        bold=[(int(row), int(column)) for row, column in np.argwhere(below)],
        size=8.0,
    )
    longest = max(len(str(link)) for link in links)
    figure = Figure(figsize=(1.2 + 0.075 * longest + 0.95 * len(curves), 1.5 + 0.27 * len(links)), layout="constrained")
    ax = figure.add_subplot()
    cells(ax, values, written, Scale.of(values))
    sides(ax, [quantity(link, axis) for link in links], [_side(c, ok) for c, ok in zip(curves, lossless, strict=True)])
    ax.xaxis.tick_top()
    figure.suptitle(
        "Latency per token on each link\nframe: lowest among lossless schemes; bold: below cloud-only decoding;\n"
        f"star: at most {quantity(READING_S, METRIC)}, as fast as a person reads",
        x=0.01, ha="left", fontsize=10.5,
    )  # fmt: skip
    return figure


def _text(value: float) -> str:
    if np.isnan(value):
        return "-"
    return quantity(value, METRIC) + ("*" if value <= READING_S else "")


def _side(curve: str, lossless: bool) -> str:
    return str(curve).replace(" ", "\n") + ("" if lossless else "\n(lossy)")


def _lowest(values: np.ndarray, lossless: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Each row with a number of a lossless scheme, the others' numbers left out."""
    kept = np.where(lossless[None, :], values, np.nan)
    return [(row, line) for row, line in enumerate(kept) if not np.isnan(line).all()]
