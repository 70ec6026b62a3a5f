"""A scenario's search for the most devices: from its cells to the same cells at what each setting bears.

It keeps what it has found so far in `search.json` in the result directory: the same command goes on from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kinds.files import atomically
from scenarios.command.choosing import by_setting
from simulator.cell.cell import prepare_pairs
from simulator.sweeps.crews import Crew
from simulator.sweeps.search import Objective, capacities
from simulator.sweeps.store import SEARCH, identity, make_way
from simulator.sweeps.sweep import OnProgress

if TYPE_CHECKING:
    from simulator.cell.cell import Cell

FOUND = ("capacity", "bounded")
"""Columns of what was found: devices, and whether more were seen to fail."""


class Search:
    """One objective over the settings of a scenario; a setting is all cells that differ by their seed alone."""

    def __init__(self, cells: Sequence[Cell], objective: Objective, out: Path) -> None:
        self.field = objective.field
        self._objective = objective
        self._out = out
        self._settings = by_setting(cells)
        prepare_pairs(cells)
        self._identity = hashlib.sha256(f"{identity(cells)}{objective!r}".encode()).hexdigest()
        self._found: dict[int, tuple[int, bool]] = {}
        self._tried: dict[int, Sequence[dict[str, object]]] = {}

    def cells(self, crew: Crew, *, overwrite: bool, progress: OnProgress) -> list[Cell]:
        """The cells at what each setting bears, found now or read back. Raises ConfigError where `out` is taken."""
        if not self._remembered() and not self._damaged():
            make_way(self._out, overwrite)
        total = len(self._settings)
        missing = {place: cells for place, cells in enumerate(self._settings) if place not in self._found}
        progress(len(self._found), total, "resumed" if self._found else "")
        for place, capacity in capacities(missing, self._objective, crew):
            self._found[place] = capacity.found.value, capacity.found.bounded
            self._tried[place] = capacity.tried
            self._keep()
            progress(len(self._found), total, self._settings[place][0].scheme.kind)
        pairs = [(cells, self._found[place][0]) for place, cells in enumerate(self._settings)]
        return [self._objective.at(cell, max(value, self._objective.low)) for cells, value in pairs for cell in cells]

    def beside(self, summary: pd.DataFrame) -> pd.DataFrame:
        """A summary of those cells, a row a setting in order, with FOUND."""
        assert len(summary) == len(self._found), "a setting is not one row of the summary"
        found = [self._found[place] for place in range(len(summary))]
        return summary.assign(capacity=[value for value, _ in found], bounded=[bounded for _, bounded in found])

    def write(self) -> None:
        """Leaves what was found, and every cell tried, in `out`."""
        self._keep()
        tried = [row for place in sorted(self._tried) for row in self._tried[place]]
        pd.DataFrame(tried).to_csv(self._out / "tried.csv", index=False)

    def _keep(self) -> None:
        self._out.mkdir(parents=True, exist_ok=True)
        note = json.dumps({"identity": self._identity, "found": self._found, "tried": self._tried})
        atomically(self._out / SEARCH, lambda path: path.write_text(note + "\n"))

    def _remembered(self) -> bool:
        """Reads back what an earlier search of this identity has found here; False where there was none."""
        note = self._note()
        if note is None or note["identity"] != self._identity:
            return False
        self._found = {int(place): (int(value), bool(bounded)) for place, (value, bounded) in note["found"].items()}
        self._tried = {int(place): rows for place, rows in note["tried"].items()}
        return True

    def _damaged(self) -> bool:
        """Whether there is a note that is none any more: of whatever search it was, it is made again."""
        return (self._out / SEARCH).is_file() and self._note() is None

    def _note(self) -> dict[str, Any] | None:
        try:
            note = json.loads((self._out / SEARCH).read_text())
        except (OSError, ValueError):
            return None
        return note if isinstance(note, dict) and {"identity", "found", "tried"} <= note.keys() else None
