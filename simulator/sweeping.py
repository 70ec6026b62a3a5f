"""Many cells: each distinct decoding once, in one of a few worker processes, then every timing of it.

Cells that differ only in network, cloud or edge share their tokens (`Cell.decoding_id`). They go to one worker as a
group: its first cell pays for the forward passes, the others find them in that process's memory. Results do not depend
on how groups meet workers.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from kinds import ConfigError
from simulator.config import Cell
from simulator.memory import Memory
from simulator.run import simulate
from simulator.settings import flatten
from simulator.store import CELLS, REQUESTS, ROUNDS, Store

Progress = Callable[[int, int, str], None]


def sweep(
    cells: Sequence[Cell],
    out: Path | None = None,
    workers: int = 1,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Simulates the cells and returns a table with a row a cell, in their order: configuration, then metrics.

    `out` gets the tables, one YAML file a cell and a manifest; a directory left by the same sweep is resumed, one with
    other results refused unless `overwrite`. `progress(done, total, label)` is called as cells are finished. Raises
    ConfigError on a user's mistake, and leaves no new directory behind then.
    """
    if not cells:
        raise ConfigError("cells = []: at least one is needed")
    if out is None:
        return in_order(cells, list(_run(_groups(cells), workers, None, progress or _silent)))
    store = Store(Path(out).resolve(), cells, overwrite)
    if not store.finished:
        try:
            parts = list(_run(_groups(cells), workers, store, progress or _silent))
        except ConfigError:
            store.discard()
            raise
        store.finish(in_order(cells, parts))
    return store.cells()


def in_order(cells: Sequence[Cell], parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of `parts` as one table in the order of `cells`, whatever the order they came in."""
    order = {cell.id: place for place, cell in enumerate(cells)}
    frame: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return frame.sort_values("cell", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def _groups(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """The cells by decoding, each group under a name of its own."""
    by_decoding: dict[str, list[Cell]] = {}
    for cell in cells:
        by_decoding.setdefault(cell.decoding_id, []).append(cell)
    return {
        hashlib.sha256("".join(cell.id for cell in group).encode()).hexdigest()[:16]: group
        for group in by_decoding.values()
    }


def _run(
    groups: dict[str, list[Cell]], workers: int, store: Store | None, progress: Progress
) -> Iterator[pd.DataFrame]:
    """The rows of each group's cells, as the groups are finished."""
    total, done = sum(map(len, groups.values())), 0
    progress(done, total, "")
    missing = {}
    for name, group in groups.items():
        if store is not None and (rows := store.part(name)) is not None:
            done += len(group)
            progress(done, total, "resumed")
            yield rows
        else:
            missing[name] = group
    parallel = Parallel(n_jobs=min(workers, len(missing)) or 1, return_as="generator_unordered", batch_size=1)
    for name, rows in parallel(
        delayed(_group)(name, [cell.model_dump() for cell in group], store and store.unfinished(name))
        for name, group in missing.items()
    ):
        if store is not None:
            store.keep(name)
        done += len(missing[name])
        progress(done, total, missing[name][0].scheme.kind)
        yield rows


def _group(name: str, fields: list[dict[str, object]], folder: Path | None) -> tuple[str, pd.DataFrame]:
    """One group, in a worker: cells travel as plain fields, so that a user's own kinds are imported there first."""
    memory = Memory()
    rows, requests = [], []
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / ROUNDS).mkdir(parents=True)
    for cell in map(Cell.from_fields, fields):
        result = simulate(cell, memory, folder and folder / ROUNDS / f"{cell.id}.parquet")
        rows.append({"cell": cell.id, **flatten(cell), **result.summary})
        requests.append(result.requests)
    table = pd.DataFrame(rows)
    if folder is not None:
        table.to_parquet(folder / CELLS, index=False)
        pd.concat(requests).to_parquet(folder / REQUESTS, index=False)
    return name, table


def _silent(_done: int, _total: int, _label: str) -> None:
    return None
