"""The small table behind the page "Phone or cloud: who should write the first draft?": at each place the mean of each
scheme, its interval, and its ratio to cloud-only decoding with the paired interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from scenarios.command.report.at_each_value import LATENCY, Compared, Group, ShownCurve
from scenarios.command.result_folder import ResultFolder
from scenarios.findings import findings_file
from scenarios.findings.sentences.one_breath import IN_CLOUD
from simulator.results.display_names import curve_of, words_of
from simulator.results.intervals import interval_of

BASELINE: Final = "cloud_only"
_DIGITS: Final = 4
"""Significant digits of a number of the table."""
_REMARKS: Final = ("Assumed: ", "Tokens: ", "Clock: ", "Precision: ")
"""Remarks of a run that say what its numbers hold for."""
Role = Literal["baseline", "cloud", "edge", "lossy"]


@dataclass(frozen=True)
class RacedScheme:
    """A scheme in one group; each list has an entry for every value of the axis, None if there is no number."""

    group: int
    scheme: str
    role: Role
    """`cloud`: drafts in the cloud. `edge`: drafts on the device. `lossy`: its text is not the verifier's."""
    mean: tuple[float | None, ...]
    """Seconds per token."""
    ci: tuple[float | None, ...]
    ratio: tuple[float | None, ...]
    """Time per token over that of cloud-only decoding, paired by seed; `low` and `high` are its interval."""
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class RaceTable:
    """The numbers and words of a result directory that the page shows."""

    scenario: str
    made: str
    axis: str
    values: tuple[str, ...]
    groups: tuple[dict[str, str], ...]
    """The set-up of each group, in words by field."""
    tokens: int
    """Tokens of an answer."""
    seeds: int
    holds_for: tuple[str, ...]
    schemes: tuple[RacedScheme, ...]


def race_table(folder: ResultFolder) -> RaceTable | None:
    """Returns the table of a finished run; None if no group has both a baseline and a scheme that drafts on the device.
    Raises ConfigError, one line, if a file of the run cannot be read."""
    compared = Compared(folder, [LATENCY])
    if LATENCY not in compared.summary.columns:
        return None
    kept = [
        group for group in compared.groups if {"baseline", "edge"} <= {_role(compared, each) for each in group.curves}
    ]
    if not kept:
        return None
    found = findings_file.read(folder.path)
    manifest = folder.manifest
    asked = found.get("remarks")
    remarks = [str(line) for line in asked] if isinstance(asked, list) else []
    return RaceTable(
        scenario=folder.note.scenario,
        made=f"{str(manifest.get('date'))[:10]}, commit {str(manifest.get('commit'))[:7]}",
        axis="" if compared.axis is None else compared.names.axis(compared.axis),
        values=tuple(compared.at),
        groups=tuple(_set_up(compared, group) for group in kept),
        tokens=_tokens(compared.summary),
        seeds=int(folder.cells["seed"].nunique()),
        holds_for=tuple(filter(None, [str(found.get("base") or ""), *_first(remarks)])),
        schemes=tuple(_raced(compared, at, group, each) for at, group in enumerate(kept) for each in group.curves),
    )


def _role(compared: Compared, curve: ShownCurve) -> Role:
    kind = str(next(iter(compared.rows[curve.key].values()))["scheme.kind"])
    if kind == BASELINE:
        return "baseline"
    if curve.look.lossy:
        return "lossy"
    return "cloud" if kind in IN_CLOUD else "edge"


def _raced(compared: Compared, place: int, group: Group, curve: ShownCurve) -> RacedScheme:
    base = next(each for each in group.curves if _role(compared, each) == "baseline")
    mine, theirs = compared.rows[curve.key], compared.rows[base.key]
    own: list[list[float | None]] = []
    for at in range(len(compared.at)):
        numbers = [math.nan] * 5
        if at in mine:
            numbers[:2] = interval_of(mine[at], LATENCY)
            numbers[2:] = _ratio(compared, mine[at], theirs[at]) if at in theirs and curve is not base else numbers[2:]
        own.append([float(f"{each:.{_DIGITS}g}") if math.isfinite(each) else None for each in numbers])
    scheme, fields = words_of(curve.key)
    name = curve_of(scheme, {word: value for word, value in fields.items() if word not in curve.set_up})
    return RacedScheme(place, name, _role(compared, curve), *(tuple(column) for column in zip(*own, strict=True)))


def _ratio(compared: Compared, row: pd.Series[float], base: pd.Series[float]) -> list[float]:
    """Ratio, low and high; the interval is the ratio itself if all seeds agree, nan for a single seed."""
    found = compared.difference(row, base, LATENCY)
    if found is None or not found.relative:
        return [math.nan] * 3
    ends = (found.size, found.size) if found.same else (found.low, found.high)
    return [1 + found.size, *(1 + end for end in ends)]


def _set_up(compared: Compared, group: Group) -> dict[str, str]:
    items = max((each.set_up for each in group.curves), key=len)
    return {name: compared.names.setting(name, value) for name, value in items.items()}


def _tokens(summary: pd.DataFrame) -> int:
    if "latency_s" not in summary.columns:
        return 100
    each = (summary["latency_s"] / summary[LATENCY]).dropna()
    return max(1, round(float(each.median()))) if len(each) else 100


def _first(remarks: list[str]) -> list[str]:
    return [line for begin in _REMARKS for line in remarks if line.startswith(begin)]
