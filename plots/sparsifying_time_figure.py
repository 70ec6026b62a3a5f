"""Time to choose the kept tokens of a law, as a multiple of the softmax that made it, against the vocabulary."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.lines_or_bars import Series, lines
from plots.style import looks, outside_legend, swept, upright
from simulator.results.columns import CURVE

METRIC = "sparsifying_over_softmax"


def draw(summary: pd.DataFrame, axis: str | None) -> Figure | None:
    """A curve a sparsifier; None without such times or without an axis."""
    if axis is None or METRIC not in summary.columns:
        return None
    shown = summary.assign(**{CURVE: [_short(str(curve)) for curve in summary[CURVE]]})
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    ax = figure.add_subplot()
    lines(ax, shown, axis, [Series(METRIC, "")], looks(shown))
    ax.axhline(1.0, color="#666666", linewidth=0.9, linestyle=(0, (4, 3)), label="the softmax itself")
    swept(ax, axis, shown[axis].tolist())
    ax.set_xlabel("V, tokens in the vocabulary")
    upright(ax, METRIC, shown[METRIC].tolist(), "time per token / softmax")
    outside_legend(figure, ax)
    ax.set_title("What choosing the kept tokens costs, in softmaxes", loc="left")
    return figure


def _short(curve: str) -> str:
    """`composed sparsifier=conformal tokens=16.0` -> `conformal, 16 tokens`."""
    words = dict(word.partition("=")[::2] for word in curve.split())
    if "sparsifier" not in words:
        return curve
    return words["sparsifier"] + (f", {float(words['tokens']):,.0f} tokens" if "tokens" in words else "")
