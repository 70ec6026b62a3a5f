"""What an interrupted sweep keeps: a part for each cell that has ended, whole or not at all; and parts as one table.

A part is a folder under the cell's id, with its rows and, of a cell that was simulated, its requests and rounds. It is
made beside its place and moved there when it is whole, by whoever worked the cell out; a crash leaves what can be told
from a part.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kinds import ConfigError
from kinds.files import read_note, sha256, write_note
from simulator.cell.cell import Cell
from simulator.results.result_directory import begun_parts, clear, intact

CELLS, REQUESTS, ROUNDS = "cells.parquet", "requests.parquet", "rounds.parquet"
"""The tables of a part, and of a result directory."""
FILES = "files.json"
"""The checksums of a part's tables."""
UNFINISHED = ".unfinished"


class PlaceError(ConfigError):
    """Nothing can be written to the result directory: no cell's fault, and the end of the sweep."""


@dataclass(frozen=True)
class Parts:
    """The parts in one folder, which is made when the first lands."""

    folder: Path

    def of(self, cell: str) -> Path:
        """The folder of a cell's part, there or not."""
        return self.folder / cell

    def landed(self) -> list[str]:
        """The cells that are done, by their ids. Damage is seen when a part is read."""
        return [each.name for each in begun_parts(self.folder.parent)]

    def rows(self, cell: str) -> pd.DataFrame | None:
        """The rows of a cell that is done, or None; a part with a file that is not what was written is dropped."""
        part = self.of(cell)
        if not part.is_dir():
            return None
        files = read_note(part / FILES)
        if CELLS in files and all(intact(part, name, str(digest)) for name, digest in files.items()):
            return pd.read_parquet(part / CELLS)
        shutil.rmtree(part.replace(part.with_suffix(UNFINISHED)))  # never seen with some of its files gone
        return None

    @contextmanager
    def landing(self, cell: str) -> Iterator[Path]:
        """A folder for a part's files, which lands when the block ends well. Where two work on one cell, as a cluster
        that believes a worker lost may have it, the first to land stays: both are the same.

        Raises PlaceError where it cannot be made or moved.
        """
        with written(self.folder.parent):
            self.folder.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=f"{cell}.", suffix=UNFINISHED, dir=self.folder))
        try:
            yield scratch
            with written(self.folder.parent):
                write_note(scratch / FILES, {path.name: sha256(path) for path in scratch.iterdir()})
                scratch.chmod(0o755)
                if not self.of(cell).is_dir():
                    try:
                        scratch.replace(self.of(cell))
                    except OSError:
                        if not self.of(cell).is_dir():
                            raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def clear_unfinished(self) -> None:
        """Removes what was under way in a run that is no more."""
        for each in self.folder.glob(f"*{UNFINISHED}"):
            shutil.rmtree(each, ignore_errors=True)

    def clear(self) -> None:
        """Removes all parts."""
        clear(self.folder)


@contextmanager
def written(out: Path) -> Iterator[None]:
    """Raises what the file system refuses, of a result directory, as a PlaceError."""
    try:
        yield
    except OSError as error:
        raise place_error(out, error) from None


def place_error(out: Path, error: OSError) -> PlaceError:
    """The error of a file system as a line about a result directory."""
    why = os.strerror(error.errno) if error.errno else " ".join(str(error).split())
    return PlaceError(f"out = {out}: {why}; what is finished is kept, and the same command goes on from there")


def in_order(cells: Sequence[Cell], parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of `parts` as one table in the order of `cells`, whatever the order they came in.

    Columns are those of the first part, then what later ones add. A whole number stays one where other cells have no
    such field: what a cell's row says does not depend on the cells beside it (I6).
    """
    order = {cell.id: place for place, cell in enumerate(cells)}
    parts = sorted(parts, key=lambda part: min(order[cell] for cell in part["cell"]))
    frame: pd.DataFrame = pd.concat(parts, ignore_index=True)
    whole = {name for part in parts for name in part.columns[part.dtypes == "int64"]}
    for name in frame.columns[(frame.dtypes == "float64") & frame.columns.isin(whole)]:
        given = [part[name] for part in parts if name in part and part[name].notna().any()]
        if given and all(column.dtype == "int64" for column in given):
            frame[name] = frame[name].astype("Int64")
    frame = of_one_type(frame)
    return frame.sort_values("cell", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def of_one_type(frame: pd.DataFrame) -> pd.DataFrame:
    """A field that is a number in one cell and a name or a list in another is text in all: a file's column has one
    type."""
    for name in frame.columns[frame.dtypes == "object"]:
        given = frame[name][frame[name].notna()]
        text, many = (given.map(lambda value, of=of: isinstance(value, of)) for of in (str, (list, tuple, np.ndarray)))
        if (text.any() and not text.all()) or (many.any() and not many.all()):
            words = given.map(lambda value: str(value.tolist() if isinstance(value, np.ndarray) else value))
            frame[name] = words.reindex(frame.index)
    return frame
