"""Two result directories, setting by setting: what only one has, and what differs in what both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from scenarios.command.result_folder import ResultFolder
from simulator.results.changes import Change, Control, beyond_noise, changes
from simulator.results.columns import CURVE
from simulator.results.compared import Plain, plain
from simulator.results.intervals import CONFIDENCE, metrics_of
from simulator.results.same_settings import SameSettings, same_settings
from simulator.results.units import quantity, unit

ABOUT = ("sqsim", "commit", "date", "python", "host")
"""Of a manifest: what is told beside the libraries."""


@dataclass(frozen=True)
class Told:
    """A change of one setting, and whether it is beyond noise."""

    setting: str
    change: Change
    beyond_noise: bool


@dataclass(frozen=True)
class Compared:
    """What came out. Settings go by the names of their curves and their place on the axis."""

    before: ResultFolder
    after: ResultFolder
    control: Control
    both: int
    only_before: Sequence[str]
    only_after: Sequence[str]
    fields_before: Sequence[str]
    fields_after: Sequence[str]
    metrics_before: Sequence[str]
    metrics_after: Sequence[str]
    values: int
    """How many metrics of how many settings were compared, all in all."""
    changes: Sequence[Told]
    gone: Sequence[tuple[str, str]]
    """(setting, metric) with a value in the first and none in the second."""
    came: Sequence[tuple[str, str]]
    searched: str | None
    """The field whose largest value both have searched for."""
    found: Sequence[tuple[str, float, float]]
    """(setting, value found in the first, in the second) where they differ: its metrics are then not compared."""

    @property
    def noisy(self) -> bool:
        return any(each.change.difference.n > 1 for each in self.changes)

    def plain(self) -> dict[str, Plain]:
        """All of it as JSON takes it."""
        return {
            "a": _about(self.before),
            "b": _about(self.after),
            "settings": {"both": self.both, "a_only": self.only_before, "b_only": self.only_after},
            "fields": {"a_only": self.fields_before, "b_only": self.fields_after},
            "metrics": {"a_only": self.metrics_before, "b_only": self.metrics_after},
            "values": self.values,
            "confidence": CONFIDENCE,
            "control": self.control,
            "searched": self.searched,
            "found": [list(each) for each in self.found],
            "without_value_in_b": [list(each) for each in self.gone],
            "without_value_in_a": [list(each) for each in self.came],
            "changes": [_plain(each) for each in self.changes],
        }


def compared(before: ResultFolder, after: ResultFolder, control: Control) -> Compared:
    """Raises ConfigError where a table cannot be read."""
    tables = before.cells, after.cells
    searched = _searched(before, after)
    met = same_settings(*tables, without=[] if searched is None else [searched])
    names = _Names(before, met)
    metrics = [metrics_of(table) for table in tables]
    shared = [name for name in metrics[0] if name in metrics[1]]
    found, gone, came, numbers = [], [], [], []
    for name, (one, other) in zip(names.both, met.both, strict=True):
        rows, others = met.before[one], met.after[other]
        if searched is not None and rows[searched].iloc[0] != others[searched].iloc[0]:
            numbers.append((name, float(rows[searched].iloc[0]), float(others[searched].iloc[0])))
            continue
        here = changes(rows, others, shared)
        found += [(name, each) for each in here.differing]
        gone += [(name, metric) for metric in here.gone]
        came += [(name, metric) for metric in here.came]
    beyond = beyond_noise([each for _, each in found], control)
    return Compared(
        before, after, control, len(met.both), names.only_before, names.only_after, met.fields_before, met.fields_after,
        [name for name in metrics[0] if name not in shared], [name for name in metrics[1] if name not in shared],
        (len(met.both) - len(numbers)) * len(shared),
        [Told(*each, more) for each, more in zip(found, beyond, strict=True)], gone, came, searched, numbers,
    )  # fmt: skip


def _searched(before: ResultFolder, after: ResultFolder) -> str | None:
    """The field that both have searched for: its value is a finding, not a setting."""
    if not (before.searched and after.searched):
        return None
    return next((name for name in before.note.hidden if name in after.note.hidden), None)


class _Names:
    """Each setting's curve and place on the axis, told as in the tables of the first directory."""

    def __init__(self, before: ResultFolder, met: SameSettings) -> None:
        groups = [*(met.before[place] for place, _ in met.both), *met.only_before, *met.only_after]
        first = pd.concat([rows.head(1) for rows in groups], ignore_index=True)
        curved, axis = before.note.curved(first.drop(columns="seed"))
        names = [self._name(row, axis) for _, row in curved.iterrows()]
        ends = len(met.both), len(met.both) + len(met.only_before)
        self.both, self.only_before, self.only_after = names[: ends[0]], names[ends[0] : ends[1]], names[ends[1] :]

    @staticmethod
    def _name(row: pd.Series[float], axis: str | None) -> str:
        return str(row[CURVE]) if axis is None else f"{row[CURVE]}, {_at(row[axis], axis)}"


def _at(value: object, axis: str) -> str:
    """`10 kbit/s`; a number without a unit by its name: `temperature 0.7`."""
    from simulator.results.units import title

    return quantity(value, axis) if unit(axis) or isinstance(value, str) else f"{title(axis)} {quantity(value, axis)}"


def _about(folder: ResultFolder) -> dict[str, Plain]:
    cells = folder.cells
    about = {name: plain(folder.manifest.get(name)) for name in ABOUT}
    libraries = folder.manifest.get("libraries")
    known = {str(name): plain(value) for name, value in libraries.items()} if isinstance(libraries, dict) else {}
    sizes = {"cells": int(cells["cell"].nunique()), "seeds": int(cells["seed"].nunique())}
    return {"directory": str(folder.path), "scenario": folder.note.scenario, **sizes, **about, "libraries": known}


def _plain(told: Told) -> dict[str, Plain]:
    found = told.change
    return {
        "setting": told.setting,
        "metric": found.metric,
        "unit": unit(found.metric),
        "a": plain(found.before),
        "b": plain(found.after),
        "relative": found.difference.relative,
        "difference": plain(found.difference.size),
        "low": plain(found.difference.low),
        "high": plain(found.difference.high),
        "n": found.difference.n,
        "paired": found.paired,
        "p": plain(found.p),
        "separable": found.difference.separable if found.difference.n > 1 else None,
        "beyond_noise": told.beyond_noise,
    }
