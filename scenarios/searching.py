"""A scenario's search for the most devices: from its cells to the same cells at what each setting bears.

A finished search leaves `search.json` in the result directory, so that the same command reads it back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kinds import ConfigError
from simulator.search import Capacity, Objective, capacities

if TYPE_CHECKING:
    from simulator.config import Cell

_NOTE = "search.json"
FOUND = ("capacity", "bounded")
"""Columns of what was found: devices, and whether more were seen to fail."""
Progress = Callable[[int, int, str], None]


class Search:
    """One objective over the settings of a scenario; a setting is all cells that differ by their seed alone."""

    def __init__(self, cells: Sequence[Cell], objective: Objective, out: Path) -> None:
        self.field = objective.field
        self._objective = objective
        self._out = out
        self._settings = _settings(cells)
        text = "".join(cell.id for cell in cells) + repr(objective)
        self._identity = hashlib.sha256(text.encode()).hexdigest()
        self._found: list[tuple[int, bool]] = []
        self._tried: list[dict[str, object]] = []

    def cells(self, workers: int, *, overwrite: bool, progress: Progress) -> list[Cell]:
        """The cells at what each setting bears, found now or read back. Raises ConfigError where `out` is taken."""
        if self._remembered():
            values = [value for value, _ in self._found]
            pairs = zip(self._settings, values, strict=True)
            low = self._objective.low
            return [self._objective.at(cell, max(value, low)) for cells, value in pairs for cell in cells]
        if not overwrite and self._out.is_dir() and any(self._out.iterdir()):
            raise ConfigError(f"out = {self._out}: holds other results; name another directory or add --overwrite")
        found: dict[int, Capacity] = {}
        progress(0, len(self._settings), "")
        for place, capacity in capacities(self._settings, self._objective, workers):
            found[place] = capacity
            progress(len(found), len(self._settings), capacity.cells[0].scheme.kind)
        ordered = [found[place] for place in range(len(found))]
        self._found = [(each.found.value, each.found.bounded) for each in ordered]
        self._tried = [row for each in ordered for row in each.tried]
        return [cell for each in ordered for cell in each.cells]

    def beside(self, summary: pd.DataFrame) -> pd.DataFrame:
        """A summary of those cells, a row a setting in order, with FOUND."""
        assert len(summary) == len(self._found), "a setting is not one row of the summary"
        return summary.assign(capacity=[v for v, _ in self._found], bounded=[b for _, b in self._found])

    def write(self) -> None:
        """Leaves what was found, and every cell tried, in `out`."""
        if self._tried:
            pd.DataFrame(self._tried).to_csv(self._out / "tried.csv", index=False)
        note = {"identity": self._identity, "found": self._found}
        (self._out / _NOTE).write_text(json.dumps(note, indent=1) + "\n")

    def _remembered(self) -> bool:
        try:
            note = json.loads((self._out / _NOTE).read_text())
        except (OSError, ValueError):
            return False
        if note.get("identity") != self._identity:
            return False
        self._found = [(int(value), bool(bounded)) for value, bounded in note["found"]]
        return True


def _settings(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The cells by setting, in order of appearance."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.model_copy(update={"seed": 0}).model_dump_json(), []).append(cell)
    return list(groups.values())
