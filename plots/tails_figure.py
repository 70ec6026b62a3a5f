"""How uneven latency is: the median and the 99th percentile over requests, above each other on one scale."""

from __future__ import annotations

import textwrap
from typing import Final

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from plots.along_axis import panel_title, panels
from plots.axes import scale, spans_far, swept, x_label
from plots.caption import UNANSWERED, caption, marks, unanswered
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import Series, bar_figure, curve_handles, hollow_mark, lines, reaches
from plots.page import Page
from plots.style import looks
from simulator.results.columns import CURVE

LABEL: Final = "latency per output token"
QUANTILES: Final = [
    Series("latency_per_token_p50_s", "median"),
    Series("latency_per_token_p99_s", "99th percentile", filled=False),
]


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves with their intervals, or two bars a scheme where nothing is swept; None where nothing was answered, or
    along names."""
    columns = [one.column for one in QUANTILES]
    if not set(columns) <= set(summary.columns) or summary[columns].isna().all(axis=None):
        return None
    title = "Median and 99th percentile over requests"
    if axis is None:
        text = caption(summary, page, "lower", marks(summary))
        return bar_figure(summary, "latency_s", QUANTILES, page, Wording(title, text, LABEL))[0]
    shown = summary[summary[[*columns, axis]].notna().all(axis=1)]
    if shown.empty or not pd.api.types.is_numeric_dtype(shown[axis]):
        return None
    look, facets = looks(shown), panels(list(dict.fromkeys(shown[CURVE].astype(str))))
    alike: dict[str, str] = {}
    for name, rest in (pair for _, members in facets for pair in members.items()):
        look[name] = look[alike.setdefault(rest, name)]
    width = 5.4 if len(facets) == 1 else 2.9
    figure, axes, width_in = grid(page, 2 * len(facets), len(facets), (1.2, width), 1.5 if page.narrow else 2.1, "xy")
    means = [float(value) for value in shown[columns].to_numpy().ravel()]
    logarithmic = spans_far(means)
    places = [(one, fields, members) for one in QUANTILES for fields, members in facets]
    for ax, (one, fields, members) in zip(axes, places, strict=True):
        lines(ax, shown[shown[CURVE].isin(list(members))], axis, [Series(one.column, "")], look, logarithmic)
        named = ", ".join([one.label, *([panel_title(fields, page)] if fields else [])])
        ax.set_title(textwrap.fill(named, 38), loc="left", fontsize="small")
    scale(axes[0].yaxis, "latency_s", means, reaches(shown, columns, logarithmic), logarithmic)
    swept(axes[0], axis, shown[axis].tolist(), width_in)
    handles, labels = curve_handles({rest: look[name] for rest, name in alike.items()}, list(alike), page)
    hollow: list[Artist] = [hollow_mark()] if unanswered(shown).any() else []
    text = caption(shown, page, "lower", marks(shown))
    wording = Wording(f"{title} against {page.axis(axis)}", text, x_label(page, axis), page.metric(columns[0], LABEL))
    finish(figure, page, wording, [*handles, *hollow], [*labels, *([UNANSWERED] if hollow else [])])
    return figure
