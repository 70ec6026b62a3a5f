"""Latency of a full factorial, a cell a setting of the scheme. Settings are compared seed by seed where the cells are
there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kinds.arrays import Floats
from plots import colour_cells
from plots.axes import with_unit, written
from plots.caption import caption
from plots.colour_cells import Scale, Written, colour_bar, sides
from plots.layout import Wording, finish
from plots.page import Page
from plots.style import chosen
from simulator.results.intervals import CONFIDENCE, geometric_means, paired
from simulator.results.units import symbol

METRIC = "latency_per_token_s"


NOTE = "Framed: the lowest of a panel"
TIED = f"dashed: not distinguishable from it at {CONFIDENCE:.0%}"


def draw(summary: pd.DataFrame, axis: str | None, page: Page, cells: pd.DataFrame | None = None) -> Figure | None:
    """A cell is a setting's latency over the lowest of its panel, with the draft length where those were chosen. None
    where the table is no full factorial of two fields of the scheme and at most two others."""
    found = factorial(summary)
    if found is None or summary[METRIC].isna().any():
        return None
    ranked = {at: Ranked.of(part(summary, at), None if cells is None else part(cells, at), found)
              for at in places_of(summary, found)}  # fmt: skip
    second = chosen_length(summary, found)
    across = len(values_of(summary, found.across))
    beside = 1 if page.narrow else across
    below = len(ranked) // beside
    width = 1.6 + across * (0.4 + max(0.52 * summary[found.columns].nunique(), 2.4))
    height = below * (0.6 + (0.26 if page.narrow else 0.42) * summary[found.rows].nunique())
    figure = page.figure(max(width, 5.2), height)
    grid_of = figure.subplots(below, beside, squeeze=False)
    axes = list(grid_of.ravel())
    colours = Scale.of(np.concatenate([each.over.ravel() for each in ranked.values()]))
    for ax, (at, each) in zip(axes, ranked.items(), strict=True):
        _panel(ax, each, part(summary, at), found, second, colours)
        place = [f"{page.axis(name)} {with_unit(value, name)}" for name, value in at if name and value is not None]
        lowest = f"1.00 is {written(each.lowest, METRIC)}"
        ax.set_title("\n".join([", ".join(place), lowest] if place else [lowest]), fontsize="small", loc="left")
    for ax in grid_of[:, 0]:
        ax.set_ylabel(symbol(found.rows))
    for ax in grid_of[-1]:
        ax.set_xlabel(symbol(found.columns))
    colour_bar(figure, axes, colours, "times the lowest of its panel")
    tied = any(each.tied for each in ranked.values())
    notes = [f"{NOTE}; {TIED}." if tied else f"{NOTE}."]
    notes += [f"Second line of a cell: {symbol(second)}, the draft length chosen."] if second is not None else []
    text = caption(summary, page, "lower", notes, intervals=False)
    title = f"Latency per token over {symbol(found.rows)} and {symbol(found.columns)}"
    finish(figure, page, Wording(title, text))
    return figure


def _panel(ax: Axes, ranked: Ranked, rows: pd.DataFrame, found: Factorial, second: str | None, colours: Scale) -> None:
    texts = [[f"{ratio:.2f}" for ratio in line] for line in ranked.over]
    if second is not None:
        below = _table(rows, found, second)
        texts = [[f"{text}\n{n:g}" for text, n in zip(*pair, strict=True)] for pair in zip(texts, below, strict=True)]
    shown = Written(texts, framed=[ranked.best], bold=[ranked.best], tied=ranked.tied)
    colour_cells.cells(ax, ranked.over, shown, colours)
    down, across = values_of(rows, found.rows), values_of(rows, found.columns)
    sides(ax, [f"{value:g}" for value in down], [f"{value:g}" for value in across])


def _table(rows: pd.DataFrame, found: Factorial, column: str) -> Floats:
    return rows.pivot(index=found.rows, columns=found.columns, values=column).to_numpy(dtype=np.float64)


@dataclass(frozen=True)
class Ranked:
    """The settings of one place, rows and columns as in the factorial."""

    over: Floats
    """Each setting's latency over that of the best, [rows, columns]; with cells the geometric mean over seeds."""
    best: tuple[int, int]
    lowest: float
    """The mean latency of the best."""
    tied: Sequence[tuple[int, int]]
    """The settings that are not distinguishable from it; none without the cells of several seeds."""

    @classmethod
    def of(cls, summary: pd.DataFrame, cells: pd.DataFrame | None, found: Factorial) -> Ranked:
        means = _table(summary, found, METRIC)
        over, tied, down, across = means / means.min(), [], *(values_of(summary, each) for each in found.names[:2])
        if cells is not None:
            over = _table(geometric_means(cells, [found.rows, found.columns], METRIC).reset_index(), found, METRIC)
            over = over / over.min()
        best = divmod(int(np.argmin(over)), over.shape[1])
        if cells is not None:
            lowest = _is(cells, found, down[best[0]], across[best[1]])
            for place in (place for place in np.ndindex(over.shape) if place != best):
                behind = paired(cells, METRIC, _is(cells, found, down[place[0]], across[place[1]]), lowest)
                tied += [(place[0], place[1])] if behind.n > 1 and not behind.separable else []
        return cls(over, best, float(means[best]), tied)


def _is(cells: pd.DataFrame, found: Factorial, row: float | None, column: float | None) -> pd.Series[bool]:
    return (cells[found.rows] == row) & (cells[found.columns] == column)


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


Place = tuple[tuple[str | None, float | None], ...]  # the values of `across` and `down`


def places_of(summary: pd.DataFrame, found: Factorial) -> list[Place]:
    """All places of the factors that are no settings, row by row."""
    across, down = values_of(summary, found.across), values_of(summary, found.down)
    return [((found.across, at), (found.down, low)) for low in down for at in across]


def part(table: pd.DataFrame, at: Place) -> pd.DataFrame:
    """The rows of the settings chosen, if any were, at one place."""
    table = chosen(table)
    for name, value in at:
        table = table if name is None else table[table[name] == value]
    return table
