"""A table drawn as cells, the value written in each, some of them framed. Readable in grey: the colour darkens with the
value, and the text turns white where it is dark."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps, rcParams
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from kinds.arrays import Floats
from plots.axes import tick_at

_COLOURS = colormaps["cividis_r"]
_BRIGHTNESS = (0.2126, 0.7152, 0.0722)  # of red, green and blue
_DARK = 0.48  # brightness below which the text is white
Place = tuple[int, int]  # row and column of a cell


@dataclass(frozen=True)
class Scale:
    """The colours of some tables, from their lowest value to their highest; logarithmic where all are positive."""

    norm: Normalize

    @classmethod
    def of(cls, values: Sequence[float] | Floats) -> Scale:
        finite = np.asarray(values, dtype=np.float64).ravel()
        finite = finite[np.isfinite(finite)]
        if not finite.size:
            return cls(Normalize(0, 1))
        low, high = float(finite.min()), float(finite.max())
        if low == high:
            return cls(Normalize(low - 1, low + 1))
        return cls(LogNorm(low, high) if low > 0 else Normalize(low, high))

    def colour(self, value: float) -> tuple[float, float, float]:
        red, green, blue, _ = _COLOURS(float(self.norm(value)))
        return float(red), float(green), float(blue)


@dataclass(frozen=True)
class Written:
    """What is written in the cells beside their colour."""

    texts: Sequence[Sequence[str]]
    framed: Collection[Place] = ()
    bold: Collection[Place] = ()
    tied: Collection[Place] = ()  # with a thin dashed frame
    size: float = 0.75  # of letters, in those of the page


def cells(ax: Axes, values: Floats, written: Written, scale: Scale) -> None:
    """Draws values [rows, columns], row 0 on top; a cell without a number stays white."""
    rows, columns = values.shape
    size = written.size * rcParams["font.size"]
    for row in range(rows):
        for column in range(columns):
            value = float(values[row, column])
            colour = scale.colour(value) if np.isfinite(value) else (1.0, 1.0, 1.0)
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.8))
            ax.text(
                column, row, written.texts[row][column], ha="center", va="center", fontsize=size,
                color="white" if np.dot(colour, _BRIGHTNESS) < _DARK else "black",
                fontweight="bold" if (row, column) in written.bold else "normal", linespacing=1.05,
            )  # fmt: skip
    for row, column in written.framed:
        for edge, width in (("black", 0.42 * size), ("white", 0.16 * size)):  # seen on any ground
            ax.add_patch(Rectangle((column - 0.45, row - 0.45), 0.9, 0.9, fill=False, edgecolor=edge, linewidth=width))
    for row, column in written.tied:
        for edge, dashes in (("white", "-"), ("black", (0, (3, 2)))):
            ax.add_patch(Rectangle((column - 0.45, row - 0.45), 0.9, 0.9, fill=False, edgecolor=edge, linestyle=dashes,
                                   linewidth=0.12 * size))  # fmt: skip
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def colour_bar(figure: Figure, axes: Sequence[Axes], scale: Scale, label: str, ticks: str = "{x:.3g}") -> None:
    """The bar that says which colour is which value, beside these axes."""
    bar = figure.colorbar(ScalarMappable(scale.norm, _COLOURS), ax=[*axes], fraction=0.04, pad=0.02, aspect=30)
    low, high = float(scale.norm.vmin or 0), float(scale.norm.vmax or 0)
    at = [value for value in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= value <= high]
    tick_at(bar.ax.yaxis, at if low < high else [low], ticks)
    bar.ax.tick_params(labelsize="x-small")
    bar.set_label(label, fontsize="small")


def sides(ax: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    ax.set_yticks(range(len(rows)), list(rows), fontsize="small")
    ax.set_xticks(range(len(columns)), list(columns), fontsize="small")
