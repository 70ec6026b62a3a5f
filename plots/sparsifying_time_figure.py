"""Time to choose the kept tokens of a distribution, against the vocabulary: as a multiple of the softmax that made it,
and in seconds. A sparsifier that moves along a text has a curve after each number of tokens, by its dashes."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots.axes import scale, swept
from plots.caption import caption
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import Series, bar_figure, lines, reaches
from plots.page import Page
from plots.style import DASHES, GREY, Look, curves, of_sparsifiers
from simulator.results.columns import CURVE
from simulator.results.display_names import curve_of, words_of

METRIC, SECONDS, SOFTMAX_S, AFTER = "sparsifying_over_softmax", "sparsifying_s", "softmax_s", "tokens"
LABEL = "time per token / softmax"
TITLE = "What choosing the kept tokens costs, in softmaxes"
BELOW = "V, tokens in the vocabulary"
NOTE = "Wall time, measured on one machine: two runs differ."
PANELS: Final = ((METRIC, "in softmaxes"), (SECONDS, "per token"))
_SOFTMAX: dict[str, Any] = {"color": "#666666", "linewidth": 0.9, "linestyle": (0, (4, 3))}


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """A curve a sparsifier, or a bar where nothing is swept; None without such times."""
    if METRIC not in summary.columns:
        return None
    table = summary.assign(**{CURVE: [_short(str(curve)) for curve in summary[CURVE]]})
    text = caption(table, page, "lower", [NOTE], clock=False)
    if axis is None or not pd.api.types.is_numeric_dtype(table[axis]):
        return bar_figure(table, METRIC, [Series(METRIC, "")], page, Wording(TITLE, text, LABEL))[0]
    names = [name for name, _ in curves(table)]
    styles = of_sparsifiers(list(dict.fromkeys(words_of(name)[0] for name in names)))
    after = sorted({_tokens(name) for name in names} - {None}, key=lambda tokens: -int(tokens or 0))
    dashes = {tokens: DASHES[place % len(DASHES)] for place, tokens in enumerate(after)}
    look = {name: Look(*styles[words_of(name)[0]], dashes=dashes.get(_tokens(name), "-")) for name in names}
    panels = [(column, title) for column, title in PANELS if column in table.columns]
    figure, axes, width_in = grid(page, len(panels), 2, (0.6, 3.8), 2.4 if page.narrow else 3.8, "x")
    for ax, (column, title) in zip(axes, panels, strict=True):
        lines(ax, table, axis, [Series(column, "")], look, logarithmic=True)
        scale(ax.yaxis, column, table[column].tolist(), reaches(table, [column], True), True)
        ax.set_title(title, loc="left", fontsize="small")
    axes[0].axhline(1.0, **_SOFTMAX)
    if len(panels) > 1 and SOFTMAX_S in table.columns:
        softmax_s = table.groupby(axis)[SOFTMAX_S].mean()
        axes[1].plot(softmax_s.index, softmax_s, **_SOFTMAX)
    swept(axes[0], axis, table[axis].tolist(), width_in)
    left, right = axes[0].get_xlim()
    axes[0].set_xlim(0.93 * left, 1.07 * right)  # many curves stand apart
    handles: list[Artist] = [Look(*style).handle() for style in styles.values()]
    handles += [Line2D([], [], color=GREY, linestyle=dashes[tokens]) for tokens in after]  # type: ignore[arg-type]
    labels = [
        *map(page.word, styles),
        *(f"after {int(tokens or 0):,} tokens" for tokens in after),
        "the softmax itself",
    ]
    finish(figure, page, Wording(TITLE, text, BELOW), [*handles, Line2D([], [], **_SOFTMAX)], labels)
    return figure


def _tokens(name: str) -> str | None:
    """After how many tokens of its text the sparsifier is measured; None of one that does not move."""
    found = words_of(name)[1].get("after", "")
    return found.removesuffix(" tokens") or None


def _short(curve: str) -> str:
    """`composed sparsifier=conformal tokens=16.0` -> `conformal after=16 tokens`."""
    words = words_of(curve)[1]
    if "sparsifier" not in words:
        return curve
    after = {"after": f"{words[AFTER].removesuffix('.0')} tokens"} if AFTER in words else {}
    return curve_of(words["sparsifier"], after)
