"""Many cells: each distinct decoding once, in one of a few worker processes, then every timing of it.

Cells that differ only in network, cloud or edge share their tokens (`Cell.decoding_id`). They go to one worker as a
group: its first cell pays for the forward passes, the others find them in that process's memory. Results do not depend
on how groups meet workers.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from kinds import ConfigError
from kinds.mistakes import users_mistakes_told
from simulator.cell.cell import Cell, prepare_pairs
from simulator.cell.dotted_names import flatten
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.results.requests import Request
from simulator.studies import SIMULATION, study
from simulator.sweeps.crews import Crew, crew_of
from simulator.sweeps.lock import only_writer
from simulator.sweeps.store import CELL_FILES, CELLS, REQUESTS, ROUNDS, Store
from simulator.sweeps.tracing import traced

OnProgress = Callable[[float, int, str], None]
"""Hears how many cells are done, of how many, and what kind the last ones are."""
Tick = Callable[[float, str], None]
"""Hears how many cells of a group are done, the part of the one under way included, and what kind that one is."""
Task = tuple[str, str, list[dict[str, object]], Path | None, Path | None]
"""The study, the name of a group, its cells as plain fields, where to put what they give, and where their traces."""


class Growth(Protocol):
    """Decides, from what there is so far, which cells are still missing."""

    @property
    def rule(self) -> str:
        """What it decides by, in words: results grown by another rule are other results."""
        ...

    def more(self, table: pd.DataFrame) -> list[Cell]:
        """Further cells, none of them in the table yet; [] where it is enough."""
        ...


def sweep(
    cells: Sequence[Cell],
    out: Path | None = None,
    workers: int = 1,
    cluster: str | None = None,
    *,
    overwrite: bool = False,
    keep: Collection[str] = (),
    progress: OnProgress | None = None,
    asking: str = SIMULATION,
    growth: Growth | None = None,
    trace: bool = False,
) -> pd.DataFrame:
    """Simulates the cells and returns a table with a row a cell, in their order: configuration, then metrics.

    `asking` names another study than to simulate them; it may give several rows a cell. `growth` may add cells once
    these are done, and again once those are.

    `out` gets the tables, one YAML file a cell and a manifest; a directory left by the same sweep is resumed, one with
    other results refused unless `overwrite`; files named in `keep` are the caller's, and stay. `cluster`: in place of
    `workers` processes here, the address of a Dask scheduler (extra `cluster`) whose workers see `out` under the same
    path. `progress(done, total, label)` is called as groups of cells are finished, and from within a cell where only
    this process works. `trace`: each cell that is simulated now leaves a trace in `out` (`tracing`). Raises ConfigError
    on a user's mistake, and leaves no new directory behind then.
    """
    crew = crew_of(workers, cluster)
    deterministic = study(asking).deterministic
    if not cells:
        raise ConfigError("cells = []: at least one is needed")
    prepare_pairs(cells)
    if out is None:
        return _grown(cells, growth, partial(_run, asking, crew, None, None, progress or _silent))[1]
    asked = asking if growth is None else f"{asking}, {growth.rule}"
    with only_writer(Path(out)):
        store = Store(Path(out).resolve(), cells, overwrite, keep, asked, deterministic=deterministic)
        traces = store.out / CELL_FILES if trace else None
        if not store.finished:
            try:
                grown, table = _grown(cells, growth, partial(_run, asking, crew, store, traces, progress or _silent))
            except ConfigError:
                store.discard()
                raise
            store.finish(grown, table)
        return store.cells()


def _grown(
    cells: Sequence[Cell], growth: Growth | None, run: Callable[[Sequence[Cell]], Iterator[pd.DataFrame]]
) -> tuple[Sequence[Cell], pd.DataFrame]:
    """The cells, those added to them, and the table of all."""
    parts = list(run(cells))
    while True:
        table = in_order(cells, parts)
        added = [] if growth is None else growth.more(table)
        if not added:
            return cells, table
        cells = [*cells, *added]
        parts += run(added)


def in_order(cells: Sequence[Cell], parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of `parts` as one table in the order of `cells`, whatever the order they came in.

    So are its columns: those of the first part first, then what later ones add. A whole number stays one where other
    cells have no such field: what a cell's row says does not depend on the cells beside it (I6).
    """
    order = {cell.id: place for place, cell in enumerate(cells)}
    parts = sorted(parts, key=lambda part: min(order[cell] for cell in part["cell"]))
    frame: pd.DataFrame = pd.concat(parts, ignore_index=True)
    whole = {name for part in parts for name in part.columns[part.dtypes == "int64"]}
    for name in frame.columns[(frame.dtypes == "float64") & frame.columns.isin(whole)]:
        given = [part[name] for part in parts if name in part and part[name].notna().any()]
        if given and all(column.dtype == "int64" for column in given):
            frame[name] = frame[name].astype("Int64")
    frame = _of_one_type(frame)
    return frame.sort_values("cell", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def _of_one_type(frame: pd.DataFrame) -> pd.DataFrame:
    """A field that is a number in one cell and a name or a list in another is text in all: a file's column has one
    type."""
    for name in frame.columns[frame.dtypes == "object"]:
        given = frame[name][frame[name].notna()]
        text, many = (given.map(lambda value, of=of: isinstance(value, of)) for of in (str, (list, tuple, np.ndarray)))
        if (text.any() and not text.all()) or (many.any() and not many.all()):
            told = given.map(lambda value: str(value.tolist() if isinstance(value, np.ndarray) else value))
            frame[name] = told.reindex(frame.index)
    return frame


def _groups(asking: str, cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """The cells by what they share, each group under a name of its own."""
    shares = study(asking).shares
    sharing: dict[str, list[Cell]] = {}
    for cell in cells:
        sharing.setdefault(shares(cell), []).append(cell)
    return {
        hashlib.sha256("".join(cell.id for cell in group).encode()).hexdigest()[:16]: group
        for group in sharing.values()
    }


def _run(
    asking: str,
    crew: Crew,
    store: Store | None,
    traces: Path | None,
    progress: OnProgress,
    cells: Sequence[Cell],
) -> Iterator[pd.DataFrame]:
    """The rows of each group's cells, as the groups are finished."""
    groups = _groups(asking, cells)
    total, done = len(cells), 0
    progress(done, total, "")
    missing = {}
    for name, group in groups.items():
        if store is not None and (rows := store.part(name)) is not None:
            done += len(group)
            progress(done, total, "resumed")
            yield rows
        else:
            missing[name] = group
    for pair in dict.fromkeys(cell.models.pair for group in missing.values() for cell in group):
        progress(done, total, f"preparing {pair.kind}")
        pair.prepare()
    tasks = [
        (asking, name, [cell.model_dump() for cell in group], store.unfinished(name) if store else None, traces)
        for name, group in missing.items()
    ]

    def tick(share: float, label: str) -> None:
        progress(done + share, total, label)

    call = partial(_group, tick=tick) if crew.here(len(tasks)) else _group
    for name, rows in crew.unordered(call, tasks):
        if store is not None:
            store.finish_part(name)
        done += len(missing[name])
        progress(done, total, missing[name][0].scheme.kind)
        yield rows


def _group(
    asking: str,
    name: str,
    fields: list[dict[str, object]],
    folder: Path | None,
    traces: Path | None = None,
    tick: Tick | None = None,
) -> tuple[str, pd.DataFrame]:
    """One group, in a worker: cells travel as plain fields, so that a user's own kinds are imported there first."""
    memory = Memory()
    rows, requests = list[dict[str, object]](), list[pd.DataFrame]()
    rounds: Path | None = None
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        rounds = folder / ROUNDS
        rounds.mkdir(parents=True)
    for number, cell in enumerate(map(Cell.from_fields, fields)):
        rounds_to = None if rounds is None else rounds / f"{cell.id}.parquet"
        ticker = None if tick is None else Ticker(tick, number, cell.scheme.kind)
        with users_mistakes_told(cell.imports), traced(cell, ticker, traces) as observer:
            answer = study(asking).ask(cell, memory, observer, rounds_to)
        rows += [{"cell": cell.id, **flatten(cell), **row} for row in answer.rows]
        requests += [] if answer.requests is None else [answer.requests]
    table = _of_one_type(pd.DataFrame(rows))
    if folder is not None:
        table.to_parquet(folder / CELLS, index=False)
        if requests:
            pd.concat(requests).to_parquet(folder / REQUESTS, index=False)
    return name, table


class Ticker(Observer):
    """Tells how far a cell is, at each percent of its requests; `finished` cells of its group came before it."""

    def __init__(self, tick: Tick, finished: int, label: str) -> None:
        self._tick = tick
        self._finished = finished
        self._label = label
        self._percent = 0

    def on_request(self, request: Request, share: float) -> None:
        if int(100 * share) > self._percent:
            self._percent = int(100 * share)
            self._tick(self._finished + share, self._label)


def _silent(_done: float, _total: int, _label: str) -> None:
    return None
