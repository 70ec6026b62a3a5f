"""`sqsim compare A B`: what changed from one result directory to another beyond noise (`simulator.results.changes`),
and the settings that only one of them has. Both sides of a comparison are one setting, whichever was chosen: its
interval has no error of a choice, as those of findings have. Versions, commits and dates come from the manifests."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from scenarios.command.cell_file import load_own
from scenarios.command.result_folder import ResultFolder
from scenarios.findings.text_table import TextTable, screen_width, wrapped
from scenarios.findings.wording import counted, signed, would_show
from simulator.results.changes import Change, SameSettings, beyond_noise, changes, same_settings
from simulator.results.column_names import CURVE
from simulator.results.intervals import CONFIDENCE, metrics_of
from simulator.results.plain_values import Plain, plain
from simulator.results.units import quantity, title, unit

ABOUT: Final = ("sqsim", "commit", "date", "python", "host")
"""Entries of a manifest besides its libraries."""
HEADLINE: Final = "latency_per_token_s"
MOST_LINES: Final = 40
"""Changes beyond these, and settings beyond a quarter of these, are counted, not listed."""


@dataclass(frozen=True)
class Side:
    """Side of a comparison: a directory, and the settings, fields and metrics that it alone has. Settings go by the
    names of their curves and their place on the axis."""

    folder: ResultFolder
    settings: Sequence[str]
    fields: Sequence[str]
    metrics: Sequence[str]
    without_value: Sequence[tuple[str, str]]
    """(setting, metric) that has a value in the other directory and none in this one."""

    def about(self) -> dict[str, Plain]:
        """The directory as JSON takes it."""
        cells, manifest = self.folder.cells, self.folder.manifest
        sizes = {"cells": int(cells["cell"].nunique()), "seeds": int(cells["seed"].nunique())}
        known = {name: plain(value) for name, value in self.folder.libraries.items()}
        about = {name: plain(manifest.get(name)) for name in ABOUT}
        name = self.folder.note.scenario
        return {"directory": str(self.folder.path), "scenario": name, **sizes, **about, "libraries": known}


@dataclass(frozen=True)
class SettingChange:
    """A change of one setting, and whether it is beyond noise."""

    setting: str
    change: Change
    beyond_noise: bool

    def plain(self) -> dict[str, Plain]:
        """The change as JSON takes it."""
        found, difference = self.change, self.change.difference
        return {
            "setting": self.setting,
            "metric": found.metric,
            "unit": unit(found.metric),
            "a": plain(found.before),
            "b": plain(found.after),
            "relative": difference.relative,
            "difference": plain(difference.size),
            "low": plain(difference.low),
            "high": plain(difference.high),
            "n": difference.n,
            "paired": found.paired,
            "p": plain(found.p),
            "separable": difference.separable if difference.n > 1 else None,
            "beyond_noise": self.beyond_noise,
        }


CONTROL: Final = "Benjamini-Hochberg: of those told, at most 5% are false alarms on average"


@dataclass(frozen=True)
class Comparison:
    """Two directories A and B, and how they differ. `values`: how many metrics of how many settings were compared, all
    in all; `searched`: the field whose largest value both have searched for, and `found` (setting, value in A, in B)
    where that is another, whose metrics are then not compared."""

    a: Side
    b: Side
    both: int
    values: int
    changes: Sequence[SettingChange]
    searched: str | None
    found: Sequence[tuple[str, float, float]]

    def plain(self) -> dict[str, Plain]:
        """Returns all of it as JSON takes it."""
        return {
            "a": self.a.about(),
            "b": self.b.about(),
            "settings": {"both": self.both, "a_only": self.a.settings, "b_only": self.b.settings},
            "fields": {"a_only": self.a.fields, "b_only": self.b.fields},
            "metrics": {"a_only": self.a.metrics, "b_only": self.b.metrics},
            "values": self.values,
            "confidence": CONFIDENCE,
            "searched": self.searched,
            "found": [list(each) for each in self.found],
            "without_value_in_b": [list(each) for each in self.b.without_value],
            "without_value_in_a": [list(each) for each in self.a.without_value],
            "changes": [each.plain() for each in self.changes],
        }

    def text(self, *, everything: bool) -> str:
        """The comparison for a person; `everything`: a line for each change and each setting of one alone."""
        most = len(self.changes) + len(self.a.settings) + len(self.b.settings) if everything else MOST_LINES
        lines = [_heading("A", self.a.folder), _heading("B", self.b.folder), _versions(self.a.folder, self.b.folder)]
        return "\n".join([*lines, "", *_alone(self, most), "", *_found(self), *_changes(self, most)])


def run(options: argparse.Namespace) -> str:
    """Returns what to print. Raises ConfigError, one line, where A or B is no finished result directory."""
    load_own(options.imports, [options.before, options.after])
    found = compare(ResultFolder.read(options.before), ResultFolder.read(options.after))
    if options.json:
        return json.dumps(found.plain(), indent=1, allow_nan=False)
    return found.text(everything=options.all)


def compare(before: ResultFolder, after: ResultFolder) -> Comparison:
    """Compares setting by setting. Raises ConfigError where a table cannot be read."""
    tables = before.cells, after.cells
    searched = None
    if before.searched and after.searched:  # what both have searched for is a finding, not a setting
        searched = next((name for name in before.note.hidden if name in after.note.hidden), None)
    met = same_settings(*tables, without=[] if searched is None else [searched])
    names = _names(before, met)
    both, only_before = len(met.both), len(met.only_before)
    metrics = [metrics_of(table) for table in tables]
    shared = [name for name in metrics[0] if name in metrics[1]]
    found, gone, came, numbers = [], [], [], []
    for name, (one, other) in zip(names[:both], met.both, strict=True):
        rows, others = met.before[one], met.after[other]
        if searched is not None and rows[searched].iloc[0] != others[searched].iloc[0]:
            numbers.append((name, float(rows[searched].iloc[0]), float(others[searched].iloc[0])))
            continue
        here = changes(rows, others, shared)
        found += [(name, each) for each in here.differing]
        gone += [(name, metric) for metric in here.gone]
        came += [(name, metric) for metric in here.came]
    beyond = beyond_noise([each for _, each in found])
    own = [[name for name in mine if name not in shared] for mine in metrics]
    return Comparison(
        Side(before, names[both : both + only_before], met.fields_before, own[0], came),
        Side(after, names[both + only_before :], met.fields_after, own[1], gone),
        both, (both - len(numbers)) * len(shared),
        [SettingChange(*each, more) for each, more in zip(found, beyond, strict=True)], searched, numbers,
    )  # fmt: skip


def _names(before: ResultFolder, met: SameSettings) -> list[str]:
    """Returns each setting's curve and place on the axis, as in the tables of the first directory: those of both, then
    those of the first alone, then those of the second alone."""
    groups = [*(met.before[place] for place, _ in met.both), *met.only_before, *met.only_after]
    first = pd.concat([rows.head(1) for rows in groups], ignore_index=True)
    curved, axis = before.note.curved(first.drop(columns="seed"))
    if axis is None:
        return [str(curve) for curve in curved[CURVE]]
    # `10 kbit/s`; a number without a unit by its name: `temperature 0.7`
    named = "" if unit(axis) else f"{title(axis)} "
    places = [f"{'' if isinstance(at, str) else named}{quantity(at, axis)}" for at in curved[axis]]
    return [f"{curve}, {at}" for curve, at in zip(curved[CURVE], places, strict=True)]


def _heading(letter: str, folder: ResultFolder) -> str:
    cells, manifest = folder.cells, folder.manifest
    size = f"{counted(cells['cell'].nunique(), 'cell')}, {counted(cells['seed'].nunique(), 'seed')}"
    code = f"sqsim {manifest.get('sqsim')}, commit {str(manifest.get('commit') or 'unknown')[:12]}"
    date = f", {manifest['date']}" if manifest.get("date") else ""
    measured = "; real time, another run has other times" if manifest.get("deterministic") is False else ""
    return f"{letter}: {folder.path}: {folder.note.scenario}, {size}; {code}{date}{measured}"


def _versions(a: ResultFolder, b: ResultFolder) -> str:
    names = [name for name in ("sqsim", "commit", "python", "host") if a.manifest.get(name) != b.manifest.get(name)]
    lines = [f"{name} {str(a.manifest.get(name))[:40]} -> {str(b.manifest.get(name))[:40]}" for name in names]
    if a.libraries and b.libraries:
        lines += [
            f"{name} {a.libraries.get(name)} -> {b.libraries.get(name)}"
            for name in dict.fromkeys([*a.libraries, *b.libraries])
            if a.libraries.get(name) != b.libraries.get(name)
        ]
    return _folded(f"Differs: {', '.join(lines)}") if lines else "Versions, commit and host are the same."


def _alone(found: Comparison, most: int) -> Iterator[str]:
    counts = f"{found.both} in both, {len(found.a.settings)} in A only, {len(found.b.settings)} in B only"
    yield f"Settings: {counts}."
    sides = [("A", found.a), ("B", found.b)]
    for letter, side in sides:
        yield from _listed(f"In {letter} only", side.settings, most // 4, "; ")
    for letter, side in sides:
        yield from _listed(f"Fields of {letter} only", side.fields, most, ", ")
    for letter, side in sides:
        yield from _listed(f"Metrics of {letter} only", side.metrics, most, ", ")
    for letter, side in reversed(sides):
        lacking = [f"{metric} of {setting}" for setting, metric in side.without_value]
        yield from _listed(f"Without a value in {letter}", lacking, most // 4, "; ")


def _found(found: Comparison) -> Iterator[str]:
    if found.searched is None:
        return
    if not found.found:
        yield f"Found: the same {title(found.searched)} everywhere."
    else:
        lines = [f"{setting} {before:g} -> {after:g}" for setting, before, after in found.found]
        yield _folded(f"Found, {title(found.searched)}, to within the search's own precision: {'; '.join(lines)}.")
        yield "Metrics are compared where the same number was found."
    yield ""


def _changes(found: Comparison, most: int) -> Iterator[str]:
    if not found.both:
        yield "Nothing to compare: no setting is in both."
        return
    changed = [each for each in found.changes if each.beyond_noise]
    alone = [each for each in found.changes if each.change.difference.n > 1 and each.change.difference.separable]
    values = f"Of {found.values:,} values (a metric of a setting in both)"
    if not found.changes:
        yield f"{values}, all are the same."
        return
    differ = f"{len(found.changes):,} differ{'s' if len(found.changes) == 1 else ''}"
    yield f"{values}, {found.values - len(found.changes):,} are the same and {differ}."
    if not any(each.change.difference.n > 1 for each in found.changes):
        yield "There is one seed to compare, so no interval: whether a difference is more than noise cannot be told."
        yield from _table(found.changes, most)
        return
    paired = all(each.change.paired for each in found.changes)
    how = "paired by seed" if paired else "paired by seed where both have the same seeds, else Welch's"
    yield _folded(
        f"{len(alone):,} have a {CONFIDENCE:.0%} interval of the mean of ln(B/A) of one setting, {how}, that leaves "
        f"out 0. Of {len(found.changes):,} tests at once some do by chance. {CONTROL}."
    )
    if not changed:
        times = [each.change.difference for each in found.changes if each.change.metric == HEADLINE]
        limit = would_show(times)
        yield f"Nothing changed beyond noise{limit and f'; of latency per token {limit}, by itself'}."
        return
    yield ""
    yield f"Changed beyond noise: {len(changed):,}, from A to B: B/A - 1 and its {CONFIDENCE:.0%} interval"
    yield ""
    yield from _table(changed, most)


def _table(changes: Sequence[SettingChange], most: int) -> Iterator[str]:
    ordered = sorted(changes, key=lambda each: each.change.metric != HEADLINE)
    body = [
        [
            each.setting,
            title(at.metric),
            quantity(at.before, at.metric),
            quantity(at.after, at.metric),
            signed(at.difference),
        ]
        for each in ordered[:most]
        for at in [each.change]
    ]
    yield TextTable.of("", ["", "metric", "A", "B", "change"], body).text(screen_width())
    if len(ordered) > most:
        counts = Counter(title(each.change.metric) for each in ordered)
        yield ""
        yield f"... and {len(ordered) - most:,} more; --all shows them."
        yield _folded(f"By metric: {', '.join(f'{name} {count}' for name, count in counts.items())}")


def _listed(heading: str, names: Sequence[str], most: int, mark: str) -> Iterator[str]:
    """`heading: a; b and 3 more`; nothing of no names."""
    more = f"{mark}and {len(names) - most} more" if len(names) > most else ""
    if names:
        yield _folded(f"{heading}: {mark.join(names[:most])}{more}")


def _folded(line: str) -> str:
    return wrapped(line, screen_width())
