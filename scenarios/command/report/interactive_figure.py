"""The interactive figure of a report: curves along the axis, in Bokeh, whose script stands in the page.

A view is one plot: a metric, or its ratio to a baseline, paired by seed. Names of curves reach it as data alone. What
changes a plot (theme, toggled curves, the slider) is the page's own script.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import pandas as pd

from plots.axes import BEYOND, place, spans_far
from scenarios.command.report.at_each_value import LATENCY, Compared, ShownCurve
from scenarios.findings.wording import times
from simulator.results.intervals import interval_of
from simulator.results.unanswered_requests import share_left_out
from simulator.results.units import title

_ALSO: Final = (LATENCY, "uplink_bits_per_token", "accepted_per_round", "acceptance_rate")
"""Metrics that may be chosen beside the first."""
_BASELINES: Final = ("cloud_only", "colocated", "k_sqs")
_MOST_CURVES: Final = 32
"""More curves cannot be told apart in one plot."""
_MARKERS: Final = {
    "s": ("square", "■"), "o": ("circle", "●"), "^": ("triangle", "▲"), "D": ("diamond", "◆"), "P": ("plus", "✚"),
    "X": ("x", "✖"), "v": ("inverted_triangle", "▼"), "p": ("hex", "⬟"), "h": ("hex", "⬢"), "*": ("star", "★"),
    "<": ("triangle_pin", "◀"), ">": ("circle_dot", "▶"), "d": ("diamond_dot", "◈"), "8": ("square_dot", "▣"),
    "H": ("hex_dot", "⬡"),
}  # fmt: skip
"""Names in Bokeh of the figures' markers, and a letter that looks like each."""


Point = tuple[int, float, float, float, str]
"""(index of the value on the axis, y, low, high, what hovering says)."""


@dataclass(frozen=True)
class View:
    """Plot that may be chosen: its label, `ratio` if it is one, and the points of each curve by its index."""

    label: str
    scale: Literal["linear", "log", "free"]
    """Scale: linear from 0, logarithmic, or "free", linear from any value, for a ratio."""
    ratio: bool
    points: Mapping[int, Sequence[Point]]


@dataclass(frozen=True)
class Plots:
    """Input of the page's script. `templates`: a plot per scale, with the points of its first view, as Bokeh's JSON."""

    views: Sequence[View]
    templates: Mapping[str, object]
    stand: Sequence[float]
    """Position of each value of the axis."""
    beside: Sequence[float]
    """Distance of each curve's marks from that position: 0 along numbers, which have lines; names have none."""


def sign_of(curve: ShownCurve) -> str:
    """A letter that looks like the curve's marker."""
    return _MARKERS.get(curve.look.marker, ("circle", "●"))[1]


def plots_of(compared: Compared) -> Plots | None:
    """The plots of a summary; None where nothing is swept, or curves are too many for one plot."""
    if compared.axis is None or len(compared.at) < 2 or len(compared.curves) > _MOST_CURVES:
        return None
    made = [_metric_view(compared, compared.metric)]
    made += [_ratio_view(compared, kind) for kind in _BASELINES]
    made += [_metric_view(compared, name) for name in _ALSO if name in compared.metrics and name != compared.metric]
    views = [view for view in made if view is not None]
    if not views:
        return None
    stand, spread = _places(compared)
    numeric = pd.api.types.is_numeric_dtype(compared.summary[compared.axis])
    steps = max(1, len(compared.curves) - 1)
    beside = [0.0 if numeric else 0.6 * (index / steps - 0.5) for index in range(len(compared.curves))]
    first: dict[str, View] = {view.scale: view for view in reversed(views)}
    templates = {scale: _template(compared, view, stand, beside, spread) for scale, view in first.items()}
    return Plots(views, templates, stand, beside)


@cache
def library() -> str:
    """The script of Bokeh, without widgets or anything else that is not used."""
    from bokeh.resources import Resources

    (script,) = (text for text in Resources(mode="inline", components=["bokeh"]).js_raw if len(text) > 10_000)
    return script.replace("</script", "<\\/script")


def _metric_view(compared: Compared, metric: str) -> View | None:
    scale = compared.scale(metric)

    def point(at: int, row: pd.Series[float]) -> Point:
        mean, half = (value / scale.factor for value in interval_of(row, metric))
        lacking = share_left_out(row, metric)
        text = f"{scale.text(*interval_of(row, metric))} {scale.symbol}".strip()
        text += f", {lacking:.0%} unanswered" if lacking else ""
        half = 0.0 if math.isnan(half) else half
        return at, mean, mean - half, mean + half, text

    label = title(metric) + (f" ({scale.symbol})" if scale.symbol else "")
    return _view(
        label, False, [[point(*each) for each in compared.rows[curve.key].items()] for curve in compared.curves]
    )


def _ratio_view(compared: Compared, kind: str) -> View | None:
    """The metric over that of a baseline in the same set-up; None where there is no such curve, or nothing to compare
    with it."""
    found: dict[str, list[Point]] = {}
    name = ""
    for group in compared.groups:
        baseline = next((curve for curve in group.curves if curve.key.split(" ")[0] == kind), None)
        if baseline is not None and len(group.curves) > 1:
            name, others = baseline.name, compared.rows[baseline.key]
            for curve in group.curves:
                found.setdefault(curve.key, list(_ratios(compared, curve, others)))
    label = f"{title(compared.metric)}, ratio to {name}"
    return _view(label, True, [found.get(curve.key, []) for curve in compared.curves]) if any(found.values()) else None


def _ratios(compared: Compared, curve: ShownCurve, others: Mapping[int, pd.Series[float]]) -> Iterator[Point]:
    for at, row in compared.rows[curve.key].items():
        if at not in others or share_left_out(row, compared.metric):
            continue
        difference = compared.difference(row, others[at], compared.metric)
        if difference is None or not difference.relative:
            continue
        size = 1 + difference.size
        low, high = (size if math.isnan(end) else 1 + end for end in (difference.low, difference.high))
        yield at, size, low, high, times(difference)


def _view(label: str, ratio: bool, found: Sequence[Sequence[Point]]) -> View | None:
    """The view of these points, a sequence a curve, intervals cut where they would leave no room; None where none has
    a value."""
    known = [[point for point in points if math.isfinite(point[1])] for points in found]
    means = [point[1] for points in known for point in points]
    if not means:
        return None
    logarithmic = min(means) > 0 and spans_far(means)
    least, most = (min(means) / BEYOND if logarithmic else min(0.0, *means)), BEYOND * max(means)
    cut = [[(at, y, max(least, low), min(most, high), text) for at, y, low, high, text in points] for points in known]
    scale: Literal["linear", "log", "free"] = "log" if logarithmic else "free" if ratio else "linear"
    return View(label, scale, ratio, {index: points for index, points in enumerate(cut) if points})


def _places(compared: Compared) -> tuple[Sequence[float], bool]:
    """Returns the positions of the axis' values, and True if the scale is logarithmic; names have 0, 1, 2, ..."""
    assert compared.axis is not None
    column = compared.summary[compared.axis]
    if not pd.api.types.is_numeric_dtype(column):
        return [float(index) for index in range(len(compared.at))], False
    values = sorted(float(value) for value in column.dropna().unique())
    stand = [float(each) for each in place(values)]
    return stand, spans_far(stand)


def _template(compared: Compared, view: View, stand: Sequence[float], beside: Sequence[float], spread: bool) -> object:
    """A plot in which each curve has an interval, a line and marks, under names by which the page's script finds them;
    the line of the slider; that of a baseline; and what hovering says."""
    from bokeh.embed import json_item
    from bokeh.models import (
        ColumnDataSource,
        DataRange1d,
        FixedTicker,
        HoverTool,
        NoOverlap,
        NumeralTickFormatter,
    )
    from bokeh.models.annotations import Span
    from bokeh.models.renderers import DataRenderer
    from bokeh.plotting import figure

    made = figure(
        sizing_mode="stretch_width", height=430, min_width=260, x_axis_type="log" if spread else "linear",
        y_axis_type="log" if view.scale == "log" else "linear", tools="box_zoom,reset,save", toolbar_inner=True,
        x_axis_label=plain(compared.names.axis(str(compared.axis))), y_axis_label=plain(view.label),
        y_range=DataRange1d(start=0.0) if view.scale == "linear" else DataRange1d(),
        min_border_right=30,
    )  # fmt: skip
    made.outline_line_color = made.border_line_color = None
    made.toolbar.logo = None
    made.toolbar.autohide = True
    made.xaxis.ticker = FixedTicker(ticks=stand, minor_ticks=[])
    made.xaxis.major_label_overrides = {each: plain(at) for each, at in zip(stand, compared.at, strict=True)}
    if view.scale == "log":
        made.yaxis.ticker = FixedTicker(ticks=[step * 10.0**power for power in range(-6, 8) for step in (1, 2, 5)])
    made.yaxis.formatter = NumeralTickFormatter(format="0,0.[0000]")
    if any(beside):
        made.xaxis.major_label_orientation = 0.5
    for axis in (*made.xaxis, *made.yaxis):
        axis.major_label_policy = NoOverlap()
        axis.minor_tick_line_color = None
        axis.axis_label_text_font_style = "normal"
    made.xgrid.visible = False
    hovered: list[DataRenderer] = []
    for index, curve in enumerate(compared.curves):
        source = ColumnDataSource(
            _columns(compared, curve, view.points.get(index, ()), [each + beside[index] for each in stand])
        )
        colour, (marker, _) = curve.colours[0], _MARKERS.get(curve.look.marker, _MARKERS["o"])
        alone = any(beside)
        dash = "solid" if curve.look.dashes == "-" else "dashed"
        made.segment("x", "low", "x", "high", source=source, line_color=colour, name=f"{index}-interval")
        if not alone:
            made.line("x", "y", source=source, line_color=colour, line_width=2, line_dash=dash, name=f"{index}-line")
        face = None if curve.look.lossy else colour
        hovered.append(
            made.scatter("x", "y", source=source, marker=marker, size=9, line_color=colour, line_width=1.5,
                         fill_color=face, name=f"{index}-marks")
        )  # fmt: skip
    made.add_layout(Span(location=stand[compared.opened], dimension="height", line_dash="dotted", name="at"))
    made.add_layout(Span(location=1.0, dimension="width", name="baseline", visible=False))
    tooltips = [("", "@name"), ("set-up", "@set_up"), ("at", "@at"), ("value", "@value"), ("settings", "@settings")]
    tooltips = [each for each in tooltips if each[0] != "set-up" or len(compared.groups) > 1]
    made.add_tools(HoverTool(renderers=hovered, tooltips=tooltips, point_policy="snap_to_data"))
    return json_item(made)


def _columns(compared: Compared, curve: ShownCurve, points: Sequence[Point], stand: Sequence[float]) -> dict[str, Any]:
    """The points of a curve as the plot has them, as the page's script makes them of other views."""
    rows = compared.rows[curve.key]
    return {
        "x": [stand[at] for at, *_ in points], "y": [y for _, y, *_ in points],
        "low": [low for _, _, low, *_ in points], "high": [high for *_, high, _ in points],
        "name": [f"{curve.name}{curve.mark}" for _ in points], "set_up": [set_up_of(compared, curve) for _ in points],
        "at": [compared.at[at] for at, *_ in points], "value": [text for *_, text in points],
        "settings": [compared.settings(rows[at]) or "none" for at, *_ in points],
    }  # fmt: skip


def set_up_of(compared: Compared, curve: ShownCurve) -> str:
    """The names of the groups that a curve is in."""
    return "; ".join(group.name for group in compared.groups if curve in group.curves)


def plain(text: str) -> str:
    """Text in which Bokeh finds no formula: a zero-width space parts what would begin one."""
    for begin in ("$$", "\\(", "\\["):
        text = text.replace(begin, f"{begin[0]}\u200b{begin[1]}")
    return text
