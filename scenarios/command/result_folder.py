"""A result directory as it is read back: its manifest, the note of its scenario, its table of cells, its summary."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import TypeAdapter, ValidationError

import plots
from kinds import ConfigError, first_error
from kinds.files import atomically, read_note, read_text
from simulator.results.column_names import SETTING
from simulator.results.csv_file import read_csv
from simulator.results.intervals import axis_of, with_curves
from simulator.results.paired_ratios import with_curves_of
from simulator.results.plain_columns import in_plain_columns
from simulator.results.result_directory import MANIFEST, checked, not_ours

if TYPE_CHECKING:
    from simulator.cell.cell import Cell


NOTE = "scenario.json"
"""File in which a result directory remembers its scenario."""
CAPACITY = "capacity.csv"
"""A search leaves its summary here, with what was found beside it."""
BESIDE = "chosen_and_fixed.csv"
"""File of the summary of what schemes chose and of what the grid gave them, with curves, if they chose for
themselves."""


@dataclass(frozen=True)
class Note:
    """Note of a result directory on its scenario, from which it can be drawn again."""

    scenario: str
    axis: str | None
    figures: Sequence[str] = tuple(plots.FIGURES)
    hidden: Sequence[str] = ()
    """Columns, or whole parts, that tell no curves apart: what was searched or chosen, what the axis stands for."""
    computed: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """The summary's columns that no field holds, row by row: an axis that is a property of a part."""
    told: Sequence[str] = ()
    """Columns that every curve that has them tells: `distinguishing_fields`."""
    labels: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    """Labels that the user gives to schemes (`simulator.results.intervals.Labels`)."""

    def write(self, folder: Path) -> None:
        text = json.dumps(asdict(self), indent=2) + "\n"
        atomically(folder / NOTE, lambda unfinished: unfinished.write_text(text))

    @classmethod
    def read(cls, folder: Path) -> Note:
        """The note of `folder`; without one, all figures along whatever was swept."""
        if not (folder / NOTE).exists():
            return cls(folder.name, None)
        path = checked(folder, NOTE)
        try:
            return TypeAdapter(cls).validate_json(read_text(path))
        except ValidationError as error:
            where, _, allowed = first_error(error)
            raise ConfigError(f"{path}: not written by this program, {where}: {allowed}") from None

    def curved(self, table: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
        """A table of cells or a summary with a `curve` column, and the column that its curves run along."""
        within = [f"{name}." for name in self.hidden]
        hidden = [name for name in table.columns if name != self.axis and f"{name}.".startswith(tuple(within))]
        axis = axis_of(table.drop(columns=hidden), self.axis, self.labels)
        replaced = sources(table.columns, axis) if axis in self.computed else ()
        return with_curves(table, axis, (*hidden, *replaced), self.told, self.labels), axis


@dataclass(frozen=True)
class ResultFolder:
    """Result directory. `manifest` is as `simulator.sweeps.store` writes it."""

    path: Path
    manifest: dict[str, object]
    note: Note

    @classmethod
    def read(cls, path: Path) -> ResultFolder:
        """Raises ConfigError, one line, where `path` is no result directory, or one of a run that has not ended."""
        if not path.is_dir():
            raise ConfigError(f"{path}: no such directory; give a result directory, such as results/paper")
        if not (path / MANIFEST).exists():
            raise ConfigError(f"{path}: no {MANIFEST}; give a result directory, such as results/paper")
        manifest = read_note(path / MANIFEST)
        if not manifest:
            raise ConfigError(f"{path / MANIFEST}: {not_ours(path)}")
        if not manifest.get("finished"):
            raise ConfigError(f"{path}: its run has not ended; the same command goes on from where it stopped")
        return cls(path, manifest, Note.read(path))

    @cached_property
    def cells(self) -> pd.DataFrame:
        """A row per cell, or per cell and key of a study. Raises ConfigError where the file is no such table."""
        path = checked(self.path, "cells.parquet")
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: cannot be read, {' '.join(str(error).split())}") from None
        if "seed" not in table.columns or table.empty:
            raise ConfigError(f"{path}: not a table of cells")
        return table

    @cached_property
    def curved_summary(self) -> tuple[pd.DataFrame, str | None]:
        """The summary that the figures are drawn from, with curves, and the column that they run along."""
        summary, axis, _ = read_summary(self.path)
        return summary, axis

    @property
    def libraries(self) -> dict[str, object]:
        """The versions of libraries in the manifest; {} where it has none."""
        libraries = self.manifest.get("libraries")
        return {str(name): value for name, value in libraries.items()} if isinstance(libraries, dict) else {}

    @property
    def searched(self) -> bool:
        """True if the number of devices was searched for."""
        return (self.path / CAPACITY).is_file()

    @property
    def chose(self) -> bool:
        """True if schemes chose for themselves."""
        return SETTING in self.curved_summary[0].columns


def read_summary(folder: Path) -> tuple[pd.DataFrame, str | None, Sequence[str]]:
    """A result directory's summary with curves, their axis, and its figures."""
    path = next((folder / name for name in (CAPACITY, BESIDE) if (folder / name).is_file()), folder / "summary.csv")
    if not path.is_file():
        raise ConfigError(f"{folder}: no summary.csv; give a result directory, such as results/latency_vs_bandwidth")
    path, note = checked(folder, path.name), Note.read(folder)
    try:
        summary = in_plain_columns(read_csv(path).assign(**note.computed))
    except ValueError as error:
        raise ConfigError(f"{path}: not a summary table, {error}") from None
    if "scheme.kind" not in summary.columns or summary.empty:
        raise ConfigError(f"{path}: not a summary table")
    chosen = SETTING in summary.columns
    curved, axis = note.curved(summary)
    return summary if chosen else curved, axis, note.figures


def read_curved_cells(folder: Path, summary: pd.DataFrame) -> pd.DataFrame | None:
    """The cells of a result directory under the curves of its summary; None where the table is not there."""
    if not (folder / "cells.csv").is_file():
        return None
    try:
        cells = in_plain_columns(read_csv(checked(folder, "cells.csv")))
    except ValueError as error:
        raise ConfigError(f"{folder / 'cells.csv'}: not a table of cells, {error}") from None
    return with_curves_of(summary, cells) if "seed" in cells.columns else None


DECIMALS = 9
"""Kinds that reach one value by different sums meet there."""


def axes_of(questions: Sequence[object]) -> Iterator[str]:
    """The columns that questions of a scenario run along in place of its axis."""
    for question in questions:
        if isinstance(over := getattr(question, "over", None), str):
            yield over


def along(cells: Sequence[Cell], axes: Iterable[str | None]) -> dict[str, list[float]]:
    """{axis: its value in each cell}, without an axis that is a field of a cell, or that a part gives no number for."""
    return {name: values for axis in axes if axis is not None for name, values in _along(cells, axis).items()}


def _along(cells: Sequence[Cell], axis: str) -> dict[str, list[float]]:
    path, _, name = axis.rpartition(".")
    parts: list[object] = list(cells)
    for step in path.split("."):
        parts = [getattr(part, step, None) for part in parts]
    if any(name in getattr(type(part), "model_fields", {}) for part in parts):
        return {}
    values = [getattr(part, name, None) for part in parts]
    found = [round(float(value), DECIMALS) for value in values if isinstance(value, int | float)]
    return {axis: found} if len(found) == len(values) else {}


def sources(columns: Iterable[str], axis: str | None) -> tuple[str, ...]:
    """The columns that such an axis stands in place of."""
    part = (axis or "").rpartition(".")[0]
    return tuple(name for name in columns if name.startswith(f"{part}.") and not name.endswith(".kind"))
