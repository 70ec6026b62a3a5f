"""Parts that an interrupted sweep keeps: one for each cell that has ended, whole or not at all; and parts as one table.

A part is a file under the cell's id: of a cell that was simulated its rounds and its requests, each an Arrow stream,
then its rows as JSON, and the checksum of it all. Parquet is written once, of all parts.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.cell.dotted_names import Scalar
from simulator.results.column_names import LABEL
from simulator.results.result_directory import begun_parts, clear

CELLS, REQUESTS, ROUNDS = "cells.parquet", "requests.parquet", "rounds.parquet"
"""The tables of a result directory."""
STREAMS: Final = (ROUNDS, REQUESTS)
"""The tables of which a part holds its own, in this order."""
UNFINISHED = ".unfinished"
_DIGITS: Final = 64
"""The length of the checksum at the end of a part."""
Rows = Sequence[Mapping[str, Scalar]]
"""The rows of one cell: its id, its configuration, and what it gave."""


class PlaceError(ConfigError):
    """Error of a result directory that cannot be written: no cell's fault, and the end of the sweep."""


@dataclass(frozen=True)
class Parts:
    """The parts in one folder, which is made when the first lands."""

    folder: Path

    def of(self, cell: str) -> Path:
        """The file of a cell's part, there or not."""
        return self.folder / cell

    def landed(self) -> list[str]:
        """The cells that are done, by their ids. Damage is seen when a part is read."""
        return [each.name for each in begun_parts(self.folder.parent)]

    def rows(self, cell: str) -> Rows | None:
        """The rows of a cell that is done, or None; a part that is not what was written is dropped."""
        part = self.of(cell)
        if not part.is_file():
            return None
        with part.open("rb") as file:
            whole = mmap(file.fileno(), 0, access=ACCESS_READ) if os.fstat(file.fileno()).st_size else b""
            end = len(whole) - _DIGITS
            if end > 0 and _checksum(whole, end) == whole[end:]:
                rows: Rows = json.loads(whole[whole.rfind(b"\n", 0, end) + 1 : end])
                return rows
        part.unlink()
        return None

    def simulated(self, cell: str) -> bool:
        """True if the part of a cell that is done has STREAMS."""
        with self.of(cell).open("rb") as file:
            return file.read(1) != b"\n"

    def batches(self, cell: str, table: str) -> Iterator[pa.RecordBatch]:
        """Yields the contents of one of STREAMS in the part of a simulated cell."""
        with pa.OSFile(str(self.of(cell))) as file:
            for name in STREAMS:
                for batch in pa.ipc.open_stream(file):
                    if name == table:
                        yield batch

    @contextmanager
    def landing(self, cell: str) -> Iterator[Path]:
        """A file for a part, which lands when the block ends well. Where two work on one cell, as on a cluster that
        believes a worker lost, either stays. Raises PlaceError where it cannot be made or moved."""
        scratch = self.folder / f"{cell}.{secrets.token_hex(4)}{UNFINISHED}"
        try:
            with written(self.folder.parent):
                self.folder.mkdir(parents=True, exist_ok=True)
                scratch.touch()
            yield scratch
            with written(self.folder.parent):
                scratch.replace(self.of(cell))
        finally:
            scratch.unlink(missing_ok=True)

    def clear_unfinished(self) -> None:
        """Removes what was under way in a run that is no more."""
        for each in self.folder.glob(f"*{UNFINISHED}"):
            if each.is_dir():
                shutil.rmtree(each, ignore_errors=True)
            else:
                each.unlink(missing_ok=True)

    def clear(self) -> None:
        """Removes all parts."""
        clear(self.folder)


def write_part(part: Path, rows: Rows, requests: pa.Table | None) -> None:
    """Writes the rows of a cell to its part, and of a simulated one the requests, behind the rounds that are there."""
    behind = pa.BufferOutputStream()
    if requests is not None:
        with pa.ipc.new_stream(behind, requests.schema) as stream:
            stream.write_table(requests)
    behind.write(b"\n" + json.dumps(rows).encode())
    with part.open("r+b") as file:
        if requests is None:
            file.truncate()
        digest = hashlib.file_digest(file, "sha256")
        digest.update(added := behind.getvalue())
        file.write(added)
        file.write(digest.hexdigest().encode())


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


def plain(value: Scalar | np.generic) -> Scalar:
    """A value of a row in one of Python's own types."""
    if isinstance(value, np.generic):
        own: Scalar = value.item()
        return own
    return value


def in_order(cells: Sequence[Cell], parts: Sequence[Rows]) -> pd.DataFrame:
    """The rows of `parts` as one table in the order of `cells`; columns are those of the first part, then what later
    ones add. A whole number stays one where other cells have no such field: rows do not depend on others (I6)."""
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


def with_labels(table: pd.DataFrame, cells: Sequence[Cell]) -> pd.DataFrame:
    """The table with what the user calls the schemes of its cells, in place of what it had of these `cells`; a table in
    which none has a name lacks the column."""
    labels = {cell.id: cell.scheme.label for cell in cells}
    named = table["cell"].map(labels).astype(object)
    if LABEL in table.columns:
        named = named.where(table["cell"].isin(list(labels)), table[LABEL])
        table = table.drop(columns=LABEL)
    if named.notna().any():
        named = named.where(named.notna(), None).rename(LABEL)
        table = pd.concat([table.iloc[:, :1], named, table.iloc[:, 1:]], axis=1)
    return table


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


def _checksum(whole: mmap | bytes, end: int) -> bytes:
    with memoryview(whole) as view, view[:end] as body:
        return hashlib.sha256(body).hexdigest().encode()
