"""The ranked tables of a report, one a value of the axis: place, value with interval, difference from the first, and
where the time goes, as a bar."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from plots.axes import BEYOND
from plots.breakdown_figures import OTHER, SMALL, looks_of
from scenarios.command.report.at_each_value import (
    LATENCY,
    Compared,
    Group,
    InUnit,
    ShownCurve,
    on_dark,
)
from scenarios.findings.wording import less_or_more
from simulator.results.column_names import BREAKDOWN
from simulator.results.intervals import CONFIDENCE, interval_of
from simulator.results.metrics import higher_is_better
from simulator.results.unanswered_requests import percent, share_left_out
from simulator.results.units import state_name, title

MOST_ROWS: Final = 14
"""More rows of a group are left to the tables."""


@dataclass(frozen=True)
class Segment:
    """A part of a bar: its width in per cent of the longest, its colours on light and on dark, and what it says."""

    state: str
    width: float
    colours: tuple[str, str]
    text: str


@dataclass(frozen=True)
class RankedRow:
    """Curve at one value. `place` is "" if it is not ranked; `mark` is `*` for the first and `•` for those of which no
    difference from the first was seen."""

    place: str
    mark: str
    curve: ShownCurve
    settings: str
    value: str
    against: str
    note: str
    segments: Sequence[Segment]
    cut: bool


@dataclass(frozen=True)
class RankedGroup:
    """The rows of one set-up; `more` rows are left out."""

    name: str
    rows: Sequence[RankedRow]
    more: int


@dataclass(frozen=True)
class Ranking:
    """Ranked tables, with the names of their columns."""

    metric: str
    symbol: str
    tables: Sequence[Sequence[RankedGroup]]
    """The groups at each value of the axis."""
    states: Sequence[tuple[str, tuple[str, str]]]
    """(state, colours) of what the bars are made of; () where a bar is the value itself."""
    higher: bool


def ranking(compared: Compared) -> Ranking:
    """The ranked tables of a summary."""
    metric, scale = compared.metric, compared.scale(compared.metric)
    found = [name for name in BREAKDOWN if name in compared.summary and (compared.summary[name].fillna(0.0) > 0).any()]
    states = {name: colour for name, (colour, _, _) in looks_of(found).items()} if metric == LATENCY else {}
    tables = [
        [_group(compared, group, at, scale, states) for group in compared.groups] for at in range(len(compared.at))
    ]
    shown = {segment.state for groups in tables for group in groups for row in group.rows for segment in row.segments}
    named = [(state_name(state), _both(colour)) for state, colour in states.items() if state_name(state) in shown]
    if named and "other" in shown:
        named.append(("other", _both(OTHER[0])))
    return Ranking(title(metric), scale.symbol, tables, named, higher_is_better(metric))


def _both(colour: str) -> tuple[str, str]:
    return colour, on_dark(colour)


def _group(compared: Compared, group: Group, at: int, scale: InUnit, states: dict[str, str]) -> RankedGroup:
    metric = compared.metric
    there = [(curve, found[at]) for curve in group.curves if at in (found := compared.rows[curve.key])]
    sign = -1.0 if higher_is_better(metric) else 1.0
    ranked = [each for each in there if compared.is_ranked(*each, metric)]
    ranked.sort(key=lambda each: sign * float(each[1][metric]))
    apart = sorted(
        (each for each in there if not compared.is_ranked(*each, metric)),
        key=lambda each: sign * float(np.nan_to_num(float(each[1][metric]), nan=math.inf)),
    )
    known = [value for _, row in there if math.isfinite(value := float(row[metric])) and value > 0]
    most = (BEYOND if states else math.inf) * float(np.median(known or [0.0]))  # a longer bar is cut
    longest = max((value for value in known if value <= most), default=0.0)
    made = []
    for place, (curve, row) in enumerate((*ranked, *apart)):
        mark, against = "", ""
        if place < len(ranked):
            mark, against = ("*", "") if place == 0 else _against(compared, row, ranked[0][1])
        mean, half = interval_of(row, metric)
        made.append(
            RankedRow(
                place=str(place + 1) if place < len(ranked) else "",
                mark=mark,
                curve=curve,
                settings=compared.settings(row),
                value=scale.text(mean, half),
                against=against,
                note=f"{percent(lacking)} unanswered" if (lacking := share_left_out(row, metric)) > 0 else "",
                segments=list(_segments(row, metric, curve, scale, longest, states)),
                cut=bool(mean > longest),
            )
        )
    return RankedGroup(group.name, made[:MOST_ROWS], max(0, len(made) - MOST_ROWS))


def _against(compared: Compared, row: pd.Series[float], first: pd.Series[float]) -> tuple[str, str]:
    found = compared.difference(row, first, compared.metric)
    if found is None:
        return "", "–"
    return "•" if found.n > 1 and not found.separable else "", less_or_more(found, "lower", "higher")


def _segments(
    row: pd.Series[float], metric: str, curve: ShownCurve, scale: InUnit, longest: float, states: dict[str, str]
) -> Iterator[Segment]:
    value = float(row[metric])
    if not longest or not math.isfinite(value) or value <= 0:
        return
    parts = {name: float(row[name]) for name in states if not math.isnan(float(row[name])) and float(row[name]) > 0}
    total = sum(parts.values())
    if not total:
        text = f"{scale.text(value)} {scale.symbol}".rstrip()
        yield Segment("value", 100 * min(1.0, value / longest), curve.colours, text)
        return
    room = longest
    small = sum(seconds for seconds in parts.values() if seconds < SMALL * total)
    large = [(state_name(name), seconds, states[name]) for name, seconds in parts.items() if seconds >= SMALL * total]
    for state, seconds, colour in (*large, *([("other", small, OTHER[0])] if small else [])):
        width = min(seconds, room)
        room -= width
        share = f"{seconds / total:.0%}" if seconds >= 0.01 * total else "<1%"
        yield Segment(state, 100 * width / longest, _both(colour), f"{scale.text(seconds)} {scale.symbol} ({share})")


def ranking_note(made: Ranking, compared: Compared) -> str:
    """Returns a note that explains the marks and names what was not ranked."""
    rows = [row for groups in made.tables for group in groups for row in group.rows]
    several = int(compared.summary["n"].max()) > 1
    if compared.too_few:
        return f"{int(compared.summary['n'].max())} seeds: too few to rank."
    best = "highest" if made.higher else "lowest"
    parts = [f"* {best} mean"]
    if any(row.mark == "•" for row in rows):
        parts.append(f"• no difference from it seen ({CONFIDENCE:.0%}, paired by seed)")
    parts.append(f"± {CONFIDENCE:.0%} over seeds" if several else "one seed, no interval")
    if any(not row.place for row in rows):
        why = [mark for mark, found in (
            ("lossy", any("lossy" in row.curve.mark for row in rows)),
            ("not known to be lossless", any("not known" in row.curve.mark for row in rows)),
            ("with unanswered requests", any(row.note for row in rows)),
        ) if found]  # fmt: skip
        parts.append(f"– not ranked: {', '.join(why) or 'limits, or without a value'}")
    if any(row.cut for row in rows):
        parts.append("→ the bar is cut")
    return "; ".join(parts) + "."


def base_line(printed: str, manifest: Mapping[str, object]) -> str:
    """Returns whose numbers they are: the line that the run printed, and the commit."""
    commit = str(manifest.get("commit") or "")[:10]
    return " ".join(filter(None, [printed, commit and f"Commit {commit}."]))
