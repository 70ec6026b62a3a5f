"""Curves along the swept axis: up to seven in a panel, those that would squeeze the others in a panel of their own."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plots.axes import place, scale, spans_far, swept, x_label
from plots.caption import UNANSWERED, Better, caption, coinciding, marks, sentence, unanswered
from plots.layout import Wording, finish, grid
from plots.lines_or_bars import (
    Hollow,
    Series,
    bar_figure,
    curve_handles,
    hollow_mark,
    lines,
    reaches,
    room_for,
    unbounded_mark,
)
from plots.over_cloud import LABEL, OverCloud
from plots.page import Page
from plots.style import GREY, Look, curves, looks
from simulator.results.columns import CI_SUFFIX, CURVE, FIXED, SETTING, chosen_name
from simulator.results.display_names import curve_of, words_of

Facets = Sequence[tuple[Mapping[str, str], Mapping[str, str]]]  # as `facets.panels` makes them
_DOTTED: Final = (0, (1, 1.2))
OWN_SCALE: Final = "Upper panel: what would squeeze the others, on a scale of its own."


@dataclass(frozen=True)
class Along:
    """What curves show: `series` of `metric`'s unit, labelled `label`; `key` is more of the legend."""

    title: str
    metric: str
    label: str
    series: Sequence[Series]
    better: Better = "lower"
    notes: Sequence[str] = ()
    key: Sequence[tuple[Artist, str]] = ()
    clock: bool = True
    hollow: Hollow = unanswered
    open_label: str = UNANSWERED  # what hollow points say
    beyond: Hollow | None = None
    beyond_label: str = ""  # what points with an arrow say
    from_zero: bool = False  # whether the axis is linear from 0 on, however far values span
    below: str = ""  # in place of the axis's own name
    over: OverCloud | None = None  # panels below: ratios to cloud-only decoding

    @property
    def columns(self) -> list[str]:
        return [one.column for one in self.series]


@dataclass(frozen=True)
class _Shown:
    """The curves, those that are there to compare with, and how each is drawn."""

    best: pd.DataFrame
    fixed: pd.DataFrame
    look: dict[str, Look]

    @classmethod
    def of(cls, summary: pd.DataFrame, axis: str, columns: Sequence[str]) -> _Shown:
        given = summary[summary[[*columns, axis]].notna().all(axis=1)]
        apart = given[SETTING] == FIXED if SETTING in given else pd.Series(False, index=given.index)
        best = given[~apart] if not apart.all() else given
        fixed = given[apart] if not apart.all() else given.iloc[:0]
        if fixed[CURVE].nunique() > MOST_FIXED:
            fixed = fixed.iloc[:0]
        named = [chosen_name(str(curve), best[CURVE].unique()) for curve in fixed[CURVE]]
        return cls(best, fixed.assign(**{CURVE: named}), looks(best) if len(best) else {})

    def share_looks(self, facets: Facets) -> None:
        first: dict[str, str] = {}
        for name, rest in (pair for _, members in facets for pair in members.items()):
            self.look[name] = self.look[first.setdefault(rest, name)]


def _with_a_course(facets: Facets, best: pd.DataFrame, axis: str) -> tuple[Facets, list[str]]:
    """The panels without those whose curves have one value of the axis where others have a course along it; and the
    titles of those left out."""
    values = [best.loc[best[CURVE].isin(list(members)), axis].nunique() for _, members in facets]
    if len(values) < 2 or max(values) < 2:
        return facets, []
    kept = [facet for facet, number in zip(facets, values, strict=True) if number > 1]
    rest = [fields for (fields, _), number in zip(facets, values, strict=True) if number < 2]
    return kept, [panel_title(fields, Page()) for fields in rest]


def along(summary: pd.DataFrame, axis: str | None, what: Along, page: Page) -> Figure | None:
    """Curves of the means with intervals; means alone, dotted, of a setting that is there to compare with; bars where
    nothing is swept. None where there are none, or the axis is of names."""
    if axis is None:
        text = caption(summary, page, what.better, [*what.notes, *marks(summary, what.metric)], clock=what.clock)
        return bar_figure(summary, what.metric, what.series, page, Wording(what.title, text, what.label))[0]
    if not pd.api.types.is_numeric_dtype(summary[axis]):
        return None
    shown = _Shown.of(summary, axis, what.columns)
    if shown.best.empty:
        return None
    names = list(dict.fromkeys(shown.best[CURVE].astype(str)))
    facets, points = _with_a_course(panels(names), shown.best, axis)
    shown.share_looks(facets)
    groups = [names] if what.from_zero else split({name: max(_means(shown, [name], what.columns)) for name in names})
    figure, axes = _grid(page, len(facets), len(groups), what.over)
    for row, group in enumerate(groups):
        logarithmic = spans_far(_means(shown, group, what.columns)) and not what.from_zero
        for ax, (_, members) in zip(axes[row], facets, strict=True):
            _panel(ax, shown, [name for name in members if name in group], axis, what, logarithmic)
            rows = shown.best[shown.best[CURVE].isin(group)]
            reach = reaches(rows, what.columns, logarithmic)
            reach += [float(rows[one.high].max()) for one in what.series if one.high]
            scale(ax.yaxis, what.metric, _means(shown, group, what.columns), reach, logarithmic)
    for column, (fields, members) in enumerate(facets):
        if what.over is not None:
            near, *strip = (row[column] for row in axes[len(groups) :])
            what.over.draw(near, strip[0] if strip else None, list(members), axis, shown.look)
        title = textwrap.fill(panel_title(fields, page), 30) if fields else ""
        axes[0][column].set_title(title, loc="left", fontsize="small" if len(facets) > 2 else "medium")
    wide = float(figure.get_size_inches()[0]) * (0.85 if page.narrow or len(facets) > 1 else 0.65)
    _swept(axes, shown.best, [list(members) for _, members in facets], axis, wide / page.across(3, len(facets)))
    handles, labels = _legend(shown, facets, axis, what, page)
    notes = [*what.notes, *([OWN_SCALE] if len(groups) > 1 else []), *marks(shown.best, what.metric)]
    notes += what.over.notes() if what.over is not None else []
    if len(shown.fixed):
        notes.append(
            f"Lines with marks: each scheme's chosen setting at each {page.axis(axis)}; dotted: one setting for all."
        )
    if points:
        notes.append(f"Not drawn, at one {page.axis(axis)} alone: {'; '.join(points)}.")
    for fields, members in facets:
        together = shown.best[shown.best[CURVE].isin(list(members))].replace({CURVE: members})
        more = coinciding(together, axis, what.columns[0], page)
        more += [above] if what.over is not None and (above := what.over.above(members, page)) else []
        notes += [sentence(f"{panel_title(fields, page) + ': ' if fields else ''}{each}.") for each in more]
    intervals = any(column + CI_SUFFIX in shown.best.columns for column in what.columns)
    text = caption(shown.best, page, what.better, notes, clock=what.clock, intervals=intervals)
    label = page.metric(what.columns[0], what.label)
    if what.over is not None:
        for column in range(0, len(facets), page.across(3, len(facets))):
            axes[len(groups) - 1][column].set_ylabel(label, fontsize="small")
            axes[len(groups)][column].set_ylabel(LABEL, fontsize="small")
    wording = Wording(what.title, text, what.below or x_label(page, axis), "" if what.over is not None else label)
    finish(figure, page, wording, handles, labels)
    return figure


def _grid(page: Page, facets: int, groups: int, over: OverCloud | None) -> tuple[Figure, list[list[Axes]]]:
    """Axes by row and facet; facets in rows of three, or of one on a narrow page, below each other the groups of each,
    then its panels over cloud-only decoding."""
    across = page.across(3, facets)
    down = -(-facets // across)
    height = (2.1 if page.narrow else 3.6) if facets == 1 else (1.4 if page.narrow else 2.3)
    heights = [1.35 * height / 2.9, 1.35 * height * 1.9 / 2.9] if groups > 1 else [height]
    if over is not None:
        heights = [0.8 * each for each in heights] + [0.9 * height, *([0.3 * height] if over.strip else [])]
    rows = len(heights)
    figure = page.figure(7.2 if facets == 1 else 1.2 + 2.9 * across, down * sum(heights))
    grid = figure.subplots(down * rows, across, squeeze=False, height_ratios=heights * down)
    axes = [[grid[at // across * rows + row][at % across] for at in range(facets)] for row in range(rows)]
    for unused in range(facets, down * across):
        for row in range(rows):
            grid[(down - 1) * rows + row][unused % across].set_axis_off()
    for inner in (facet for facet in range(facets) if facet % across):
        for panels_in_row in axes:
            panels_in_row[inner].tick_params(labelleft=False)
    return figure, axes


def _swept(axes: Sequence[Sequence[Axes]], best: pd.DataFrame, facets: Sequence[Sequence[str]], axis: str,
           width_in: float) -> None:  # fmt: skip
    values = [sorted(best.loc[best[CURVE].isin(names), axis].unique()) for names in facets]
    across = sum(ax.get_subplotspec().rowspan.start == 0 for ax in axes[0])  # type: ignore[union-attr]
    for place_, given in enumerate(values):
        for row in axes:
            swept(row[place_], axis, given, width_in)
            row[place_].tick_params(labelbottom=row is axes[-1] and given not in values[place_ + across :: across])


def _panel(ax: Axes, shown: _Shown, names: Sequence[str], axis: str, what: Along, logarithmic: bool) -> None:
    lines(ax, shown.best[shown.best[CURVE].isin(names)], axis, what.series, shown.look, logarithmic, what.hollow,
          what.beyond)  # fmt: skip
    for curve, rows in curves(shown.fixed[shown.fixed[CURVE].isin(names)]):
        ordered = rows.sort_values(axis)
        ax.plot(place(ordered[axis]), ordered[what.columns[0]], color=shown.look[curve].colour, linestyle=_DOTTED,
                linewidth=1.0, zorder=1)  # fmt: skip


def _means(shown: _Shown, group: Sequence[str], columns: Sequence[str]) -> list[float]:
    best, fixed = (part[part[CURVE].isin(group)] for part in (shown.best, shown.fixed))
    return [float(value) for part in (best[[*columns]], fixed[[columns[0]]]) for value in part.to_numpy().ravel()]


def panel_title(fields: Mapping[str, str], page: Page) -> str:
    texts = [
        page.curve(value) if name == SCHEME else page.setting(name, value) for name, value in fields.items() if value
    ]
    return ", ".join(texts) or f"without {' and '.join(page.axis(name) for name in fields)}"


def _legend(shown: _Shown, facets: Facets, axis: str, what: Along, page: Page) -> tuple[list[Artist], list[str]]:
    look = {rest: shown.look[name] for _, members in facets for name, rest in members.items()}
    handles, labels = curve_handles(look, list(look), page)
    extra = [*what.key, *(what.over.handles() if what.over is not None else [])]
    if len(shown.fixed):
        dotted = Line2D([], [], color=GREY, linestyle=_DOTTED, linewidth=1.0)
        extra.append((dotted, "one setting for all"))
    if what.hollow(shown.best).any():
        extra.append((hollow_mark(), what.open_label))
    if what.beyond is not None and what.beyond(shown.best).any():
        extra.append((unbounded_mark(), what.beyond_label))
    return [*handles, *(handle for handle, _ in extra)], [*labels, *(label for _, label in extra)]


MOST: Final = 7  # curves in one panel
MOST_FIXED: Final = 3  # curves of one setting for all: more are a second figure on top of the first
MOST_SCHEMES: Final = 10  # where nothing but the scheme would make panels: schemes are read beside each other
SQUEEZED: Final = 20.0  # curves that end so many times above all others would squeeze them
SCHEME: Final = "scheme"


def in_panels(
    summary: pd.DataFrame, look: dict[str, Look], most: int = 12
) -> list[tuple[dict[str, str], pd.DataFrame, dict[str, Look]]]:
    """The table as it is, or in `panels` of more than `most` curves: what makes each, its rows and looks by the names
    that are left."""
    names = list(dict.fromkeys(summary[CURVE].astype(str)))
    if len(names) <= most:
        return [({}, summary, look)]
    return [
        (fields, summary[summary[CURVE].isin(members)].replace({CURVE: members}),
         {rest: look[name] for name, rest in members.items()})
        for fields, members in panels(names)
    ]  # fmt: skip


def row_panels(
    page: Page, facets: Sequence[tuple[Mapping[str, str], pd.DataFrame, dict[str, Look]]]
) -> tuple[Figure, list[Axes]]:
    """A panel for each of `in_panels`, which has room for a row a curve, with its title."""
    width_in, row_in = max((room_for(rows, page, 2) for _, rows, _ in facets), key=lambda size: size[1])
    figure, axes, _ = grid(page, len(facets), 3, (0.5, width_in if len(facets) == 1 else 3.6), row_in, "x")
    for ax, (fields, _, _) in zip(axes, facets, strict=True):
        ax.set_title(panel_title(fields, page) if fields else "", loc="left", fontsize="small")
    return figure, axes


def panels(names: Sequence[str]) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Panels in order of appearance: {field: value} that makes it, and {curve: its name without those fields}. One of
    up to MOST curves; of more, one a value of the field that is common to most of them and has the fewest values,
    numbers before names, and so on; in the end, of more than MOST_SCHEMES, one a scheme."""
    parsed = {name: words_of(name) for name in names}
    fields: list[str] = []
    while True:
        made: dict[tuple[str, ...], list[str]] = {}
        for name, (scheme, words) in parsed.items():
            made.setdefault(tuple(scheme if field == SCHEME else words.get(field, "") for field in fields), []).append(
                name
            )
        further = _next(parsed, fields)
        most = MOST if further != SCHEME else MOST_SCHEMES
        if max(map(len, made.values()), default=0) <= most or further is None:
            break
        fields.append(further)
    return [(dict(zip(fields, values, strict=True)), {name: _rest(*parsed[name], fields) for name in members})
            for values, members in made.items()]  # fmt: skip


def split(highest: Mapping[str, float]) -> list[list[str]]:
    """The curves by their highest values: one group, or two where some, at most half, are SQUEEZED times above all
    others; those first."""
    names = sorted(
        (name for name, value in highest.items() if np.isfinite(value) and value > 0), key=highest.__getitem__
    )
    for rank in range(len(names) - 1, (len(names) - 1) // 2, -1):
        if highest[names[rank]] >= SQUEEZED * highest[names[rank - 1]]:
            above = set(names[rank:])
            return [[name for name in highest if name in above], [name for name in highest if name not in above]]
    return [list(highest)]


def _next(parsed: Mapping[str, tuple[str, Mapping[str, str]]], used: Sequence[str]) -> str | None:
    values: dict[str, set[str]] = {}
    common: dict[str, int] = {}
    for _, words in parsed.values():
        for field, value in words.items():
            values.setdefault(field, set()).add(value)
            common[field] = common.get(field, 0) + 1
    open_ = [field for field in values if field not in used and len(values[field]) + (common[field] < len(parsed)) > 1]
    best = min(open_, key=lambda field: (-common[field], len(values[field]), _are_names(values[field])), default=None)
    if best is None and SCHEME not in used and len({scheme for scheme, _ in parsed.values()}) > 1:
        best = SCHEME
    return best


def _are_names(values: Iterable[str]) -> bool:
    try:
        return not [float(value) for value in values]
    except ValueError:
        return True


def _rest(scheme: str, words: Mapping[str, str], used: Sequence[str]) -> str:
    return curve_of(scheme, {field: value for field, value in words.items() if field not in used})
