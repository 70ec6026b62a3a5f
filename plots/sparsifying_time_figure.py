"""Time to choose the kept tokens of a law, as a multiple of the softmax that made it, against the vocabulary."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from plots.lines_or_bars import Series, bars, lines, room_for
from plots.style import Look, level, looks, outside_legend, swept, upright
from simulator.results.columns import CURVE

METRIC = "sparsifying_over_softmax"
DASHES: Final[tuple[object, ...]] = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
"""Of a threshold that moves, after ever more tokens."""
LABEL = "time per token / softmax"


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """A curve a sparsifier, or a bar where nothing is swept; None without such times."""
    if METRIC not in summary.columns:
        return None
    shown, look = summary.assign(**{CURVE: [_short(str(curve)) for curve in summary[CURVE]]}), _looks(summary)
    figure = Figure(figsize=(7.2, 4.2) if axis is not None else room_for(shown), layout="constrained")
    ax = figure.add_subplot()
    ax.set_title("What choosing the kept tokens costs, in softmaxes", loc="left")
    if axis is None:
        bars(ax, shown, [Series(METRIC, "")], look)
        level(ax, METRIC, LABEL)
        return figure
    lines(ax, shown, axis, [Series(METRIC, "")], look)
    ax.axhline(1.0, color="#666666", linewidth=0.9, linestyle=(0, (4, 3)), label="the softmax itself")
    swept(ax, axis, shown[axis].tolist())
    ax.set_xlabel("V, tokens in the vocabulary")
    upright(ax, METRIC, shown[METRIC].tolist(), LABEL)
    outside_legend(figure, ax)
    return figure


def _looks(summary: pd.DataFrame) -> dict[str, Look]:
    """Colour and marker by sparsifier, dashes by length."""
    names = list(dict.fromkeys(_short(str(curve)) for curve in summary[CURVE]))
    kinds = looks(summary.assign(**{CURVE: [_short(str(curve)).split(",")[0] for curve in summary[CURVE]]}))
    found: dict[str, Look] = {}
    for name in names:
        kind = name.split(",")[0]
        shorter = sum(other.split(",")[0] == kind for other in found)
        found[name] = replace(kinds[kind], dashes=DASHES[shorter % len(DASHES)])
    return found


def _short(curve: str) -> str:
    """`composed sparsifier=conformal tokens=16.0` -> `conformal, 16 tokens`."""
    words = dict(word.partition("=")[::2] for word in curve.split())
    if "sparsifier" not in words:
        return curve
    return words["sparsifier"] + (f", {float(words['tokens']):.0f} tokens" if "tokens" in words else "")
