"""Latency per token along the swept axis, a panel for each model pair, a curve for each scheme."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.axes import spans_far, swept, upright, x_label
from plots.caption import caption, marks
from plots.display_names import shown_field, words_of
from plots.layout import Told, finish
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
    across = min(2 if page.narrow else COLUMNS, len(panels))
    down = -(-len(panels) // across)
    figure = page.figure(0.9 + 2.6 * across, (1.3 if page.narrow else 1.9) * down)
    axes = figure.subplots(down, across, squeeze=False, sharey=True, sharex=True).ravel()
    means = shown[METRIC].tolist()
    logarithmic = spans_far(means)
    for place, (ax, (name, part)) in enumerate(zip(axes, panels, strict=False)):
        lines(ax, part, axis, [Series(METRIC, "")], look, logarithmic)
        ax.set_title(_short(str(name), page), fontsize="small", loc="left")
        if place + across >= len(panels):
            ax.xaxis.set_tick_params(labelbottom=True)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    upright(axes[0], METRIC, means, reaches(shown, [METRIC], logarithmic), logarithmic)
    swept(axes[0], axis, shown[axis].tolist(), (float(figure.get_size_inches()[0]) - 0.8) / across)
    title = f"Latency per token against {page.axis(axis)}, by model pair"
    told = Told(
        title,
        caption(shown, page, "lower", marks(shown)),
        x_label(page, axis),
        page.metric(METRIC, "latency per output token"),
    )
    finish(figure, page, told, *curve_handles(look, [name for name, _ in curves(shown)], page))
    return figure


def _short(name: str, page: Page) -> str:
    """`pair=sotu drafter=10k verifier=1m` -> `sotu, 10k, 1m`: values alone where their names say nothing more."""
    _, words = words_of(f"x {name}")
    return ", ".join(shown_field(field, value, page.labels) for field, value in words.items())
