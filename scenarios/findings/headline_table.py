"""The headline as text: a metric along the axis, each curve with its interval, the lowest starred, in units that can be
read.

Nothing there misleads in silence: where requests went unanswered the entry says how many, and neither it nor a lossy
scheme has a star beside others; a curve of which nothing was answered keeps its column.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from scenarios.findings.aligned_columns import WIDTH, aligned, number, rows_along
from scenarios.findings.rejections import BOUND, BOUND_NOTE
from simulator.results.columns import CI_SUFFIX, CURVE, N_SUFFIX
from simulator.results.lossy import limit_curves, lossy_curves, marked
from simulator.results.unanswered import ANSWERED, of_answered, percent, share
from simulator.results.units import PREFIXED, prefix_of_all, quantity, title, unit

MANY_CURVES = 9
"""More than these are too many to stand side by side."""
DECADES = 3
"""Of a wider span no one unit can be read."""
Table = list[list["Entry | None"]]


@dataclass(frozen=True)
class Entry:
    """One curve at one value of the axis. `mean` is nan where nothing was answered."""

    mean: float
    half_width: float
    unanswered: float
    seeds: int
    """With a number."""
    fewer: bool
    """Whether others of the same curve and value have none."""
    capped: bool = False
    """Whether it is a bound above 1, which says nothing."""
    lowest: bool = False

    @property
    def same(self) -> bool:
        """Whether several seeds have one value."""
        return self.seeds > 1 and math.isnan(self.half_width) and not self.capped

    def told(self, factor: float) -> str:
        """`43.5 ±3.9 (17% unanswered)`, `44.1 ±6.5*`."""
        if math.isnan(self.mean):
            return "none answered " if self.unanswered == 1 else "-"
        notes = [f"{percent(self.unanswered)} unanswered"] if self.unanswered > 0 else []
        notes += [f"{self.seeds} seed{'s' if self.seeds > 1 else ''}"] if self.fewer else []
        if self.capped:
            return "1 "
        said = number(self.mean / factor, self.half_width / factor) + ("*" if self.lowest else " ")
        return f"{said.rstrip()} ({', '.join(notes)})" if notes else said


def headline(summary: pd.DataFrame, axis: str | None, metric: str = "latency_per_token_s") -> str:
    """Mean ± half-width of each curve at each value of the axis; `*` marks the lowest mean at a value.

    A row a value and a column a curve; where curves are many and values few, the other way round.
    """
    table = marked(_with_something(summary, metric))
    if not table[metric].notna().any():
        return f"{title(metric)}: no request was answered"
    names = list(dict.fromkeys(table[CURVE]))
    parts = rows_along(table, axis)
    entries = [_entries(part, names, metric) for _, part in parts]
    labels = ["" if axis is None else quantity(at, axis) for at, _ in parts]
    units = _units(entries, metric)
    scale = units.scale if isinstance(units, _OneUnit) else ""
    heading = f"{title(metric)}{f' ({scale})' if scale else ''}, {_said_of(table, entries, names, metric)}"
    heading = "\n".join(textwrap.fill(line, WIDTH) for line in heading.splitlines())
    texts = [
        [entry.told(units.factor(i, j)) if entry else "-" for j, entry in enumerate(row)]
        for i, row in enumerate(entries)
    ]
    labels = [units.label(name, row=i) for i, name in enumerate(labels)]
    names = [units.label(name, column=j) for j, name in enumerate(names)]
    corner = "" if axis is None else title(axis)
    if len(names) > MANY_CURVES and len(parts) <= MANY_CURVES:
        body = [[name, *column] for name, column in zip(names, zip(*texts, strict=True), strict=True)]
        return heading + "\n\n" + aligned([corner, *labels], body)
    return heading + "\n\n" + aligned([corner, *names], [[a, *row] for a, row in zip(labels, texts, strict=True)])


def _with_something(summary: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of curves that have a number, or would have one had anything been answered."""
    told = summary[metric].notna()
    if of_answered(metric) and ANSWERED in summary.columns:
        told |= summary[ANSWERED] == 0
    return summary[told]


def _entries(part: pd.DataFrame, names: Sequence[str], metric: str) -> list[Entry | None]:
    """Of one value of the axis, those of each curve, None where it has none there."""
    lossy = {*lossy_curves(part)} if len({*lossy_curves(part)}) < len(names) else set()
    limits = limit_curves(part)
    found: dict[str, Entry] = {}
    for _, row in part.iterrows():
        lacking = share(row) if of_answered(metric) else 0.0
        given = float(row.get(metric + N_SUFFIX, math.nan))
        fewer = not math.isnan(given)
        half = float(row.get(metric + CI_SUFFIX, math.nan))
        seeds, no_bound = int(given if fewer else row["n"]), metric == BOUND and float(row[metric]) > 1
        found[str(row[CURVE])] = Entry(float(row[metric]), half, lacking, seeds, fewer, no_bound)
    rivals = {
        name: each.mean
        for name, each in found.items()
        if name not in {*lossy, *limits} and not each.unanswered and not each.capped and not math.isnan(each.mean)
    }
    least = min(rivals.values()) if rivals and len(names) > 1 else math.nan
    stars = {name for name, mean in rivals.items() if mean == least}
    return [replace(found[name], lowest=name in stars) if name in found else None for name in names]


def _said_of(table: pd.DataFrame, entries: Table, names: Sequence[str], metric: str) -> str:
    """What the numbers are: seeds, intervals, the star, and what was left out of the ranking."""
    told = [entry for row in entries for entry in row if entry is not None and not math.isnan(entry.mean)]
    seeds = int(table["n"].max())
    if seeds == 1:
        said = "one seed, no interval"
    elif all(entry.same for entry in told):
        said = f"the same in each of {seeds} seeds, no interval"
    else:
        said = f"mean ± 95% half-width over {seeds} seeds" + (
            " (no ±: the same in each)" if any(entry.same for entry in told) else ""
        )
    if any(entry.lowest for entry in told):
        lossless = 0 < len(lossy_curves(table)) < len(names)
        said += "; * lowest mean" + (" of the lossless" if lossless else "")
        said += ", limits apart" if limit_curves(table) else ""
    if metric == BOUND:
        said += f"\non what is expected, TV(qhat, p): {BOUND_NOTE}"
    if any(entry.unanswered > 0 for row in entries for entry in row if entry is not None):
        said += "\nUNANSWERED requests are in no number here: such an entry is of the others alone, and not ranked"
    return said


class _OneUnit:
    """One unit for the whole table, or none. Those of rows and columns are told with their names."""

    def __init__(self, factor: float, scale: str) -> None:
        self._factor, self.scale = factor, scale

    def factor(self, row: int, column: int) -> float:
        return self._factor

    def label(self, name: str, row: int = -1, column: int = -1) -> str:
        return name


class _UnitEach:
    """A unit for each row, or for each column."""

    def __init__(self, scales: Sequence[tuple[float, str]], *, of_rows: bool) -> None:
        self._scales, self._of_rows = scales, of_rows

    def factor(self, row: int, column: int) -> float:
        return self._scales[row if self._of_rows else column][0]

    def label(self, name: str, row: int = -1, column: int = -1) -> str:
        place = row if self._of_rows else column
        return name if place < 0 else f"{name} ({self._scales[place][1]})".lstrip()


def _units(entries: Table, metric: str) -> _OneUnit | _UnitEach:
    """The whole table's where it spans DECADES at most; else each row's, since along a row curves are compared; where
    a row is as wide, each column's."""
    known = unit(metric)
    every = _means(entry for row in entries for entry in row)
    if known not in PREFIXED:
        return _OneUnit(1.0, known)
    if _decades(every) <= DECADES:
        factor, prefix = prefix_of_all(every)
        return _OneUnit(factor, prefix + known)
    of_rows = all(_decades(_means(row)) <= DECADES for row in entries)
    parts = entries if of_rows else [list(column) for column in zip(*entries, strict=True)]
    found = [prefix_of_all(_means(part)) for part in parts]
    return _UnitEach([(factor, prefix + known) for factor, prefix in found], of_rows=of_rows)


def _means(entries: Iterable[Entry | None]) -> list[float]:
    return [entry.mean for entry in entries if entry is not None and math.isfinite(entry.mean) and entry.mean > 0]


def _decades(values: Sequence[float]) -> float:
    return math.log10(max(values) / min(values)) if values else 0.0
