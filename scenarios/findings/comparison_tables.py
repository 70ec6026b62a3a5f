"""The comparisons of a finding as tables: a row a scheme, a column a value of the axis, a group a setting; BEST for the
lowest, ALIKE for "no difference seen"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from scenarios.findings.comparisons import PairedCurves
from scenarios.findings.curve_table import ALIKE, BEST
from scenarios.findings.text_table import TableEntry, TableGroup, TextTable
from scenarios.findings.wording import Row, amount, called, change, passes, signed, would_show
from simulator.results.crossings import Crossing
from simulator.results.display_names import DisplayNames, curve_of, words_of
from simulator.results.intervals import Difference
from simulator.results.lossy_schemes import unmarked
from simulator.results.units import quantity, title

LEGEND: Final = f"{BEST} lowest, with its mean; {ALIKE} no difference seen; ± half the 95% interval, paired by seed"


@dataclass(frozen=True)
class _Entry:
    """An entry, its place in a table, and the comparison behind it where that shows no difference."""

    setting: str
    name: str
    column: object
    entry: TableEntry
    unclear: Difference | None = None


def tables_of(rows: Sequence[Row]) -> tuple[TextTable, ...]:
    """Returns a table of the lowest for each metric, one for each curve that others are compared with, and one for each
    whose crossings are known."""
    pairs = [row for row in rows if isinstance(row, PairedCurves) and row.less.n]
    crossings = [row for row in rows if isinstance(row, Crossing)]
    found: dict[tuple[str, str], list[_Entry]] = {}
    axes: dict[tuple[str, str], str | None] = {}
    for row in pairs:
        against = "lowest" if row.lowest else f"against {row.against or _apart(row.first, row.second)[1]}"
        key = (f"{title(row.less.metric)}, {against}", "")
        axes[key] = row.place.axis
        found.setdefault(key, []).extend(_entries(row))
    for each in crossings:
        first, second, setting = _apart(each.first, each.second)
        key = (f"{title(each.metric)} below that of {second}", title(each.axis))
        axes[key] = None
        found.setdefault(key, []).append(_Entry("", first, setting, TableEntry(passes(each, each.axis))))
    return tuple(_table(heading, axes[heading, over], over, each) for (heading, over), each in found.items())


def _entries(row: PairedCurves) -> Iterable[_Entry]:
    """The second over the lowest, or the first over the second."""
    less, setting = row.less, row.place.setting
    if row.lowest:
        first, second = called(row.first), called(row.second)
        mean = float(row.place.rows.loc[row.sides[0], less.metric].mean())
        yield _Entry(setting, first, row.place.at, TableEntry(amount(mean, less.metric), "", BEST))
        less = replace(less, found=replace(less.found, mean=-less.found.mean))
    else:
        first, second, shared = _apart(row.first, row.second)
        setting = ", ".join(filter(None, (setting, shared)))
    alike = less.n > 1 and not less.separable
    yield _Entry(
        setting, second if row.lowest else first, row.place.at,
        TableEntry(ALIKE) if alike else TableEntry(_changed(less)), less if alike else None,
    )  # fmt: skip


def _changed(less: Difference) -> str:
    """`-12±3%`, `x 3.4` of a multiple, or the difference itself where there is no ratio."""
    return change(less) if less.relative else signed(less)


def _apart(first: str, second: str) -> tuple[str, str, str]:
    """Returns the names of two curves without the fields that they share, and these in words."""
    (one, mine), (other, theirs) = (words_of(unmarked(curve)) for curve in (first, second))
    shared = {word: value for word, value in mine.items() if theirs.get(word) == value}
    name, against = (
        called(curve_of(scheme, {word: value for word, value in fields.items() if word not in shared}))
        + curve.removeprefix(unmarked(curve))
        for scheme, fields, curve in ((one, mine, first), (other, theirs, second))
    )
    return name, against, ", ".join(DisplayNames().setting(word, value) for word, value in shared.items())


def _table(heading: str, axis: str | None, over: str, entries: Sequence[_Entry]) -> TextTable:
    columns: list[object] = list(dict.fromkeys(each.column for each in entries))
    settings = list(dict.fromkeys(each.setting for each in entries))
    if len(columns) == 1 and columns[0] is None and len(settings) > 1:  # no axis: settings are columns
        entries = [replace(each, setting="", column=each.setting) for each in entries]
        columns, settings = [*settings], [""]
    if all(isinstance(each, float) for each in columns):
        columns.sort(key=lambda each: float(str(each)))
    groups = []
    for setting in settings:
        by: dict[str, Mapping[object, TableEntry]] = {}
        for each in entries:
            if each.setting == setting:
                by[each.name] = {each.column: each.entry, **by.get(each.name, {})}
        lines = [(name, [row.get(column, TableEntry("-")) for column in columns]) for name, row in by.items()]
        groups.append(TableGroup(setting, lines))
    heads = [each if isinstance(each, str) or axis is None else quantity(each, axis) for each in columns]
    limit = would_show(each.unclear for each in entries if each.unclear is not None)
    corner = over or ("" if axis is None else title(axis))
    return TextTable(
        heading, corner, [str(each or "") for each in heads], groups, [f"{ALIKE} {limit}"] if limit else ()
    )
