"""A result directory: what is in it, when it may be written, and how an interrupted sweep goes on.

While a sweep runs, finished cells lie in `parts/`; the tables are written once, from all parts, at the end, and
`manifest.json` says for which cells, models, code and library versions they hold. A directory with the same identity is
resumed, or read when it is whole; another is refused unless it may be overwritten. Cells that fail lie in `failed/`,
each with the way to its failure: there are no tables while one does.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

import channels
import kinds
import models
import simulator
from channels.codec.draft import WIRE_FORMAT
from kinds import ConfigError
from kinds.files import atomically, read_note
from simulator.cell.cell import Cell
from simulator.results.intervals import summarise
from simulator.results.lossy import with_lossy
from simulator.sweeps.failures import FAILED
from simulator.sweeps.lock import LOCK
from simulator.sweeps.parts import CELLS, REQUESTS, ROUNDS, Parts, whole

SEARCH = "search.json"
"""What a search for the most devices has found so far, in the directory of its results."""
MANIFEST = "manifest.json"
PARTS = "parts"
"""The folder of what is done of a sweep that has not ended."""
OURS = (MANIFEST, SEARCH)
"""Each marks a directory of results."""
LIBRARIES = ("numpy", "pandas", "pyarrow", "pydantic", "simpy", "torch", "transformers")
CELL_FILES = "cells"
"""The folder of what is written for each cell apart: its configuration, and its trace where there is one."""
COPIES = ("cells.csv", "summary.csv")
"""What is made from the table of cells."""


class Store:
    """One result directory, opened for one list of cells. Raises ConfigError where it cannot be used."""

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
        self._started = time.time()
        self._fresh = not entries(out)
        self.parts = Parts(out / PARTS)
        found = self._manifest()
        if found.get("identity") != self._identity:
            make_way(out, overwrite, keep)
            self._open()
        self.parts.clear_unfinished()
        shutil.rmtree(out / FAILED, ignore_errors=True)

    @property
    def finished(self) -> bool:
        """Whether the sweep has ended and its tables are whole. Those that are copies of others are mended."""
        found = self._manifest()
        if not found.get("finished"):
            return False
        sizes = found.get("bytes", {CELLS: 1})
        damaged = [name for name, size in sizes.items() if not whole(self.out / name, size)]
        if any(name not in COPIES for name in damaged):
            self._write_manifest(finished=False)
            return False
        if damaged:
            self._write_copies(self.cells())
        self.parts.clear()  # of a run that ended between its last two steps
        return True

    def cells(self) -> pd.DataFrame:
        """The finished table of cells."""
        return pd.read_parquet(self.out / CELLS)

    def finish(self, cells: Sequence[Cell], table: pd.DataFrame) -> None:
        """Writes the tables and the cells' files from all parts, and drops the parts. `cells`: those opened for, and
        those that were added."""
        self._cells = cells
        parts = [self.parts.of(cell.id) for cell in cells]
        if all((part / REQUESTS).is_file() for part in parts):
            atomically(self.out / ROUNDS, partial(_join_rounds, parts))
            requests = pd.concat([pd.read_parquet(part / REQUESTS) for part in parts], ignore_index=True)
            atomically(self.out / REQUESTS, partial(requests.to_parquet, index=False))
        atomically(self.out / CELLS, partial(table.to_parquet, index=False))
        self._write_copies(table)
        (self.out / CELL_FILES).mkdir(exist_ok=True)
        for cell in self._cells:
            (self.out / CELL_FILES / f"{cell.id}.yaml").write_text(cell.to_yaml())
        self._write_manifest(finished=True)
        self.parts.clear()

    def _write_copies(self, table: pd.DataFrame) -> None:
        atomically(self.out / "cells.csv", partial(table.to_csv, index=False))
        lossy = [cell.id for cell in self._cells if not cell.scheme.lossless]
        atomically(self.out / "summary.csv", partial(summarise(with_lossy(table, lossy)).to_csv, index=False))

    def discard(self) -> None:
        """Undoes the opening of a directory in which nothing has been finished."""
        if self._fresh and not self.parts.landed():
            with suppress(OSError):
                _remove(entries(self.out))

    def _tables(self) -> list[str]:
        return [name for name in (CELLS, REQUESTS, ROUNDS, *COPIES) if (self.out / name).is_file()]

    def _open(self) -> None:
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            self._write_manifest(finished=False)
        except OSError as error:
            raise ConfigError(f"out = {self.out}: {error.strerror or error}") from None

    def _manifest(self) -> dict[str, Any]:
        return read_note(self.out / MANIFEST)

    def _write_manifest(self, finished: bool) -> None:
        manifest = {
            "identity": self._identity,
            "finished": finished,
            "deterministic": self._deterministic,
            "command": _command(),
            "date": datetime.fromtimestamp(self._started, UTC).isoformat(timespec="seconds"),
            "bytes": {name: (self.out / name).stat().st_size for name in self._tables()} if finished else {},
            "cells": [cell.id for cell in self._cells],
            "sqsim": metadata.version("sqsim"),
            "commit": _commit(),
            "wire_format": WIRE_FORMAT,
            "libraries": _versions(),
            "python": platform.python_version(),
            "host": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "wall_s": round(time.time() - self._started, 3),
        }
        text = json.dumps(manifest, indent=1)
        atomically(self.out / MANIFEST, lambda path: path.write_text(text))


def make_way(out: Path, overwrite: bool, keep: Collection[str] = ()) -> None:
    """Leaves `out`, if it is there, without other results than the files to `keep`.

    Raises ConfigError where something else is in it and may not be overwritten; a sweep of which nothing was done may.
    Only what is known as ours is removed.
    """
    there = [path for path in entries(out) if path.name not in keep]
    damaged = (out / MANIFEST).is_file() and not read_note(out / MANIFEST)
    begun = {path.name for path in there} <= {MANIFEST, PARTS, FAILED} and not Parts(out / PARTS).landed()
    if there and not overwrite and (damaged or not begun):
        other = f"its {MANIFEST} is damaged" if damaged else "holds other results"
        raise ConfigError(f"out = {out}: {other}; name another directory or add --overwrite")
    if begun or any(path.name in OURS for path in there):
        _remove(there)


def entries(out: Path) -> list[Path]:
    """What is in a directory, but for the lock of who writes there; [] where there is none."""
    return [path for path in out.iterdir() if path.name != LOCK] if out.is_dir() else []


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _join_rounds(parts: Sequence[Path], path: Path) -> None:
    """One file of rounds from many, piece by piece."""
    with ExitStack() as stack:
        writer = None
        for part in parts:
            pieces = pq.ParquetFile(part / ROUNDS)
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(path, pieces.schema_arrow))
            for number in range(pieces.num_row_groups):
                writer.write_table(pieces.read_row_group(number))


def identity(cells: Sequence[Cell], asked: str = "") -> str:
    """Hash of all that the tables depend on: cells, what is asked of them, model weights, code, library versions."""
    pairs = sorted({cell.models.pair.fingerprint for cell in cells})
    parts = [asked, *(cell.id for cell in cells), *pairs, _code(), json.dumps(_versions())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _code() -> str:
    """Hash of the source files that make numbers."""
    roots = [Path(package.__path__[0]) for package in (kinds, channels, models, simulator)]
    files = sorted(path for root in roots for path in root.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in LIBRARIES}


def _command() -> str:
    """What was typed to start this process, as a shell takes it; programs go by their names, not their places."""
    name = Path(sys.argv[0]).name
    typed = [name, *sys.argv[1:]] if name == "sqsim" else ["python", *sys.orig_argv[1:]]
    return shlex.join(typed)


def _commit() -> str | None:
    """The commit of the checkout this package lies in, with + where files differ from it; None outside one."""
    home = Path(simulator.__path__[0]).parent
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=home, capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain"], cwd=home, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")
