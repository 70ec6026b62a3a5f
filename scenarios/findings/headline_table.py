"""The headline as text: a metric along the axis, each curve with its interval, the lowest starred, in units that can be
read. Entries say how many requests went unanswered, and neither those nor lossy schemes have a star beside others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from scenarios.findings.aligned_columns import WIDTH, number, rows_along
from scenarios.findings.rejections import BOUND, BOUND_NOTE
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import counted
from simulator.results.columns import CURVE, N_SUFFIX
from simulator.results.intervals import CONFIDENCE, interval_of
from simulator.results.lossy_schemes import lossy_curves, marked, unranked
from simulator.results.metrics import higher_is_better
from simulator.results.unanswered_requests import percent, share_left_out, with_number
from simulator.results.units import PREFIXED, one_unit, quantity, title, unit

MANY_CURVES = 9
"""More than these are too many to stand side by side."""
DECADES = 3
"""A span wider than this cannot be read in one unit."""
EntryGrid = list[list["HeadlineEntry | None"]]


@dataclass(frozen=True)
class HeadlineEntry:
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
    best: bool = False

    @property
    def same(self) -> bool:
        """Whether several seeds have one value."""
        return self.seeds > 1 and math.isnan(self.half_width) and not self.capped

    def text(self, factor: float) -> str:
        """`43.5 ±3.9 (17% unanswered)`, `44.1 ±6.5*`."""
        if math.isnan(self.mean):
            return "none answered " if self.unanswered == 1 else "-"
        notes = [f"{percent(self.unanswered)} unanswered"] if self.unanswered > 0 else []
        notes += [counted(self.seeds, "seed")] if self.fewer else []
        if self.capped:
            return "1 "
        line = number(self.mean / factor, self.half_width / factor) + ("*" if self.best else " ")
        return f"{line.rstrip()} ({', '.join(notes)})" if notes else line


def headline(summary: pd.DataFrame, axis: str | None, metric: str = "latency_per_token_s", width: int = WIDTH) -> str:
    """Mean ± half-width of each curve at each value of the axis; `*` marks the lowest mean at a value. A row a value
    and a column a curve; where curves are many and values few, the other way round."""
    table = marked(with_number(summary, metric))
    if not table[metric].notna().any():
        return f"{title(metric)}: no request was answered"
    names = list(dict.fromkeys(table[CURVE]))
    parts = rows_along(table, axis)
    entries = [_entries(part, names, metric) for _, part in parts]
    labels = ["" if axis is None else quantity(at, axis) for at, _ in parts]
    of, scales = _units(entries, metric)
    scale = f" ({scales[0][1]})" if of == "all" and scales[0][1] else ""
    heading = f"{title(metric)}{scale}, {_explained(table, entries, names, metric)}"
    texts = [
        [entry.text(scales[{"rows": i, "columns": j}.get(of, 0)][0]) if entry else "-" for j, entry in enumerate(row)]
        for i, row in enumerate(entries)
    ]
    labels = _in_units(labels, scales) if of == "rows" else labels
    names = _in_units(names, scales) if of == "columns" else names
    corner = "" if axis is None else title(axis)
    if len(names) > MANY_CURVES and len(parts) <= MANY_CURVES:
        names, labels, texts = labels, names, [[*column] for column in zip(*texts, strict=True)]
    body = [[label, *row] for label, row in zip(labels, texts, strict=True)]
    return TextTable.of(heading, [corner, *names], body).text(width)


def _entries(part: pd.DataFrame, names: Sequence[str], metric: str) -> list[HeadlineEntry | None]:
    lossy = lossy_curves(part) if len(lossy_curves(part)) < len(names) else []
    found: dict[str, HeadlineEntry] = {}
    for _, row in part.iterrows():
        given = float(row.get(metric + N_SUFFIX, math.nan))
        fewer = not math.isnan(given)
        mean, half = interval_of(row, metric)
        seeds, no_bound = int(given if fewer else row["n"]), metric == BOUND and mean > 1
        found[str(row[CURVE])] = HeadlineEntry(mean, half, share_left_out(row, metric), seeds, fewer, no_bound)
    rivals = {
        name: each.mean
        for name, each in found.items()
        if name not in lossy and not each.unanswered and not each.capped and not math.isnan(each.mean)
    }
    best = max if higher_is_better(metric) else min
    first = best(rivals.values()) if len(names) > 1 and rivals else math.nan
    return [replace(found[name], best=rivals.get(name) == first) if name in found else None for name in names]


def _explained(table: pd.DataFrame, entries: EntryGrid, names: Sequence[str], metric: str) -> str:
    shown = [entry for row in entries for entry in row if entry is not None and not math.isnan(entry.mean)]
    seeds = int(table["n"].max())
    if seeds == 1:
        line = "one seed, no interval"
    elif all(entry.same for entry in shown):
        line = f"the same in each of {seeds} seeds, no interval"
    else:
        line = f"mean ± {CONFIDENCE:.0%} half-width over {seeds} seeds" + (
            " (no ±: the same in each)" if any(entry.same for entry in shown) else ""
        )
    if any(entry.best for entry in shown):
        line += f"; * {'highest' if higher_is_better(metric) else 'lowest'} mean" + (
            " of the lossless" if unranked(table) else ""
        )
    if metric == BOUND:
        line += f"\non what is expected, TV(qhat, p): {BOUND_NOTE}"
    if any(entry.unanswered > 0 for row in entries for entry in row if entry is not None):
        line += "\nUNANSWERED requests are in no number here: such an entry is of the others alone, and not ranked"
    return line


def _units(entries: EntryGrid, metric: str) -> tuple[str, list[tuple[float, str]]]:
    """One unit for the whole table, "all", if that spans DECADES at most; else for each of the "rows", since along a
    row curves are compared; if a row is as wide, of the "columns". With what numbers are divided by for each."""
    every = _means(entry for row in entries for entry in row)
    if unit(metric) not in PREFIXED or _decades(every) <= DECADES:
        return "all", [one_unit(every, metric)]
    if all(_decades(_means(row)) <= DECADES for row in entries):
        return "rows", [one_unit(_means(row), metric) for row in entries]
    return "columns", [one_unit(_means(column), metric) for column in zip(*entries, strict=True)]


def _in_units(names: list[str], scales: Sequence[tuple[float, str]]) -> list[str]:
    return [f"{name} ({scale})".lstrip() for name, (_, scale) in zip(names, scales, strict=True)]


def _means(entries: Iterable[HeadlineEntry | None]) -> list[float]:
    return [entry.mean for entry in entries if entry is not None and math.isfinite(entry.mean) and entry.mean > 0]


def _decades(values: Sequence[float]) -> float:
    return math.log10(max(values) / min(values)) if values else 0.0
