"""A result directory: what is in it, when it may be written, and how an interrupted sweep goes on.

While a sweep runs, finished groups of cells lie in `parts/`; the tables are written once, from all parts, at the end,
and `manifest.json` says for which cells, models, code and library versions they hold. A directory with the same
identity is resumed, or read when it is whole; another is refused unless it may be overwritten.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

import channels
import kinds
import models
import simulator
from kinds import ConfigError
from simulator.config import Cell
from simulator.stats import summarise

LIBRARIES = ("numpy", "pandas", "pyarrow", "pydantic", "simpy", "torch", "transformers")
_TABLES = ("cells", "requests", "rounds")


@dataclass(frozen=True)
class Tables:
    """What some cells gave: a row a cell, a row a request, a row a round."""

    cells: pd.DataFrame
    requests: pd.DataFrame
    rounds: pd.DataFrame


class Store:
    """One result directory, opened for one list of cells. Raises ConfigError where it cannot be used."""

    def __init__(self, out: Path, cells: Sequence[Cell], overwrite: bool) -> None:
        self.out = out
        self._cells = cells
        self._identity = _identity(cells)
        self._started = time.time()
        self._created = not out.exists()
        found = self._manifest()
        if found.get("identity") != self._identity:
            if not self._created and not overwrite and any(out.iterdir()):
                raise ConfigError(f"out = {out}: holds other results; name another directory or add --overwrite")
            self._open(found)

    def whole(self) -> Tables | None:
        """The finished tables, or None where the sweep has not ended."""
        if not self._manifest().get("finished"):
            return None
        return Tables(*(pd.read_parquet(self.out / f"{name}.parquet") for name in _TABLES))

    def part(self, name: str) -> Tables | None:
        """A finished group of cells, or None."""
        folder = self.out / "parts" / name
        return Tables(*(pd.read_parquet(folder / f"{table}.parquet") for table in _TABLES)) if folder.is_dir() else None

    def keep(self, name: str, tables: Tables) -> None:
        """Keeps a group of cells, all of it or nothing."""
        folder = self.out / "parts" / name
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for table in _TABLES:
            getattr(tables, table).to_parquet(unfinished / f"{table}.parquet", index=False)
        unfinished.replace(folder)

    def finish(self, tables: Tables) -> None:
        """Writes the tables and the cells' files, and drops the parts."""
        for name in _TABLES:
            frame: pd.DataFrame = getattr(tables, name)
            _atomically(self.out / f"{name}.parquet", lambda path, frame=frame: frame.to_parquet(path, index=False))
        _atomically(self.out / "cells.csv", lambda path: tables.cells.to_csv(path, index=False))
        _atomically(self.out / "summary.csv", lambda path: summarise(tables.cells).to_csv(path, index=False))
        (self.out / "cells").mkdir(exist_ok=True)
        for cell in self._cells:
            (self.out / "cells" / f"{cell.id}.yaml").write_text(cell.to_yaml())
        self._write_manifest(finished=True)
        shutil.rmtree(self.out / "parts", ignore_errors=True)

    def discard(self) -> None:
        """Undoes the opening of a directory in which nothing has been finished."""
        parts = self.out / "parts"
        if self._created and not (parts.is_dir() and any(parts.iterdir())):
            shutil.rmtree(self.out, ignore_errors=True)

    def _open(self, found: dict[str, Any]) -> None:
        try:
            if found:  # other results of ours, to be overwritten
                shutil.rmtree(self.out)
            self.out.mkdir(parents=True, exist_ok=True)
            self._write_manifest(finished=False)
        except OSError as error:
            raise ConfigError(f"out = {self.out}: {error.strerror or error}") from None

    def _manifest(self) -> dict[str, Any]:
        try:
            found = json.loads((self.out / "manifest.json").read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write_manifest(self, finished: bool) -> None:
        manifest = {
            "identity": self._identity,
            "finished": finished,
            "cells": [cell.id for cell in self._cells],
            "sqsim": metadata.version("sqsim"),
            "commit": _commit(),
            "libraries": _versions(),
            "python": platform.python_version(),
            "host": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "wall_s": round(time.time() - self._started, 3),
        }
        text = json.dumps(manifest, indent=1)
        _atomically(self.out / "manifest.json", lambda path: path.write_text(text))


def _atomically(path: Path, write: Any) -> None:
    unfinished = path.with_name(path.name + ".unfinished")
    write(unfinished)
    unfinished.replace(path)


def _identity(cells: Sequence[Cell]) -> str:
    """Hash of all that the tables depend on: cells, model weights, our code, library versions."""
    pairs = sorted({cell.models.pair.fingerprint for cell in cells})
    parts = [*(cell.id for cell in cells), *pairs, _code(), json.dumps(_versions())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _code() -> str:
    """Hash of the source files that make numbers."""
    roots = [Path(package.__path__[0]) for package in (channels, models, simulator)]
    files = sorted(path for root in roots for path in root.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in (*files, Path(kinds.__file__)))).hexdigest()


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in LIBRARIES}


def _commit() -> str | None:
    """The commit of the checkout this package lies in, with + where files differ from it; None outside one."""
    home = Path(simulator.__path__[0]).parent
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=home, capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain"], cwd=home, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")
