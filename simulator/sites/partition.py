"""Work of one worker: it simulates a range of sites one after another, and writes their rows, as sites end, as one
folder, which lands whole or not at all: `cells.parquet`, `requests.parquet`, `rounds.parquet` where asked for, and
`files.json` with checksums and what they took."""

from __future__ import annotations

import gc
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kinds.files import atomically, read_note, sha256, write_note
from kinds.mistakes import users_mistakes_told
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.recorder import CHUNK_ROWS
from simulator.results.result_directory import intact
from simulator.run import COLLECTOR, CellResult, simulate
from simulator.sites.site_draws import SentSites, Sites
from simulator.sweeps.failures import Failure, failure_of, of_the_place
from simulator.sweeps.parts import CELLS, REQUESTS, ROUNDS, UNFINISHED, place_error, written

SITE: Final = "site"
"""The column that numbers the sites, from 0."""
DEVICES: Final = "devices"
"""The column of the number of devices of a site."""
FILES: Final = "files.json"
"""The note of a partition."""
MOST_TREES: Final = 4
"""Remembered trees of a shared text, on average; beyond these a worker begins anew with what is on disk."""
Note = dict[str, Any]
"""Contents of a partition's `files.json`: `files` by name with their checksums, and `sites`, `devices`, `requests`,
`rounds`, `cpu_s`, `peak_mib`."""


@dataclass(frozen=True)
class SiteRange:
    """The sites from `first` up to `end`, for one worker, and the folder in which their partition lands."""

    sites: SentSites
    first: int
    end: int
    folder: Path
    rounds: bool

    @property
    def name(self) -> str:
        """The partition's: `sites_0000010_0000019`."""
        return f"sites_{self.first:07d}_{self.end - 1:07d}"


class _FailedError(Exception):
    """Sites of a partition have failed, so it does not land."""

    def __init__(self, failures: list[tuple[int, Failure]]) -> None:
        super().__init__(failures)
        self.failures = failures


def simulate_range(task: SiteRange) -> tuple[SiteRange, Note | list[tuple[int, Failure]]]:
    """Has the partition of a range land, or finds it whole; its note, or why sites of it have no numbers, each with its
    site. Raises PlaceError where nothing can be written."""
    place = task.folder / task.name
    note = read_whole(place)
    if note is None:
        try:
            with written(task.folder.parent):
                try:
                    atomically(place, lambda unfinished: _write(task, unfinished))
                except OSError:
                    if read_whole(place) is None:  # where another worker that was believed lost was first, both are one
                        raise
        except _FailedError as error:
            return task, error.failures
        note = read_whole(place)
        assert note is not None, f"{place} was written and is not whole"
    return task, note


def read_whole(place: Path) -> Note | None:
    """The note of a partition whose files are what was written; None of one that is not there. One that is damaged is
    removed."""
    if not place.is_dir():
        return None
    note = read_note(place / FILES)
    if note and all(intact(place, name, str(digest)) for name, digest in note["files"].items()):
        return note
    shutil.rmtree(place.replace(place.with_suffix(UNFINISHED)))  # never seen with some of its files gone
    return None


def _write(task: SiteRange, folder: Path) -> None:
    started_s = time.thread_time()
    sites, rows, failures = Sites.received(task.sites), list[dict[str, object]](), list[tuple[int, Failure]]()
    folder.mkdir()
    counts = dict.fromkeys((DEVICES, "requests", "rounds"), 0)
    with _Table.to(folder / REQUESTS) as requests, _Table.to(folder / ROUNDS) as rounds:
        for index in range(task.first, task.end):
            try:
                cell = sites.site(index)
                with users_mistakes_told(cell.imports):
                    result = _simulated(cell)
            except Exception as error:
                if (full := of_the_place(error)) is not None:
                    raise place_error(task.folder.parent, full) from None
                failures.append((index, failure_of(f"site {index}", error)))
                continue
            here = {DEVICES: cell.workload.devices, "requests": len(result.request_table),
                    "rounds": sum(result.request_table["rounds"].to_pylist())}  # fmt: skip
            counts = {name: count + here[name] for name, count in counts.items()}
            own = {SITE: index, "cell": cell.id, "seed": cell.seed, DEVICES: here[DEVICES]}
            rows.append({**own, **sites.columns(index), **result.summary})
            requests.add(index, result.request_table)
            if task.rounds:
                rounds.add(index, result.round_table)
    if failures:
        raise _FailedError(failures)
    pd.DataFrame(rows).to_parquet(folder / CELLS, index=False)
    files = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    took = {"cpu_s": round(time.thread_time() - started_s, 3), "peak_mib": round(peak_mib(), 1)}
    write_note(folder / FILES, {"files": files, "sites": len(rows), **counts, **took})


def peak_mib() -> float:
    """The most memory that this process has held so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _simulated(cell: Cell) -> CellResult:
    """The site's run, whose devices and links, which know each other, are collected at once: what there was before is
    not looked at, and left alone they would stay until the whole process is."""
    with COLLECTOR.seldom():
        result = simulate(cell, memory=_memory(cell))
        gc.collect()
    return result


def _memory(cell: Cell) -> Memory:
    """Returns the memory of decoded rounds: of sites that share their texts this process's own, else one for this site
    alone."""
    workload = cell.workload
    if workload.distinct_seed is None:
        return Memory.here()
    memory = _shared_memory(workload.distinct_seed)
    if memory.size > MOST_TREES * (workload.distinct or 1):  # a text has one for each state that a scheme enters it in
        _shared_memory.cache_clear()
        memory = _shared_memory(workload.distinct_seed)
    return memory


@lru_cache(1)
def _shared_memory(seed: int) -> Memory:
    return Memory.here()


class _Table:
    """A table that goes to a file as it comes, its rows behind the number of their site. No rows, no file."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path, self._stack = path, stack
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    @classmethod
    @contextmanager
    def to(cls, path: Path) -> Iterator[_Table]:
        with ExitStack() as stack:
            table = cls(path, stack)
            yield table
            table._flush()

    def add(self, site: int, rows: pa.Table) -> None:
        self._waiting.append(rows.add_column(0, SITE, pa.array([site] * len(rows), pa.int64())))
        if sum(map(len, self._waiting)) >= CHUNK_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            rows, self._waiting = pa.concat_tables(self._waiting), []
            if self._writer is None:
                self._writer = self._stack.enter_context(pq.ParquetWriter(self._path, rows.schema))
            self._writer.write_table(rows)
