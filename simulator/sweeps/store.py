"""A result directory: what is in it, when it may be written, and how an interrupted sweep goes on.

Finished cells lie in `parts/`; the tables are written once, from all parts, and `manifest.json` says for which cells,
models, code and library versions they hold. A directory with the same identity is resumed, or read when it is whole;
another is refused unless it may be overwritten. Cells that fail lie in `failed/`: there are no tables while one does.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import channels
import kinds
import models
import simulator
from channels.codec.draft import WIRE_FORMAT
from kinds import ConfigError
from kinds.files import atomically, read_note, sha256, write_note
from simulator.cell.cell import Cell, claims
from simulator.results.cpu_time import cpu_s
from simulator.results.csv_file import write_csv
from simulator.results.intervals import summarise
from simulator.results.lossy_schemes import with_lossy
from simulator.results.recorder import CHUNK_ROWS, requests_schema
from simulator.results.result_directory import (
    FAILED,
    MANIFEST,
    PARTS,
    clear,
    entries,
    intact,
    iso_date,
    listed,
    make_way,
    own_folder,
    record,
    remove,
)
from simulator.sweeps.parts import CELLS, REQUESTS, ROUNDS, STREAMS, Parts, with_labels

LIBRARIES = ("numpy", "pandas", "pyarrow", "pydantic", "simpy", "torch", "transformers")
version = cache(metadata.version)
"""The version of a library, read once a process."""
CELL_FILES = "cells"
"""The folder of what is written for each cell apart: its configuration, and its trace where there is one."""
COPIES = ("cells.csv", "summary.csv")
"""Files made from the table of cells."""


class Store:
    """Result directory, opened for one list of cells. Raises ConfigError if it cannot be used."""

    def __init__(
        self,
        out: Path,
        cells: Sequence[Cell],
        overwrite: bool,
        keep: Collection[str] = (),
        asked: str = "",
        *,
        deterministic: bool = True,
    ) -> None:
        """`keep`: files in `out` that are the caller's: they are no results, and stay where results are overwritten.
        `asked`: what is asked of the cells; `deterministic`: whether the answer is the same each time."""
        self.out = out
        self._deterministic = deterministic
        self._cells = cells
        self._identity = identity(cells, asked)
        self._started, self._cpu_s = time.time(), cpu_s()
        self._fresh = not entries(out)
        self.parts = Parts(out / PARTS)
        found = self._manifest()
        if found.get("identity") != self._identity or (overwrite and found.get("finished")):
            make_way(out, overwrite, keep)
            self._open()
        self.parts.clear_unfinished()
        clear(out / FAILED)

    @property
    def finished(self) -> bool:
        """True if the sweep has ended and its tables are whole."""
        return bool(self._manifest().get("finished"))

    def mend(self) -> list[str]:
        """The files of a finished sweep that are gone, or not what was written. Those that follow from its table of
        cells are made again at once; for others the sweep is no longer finished. Where schemes have other names than in
        these tables, the tables are written again."""
        files = self._manifest().get("files", {})
        made = [name for name in (CELLS, REQUESTS, ROUNDS, *COPIES) if name in files or name in (CELLS, *COPIES)]
        made += [f"{CELL_FILES}/{cell}.yaml" for cell in self._manifest().get("cells", ())]
        damaged = [name for name in made if not intact(self.out, name, files.get(name, "none"))]
        follow = all(name in COPIES or name.startswith(f"{CELL_FILES}/") for name in damaged)
        known = {cell.id for cell in self._cells} == {*self._manifest().get("cells", ())}
        if damaged and not (follow and known):
            self._write_manifest(finished=False)
        elif damaged:
            record(self.out, self._write_copies(self.cells()))
        elif known and not self.cells().equals(pd.read_parquet(self.out / CELLS)):  # schemes have other names now
            record(self.out, self._write_tables(self.cells()))
        self.parts.clear()  # of a run that ended between its last two steps
        return damaged

    def cells(self) -> pd.DataFrame:
        """The finished table of cells, under the names that their schemes have now."""
        return with_labels(pd.read_parquet(self.out / CELLS), self._cells)

    def finish(self, cells: Sequence[Cell], table: pd.DataFrame) -> None:
        """Writes the tables and the cells' files from all parts, and drops the parts. `cells`: those opened for, and
        those that were added."""
        self._cells = cells
        made = []
        if self.parts.simulated(cells[0].id):
            for name in STREAMS:
                batches: Iterator[pa.RecordBatch]
                batches = (batch for cell in cells for batch in self.parts.batches(cell.id, name))
                if name == REQUESTS:
                    classes = [each for cell in cells for each in cell.classes]
                    talks, called = any(each.workload.talks for each in classes), any(each.called for each in classes)
                    batches = map(partial(_in_columns, requests_schema(talks=talks, classes=called)), batches)
                atomically(self.out / name, partial(_join, batches))
                made.append(self.out / name)
        made += self._write_tables(table)
        files = {path.relative_to(self.out).as_posix(): sha256(path) for path in made}
        self._write_manifest(finished=True, files=files)
        self.parts.clear()

    def seal(self, files: Mapping[str, str], about: Mapping[str, object]) -> None:
        """Says that results which others have written are whole, lists their `files` with checksums, and notes what
        there is to say `about` them."""
        self._write_manifest(finished=True, files=files, about=about)

    def _write_tables(self, table: pd.DataFrame) -> list[Path]:
        atomically(self.out / CELLS, partial(table.to_parquet, index=False))
        return [self.out / CELLS, *self._write_copies(table)]

    def _write_copies(self, table: pd.DataFrame) -> list[Path]:
        write_csv(table, self.out / "cells.csv")
        lines = {cell.id: claims(cell) for cell in self._cells}
        write_csv(summarise(with_lossy(table, lines)), self.out / "summary.csv")
        folder = own_folder(self.out, CELL_FILES)
        folder.mkdir(exist_ok=True)
        for cell in self._cells:
            (folder / f"{cell.id}.yaml").unlink(missing_ok=True)  # it may be a link
            (folder / f"{cell.id}.yaml").write_text(cell.to_yaml())
        return [self.out / name for name in COPIES] + [folder / f"{cell.id}.yaml" for cell in self._cells]

    def discard(self) -> None:
        """Undoes the opening of a directory in which nothing has been finished."""
        if self._fresh and not self.parts.landed():
            with suppress(OSError):
                remove(self.out)

    def _open(self) -> None:
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            self._write_manifest(finished=False)
        except OSError as error:
            raise ConfigError(f"out = {self.out}: {error.strerror or error}") from None

    def _manifest(self) -> dict[str, Any]:
        return read_note(self.out / MANIFEST)

    def _write_manifest(
        self,
        finished: bool,
        files: Mapping[str, str] = MappingProxyType({}),
        about: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        manifest = {
            "identity": self._identity,
            "finished": finished,
            "deterministic": self._deterministic,
            "command": _command(),
            "date": iso_date(self._started),
            "cells": [cell.id for cell in self._cells],
            "imports": list(dict.fromkeys(path for cell in self._cells for path in cell.imports)),
            "sqsim": version("sqsim"),
            "commit": _commit(),
            "wire_format": WIRE_FORMAT,
            "libraries": _versions(),
            "python": platform.python_version(),
            "host": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "wall_s": round(time.time() - self._started, 3),
            "cpu_s": round(cpu_s() - self._cpu_s, 3),
            **about,
            "files": {**listed(self.out), **files},
        }
        write_note(self.out / MANIFEST, manifest)


def holds(out: Path, cells: Sequence[Cell], asked: str = "") -> bool:
    """True if the results in `out`, whole or begun, are those of these cells: a sweep then goes on with them."""
    return read_note(out / MANIFEST).get("identity") == identity(cells, asked)


def begin_again(out: Path) -> None:
    """Removes results that are whole, with all that was made on the way to them: they are to be made again. Those of a
    run that has not ended stay, and are gone on with."""
    if read_note(out / MANIFEST).get("finished"):
        make_way(out, overwrite=True)


def _in_columns(schema: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Requests in the columns of all cells, without a class or turn where they have none."""
    if batch.schema.names == schema.names:
        return batch
    found = {name: batch.column(name) for name in batch.schema.names}
    columns = [found[each.name] if each.name in found else pa.nulls(len(batch), each.type) for each in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _join(batches: Iterator[pa.RecordBatch], path: Path) -> None:
    waiting = [next(batches)]
    with pq.ParquetWriter(path, waiting[0].schema) as writer:
        rows = len(waiting[0])
        for batch in batches:
            if rows >= CHUNK_ROWS:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting, rows = [], 0
            waiting.append(batch)
            rows += len(batch)
        writer.write_table(pa.Table.from_batches(waiting))


def identity(cells: Sequence[Cell], asked: str = "") -> str:
    """Hash of all that the tables depend on: cells, what is asked of them, model weights, code, library versions."""
    pairs = sorted({cell.models.pair.fingerprint for cell in cells})
    parts = [asked, *(cell.id for cell in cells), *pairs, _code(), json.dumps(_versions())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@cache
def _code() -> str:
    """Hash of the source files that make numbers."""
    roots = [Path(package.__path__[0]) for package in (kinds, channels, models, simulator)]
    files = sorted(path for root in roots for path in root.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _versions() -> Mapping[str, str]:
    return {name: version(name) for name in LIBRARIES}


def _command() -> str:
    """Returns the command that started this process, as a shell takes it; programs go by their names, not their
    places."""
    name = Path(sys.argv[0]).name
    typed = [name, *sys.argv[1:]] if name == "sqsim" else ["python", *sys.orig_argv[1:]]
    return shlex.join(typed)


@cache
def _commit() -> str | None:
    """The commit of the checkout this package lies in, with + where files differ from it; None outside one."""
    home = Path(simulator.__path__[0]).parent
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=home, capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain"], cwd=home, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")
