"""One metric of each curve: bars where the swept axis leaves it as it is, curves where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from plots.style import Look, curves, place
from simulator.results.columns import CI_SUFFIX, CURVE


@dataclass(frozen=True)
class Series:
    """One metric column and how it is told from others in the same figure."""

    column: str
    label: str
    filled: bool = True


def changes(summary: pd.DataFrame, axis: str | None, column: str) -> bool:
    """Whether the metric takes more than one value (beyond 1e-9 of it) along the axis, on any curve."""
    if axis is None:
        return False
    for _, rows in curves(summary):
        values = rows[column].dropna()
        if len(values) > 1 and not np.allclose(values, values.iloc[0], rtol=1e-9, atol=0):
            return True
    return False


def bars(ax: Axes, summary: pd.DataFrame, series: list[Series], look: dict[str, Look]) -> None:
    """A group of level bars a curve, one a series, with 95% half-widths. Curves without a value are left out."""
    groups = [(name, rows.iloc[0]) for name, rows in curves(summary) if rows[series[0].column].notna().any()]
    height = 0.7 / len(series)
    for i, one in enumerate(series):
        offset = (i - (len(series) - 1) / 2) * height
        for j, (curve, row) in enumerate(groups):
            colour = look[curve].colour
            half = row.get(one.column + CI_SUFFIX, np.nan)
            ax.barh(
                j + offset, row[one.column], height * 0.92, color=colour if one.filled else "white",
                edgecolor=colour, hatch=None if one.filled else "////", linewidth=1.0,
                xerr=None if np.isnan(half) else half, error_kw={"elinewidth": 1.1, "capsize": 3, "ecolor": "#333333"},
            )  # fmt: skip
    ax.set_yticks(range(len(groups)), [curve for curve, _ in groups])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)


def key(figure: Figure, labels: Sequence[str], columns: int) -> None:
    """Says below what a filled bar and a hatched one stand for."""
    grey = "#777777"
    patches = [Patch(facecolor=grey, edgecolor=grey), Patch(facecolor="white", edgecolor=grey, hatch="////")]
    figure.legend(patches, labels, loc="outside lower center", ncols=columns)


def room_for(summary: pd.DataFrame, bars_a_curve: int = 1) -> tuple[float, float]:
    """Inches across and down of a figure with those bars and the names of the curves beside them."""
    names = summary[CURVE].astype(str)
    return 5.2 + 0.08 * names.str.len().max(), max(2.6, 1.3 + 0.34 * bars_a_curve**0.5 * names.nunique())


def lines(ax: Axes, summary: pd.DataFrame, axis: str, series: list[Series], look: dict[str, Look]) -> None:
    """A curve for each curve and series, with 95% half-widths; unfilled series are thin, dotted, with open markers."""
    for curve, rows in curves(summary):
        for one in series:
            given = rows[rows[one.column].notna()].sort_values(axis)
            if given.empty:
                continue
            style = look[curve]
            ax.errorbar(
                place(given[axis]), given[one.column].to_numpy(dtype=float),
                yerr=given[one.column + CI_SUFFIX].fillna(0.0).to_numpy(dtype=float),
                color=style.colour, marker=style.marker, markersize=4.5, capsize=2.5, elinewidth=1.1,
                markerfacecolor=style.colour if one.filled else "white",
                linestyle=style.dashes if one.filled else ":", linewidth=1.4 if one.filled else 1.0,
                label=f"{curve}, {one.label}" if len(series) > 1 else curve,
            )  # fmt: skip
