"""Figures of rows: bits, steps of a ladder, schemes by a name, bits both ways, and a recommendation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from pandas.api.types import is_numeric_dtype

from kinds.arrays import Floats
from plots.axes import log_ticks, rows_of, scale, spans_far, tick_at, with_unit
from plots.bars import Description, bars, dots, rank_key, room_for
from plots.caption import caption, marks
from plots.facets import in_panels, panel_title
from plots.layout import Wording, finish, grid
from plots.lines import along
from plots.page import Page
from plots.style import GREY, SCHEMES, Look, chosen, curve_key, curves, looks, lossy_curves
from plots.whiskers import numbers, reaches
from simulator.results.column_names import (
    BETTER,
    BY,
    CHOSEN,
    CURVE,
    MARGIN,
    MARGIN_HIGH,
    MARGIN_LOW,
    RECOMMENDED,
    SETTING,
)
from simulator.results.intervals import named_without
from simulator.results.units import quantity, title

PER_TOKEN: Final = ("payload_bits_per_token", "payload bits per output token", "Payload bits per token")
PER_DRAFT: Final = ("payload_bits_per_draft", "payload bits per draft", "Payload bits per draft")
"""Column, label, title."""
LATENCY, LENGTH, DELAY = "latency_per_token_s", "draft_length", "uplink.delay.delay_s"
MOVED: Final = "Per draft: the length of a round changes along the axis, and with it the bits of a token."
DOTS_FROM: Final = 50.0  # bits that span this ratio or more are dots on a logarithmic axis
_PLACES: Final = ("uplink.", "downlink.", "edge.", "cloud.", "workload.devices")
Facet = tuple[dict[str, str], pd.DataFrame, dict[str, Look]]


def draw_bits(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Payload bits of each scheme, headers and retries apart: per output token, or per draft where the axis moves the
    length of a round, whose steps would look like costs of a code. Bars, or curves where the axis changes the bits;
    None where no scheme sends a payload."""
    sent = summary[numbers(summary, PER_TOKEN[0]) > 0]
    if sent.empty:
        return None
    moved = {LENGTH, PER_DRAFT[0]} <= {*sent.columns} and changes(sent, axis, LENGTH)
    metric, label, words = PER_DRAFT if moved else PER_TOKEN
    along_axis = axis is not None and changes(sent, axis, metric) and not no_factor(sent, axis)
    sent, at = (sent, "") if along_axis else in_the_middle(sent, axis, [metric], page)
    facets = in_panels(sent, looks(sent))
    title_ = f"{words} against {page.axis(str(axis))}" if along_axis else words + at
    notes = [MOVED] if moved else []
    what = Description(title_, {metric: ""}, label, notes=notes, dots_from=DOTS_FROM, valued=True)
    if along_axis or len(facets) == 1:
        return along(sent, axis if along_axis else None, what, page)
    notes = [*notes, *marks(sent, metric)]
    figure, axes = row_panels(page, facets)
    logarithmic = spans_far(means := sent[metric].tolist())
    for ax, (_, rows, look) in zip(axes, facets, strict=True):
        for y, (name, part) in enumerate(curves(rows)):
            dots(ax, part.iloc[:1], metric, [y], look[name], logarithmic)
        rows_of(ax, [page.curve(name) + look[name].mark for name, _ in curves(rows)])
    scale(axes[0].xaxis, metric, means, reaches(sent, [metric], logarithmic), logarithmic, most=4)
    name_once(axes)
    text = caption(sent, page, "lower", notes)
    return finish(figure, page, Wording(title_, text, page.metric(metric, label)))


def changes(summary: pd.DataFrame, axis: str | None, column: str) -> bool:
    """True if the metric takes more than one value (beyond 1e-9 of it) along the axis, on any curve."""
    each = [rows[column].dropna() for _, rows in curves(summary)] if axis is not None else []
    return any(len(values) > 1 and not np.allclose(values, values.iloc[0], rtol=1e-9, atol=0) for values in each)


def no_factor(summary: pd.DataFrame, axis: str) -> bool:
    """True if tokens and bits change along the axis by what schemes chose there alone: it is of the network, of a
    machine, or of the load."""
    return axis.startswith(_PLACES) and SETTING in summary.columns and bool((summary[SETTING] == CHOSEN).all())


def in_the_middle(
    summary: pd.DataFrame, axis: str | None, columns: Sequence[str], page: Page
) -> tuple[pd.DataFrame, str]:
    """Returns the rows at the middle value of the axis, of curves without it at their own middle one, if what schemes
    chose along it changes a column; else a row a curve. And words for that: ` at uplink rate 100 kbit/s`."""
    if not any(changes(summary, axis, name) for name in columns) or axis is None:
        return summary.drop_duplicates(CURVE), ""
    values = sorted(summary[axis].dropna().unique())
    middle = values[len(values) // 2]
    nearest = [rows.iloc[(rows[axis] != middle).argsort(kind="stable")[:1]] for _, rows in curves(summary)]
    return pd.concat(nearest), f" at {page.axis(axis)} {with_unit(float(middle), axis)}"


def row_panels(page: Page, facets: Sequence[Facet]) -> tuple[Figure, list[Axes]]:
    """Returns a figure with a panel for each of `in_panels`, which has room for a row a curve, with its title."""
    width_in, row_in = max((room_for(rows, page, 2) for _, rows, _ in facets), key=lambda size: size[1])
    titles = [panel_title(fields, page) for fields, _, _ in facets]
    figure, axes, _ = grid(page, titles, 3, (0.5, width_in if len(facets) == 1 else 3.6), row_in, "x")
    return figure, axes


def name_once(axes: Sequence[Axes]) -> None:
    """Leaves the names of rows out of each panel whose left neighbour has the same."""
    names = [[text.get_text() for text in ax.get_yticklabels()] for ax in axes]
    for place, ax in enumerate(axes):
        spec = ax.get_subplotspec()
        ax.tick_params(labelleft=spec is None or spec.is_first_col() or names[place] != names[place - 1])


HEADER: Final = "uplink.header_bits"
LINKS: Final = ["models.temperature", DELAY, "downlink.delay.delay_s", "uplink.rate.bps"]
PAIR: Final = "models.pair.kind"
CLOUD: Final[dict[str, Literal["-", "--"]]] = {"cloud_only": "-", "colocated": "--"}
"""Kinds that are drawn as lines, with their dashes."""


def draw_ladder(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Draws the gain of each step of a ladder: time per token from 0, a row per step in the table's order, a bar for
    each of up to three lengths of headers, a panel a temperature and link. Decoding in the cloud, alone or with its own
    drafter, is a line. None without two steps, or along a number."""
    if axis is None or is_numeric_dtype(summary[axis]) or not {LATENCY, HEADER, *LINKS} <= {*summary}:
        return None
    rows = chosen(summary).dropna(subset=[LATENCY, *LINKS])
    steps = list(dict.fromkeys(rows.loc[~rows["scheme.kind"].isin(CLOUD), CURVE]))
    if len(steps) < 2:
        return None
    headers = sorted(rows[HEADER].unique(), reverse=True)[:3]
    rows = rows.assign(**{PAIR: rows.get(PAIR, "")})
    panels = list(rows.groupby([*LINKS, PAIR], sort=False))
    longest = max(len(page.curve(step)) for step in steps)
    height = 0.7 + (0.24 if page.narrow else 0.3) * len(steps)
    titles = [
        f"temperature {at:g}, {with_unit(up_s + down_s, 'x_s')}, {with_unit(bps, LINKS[-1])}"
        + (f"\n{page.word(pair)}" if rows[PAIR].nunique() > 1 else "")
        for at, up_s, down_s, bps, pair in (part[[*LINKS, PAIR]].iloc[0] for _, part in panels)
    ]
    figure, axes, _ = grid(page, titles, 2, (0.5 + 0.07 * longest, 3.4), height, "y")
    for ax, (_, part) in zip(axes, panels, strict=True):
        there = [bits for bits in headers if part[HEADER].eq(bits).any()]
        for rank, bits in enumerate(there):
            given = part[part[HEADER].eq(bits) & part[CURVE].isin(steps)]
            at = np.array([steps.index(step) for step in given[CURVE]]) + 0.76 * (rank + 0.5) / len(there) - 0.38
            colours = [SCHEMES.get(kind, (GREY, ""))[0] for kind in given["scheme.kind"]]
            bars(ax, given, LATENCY, at, colours, 0.76 / len(there), headers.index(bits))
        for kind, dashes in CLOUD.items():
            for mean in part.loc[part["scheme.kind"].eq(kind) & part[HEADER].eq(there[0]), LATENCY]:
                ax.axvline(mean, color="black", linestyle=dashes, linewidth=1.2, zorder=3)
        scale(ax.xaxis, LATENCY, [*part[LATENCY]], reaches(part, [LATENCY], False), False, most=4)
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)
    rows_of(axes[0], [page.curve(step) for step in steps])
    note = "A step has all that those above it have, unless its name says otherwise. Each panel has its own scale."
    text = caption(rows, page, "lower", [note, *marks(rows)])
    key = [(page.word(kind), Line2D([], [], color="black", linestyle=dashes, linewidth=1.2))
           for kind, dashes in CLOUD.items() if rows["scheme.kind"].eq(kind).any()]  # fmt: skip
    lengths = rank_key([f"headers of {bits:g} bits" for bits in headers])
    words = Wording("What each step is worth", text, page.metric(LATENCY, "latency per token"))
    return finish(figure, page, words, [*key, *lengths])


BITS: Final = "payload_bits_per_token"  # 0 of a scheme without a payload, which has no mark there
SHARES: Final = ("resampling_per_draft", "dropped_mass")  # from 0 on, however far they span
LANGUAGE: Final = {"models.pair.prompts": "language"}  # what differs between files of prompts
PANELS: Final = {
    "resampling_per_draft": "rejections per verified draft",
    "support_size": "tokens kept, K",
    "dropped_mass": "dropped mass",
    BITS: "payload bits per token",
    LATENCY: "latency per token",
}


def draw_groups(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Draws the effect of a swept name, such as a language, on each scheme: a panel per metric, a row per name, a mark
    per scheme with its interval over seeds; None where the axis is a number, or there is none."""
    if axis is None or is_numeric_dtype(summary[axis]):
        return None
    names, shown = list(dict.fromkeys(summary[axis])), [name for name, _ in curves(summary)]
    panels = {name: label for name, label in PANELS.items() if name in summary.columns and summary[name].gt(0).any()}
    if not panels:
        return None
    row_in = 0.7 + (0.32 if page.narrow else 0.5) * len(names)
    figure, axes, _ = grid(page, [*panels.values()], 5, (1.4, 2.2), row_in, "y", narrow=2)
    look = looks(summary)
    for ax, metric in zip(axes, panels, strict=True):
        given = summary[summary[metric].gt(0) if metric == BITS else summary[metric].notna()]
        means = [float(value) for value in given[metric]]
        logarithmic = metric not in SHARES and spans_far(means)
        for curve, rows in curves(given):
            rank = shown.index(curve) - (len(shown) - 1) / 2
            at = np.array([names.index(name) for name in rows[axis]]) + 0.7 / max(5, len(shown)) * rank
            dots(ax, rows, metric, at, look[curve], logarithmic)
        for row in range(1, len(names)):
            ax.axhline(row - 0.5, color="#dddddd", linewidth=0.6)
        scale(ax.xaxis, metric, means, reaches(given, [metric], logarithmic), logarithmic, most=4)
        if not logarithmic:
            ax.set_xlim(left=-0.03 * ax.get_xlim()[1])  # marks at 0 are whole
        ax.tick_params(axis="x", labelsize="x-small")
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)
    rows_of(axes[0], [page.word(quantity(name, axis)) for name in names])
    by = page.labels.get(axis) or LANGUAGE.get(axis) or page.axis(axis)
    text = caption(summary, page, "", ["Lower is better of rejections, bits and latency.", *marks(summary)])
    return finish(figure, page, Wording(f"Each scheme by {by}", text), curve_key(look, page))


UP, DOWN = BITS, "reply_bits_per_token"


def draw_both_ways(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Bits a token up, and beside it down, without headers: a row a scheme, both logarithmic, nothing at the edge. A
    mark is the geometric mean over links, the broad line their range. None without both columns or two schemes."""
    if not {UP, DOWN} <= {*summary.columns}:
        return None
    rows = chosen(summary).dropna(subset=[UP, DOWN])
    rows = named_without(rows, DELAY) if DELAY in rows.columns else rows
    if rows[CURVE].nunique() < 2:
        return None
    look = looks(rows)
    titles, height = ("payload, up", "reply, down"), 0.6 + (0.18 if page.narrow else 0.25) * len(look)
    order = rows.groupby(CURVE, sort=False)[[UP, DOWN]].mean().sort_values([UP, DOWN]).index.tolist()
    figure, axes, _ = grid(page, titles, 2, (2.0, 3.2), height, "y", narrow=2)
    for ax, name in zip(axes, (UP, DOWN), strict=True):
        values = numbers(rows, name)
        edge = float(values[values > 0].min()) / 3 if (values > 0).any() else 1.0
        for row, curve in enumerate(order):
            seen, own = look[curve], np.maximum(values[rows[CURVE] == curve], edge)
            ax.plot([own.min(), own.max()], [row] * 2, color=seen.colour, linewidth=5, alpha=0.3,
                    solid_capstyle="butt")  # fmt: skip
            ax.plot(float(np.exp(np.log(own).mean())), row, linestyle="", zorder=3, **seen.marked())
        top, zero = max(float(values.max()), 3 * edge), bool((values <= 0).any())
        given = log_ticks(1.8 * edge, 1.4 * top, most=6)
        ax.set_xscale("log")
        tick_at(
            ax.xaxis, [*([edge] if zero else []), *given], [*(["0"] if zero else []), *(f"{at:,g}" for at in given)]
        )
        ax.set_xlim(edge / 1.3 if zero else 2 * edge, 1.4 * top)
        ax.grid(axis="y", visible=True)
    rows_of(axes[0], [page.curve(name) + look[name].mark for name in order])
    note = (
        "A mark: the geometric mean over links, each scheme at its best on each; broad lines: from the link that takes "
        "least to that which takes most, no intervals."
    )
    text = caption(rows, page, "lower", [note, *marks(rows)], intervals=False)
    return finish(figure, page, Wording("What each scheme sends, both ways", text, "bits per output token"))


FAR: Final = 3.0
"""Ratios beyond this, or below 1 over it, have a panel of their own: on one axis the others would be one heap."""
TICKS, TIMES = 5, "\N{MULTIPLICATION SIGN}"


def draw_recommendation(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """The best setting of each kind of scheme: what it reaches, also over what the recommended does, a row a kind, the
    recommended at the top. None of a table that no recommendation has made."""
    if not {*RECOMMENDED} <= {*summary.columns} or summary.empty:
        return None
    metric = str(summary[BY].iloc[0])
    ratio, low, high = (1 + numbers(summary, name) for name in (MARGIN, MARGIN_LOW, MARGIN_HIGH))
    outlying = (ratio > FAR) | (ratio < 1 / FAR)
    panels = 3 if outlying.any() else 2
    figure, axes, _ = grid(page, [""] * panels, 3, (0.0, 4.3 if panels == 2 else 3.4), 0.8 + 0.26 * len(summary), "y")
    reached, near, *beyond = axes
    values = numbers(summary, metric)
    logarithmic = spans_far(values)
    look = looks(summary)
    for place, (curve, row) in enumerate(curves(summary)):
        dots(reached, row, metric, [place], look[curve], logarithmic)
    scale(reached.xaxis, metric, [*values], [*values, *reaches(summary, [metric], logarithmic)], logarithmic, TICKS)
    reached.set_xlabel(page.labels.get(metric) or called(metric))
    for ax, there in zip((near, *beyond), (~outlying, outlying), strict=False):
        _ratios(ax, summary, np.where(there, ratio, np.nan), low, high)
        ax.set_xlabel("times the recommended" + (f", beyond {FAR:g}{TIMES}" if ax is not near else ""))
    near.axvline(1.0, color="black", linewidth=0.8)
    lossy = lossy_curves(summary)
    rows_of(reached, [page.curve(curve) + lossy.get(curve, "") for curve in summary[CURVE].astype(str)])
    note = "The best setting of each kind, the recommended at the top; ratios are paired by seed."
    better = summary[BETTER].iloc[0] == "higher"
    text = caption(summary, page, "higher" if better else "lower", [note, *marks(summary)])
    return finish(figure, page, Wording("The recommended setting beside the best of other kinds", text))


def called(metric: str) -> str:
    """Returns what a metric is called on an axis; throughput says nothing without its unit."""
    return "throughput" if metric == "tokens_per_s" else title(metric)


def _ratios(ax: Axes, summary: pd.DataFrame, ratio: Floats, low: Floats, high: Floats) -> None:
    shown, arms = ~np.isnan(ratio), np.nan_to_num(np.stack([ratio - low, high - ratio]))
    for place_, look in enumerate(looks(summary).values()):
        ax.errorbar(ratio[place_], place_, xerr=arms[:, [place_]], linestyle="", **look.marked())
    scale(ax.xaxis, "", [*ratio[shown]], [*ratio[shown], *low[shown], *high[shown]], True, TICKS)
    if not spans_far(ax.get_xlim()):
        at = [1.0, *MaxNLocator(TICKS).tick_values(*ax.get_xlim())]
        ax.xaxis.set_major_locator(FixedLocator([each for each in at if each > 0]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}{TIMES}"))
