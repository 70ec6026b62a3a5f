"""Latency of a full factorial, a cell a setting of the scheme; and where the best setting moves with other factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kinds.arrays import Floats
from plots.axes import with_unit, written, x_label
from plots.caption import caption
from plots.colour_cells import Scale, Written, cells, sides
from plots.layout import Wording, finish, grid
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
                ax.set_title(f"{page.axis(found.across)} {with_unit(float(at or 0), found.across)}", fontsize="small")
            ax.set_xlabel(
                symbol(found.columns) if row == len(down) - 1 and (column == len(across) - 1 or not page.narrow) else ""
            )
        where = "" if found.down is None else f"{page.axis(found.down)} {with_unit(float(low or 0), found.down)}\n"
        for ax in axes[row][: None if page.narrow else 1]:
            ax.set_ylabel(f"{where}values in {prefix}s\n{symbol(found.rows)}", fontsize="small")
    length = f"Second line of a cell: {symbol(second)}, the draft length chosen. " if second is not None else ""
    text = caption(summary, page, "lower", [f"Framed: the lowest mean of a panel. {length}".strip()], intervals=False)
    title = f"Latency per token over {symbol(found.rows)} and {symbol(found.columns)}"
    finish(figure, page, Wording(title, text))
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


LENGTH = "scheme.max_drafts"


@dataclass(frozen=True)
class Factorial:
    """`rows` and `columns` are two of the scheme's fields; `across` and `down`, which may be missing, other fields."""

    rows: str
    columns: str
    across: str | None
    down: str | None

    @property
    def names(self) -> list[str]:
        return [name for name in (self.rows, self.columns, self.across, self.down) if name is not None]


def factorial(summary: pd.DataFrame) -> Factorial | None:
    """None where the table is no full factorial of two numbers of the scheme and at most two others."""
    numbers = summary[[name for name in summary.columns if "." in str(name)]].select_dtypes(["number", "bool"])
    swept = [name for name in numbers.columns if numbers[name].nunique() > 1]
    swept.sort(key=lambda name: name != LENGTH)
    for name in list(swept):  # what follows from the others, as a draft length that was chosen, is no factor
        others = [other for other in swept if other != name]
        if others and not summary.duplicated(others).any():
            swept = others
    of_scheme = [name for name in summary.columns if name in swept and name.startswith("scheme.")]
    others = [name for name in summary.columns if name in swept and name not in of_scheme]
    if len(of_scheme) != 2 or len(others) > 2 or summary[swept].isna().any(axis=None):
        return None
    across, down = (*others, None, None)[:2]
    return Factorial(of_scheme[0], of_scheme[1], across, down)


def chosen_length(summary: pd.DataFrame, found: Factorial) -> str | None:
    """The column of draft lengths, where each setting has one of its own."""
    own = LENGTH in summary.columns and LENGTH not in found.names and summary[LENGTH].nunique() > 1
    return LENGTH if own else None


def values_of(summary: pd.DataFrame, name: str | None) -> Sequence[float | None]:
    """The values of a factor, ascending; one that is none has the value None."""
    return [None] if name is None else sorted(float(value) for value in summary[name].unique())


def part(summary: pd.DataFrame, at: Sequence[tuple[str | None, float | None]]) -> pd.DataFrame:
    for name, value in at:
        summary = summary if name is None else summary[summary[name] == value]
    return summary


def draw_best_setting(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Draws the setting with the lowest mean, a panel a parameter and one of its latency, a cell for each of the other
    factors' values. None where the table is no full factorial of two fields of the scheme and one or two others."""
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
    panel_in = 0.3 + 0.72 * len(across)
    figure, axes, _ = grid(page, len(shown), 4, (0.9, panel_in), 0.6 + 0.45 * len(down), "y", narrow=2)
    for ax, name in zip(axes, shown, strict=True):
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
