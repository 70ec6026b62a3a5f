"""Figures of a result directory: from its summary table and the note of which scenario made it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

import plots
from kinds import ConfigError
from scenarios.derived import sources, with_derived
from simulator.results.intervals import axis_of, with_curves

_NOTE = "scenario.json"
CAPACITY = "capacity.csv"
"""Of a search: the summary, and what was found beside it."""


@dataclass(frozen=True)
class Note:
    """What a result directory remembers of its scenario, so that it can be drawn again."""

    scenario: str
    axis: str | None
    figures: Sequence[str] = tuple(plots.FIGURES)
    hidden: Sequence[str] = ()
    """Columns that tell no curves apart: what was searched and what was found."""

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


def redraw(folder: Path) -> Iterator[Path]:
    """Draws `folder`'s figures again; the files as they are written. Raises ConfigError where it holds no summary."""
    path = folder / (CAPACITY if (folder / CAPACITY).is_file() else "summary.csv")
    if not path.is_file():
        raise ConfigError(f"{folder}: no summary.csv; give a result directory, such as results/latency_vs_bandwidth")
    try:
        summary = pd.read_csv(path)
    except ValueError as error:
        raise ConfigError(f"{path}: not a summary table, {error}") from None
    if "scheme.kind" not in summary.columns or summary.empty:
        raise ConfigError(f"{path}: not a summary table")
    return draw_all(summary, Note.read(folder), folder / "figures")


def draw_all(summary: pd.DataFrame, note: Note, folder: Path) -> Iterator[Path]:
    """Draws the note's figures of `summary` into `folder`, leaving out those that the table has nothing for."""
    summary = with_derived(summary, note.axis)
    axis = axis_of(summary.drop(columns=list(note.hidden), errors="ignore"), note.axis)
    curves = with_curves(summary, axis, (*note.hidden, *sources(axis)))
    for name in note.figures:
        if name not in plots.FIGURES:
            raise ConfigError(f"figure = {name!r}: must be one of {', '.join(plots.FIGURES)}")
        figure = plots.draw(name, curves, axis)
        if figure is not None:
            yield from plots.save(figure, folder, name)
