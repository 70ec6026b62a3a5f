"""The drawer of points in a plane: families of settings by two metrics, in panels by two fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from kinds.arrays import Floats
from plots.page import Page
from plots.whiskers import halves, numbers


class Family(NamedTuple):
    """Look of a family's settings, and its name in the legend."""

    label: str
    colour: str
    marker: str
    dashes: object = ""


def points(ax: Axes, rows: pd.DataFrame, x: str, y: str, family: Family, **more: object) -> ErrorbarContainer:
    """Draws settings with their intervals in both metrics, joined by the family's dashes."""
    look: dict[str, Any] = {"color": family.colour, "marker": family.marker, "linestyle": family.dashes}
    look |= {"elinewidth": 0.5, "capsize": 0} | more
    return ax.errorbar(rows[x], rows[y], xerr=_arms(rows, x), yerr=_arms(rows, y), **look)


def _arms(rows: pd.DataFrame, column: str) -> Floats | None:
    """Returns the lengths of intervals below and above [2, n], short of 0; None where the table has none."""
    half = np.nan_to_num(halves(rows, column))
    return np.stack([np.minimum(half, 0.95 * np.abs(numbers(rows, column))), half]) if half.any() else None


def plane(
    page: Page, table: pd.DataFrame, down: str, across: str, height_in: float, sharex: str, sharey: str
) -> tuple[Figure, Iterator[tuple[Axes, object, object, pd.DataFrame]]]:
    """A figure with a row of panels a value of `down`, a column a value of `across`; and each panel with both values
    and the rows of the table that belong there."""
    lines, columns = ([*dict.fromkeys(table[name])] for name in (down, across))
    figure = page.figure(3.0 * len(columns) + 1.2, height_in * len(lines))
    axes = figure.subplots(len(lines), len(columns), sharex=sharex, sharey=sharey, squeeze=False)  # type: ignore[call-overload]
    panels = ((ax, low, at, table[(table[down] == low) & (table[across] == at)])
              for row, low in zip(axes, lines, strict=True) for ax, at in zip(row, columns, strict=True))  # fmt: skip
    return figure, panels
