"""Figures of a result directory: from its summary table and the note of which scenario made it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import plots
from kinds import ConfigError
from scenarios.command.derived_axis import sources
from simulator.results.columns import BEST, SETTING
from simulator.results.intervals import axis_of, with_curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NOTE = "scenario.json"
CAPACITY = "capacity.csv"
"""Of a search: the summary, and what was found beside it."""
BESIDE = "best_and_fixed.csv"
"""Where schemes chose for themselves: the summary of what they chose and of what the grid gave them, with curves."""


@dataclass(frozen=True)
class Note:
    """What a result directory remembers of its scenario, so that it can be drawn again."""

    scenario: str
    axis: str | None
    figures: Sequence[str] = tuple(plots.FIGURES)
    hidden: Sequence[str] = ()
    """Columns, or whole parts, that tell no curves apart: what was searched or chosen, what the axis stands for."""
    computed: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """The summary's columns that its file has not: an axis that is a property of a part."""
    findings: Sequence[str] = ()
    """What was said at the end."""
    told: Sequence[str] = ()
    """Columns that every curve that has them tells: `told_fields`."""

    def write(self, folder: Path) -> None:
        (folder / _NOTE).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Note:
        """The note of `folder`; without one, all figures along whatever was swept."""
        path = folder / _NOTE
        if not path.is_file():
            return cls(folder.name, None)
        try:
            return cls(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{path}: not written by this program, {error}") from None

    def curved(self, table: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
        """A table of cells or a summary with a `curve` column, and the column that its curves run along."""
        hidden = [name for name in table.columns if name != self.axis and self._hides(name)]
        axis = axis_of(table.drop(columns=hidden), self.axis)
        replaced = sources(table.columns, axis) if axis in self.computed else ()
        return with_curves(table, axis, (*hidden, *replaced), self.told), axis

    def _hides(self, column: str) -> bool:
        return any(column == name or column.startswith(f"{name}.") for name in self.hidden)


def redraw(folder: Path) -> Iterator[Path]:
    """Draws `folder`'s figures again; the files as they are written. Raises ConfigError where it holds no summary."""
    for name, figure in figures_of(folder):
        yield from plots.save(figure, folder / "figures", name)


def figures_of(folder: Path) -> Iterator[tuple[str, Figure]]:
    """The figures of a result directory by their names. Raises ConfigError where it holds no summary."""
    path = next((folder / name for name in (CAPACITY, BESIDE) if (folder / name).is_file()), folder / "summary.csv")
    if not path.is_file():
        raise ConfigError(f"{folder}: no summary.csv; give a result directory, such as results/latency_vs_bandwidth")
    note = Note.read(folder)
    try:
        summary = pd.read_csv(path).copy().assign(**note.computed)  # the copy: a wide file is read in pieces
    except ValueError as error:
        raise ConfigError(f"{path}: not a summary table, {error}") from None
    if "scheme.kind" not in summary.columns or summary.empty:
        raise ConfigError(f"{path}: not a summary table")
    chosen = SETTING in summary.columns
    curved, axis = (summary, axis_of(summary, note.axis)) if chosen else note.curved(summary)
    return drawn(curved, axis, note.figures)


def draw_all(summary: pd.DataFrame, axis: str | None, figures: Sequence[str], folder: Path) -> Iterator[Path]:
    """Draws `figures` of a summary with curves into `folder`."""
    for name, figure in drawn(summary, axis, figures):
        yield from plots.save(figure, folder, name)


def drawn(summary: pd.DataFrame, axis: str | None, figures: Sequence[str]) -> Iterator[tuple[str, Figure]]:
    """`figures` of a summary with curves by their names, leaving out those that the table has nothing for.

    Where schemes chose for themselves, figures show what they chose, and plots.BESIDE also what the grid gave them.
    """
    plots.check(figures)
    chosen = summary[summary[SETTING] == BEST] if SETTING in summary.columns else summary
    for name in figures:
        figure = plots.draw(name, summary if name in plots.BESIDE else chosen, axis)
        if figure is not None:
            yield name, figure
