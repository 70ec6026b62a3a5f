"""What a swept name, such as a language, does to each scheme: a panel a metric, a row a name, a mark a scheme."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.axes import rows_of, scale, spans_far
from plots.caption import caption, marks
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import curve_handles, halves, reaches, whiskers
from plots.page import Page
from plots.style import Look, curves, looks
from simulator.results.columns import CURVE
from simulator.results.units import quantity

BITS = "payload_bits_per_token"  # 0 of a scheme without a payload, which has no mark there
SHARES = ("resampling_per_draft", "dropped_mass")  # from 0 on, however far they span
NOTE = "Lower is better of rejections, bits and latency."
LANGUAGE = {"models.pair.prompts": "language"}  # what differs between files of prompts
PANELS = (
    ("resampling_per_draft", "rejections per verified draft"),
    ("support_size", "tokens kept, K"),
    ("dropped_mass", "dropped mass"),
    (BITS, "payload bits per token"),
    ("latency_per_token_s", "latency per token"),
)


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Means with intervals over seeds; None where the axis is a number, or there is none."""
    if axis is None or pd.api.types.is_numeric_dtype(summary[axis]):
        return None
    names = list(dict.fromkeys(summary[axis]))
    panels = [(name, label) for name, label in PANELS if name in summary.columns and summary[name].gt(0).any()]
    if not panels:
        return None
    row_in = 0.7 + (0.32 if page.narrow else 0.5) * len(names)
    figure, axes, _ = grid(page, len(panels), 5, (1.4, 2.2), row_in, "y", narrow=2)
    look = looks(summary)
    for ax, (name, label) in zip(axes, panels, strict=True):
        _panel(ax, summary, axis, names, name, look)
        ax.set_title(label, loc="left", fontsize="small")
    rows_of(axes[0], [page.word(quantity(name, axis)) for name in names])
    by = page.labels.get(axis) or LANGUAGE.get(axis) or page.axis(axis)
    wording = Wording(f"Each scheme by {by}", caption(summary, page, "", [NOTE, *marks(summary)]))
    finish(figure, page, wording, *curve_handles(look, [name for name, _ in curves(summary)], page))
    return figure


def _panel(
    ax: Axes, summary: pd.DataFrame, axis: str, names: Sequence[object], metric: str, look: dict[str, Look]
) -> None:
    given = summary[summary[metric].gt(0) if metric == BITS else summary[metric].notna()]
    means = [float(value) for value in given[metric]]
    logarithmic = metric not in SHARES and spans_far(means)
    shown = [name for name, _ in curves(summary)]
    for curve, rows in curves(given):
        rank = shown.index(curve) - (len(shown) - 1) / 2
        at = np.array([names.index(name) for name in rows[axis]]) + 0.7 / max(5, len(shown)) * rank
        mean = rows[metric].to_numpy(dtype=float)
        ax.errorbar(
            mean, at, xerr=whiskers(mean, halves(rows, metric), logarithmic), **look[curve].marked(), linestyle="",
            elinewidth=1.1, label=rows[CURVE].iloc[0],
        )  # fmt: skip
    for row in range(1, len(names)):
        ax.axhline(row - 0.5, color="#dddddd", linewidth=0.6)
    scale(ax.xaxis, metric, means, reaches(given, [metric], logarithmic), logarithmic, most=4)
    if not logarithmic:
        ax.set_xlim(left=-0.03 * ax.get_xlim()[1])  # marks at 0 are whole
    ax.tick_params(axis="x", labelsize="x-small")
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
