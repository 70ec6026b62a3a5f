"""A scenario's search for the most devices: from its cells to the same cells at what each setting supports. It keeps
what it has found in `search.json` in the result directory: the same command goes on from there."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from kinds import ConfigError
from kinds.files import read_note, write_note
from scenarios.command.run.choosing import by_setting
from simulator.cell.cell import Cell, prepare_pairs
from simulator.results.column_names import SEARCHED
from simulator.results.csv_file import write_csv
from simulator.results.result_directory import FAILED, LANDED, SEARCH, claim, clear, listed, make_way, record
from simulator.results.units import quantity
from simulator.sweeps.failures import CellsFailedError, Failure, Interrupted
from simulator.sweeps.meter import OnProgress
from simulator.sweeps.parts import written
from simulator.sweeps.search import Capacity, Objective, Search, capacities
from simulator.sweeps.store import identity
from simulator.sweeps.sweep import OnFailure
from simulator.sweeps.worker_pools import WorkerPool


def settings_of_search(cells: Sequence[Cell], starts: Mapping[str, int]) -> list[Search]:
    """Returns a search for each setting of the cells; `starts`: by the id of its first cell, the number that it is
    expected to bear."""
    return [Search([group], starts.get(group[0].id), relieved=True) for group in by_setting(cells)]


class CapacitySearch:
    """Search with one objective over many places. `keep`: other files that may be in `out`, and stay."""

    def __init__(self, places: Sequence[Search], objective: Objective, out: Path, keep: Collection[str] = ()) -> None:
        self._places, self._objective, self._out, self._keep_there = places, objective, out, keep
        cells = [cell for place in places for cells in place.alternatives for cell in cells]
        prepare_pairs(cells)
        starts = [place.start for place in places]
        self._identity = hashlib.sha256(f"{identity(cells)}{objective!r}{starts}".encode()).hexdigest()
        self._found: dict[int, Capacity] = {}

    def found(
        self, pool: WorkerPool, *, overwrite: bool, progress: OnProgress, failed: OnFailure | None = None
    ) -> list[Capacity]:
        """Returns the number that each place supports, found now or read back; each that fails is `failed` in a line.
        Raises ConfigError if `out` is taken, or if a place fails, once all others are found; Interrupted on Ctrl-C:
        what was found and simulated is kept."""
        if not self._remembered():
            # A note that is none any more, of whatever search it was, is made again.
            damaged = SEARCH in listed(self._out) and (self._out / SEARCH).is_file() and self._note() is None
            if not damaged:
                make_way(self._out, overwrite, self._keep_there)
            clear(self._out / LANDED)
        clear(self._out / FAILED)
        try:
            self._search(pool, progress, failed)
        except ConfigError:
            if not self._found and not (self._out / LANDED).is_dir():
                (self._out / SEARCH).unlink(missing_ok=True)
                if len(self._places) == 1:
                    clear(self._out / FAILED)
            raise
        except KeyboardInterrupt:
            text = f"{len(self._found)} of {len(self._places)} settings are found and kept in {self._out}"
            going_on = "so is what was simulated for others, and the same command goes on from there"
            raise Interrupted(f"interrupted; {text}, {going_on}") from None
        clear(self._out / LANDED)
        return [self._found[place] for place in range(len(self._places))]

    def _search(self, pool: WorkerPool, progress: OnProgress, failed: OnFailure | None) -> None:
        with written(self._out):
            self._keep()
        total, failures = len(self._places), list[Failure]()
        missing = {place: sought for place, sought in enumerate(self._places) if place not in self._found}
        progress(len(self._found), total, "resumed" if self._found else "")
        for place, found in capacities(missing, self._objective, pool, self._out.resolve() / LANDED):
            if isinstance(found, Failure):
                failures.append(found)
                if failed is not None and total > 1:
                    failed(f"{self._out / FAILED / found.cell}.yaml failed: {found.reason}")
                continue
            self._found[place] = found
            with written(self._out):
                self._keep()
            progress(len(self._found), total, self._places[place].alternatives[0][0].scheme.kind)
        if failures:
            raise CellsFailedError(failures, total, self._out, "settings")

    def cells(self) -> dict[str, Cell]:
        """Returns by the id of each cell of a place that was found the same cell at what its setting supports."""
        return {
            cell.id: self._objective.at(cell, max(self._found[place].value, self._objective.low))
            for place, sought in enumerate(self._places)
            for cell in sought.alternatives[self._found[place].alternative]
        }

    def beside(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table of those cells, a row a cell in order, with the columns SEARCHED."""
        lines = [
            self._row(self._found[place])
            for place, sought in enumerate(self._places)
            for _ in sought.alternatives[self._found[place].alternative]
        ]
        assert len(table) == len(lines), "a cell is not one row of the table"
        found = pd.DataFrame(lines, columns=list(SEARCHED), index=table.index)
        return pd.concat([table, found], axis=1)

    def write(self) -> None:
        """Leaves what was found, and every cell tried, in `out`."""
        self._keep()
        tried = [row for place in sorted(self._found) for row in self._found[place].tried]
        record(self._out, [write_csv(pd.DataFrame(tried), self._out / "tried.csv")])

    def _row(self, found: Capacity) -> dict[str, object]:
        limits = [f"{name} <= {quantity(limit, name)}" for name, limit in self._objective.limits.items()]
        return {
            "capacity": found.value,
            "bounded": found.bounded,
            "capacity_least": min((number for number in found.alone if number >= self._objective.low), default=0),
            "capacity_most": max(found.alone),
            "seeds_of_none": sum(number < self._objective.low for number in found.alone),
            "first_limit": " and ".join(found.limits),
            "limited_by": " or ".join(found.limited_by),
            "objective": " and ".join(limits),
            "within": self._objective.within,
        }

    def _keep(self) -> None:
        claim(self._out, SEARCH)
        found = {place: asdict(replace(each, tried=())) for place, each in self._found.items()}
        tried = {place: each.tried for place, each in self._found.items()}
        write_note(self._out / SEARCH, {"identity": self._identity, "found": found, "tried": tried})

    def _remembered(self) -> bool:
        note = self._note()
        if note is None or note["identity"] != self._identity:
            return False
        for place, each in note["found"].items():
            lists = {name: tuple(each[name]) for name in ("limits", "alone")}
            self._found[int(place)] = Capacity(**{**each, **lists, "tried": tuple(note["tried"][place])})
        return True

    def _note(self) -> dict[str, Any] | None:
        note = read_note(self._out / SEARCH)
        return note if {"identity", "found", "tried"} <= note.keys() else None
