"""How many devices a cell supports at the objective, along the swept axis, a curve a scheme, and which limit is met."""

from __future__ import annotations

import re

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.along_axis import Along, along
from plots.axes import rows_of
from plots.caption import caption, marks
from plots.layout import Wording, finish
from plots.lines_or_bars import UNBOUNDED, Series, hollow_mark, room_for, unbounded_mark
from plots.page import Page
from plots.style import chosen, curves, looks

FOUND, LIMIT = "capacity", "first_limit"
LEAST, MOST, NONE = "capacity_least", "capacity_most", "seeds_of_none"
LABEL = "devices"
AT_LEAST = "more were not tried"
RANGE = "Bars: from the least to the most devices that one seed alone supports, of the numbers tried"
FROM_ZERO = "from 0 where a seed supports none of them"
_WORDS = {"ttft": "TTFT", "tpot": "TPOT", "itl": "ITL"}


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves of `capacity` from 0 on with the range over seeds, or a row a scheme where nothing is swept; open markers
    where another limit is met first than at most points, arrows where more devices were not tried. None without a
    search."""
    if FOUND not in summary.columns:
        return None
    if {LEAST, NONE} <= {*summary.columns}:
        summary = summary.assign(**{LEAST: summary[LEAST].where(summary[NONE] == 0, 0)})
    plain, other = _limits(summary, page)
    notes = [f"Objective: {in_words(str(each))}." for each in summary.get("objective", pd.Series(dtype=str)).unique()]
    ends = f"; at open markers it is {other}." if other else "."
    notes += [f"What fails first with more devices is {plain}{ends}"] if plain else []
    notes += _of_seeds(summary)
    series = Series(FOUND, "", low=LEAST, high=MOST) if {LEAST, MOST} <= {*summary.columns} else Series(FOUND, "")
    if axis is None:
        return _rows(chosen(summary), notes, page, other)
    what = Along(
        f"Devices that a cell supports against {page.axis(axis)}", LABEL, LABEL, [series], "higher",
        notes, hollow=lambda rows: _other_limit(rows, summary), open_label=f"{other} fails first",
        beyond=lambda rows: ~rows["bounded"].astype(bool), beyond_label=AT_LEAST, from_zero=True,
    )  # fmt: skip
    return along(summary, axis, what, page)


def in_words(objective: str) -> str:
    """`tpot_p95_s <= 100 ms` -> `TPOT p95 at most 100 ms`."""
    text = re.sub(r"\b([a-z]\w*?)_s\b", lambda found: found[1].replace("_", " "), objective).replace("<=", "at most")
    return " ".join(_WORDS.get(word, word) for word in text.split())


def _of_seeds(summary: pd.DataFrame) -> list[str]:
    if not {LEAST, MOST, NONE} <= {*summary.columns} or (summary["n"] < 2).all():
        return []
    return [f"{RANGE}, {FROM_ZERO}." if (chosen(summary)[NONE] > 0).any() else f"{RANGE}."]


def _rows(rows: pd.DataFrame, notes: list[str], page: Page, other: str) -> Figure:
    look, shown = looks(rows), curves(rows)
    figure = page.figure(*room_for(rows, page))
    ax = figure.add_subplot()
    top = float(rows[[name for name in (FOUND, MOST) if name in rows.columns]].to_numpy().max()) or 1.0
    for y, (name, part) in enumerate(shown):
        _row(ax, y, part.iloc[0], look[name].colour, look[name].marker, bool(_other_limit(part, rows).iloc[0]), top)
    labels = [f"{page.curve(name)}{look[name].mark}: {part[FOUND].iloc[0]:,.0f}" for name, part in shown]
    rows_of(ax, labels)
    ax.set_xlim(0, 1.2 * top)
    ax.grid(axis="y", visible=False)
    text = caption(rows, page, "higher", [*notes, *marks(rows, FOUND)], intervals=False)
    key = [(hollow_mark(), f"{other} fails first")] if _other_limit(rows, rows).any() else []
    key += [(unbounded_mark(), AT_LEAST)] if not rows["bounded"].astype(bool).all() else []
    finish(figure, page, Wording("Devices that a cell supports", text, LABEL), [handle for handle, _ in key],
           [label for _, label in key])  # fmt: skip
    return figure


def _row(ax: Axes, y: int, row: pd.Series[float], colour: str, marker: str, hollow: bool, top: float) -> None:
    found = float(row[FOUND])
    low, high = (float(row.get(name, found)) for name in (LEAST, MOST))
    ax.plot([0, found], [y, y], color=colour, linewidth=6, alpha=0.25, solid_capstyle="butt", zorder=1)
    ax.errorbar([(low + high) / 2], [y], xerr=[(high - low) / 2], fmt="none", ecolor=colour, elinewidth=1.2)
    ax.plot(found, y, color=colour, marker=marker, markerfacecolor="white" if hollow else colour, linestyle="",
            label=str(row["curve"]))  # fmt: skip
    if not bool(row["bounded"]):
        ax.plot(max(found, high) + 0.05 * top, y, **UNBOUNDED, markeredgecolor=colour)


def _known(summary: pd.DataFrame) -> pd.Series[str]:
    shown = chosen(summary)
    limits = shown[LIMIT].dropna() if LIMIT in shown.columns else pd.Series(dtype=str)
    return limits[limits != ""].value_counts().index.to_series()


def _limits(summary: pd.DataFrame, page: Page) -> tuple[str, str]:
    words = [in_words(" and ".join(page.axis(name) for name in each.split(" and "))) for each in _known(summary)]
    return (words[0], " or ".join(words[1:])) if words else ("", "")


def _other_limit(rows: pd.DataFrame, summary: pd.DataFrame) -> pd.Series[bool]:
    return rows[LIMIT].isin(list(_known(summary)[1:])) if LIMIT in rows.columns else pd.Series(False, index=rows.index)
