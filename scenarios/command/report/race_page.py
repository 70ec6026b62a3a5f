"""`sqsim report DIR --race`: "Phone or cloud: who should write the first draft?", one page that opens offline.

A slider moves along the axis of the results, buttons choose their set-up. The page reads the numbers of a small table:
at each place the mean of each scheme, its interval, and its ratio to cloud-only decoding with the paired interval. All
other words are in `templates/race.*`.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import pandas as pd
from markupsafe import Markup

from kinds import ConfigError
from plots.style import SCHEMES, SPARE
from scenarios.command.cell_file import load_own
from scenarios.command.options import RACE
from scenarios.command.report.at_each_value import LATENCY, Compared, Group, ShownCurve, on_dark
from scenarios.command.result_folder import ResultFolder
from scenarios.command.self_contained_page import digest, environment, in_a_script, write_page
from scenarios.findings import findings_file
from scenarios.findings.sentences.one_breath import IN_CLOUD
from simulator.results.display_names import DisplayNames, curve_of, words_of
from simulator.results.intervals import interval_of

TEMPLATES: Final = Path(__file__).parent / "templates"
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


def run(options: argparse.Namespace) -> Path:
    """Writes the page and returns its path. Raises ConfigError, one line, if DIR has nothing to race."""
    load_own(options.imports, [options.folder])
    table = race_table(ResultFolder.read(options.folder))
    if table is None:
        raise ConfigError(f"{options.folder}: no {BASELINE} beside a scheme that drafts on the device, nothing to race")
    return write_page(options.out or options.folder / RACE, page(table), options.folder)


def page(table: RaceTable) -> str:
    """Returns the page of a table, HTML."""
    script = (TEMPLATES / "race.js").read_text(encoding="utf-8")
    names = list(dict.fromkeys(each.scheme for each in table.schemes))
    looks = {
        name: {"name": DisplayNames().curve(name), "colours": pair}
        for name, pair in zip(names, _colours(names), strict=True)
    }
    data = json.dumps({**asdict(table), "looks": looks}, separators=(",", ":"))
    template = environment("scenarios.command.report").get_template("race.html")
    return template.render(
        table=table,
        data=in_a_script(data),
        script=Markup(script),
        script_hash=digest(script),
    )


def _colours(names: list[str]) -> Iterator[tuple[str, str]]:
    """The colours of each scheme on a light and on a dark ground."""
    taken: set[str] = set()
    for place, name in enumerate(names):
        colour, _ = SCHEMES.get(words_of(name)[0], SPARE[place % len(SPARE)])
        if colour in taken:
            colour = SPARE[place % len(SPARE)][0]
        taken.add(colour)
        yield colour, on_dark(colour)


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
    holds_for = [line for begin in _REMARKS for line in remarks if line.startswith(begin)]
    answers = (compared.summary.get("latency_s", pd.Series(dtype=float)) / compared.summary[LATENCY]).dropna()
    return RaceTable(
        scenario=folder.note.scenario,
        made=f"{str(manifest.get('date'))[:10]}, commit {str(manifest.get('commit'))[:7]}",
        axis="" if compared.axis is None else compared.names.axis(compared.axis),
        values=tuple(compared.at),
        groups=tuple(_set_up(compared, group) for group in kept),
        tokens=max(1, round(float(answers.median()))) if len(answers) else 100,
        seeds=int(folder.cells["seed"].nunique()),
        holds_for=tuple(filter(None, [str(found.get("base") or ""), *holds_for])),
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
