"""What tests read off a figure: curves, bars, words."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure

import plots
from plots.page import Page

AXIS = "uplink.rate.bps"


def drawn(name: str, table: pd.DataFrame, axis: str | None = AXIS, page: Page | None = None) -> Figure:
    figure = plots.draw(name, table, axis, page)
    assert figure is not None
    return figure


def words_around(figure: Figure) -> str:
    """What is written around the axes, with blanks for ends of lines: title, labels of axes, caption."""
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def legend_of(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def titles_of(figure: Figure) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes]


def names_beside(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_yticklabels()]


def curves_of(ax: Axes) -> dict[str, ErrorbarContainer]:
    """By its label, each curve or mark with intervals."""
    return {str(each.get_label()): each for each in ax.containers if isinstance(each, ErrorbarContainer)}


def bars_of(ax: Axes) -> list[BarContainer]:
    return [each for each in ax.containers if isinstance(each, BarContainer)]


def widths_of(ax: Axes) -> list[float]:
    return [bar.get_width() for group in bars_of(ax) for bar in group]
