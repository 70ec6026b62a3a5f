"""Latency per token along the swept axis, a panel for each model pair, a curve for each scheme."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.axes import spans_far, swept, upright, x_label
from plots.caption import caption, marks
from plots.display_names import shown_field, words_of
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import Series, curve_handles, lines, reaches
from plots.page import Page
from plots.style import curves, looks
from simulator.results.columns import CURVE

METRIC = "latency_per_token_s"
COLUMNS = 4


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Panels by what a curve's name says beyond its scheme, all on one scale; None without an axis."""
    if axis is None or METRIC not in summary.columns or not pd.api.types.is_numeric_dtype(summary[axis]):
        return None
    shown = summary[summary[METRIC].notna()]
    kinds, names = shown["scheme.kind"].astype(str), shown[CURVE].astype(str)
    rest = [name.removeprefix(kind).strip() for name, kind in zip(names, kinds, strict=True)]
    shown = shown.assign(panel=rest, **{CURVE: kinds})
    look, panels = looks(shown), [*shown.groupby("panel", sort=False)]
    row_in = 1.3 if page.narrow else 1.9
    figure, axes, across = grid(page, len(panels), COLUMNS, (0.9, 2.6), row_in, "xy", narrow=2)
    means = shown[METRIC].tolist()
    logarithmic = spans_far(means)
    for ax, (name, part) in zip(axes, panels, strict=True):
        lines(ax, part, axis, [Series(METRIC, "")], look, logarithmic)
        ax.set_title(_short(str(name), page), fontsize="small", loc="left")
    upright(axes[0], METRIC, means, reaches(shown, [METRIC], logarithmic), logarithmic)
    swept(axes[0], axis, shown[axis].tolist(), (float(figure.get_size_inches()[0]) - 0.8) / across)
    title, text = (
        f"Latency per token against {page.axis(axis)}, by model pair",
        caption(shown, page, "lower", marks(shown)),
    )
    wording = Wording(title, text, x_label(page, axis), page.metric(METRIC, "latency per output token"))
    finish(figure, page, wording, *curve_handles(look, [name for name, _ in curves(shown)], page))
    return figure


def _short(name: str, page: Page) -> str:
    """`pair=sotu drafter=10k verifier=1m` -> `sotu, 10k, 1m`: values alone where their names say nothing more."""
    _, words = words_of(f"x {name}")
    return ", ".join(shown_field(field, value, page.labels) for field, value in words.items())
