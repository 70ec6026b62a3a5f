"""Time to choose the kept tokens of a law, as a multiple of the softmax that made it, against the vocabulary."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.lines_or_bars import Series, bars, lines, room_for
from plots.style import level, looks, outside_legend, swept, upright
from simulator.results.columns import CURVE

METRIC = "sparsifying_over_softmax"
LABEL = "time per token / softmax"


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """A curve a sparsifier, or a bar where nothing is swept; None without such times."""
    if METRIC not in summary.columns:
        return None
    shown = summary.assign(**{CURVE: [_short(str(curve)) for curve in summary[CURVE]]})
    figure = Figure(figsize=(7.2, 4.2) if axis is not None else room_for(shown), layout="constrained")
    ax = figure.add_subplot()
    ax.set_title("What choosing the kept tokens costs, in softmaxes", loc="left")
    if axis is None:
        bars(ax, shown, [Series(METRIC, "")], looks(shown))
        level(ax, METRIC, LABEL)
        return figure
    lines(ax, shown, axis, [Series(METRIC, "")], looks(shown))
    ax.axhline(1.0, color="#666666", linewidth=0.9, linestyle=(0, (4, 3)), label="the softmax itself")
    swept(ax, axis, shown[axis].tolist())
    ax.set_xlabel("V, tokens in the vocabulary")
    upright(ax, METRIC, shown[METRIC].tolist(), LABEL)
    outside_legend(figure, ax)
    return figure


def _short(curve: str) -> str:
    """`composed sparsifier=conformal tokens=16.0` -> `conformal, 16 tokens`."""
    words = dict(word.partition("=")[::2] for word in curve.split())
    if "sparsifier" not in words:
        return curve
    return words["sparsifier"] + (f", {float(words['tokens']):,.0f} tokens" if "tokens" in words else "")
