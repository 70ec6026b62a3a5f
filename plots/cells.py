"""The drawer of cells: a table, its values written in cells of colour, some of them framed. Readable in grey: the
colour darkens with the value, the text turns white where it is dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps, rcParams
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from kinds.arrays import Floats
from plots.axes import tick_at
from plots.style import ON_WHITE

_COLOURS = colormaps["cividis_r"]
_BRIGHTNESS = (0.2126, 0.7152, 0.0722)  # of red, green and blue
_DARK = 0.48  # brightness below which the text is white
Colour = str | tuple[float, float, float]


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

    def colour(self, value: float) -> Colour:
        """Returns the colour of a value; white of one that is no number."""
        if not np.isfinite(value):
            return 1.0, 1.0, 1.0
        red, green, blue, _ = _COLOURS(float(self.norm(value)))
        return float(red), float(green), float(blue)


class Cell(NamedTuple):
    """A cell: its colour, what is written in it, and how it stands out. `hatch`: its pattern and the pattern's
    colour."""

    colour: Colour = "white"
    text: str = ""
    framed: bool = False
    bold: bool = False
    tied: bool = False  # with a thin dashed frame
    hatch: tuple[str, str] | None = None


def draw_cells(
    ax: Axes, lines: Sequence[Sequence[Cell]], rows: Sequence[str], columns: Sequence[str], size: float = 0.75
) -> None:
    """Draws a table of cells with the names of its rows and columns, the first row on top; `size` of letters in those
    of the page. What is written in a hatched cell stands on white."""
    size *= rcParams["font.size"]
    cells = [((row, column), each) for row, line in enumerate(lines) for column, each in enumerate(line)]
    for (row, column), each in cells:
        colour, (hatch, ink) = to_rgb(each.colour), each.hatch or ("", "white")
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.8,
                               hatch=hatch, hatchcolor=ink))  # fmt: skip
        dark = np.dot(colour, _BRIGHTNESS) < _DARK and not hatch
        ax.text(
            column, row, each.text, ha="center", va="center", fontsize=size, linespacing=1.05,
            color="white" if dark else "black", fontweight="bold" if each.bold else "normal",
            bbox=ON_WHITE if each.hatch else None,
        )  # fmt: skip
    for edge, width in (("black", 0.42), ("white", 0.16)):  # seen on any ground
        _frame(ax, [place for place, each in cells if each.framed], edge, width * size, "solid")
    for edge, dashes in (("white", "solid"), ("black", (0, (3, 2)))):
        _frame(ax, [place for place, each in cells if each.tied], edge, 0.12 * size, dashes)
    ax.set_yticks(range(len(rows)), [*rows], fontsize="small")
    ax.set_xticks(range(len(columns)), [*columns], fontsize="small")
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _frame(ax: Axes, places: Sequence[tuple[int, int]], edge: str, width: float, dashes: object) -> None:
    for row, column in places:
        ax.add_patch(Rectangle((column - 0.45, row - 0.45), 0.9, 0.9, fill=False, edgecolor=edge, linewidth=width,
                               linestyle=dashes))  # fmt: skip


def colour_bar(figure: Figure, axes: Sequence[Axes], scale: Scale, label: str) -> None:
    """The bar that says which colour is which value, beside these axes."""
    bar = figure.colorbar(ScalarMappable(scale.norm, _COLOURS), ax=[*axes], fraction=0.04, pad=0.02, aspect=30)
    low, high = float(scale.norm.vmin or 0), float(scale.norm.vmax or 0)
    at = [value for value in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= value <= high]
    tick_at(bar.ax.yaxis, at if low < high else [low], "{x:.3g}")
    bar.ax.tick_params(labelsize="x-small")
    bar.set_label(label, fontsize="small")
