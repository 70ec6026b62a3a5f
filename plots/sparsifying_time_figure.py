"""Time to choose the kept tokens of a distribution, as a multiple of the softmax that made it, against the
vocabulary."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots.along_axis import Along, along
from plots.lines_or_bars import Series
from plots.page import Page
from plots.style import SCHEMES
from simulator.results.columns import CURVE
from simulator.results.display_names import curve_of, words_of

METRIC = "sparsifying_over_softmax"
LABEL = "time per token / softmax"
TITLE = "What choosing the kept tokens costs, in softmaxes"
KIND = "scheme.kind"
BELOW = "V, tokens in the vocabulary"
NOTE = "Wall time, measured on one machine: two runs differ."
_SOFTMAX: dict[str, Any] = {"color": "#666666", "linewidth": 0.9, "linestyle": (0, (4, 3))}


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """A curve a sparsifier, or a bar where nothing is swept; None without such times."""
    if METRIC not in summary.columns:
        return None
    softmax = [(Line2D([], [], **_SOFTMAX), "the softmax itself")]
    series = [Series(METRIC, "")]
    what = Along(TITLE, METRIC, LABEL, series, notes=[NOTE], key=softmax, clock=False, below=BELOW)
    figure = along(_by_sparsifier(summary), axis, what, page)
    for ax in figure.axes if figure is not None and axis is not None else ():
        if ax.axison:
            ax.axhline(1.0, **_SOFTMAX)
    return figure


def _by_sparsifier(summary: pd.DataFrame) -> pd.DataFrame:
    """Curves named after their sparsifier, which lends them its look: `conformal after=16 tokens`."""
    names = [_short(str(curve)) for curve in summary[CURVE]]
    kinds = [words_of(name)[0] for name in names]
    places = {kind: [*SCHEMES][place % len(SCHEMES)] for place, kind in enumerate(dict.fromkeys(kinds))}
    lawful = summary.drop(columns=[name for name in ("lossy", "tv_output") if name in summary.columns])
    return lawful.assign(**{CURVE: names, KIND: [places[kind] for kind in kinds]})


def _short(curve: str) -> str:
    """`composed sparsifier=conformal tokens=16.0` -> `conformal after=16 tokens`."""
    words = words_of(curve)[1]
    if "sparsifier" not in words:
        return curve
    return curve_of(words["sparsifier"], {"after": f"{words.get('tokens', 'any number of').removesuffix('.0')} tokens"})
