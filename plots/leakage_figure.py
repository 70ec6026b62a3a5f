"""How often the sizes of packets tell which prompt was asked, against what packets are padded to."""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots.along_axis import Along, along
from plots.lines_or_bars import Series
from plots.page import Page

ACCURACY, CHANCE = "prompt_accuracy", "prompt_chance"
LABEL: Final = "requests whose prompt is told"
_CHANCE: Final = {"color": "black", "linestyle": ":", "linewidth": 1.0}
_NOTE: Final = (
    "Told by who sees sizes, no content and no time, and has heard each prompt under other random numbers. A multiple "
    "of 8 bits is no padding. Where all sizes are one, what is left is how many rounds an answer takes."
)


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves of the mean with their intervals, and chance; None where nobody listened."""
    if ACCURACY not in summary.columns:
        return None
    title = "How often sizes tell the prompt" + (f", against {page.axis(axis)}" if axis else "")
    key = [(Line2D([], [], **_CHANCE), "guessing")]  # type: ignore[arg-type]
    what = Along(title, ACCURACY, LABEL, [Series(ACCURACY, "")], notes=[_NOTE], key=key, clock=False, from_zero=True)
    figure = along(summary, axis, what, page)
    if figure is not None and axis is not None:
        for ax in figure.axes:
            ax.axhline(float(summary[CHANCE].iloc[0]), **_CHANCE, label="chance")  # type: ignore[arg-type]
    return figure
