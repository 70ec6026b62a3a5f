"""What an interrupted sweep keeps: a part for each cell that has ended, whole or not at all; and parts as one table.

A part is a folder under the cell's id, with its rows and, of a cell that was simulated, its requests and rounds, as
Arrow streams. It is made beside its place and moved there when it is whole, by whoever worked the cell out; a crash
leaves what can be told from a part. The rows of a cell stay plain values until the table of all cells is made of them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from kinds import ConfigError
from kinds.files import note_text, read_note, sha256
from simulator.cell.cell import Cell
from simulator.cell.dotted_names import Scalar
from simulator.results.result_directory import begun_parts, clear, intact

CELLS, REQUESTS, ROUNDS = "cells.parquet", "requests.parquet", "rounds.parquet"
"""The tables of a result directory."""
ROWS = "rows.json"
"""The rows of a part, and the checksums of its streams."""
STREAMS = {REQUESTS: "requests.arrows", ROUNDS: "rounds.arrows"}
"""What a part holds of the tables of a simulated run."""
UNFINISHED = ".unfinished"


Rows = Sequence[Mapping[str, Scalar]]
"""The rows of one cell: its id, its configuration, and what it gave."""


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

    def rows(self, cell: str) -> Rows | None:
        """The rows of a cell that is done, or None; a part with a file that is not what was written is dropped."""
        part = self.of(cell)
        if not part.is_dir():
            return None
        note = read_note(part / ROWS)
        if note and all(intact(part, name, str(digest)) for name, digest in note["files"].items()):
            rows: Rows = note["rows"]
            return rows
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


def write_part(folder: Path, rows: Rows, requests: pa.Table | None) -> None:
    """Writes a part into its folder, where the rounds of a run, which has `requests`, are already."""
    if requests is not None:
        with pa.ipc.new_stream(folder / STREAMS[REQUESTS], requests.schema) as stream:
            stream.write_table(requests)
    checksums = {path.name: sha256(path) for path in folder.iterdir()}
    (folder / ROWS).write_text(note_text({"rows": rows, "files": checksums}))


def plain(value: object) -> Scalar:
    """A value of a row in one of Python's own types."""
    return value.item() if isinstance(value, np.generic) else value


def in_order(cells: Sequence[Cell], parts: Sequence[Rows]) -> pd.DataFrame:
    """The rows of `parts` as one table in the order of `cells`, whatever the order they came in.

    Columns are those of the first part, then what later ones add. A whole number stays one where other cells have no
    such field: what a cell's row says does not depend on the cells beside it (I6).
    """
    order = {cell.id: place for place, cell in enumerate(cells)}
    frames = _frames(sorted(parts, key=lambda part: min(order[str(row["cell"])] for row in part)))
    frame: pd.DataFrame = pd.concat(frames, ignore_index=True)
    whole = {name for each in frames for name in each.columns[each.dtypes == "int64"]}
    for name in frame.columns[(frame.dtypes == "float64") & frame.columns.isin(whole)]:
        given = [each[name] for each in frames if name in each and each[name].notna().any()]
        if given and all(column.dtype == "int64" for column in given):
            frame[name] = frame[name].astype("Int64")
    frame = of_one_type(frame)
    return frame.sort_values("cell", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def _frames(parts: Sequence[Rows]) -> list[pd.DataFrame]:
    """Parts as tables: those of one row that have the same columns of the same types are one."""
    alike: dict[object, list[Mapping[str, Scalar]]] = {}
    for number, rows in enumerate(parts):
        first, *others = rows
        key = number if others else (*first, *map(type, first.values()))
        alike.setdefault(key, []).extend(rows)
    return [of_one_type(pd.DataFrame(rows)) for rows in alike.values()]


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
