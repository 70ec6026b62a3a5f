"""The drawer of lines: a metric along the swept axis, a curve a scheme, up to seven in a panel; those that would
squeeze the others have a panel of their own. Bars where nothing is swept."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation
from pandas.api.types import is_numeric_dtype

from plots.axes import place, rows_of, scale, spans_far, swept, written, x_label
from plots.bars import Description, bar_figure, bars, rank_key, values_beside
from plots.caption import caption, coinciding, marks, sentence
from plots.facets import Facets, alike, panel_title, panels
from plots.layout import Key, Wording, finish, grid
from plots.page import Page
from plots.style import GREY, Look, curve_key, curves, looks, schemes_of
from plots.whiskers import draw_curves, reaches
from simulator.results.column_names import CI_SUFFIX, CURVE, FIXED, SETTING, chosen_name
from simulator.results.display_names import curve_of, words_of

MOST_FIXED: Final = 3  # curves of one setting for all: more are a second figure on top of the first
FEW: Final = 3  # so few schemes, at so few values of the axis, are bars: a panel a set-up
SQUEEZED: Final = 20.0  # curves that end so many times above all others would squeeze them
_MOST_LETTERS: Final = 32  # of a curve's name at its end
OWN_SCALE: Final = "Upper panel: what would squeeze the others, on a scale of its own."
UNBOUNDED: Final[dict[str, Any]] = {
    "linestyle": "", "marker": r"$\uparrow$", "markersize": 9, "markerfacecolor": "black", "markeredgewidth": 0.4,
}  # fmt: skip
"""The arrow at a point that is a lower bound."""
_DOTTED: Final[dict[str, Any]] = {"linestyle": (0, (1, 1.2)), "linewidth": 1.0}
_REFERENCE: Final[dict[str, Any]] = {"color": "black", "linestyle": ":", "linewidth": 1.0}


@dataclass(frozen=True)
class _Shown:
    """The curves, those that are there to compare with, and how each is drawn."""

    best: pd.DataFrame
    fixed: pd.DataFrame
    look: dict[str, Look]
    facets: Facets
    left_out: Sequence[str]

    @classmethod
    def of(cls, given: pd.DataFrame, axis: str) -> _Shown:
        apart = given[SETTING] == FIXED if SETTING in given else pd.Series(False, index=given.index)
        best, fixed = (given, given.iloc[:0]) if apart.all() else (given[~apart], given[apart])
        if fixed[CURVE].nunique() > MOST_FIXED:
            fixed = fixed.iloc[:0]
        named = [chosen_name(str(curve), best[CURVE].unique()) for curve in fixed[CURVE]]
        fixed = fixed.assign(**{CURVE: named})
        kind = f"{axis.rpartition('.')[0]}.kind"  # of the part of which the axis is a property: `uplink.rate.mean_bps`
        if kind in given.columns and best.groupby(CURVE)[kind].nunique().max() > 1:  # steady and fading are no one line
            best, fixed = _by_kind(best, kind), _by_kind(fixed, kind)
        facets, left_out = _with_a_course(panels(list(dict.fromkeys(best[CURVE].astype(str)))), best, axis)
        return cls(best, fixed, alike(looks(best), facets), facets, left_out)

    def means(self, names: Sequence[str], columns: Sequence[str]) -> list[float]:
        best, fixed = (part[part[CURVE].isin(names)] for part in (self.best, self.fixed))
        return [float(value) for part in (best[[*columns]], fixed[[columns[0]]]) for value in part.to_numpy().ravel()]

    def key(self, what: Description, page: Page, labelled: bool) -> Key:
        """Returns the legend, without the curves if they are `labelled` at their ends."""
        look = {rest: self.look[name] for _, members in self.facets for name, rest in members.items()}
        key = [] if labelled else curve_key(look, page)
        if what.reference is not None and not labelled:
            key.append((what.reference[0], Line2D([], [], **_REFERENCE)))
        if len(self.fixed) and not labelled:
            key.append(("one setting for all", Line2D([], [], color=GREY, **_DOTTED)))
        if what.hollow(self.best).any():
            key.append(
                (what.hollow_label, Line2D([], [], linestyle="", marker="o", color=GREY, markerfacecolor="white"))
            )
        if what.beyond is not None and what.beyond(self.best).any():
            key.append((what.beyond_label, Line2D([], [], color=GREY, **UNBOUNDED)))
        return key

    def notes(self, what: Description, axis: str, page: Page) -> list[str]:
        notes = marks(self.best, next(iter(what.columns)))
        if len(self.fixed):
            chose = f"each scheme's chosen setting at each {page.axis(axis)}"
            notes.append(f"Lines with marks: {chose}; dotted: one setting for all.")
        if self.left_out:
            notes.append(f"Not drawn, at one {page.axis(axis)} alone: {'; '.join(self.left_out)}.")
        for fields, members in self.facets:
            together = self.best[self.best[CURVE].isin(list(members))].replace({CURVE: members})
            more = coinciding(together, axis, next(iter(what.columns)), page)
            panel = f"{panel_title(fields, page)}: " if fields else ""
            notes += [sentence(f"{panel}{each}.") for each in more]
        return notes


def _with_a_course(facets: Facets, best: pd.DataFrame, axis: str) -> tuple[Facets, list[str]]:
    """The panels without those whose curves have one value of the axis where others have a course along it; and the
    titles of those left out."""
    values = [best.loc[best[CURVE].isin(list(members)), axis].nunique() for _, members in facets]
    if len(values) < 2 or max(values) < 2:
        return facets, []
    kept = [facet for facet, number in zip(facets, values, strict=True) if number > 1]
    rest = [fields for (fields, _), number in zip(facets, values, strict=True) if number < 2]
    return kept, [panel_title(fields, Page()) for fields in rest]


def along(summary: pd.DataFrame, axis: str | None, what: Description, page: Page) -> Figure | None:
    """Curves of the means with intervals; means alone, dotted, of a setting that is there to compare with; bars where
    nothing is swept. None where there are none, or the axis is of names."""
    columns = [*what.columns]
    if axis is None:
        return bar_figure(summary, what, page)
    given = summary[summary[[*columns, axis]].notna().all(axis=1)]
    if given.empty or not is_numeric_dtype(summary[axis]):
        return None
    shown = _Shown.of(given, axis)
    if (set_ups := _few_bars(shown.best, axis, what)) is not None:
        return _bars_by_set_up(shown, set_ups, axis, what, page)
    names = list(dict.fromkeys(shown.best[CURVE].astype(str)))
    one = what.from_zero or len(columns) > 1 or np.isfinite(what.most)
    groups = [names] if one else split({name: max(shown.means([name], columns)) for name in names})
    rows = [(column, group) for column in columns for group in groups]
    figure, axes = _grid(page, len(shown.facets), len(columns), len(groups))
    for row, (column, group) in enumerate(rows):
        means = [min(each, what.most) for each in shown.means(group, columns)]
        logarithmic = spans_far(means) and not what.from_zero
        best = shown.best[shown.best[CURVE].isin(group)]
        reach = reaches(best, columns, logarithmic) + ([float(best[what.high].max())] if what.high else [])
        reach = [min(each, what.most) for each in reach]
        for ax, (fields, members) in zip(axes[row], shown.facets, strict=True):
            _panel(ax, shown, [name for name in members if name in group], axis, column, what, logarithmic)
            scale(ax.yaxis, column, means, reach, logarithmic)
            if row == 0 or what.columns[column]:
                title = ", ".join(filter(None, [what.columns[column], panel_title(fields, page)]))
                size = "small" if len(shown.facets) > 2 or what.columns[column] else "medium"
                ax.set_title(textwrap.fill(title, 30), loc="left", fontsize=size)
    label = page.metric(columns[0], what.label)
    wide = float(figure.get_size_inches()[0]) * (0.85 if page.narrow or len(shown.facets) > 1 else 0.65)
    _swept(axes, shown, axis, wide / page.across(3, len(shown.facets)))
    notes = [*what.notes, *([OWN_SCALE] if len(groups) > 1 else []), *shown.notes(what, axis, page)]
    intervals = any(column + CI_SUFFIX in shown.best.columns for column in columns)
    text = caption(shown.best, page, what.better, notes, intervals=intervals)
    labelled = _label_ends(axes, shown, rows, axis, what, page)
    return finish(figure, page, Wording(what.title, text, x_label(page, axis), label), shown.key(what, page, labelled))


def _by_kind(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The rows with a curve for each `kind` of a part: `k_sqs` -> `k_sqs rate=constant`."""
    word = kind.split(".")[-2]
    return rows.assign(**{CURVE: rows[CURVE].astype(str) + f" {word}=" + rows[kind].astype(str)})


def _few_bars(best: pd.DataFrame, axis: str, what: Description) -> Facets | None:
    """The set-ups, with their curves by the scheme alone, of up to FEW schemes at up to FEW values of the axis: so few
    numbers are bars; None of one set-up, or of more."""
    set_ups = dict[str, tuple[dict[str, str], dict[str, str]]]()
    for curve, (_, scheme) in schemes_of(best).items():
        own = words_of(scheme)[1]
        fields = {name: value for name, value in words_of(curve)[1].items() if name not in own}
        set_ups.setdefault(curve_of("", fields), (fields, {}))[1][curve] = scheme
    most = max([best[axis].nunique(), *(len(members) for _, members in set_ups.values())])
    return [*set_ups.values()] if len(set_ups) > 1 and most <= FEW and len(what.columns) == 1 else None


def _bars_by_set_up(shown: _Shown, set_ups: Facets, axis: str, what: Description, page: Page) -> Figure:
    """A panel a set-up, a row a value of the axis, in it a bar a scheme with its number behind it."""
    (column,), values, best = what.columns, sorted(shown.best[axis].unique()), shown.best
    look = {scheme: shown.look[name] for _, members in reversed(set_ups) for name, scheme in members.items()}
    schemes, height = list(dict.fromkeys(scheme for _, each in set_ups for scheme in each.values())), 0.78 / len(look)
    titles = [textwrap.fill(panel_title(fields, page), 24) for fields, _ in set_ups]
    row_in = (0.2 if page.narrow else 0.27) * len(schemes) * len(values)
    figure, axes, _ = grid(page, titles, 3, (1.0, 2.9), 0.6 + row_in, "xy")
    reach = best[what.high].tolist() if what.high else reaches(best, [column], False)
    most = 2 * float(best[column].max())  # few seeds have intervals that would leave nothing to see
    scale(axes[0].xaxis, column, best[column].tolist(), [min(each, most) for each in reach], False)
    end = min(axes[0].get_xlim()[1], what.most)
    axes[0].set_xlim(0, 1.25 * end)
    for ax, (_, members) in zip(axes, set_ups, strict=True):
        for name, scheme in members.items():
            rank, rows = schemes.index(scheme), best[best[CURVE] == name].sort_values(axis)
            at = [values.index(each) + (rank + 0.5) * height - 0.39 for each in rows[axis]]
            bars(ax, rows, column, at, [look[scheme].colour] * len(rows), height, rank, what)
            values_beside(ax, rows, column, at, replace(what, most=end))
        if what.reference is not None:
            ax.axvline(what.reference[1], **_REFERENCE)
        ax.grid(axis="y", visible=False)
    rows_of(axes[0], [written(each, axis) for each in values])
    names = [page.curve(scheme) + look[scheme].mark for scheme in schemes]
    key = rank_key(names, [look[scheme].colour for scheme in schemes])
    key += [(what.reference[0], Line2D([], [], **_REFERENCE))] if what.reference is not None else []
    text = caption(best, page, what.better, [*what.notes, *marks(best, column)])
    return finish(figure, page, Wording(what.title, text, page.metric(column, what.label), x_label(page, axis)), key)


def _grid(page: Page, facets: int, columns: int, groups: int) -> tuple[Figure, list[list[Axes]]]:
    """Axes by row and facet; facets in rows of three, or of one on a narrow page, below each other the columns and
    groups of each."""
    across = page.across(3, facets)
    down = -(-facets // across)
    height = (2.1 if page.narrow else 3.6) if facets == 1 else (1.4 if page.narrow else 2.3)
    heights = [1.35 * height / 2.9, 1.35 * height * 1.9 / 2.9] if groups > 1 else [height]
    if columns > 1:
        heights = [0.75 * height] * columns
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


def _label_ends(
    axes: Sequence[Sequence[Axes]], shown: _Shown, rows: Sequence[tuple[str, Sequence[str]]], axis: str,
    what: Description, page: Page,
) -> bool:  # fmt: skip
    """Writes each curve's name at its end, beside the last panel of each row. False, with nothing written, on a narrow
    page, of long names, or if such a panel lacks a curve that another of its row has: then a legend has them."""
    across = page.across(3, len(shown.facets))
    places = range(len(shown.facets))
    last = {place_: min(place_ // across * across + across, len(places)) - 1 for place_ in places}
    longest = max(len(page.curve(rest)) for _, members in shown.facets for rest in members.values())
    if (
        page.narrow
        or longest > _MOST_LETTERS
        or any(
            not {*shown.facets[place_][1].values()} <= {*shown.facets[last[place_]][1].values()} for place_ in places
        )
    ):
        return False
    for line, (column, group) in zip(axes, rows, strict=True):
        for place_ in sorted({*last.values()}):
            names = {name: rest for name, rest in shown.facets[place_][1].items() if name in group}
            ends = list[tuple[float, str, Look]]()
            for name, rest in names.items():
                own = shown.best[shown.best[CURVE] == name].sort_values(axis)
                text = page.curve(rest) + shown.look[name].mark
                ends += [(float(own[column].iloc[-1]), text, shown.look[name])] if len(own) else []
            if what.reference is not None:
                ends.append((what.reference[1], what.reference[0], Look("black", "")))
            _beside(line[place_], ends)
    return True


def _beside(ax: Axes, ends: Sequence[tuple[float, str, Look]]) -> None:
    """Writes texts at the right of these heights, none on another, each behind its curve's marker."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    height_in = float(figure.get_size_inches()[1]) / ax.get_gridspec().nrows  # type: ignore[union-attr]
    room = min(0.165 / height_in, 1.0 / max(1, len(ends)))
    heights = ax.transLimits.transform(ax.transScale.transform([(ax.get_xlim()[0], each[0]) for each in ends]))[:, 1]
    order = np.argsort(heights, kind="stable")
    spread = np.clip(heights[order], 0.0, 1.0)
    for rank in range(1, len(spread)):
        spread[rank] = max(spread[rank], spread[rank - 1] + room)
    for rank in range(len(spread) - 1, -1, -1):
        spread[rank] = min(spread[rank], 1.0 - room * (len(spread) - 1 - rank))
    for height, (_, text, look) in zip(spread, [ends[place_] for place_ in order], strict=True):
        if look.marker:
            ax.plot([1.05], [height], transform=ax.transAxes, clip_on=False, linestyle="", **look.marked())
        ax.text(1.09 if look.marker else 1.02, height, text, transform=ax.transAxes, va="center", fontsize="small",
                color=look.colour)  # fmt: skip


def _swept(axes: Sequence[Sequence[Axes]], shown: _Shown, axis: str, width_in: float) -> None:
    values = [sorted(shown.best.loc[shown.best[CURVE].isin(list(each)), axis].unique()) for _, each in shown.facets]
    across = sum(ax.get_subplotspec().rowspan.start == 0 for ax in axes[0])  # type: ignore[union-attr]
    for place_, given in enumerate(values):
        for row in axes:
            swept(row[place_], axis, given, width_in)
            row[place_].tick_params(labelbottom=row is axes[-1] and given not in values[place_ + across :: across])


def _panel(
    ax: Axes, shown: _Shown, names: Sequence[str], axis: str, column: str, what: Description, logarithmic: bool
) -> None:
    best = shown.best[shown.best[CURVE].isin(names)]
    draw_curves(ax, best, axis, column, shown.look, logarithmic, (what.low, what.high), what.hollow)
    if what.beyond is not None:
        _arrows(ax, best[what.beyond(best)], axis, column, shown.look)
    for curve, rows in curves(shown.fixed[shown.fixed[CURVE].isin(names)]):
        ordered = rows.sort_values(axis)
        ax.plot(place(ordered[axis]), ordered[column], color=shown.look[curve].colour, zorder=1, **_DOTTED)
    if what.reference is not None:
        ax.axhline(what.reference[1], label=what.reference[0], **_REFERENCE)


def _arrows(ax: Axes, rows: pd.DataFrame, axis: str, column: str, look: Mapping[str, Look]) -> None:
    figure = ax.get_figure(root=True)
    assert figure is not None
    above = ax.transData + ScaledTranslation(0, 11 / 72, figure.dpi_scale_trans)
    for curve, given in curves(rows):
        ordered = given.sort_values(axis)
        ax.plot(place(ordered[axis]), ordered[column], transform=above, color=look[curve].colour, **UNBOUNDED)


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
