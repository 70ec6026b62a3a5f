"""Many cells: each distinct decoding once, in one of a few worker processes, then every timing of it.

Cells that share their tokens (`Cell.decoding_id`) go to one worker as a group, whose first cell pays for the forward
passes; where there are fewer groups than workers, the others of a group go to any worker once the first has left its
tokens on disk. Results do not depend on how cells meet workers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Protocol

import pandas as pd

from kinds import ConfigError
from models.shared_passes import AT_A_TIME
from simulator.cell.cell import Cell, prepare_pairs
from simulator.studies import SIMULATION, study
from simulator.sweeps import worker
from simulator.sweeps.failures import CellsFailedError, Failure, Interrupted, WorkerError, write_failure
from simulator.sweeps.lock import only_writer
from simulator.sweeps.meter import Aborted, Meter, OnProgress, ReportProgress, ToFiles, works
from simulator.sweeps.parts import UNFINISHED, Rows, in_order, with_labels, written
from simulator.sweeps.store import CELL_FILES, Store
from simulator.sweeps.worker import Outcome, Task
from simulator.sweeps.worker_pools import Arguments, Work, WorkerPool, pool_of, sent

OnRows = Callable[[Rows], None]
"""Receives the rows of each cell as it ends, in no order."""
OnFailure = Callable[[str], None]
"""Receives each cell that fails, and of each file that is damaged, in a line with its name."""


class Growth(Protocol):
    """Decides, from what there is so far, which cells are still missing."""

    @property
    def rule(self) -> str:
        """Rule by which it decides, in words: results grown by another rule are other results."""
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
    failed: OnFailure | None = None,
    heard: OnRows | None = None,
    asking: str = SIMULATION,
    growth: Growth | None = None,
    trace: bool = False,
) -> pd.DataFrame:
    """Simulates the cells and returns a table with a row a cell, in their order: configuration, then metrics.

    `asking` names another study than to simulate them; it may give several rows a cell. `growth` may add cells once
    these are done, and again once those are. A cell that is given twice is one.

    `out` gets the tables, one YAML file a cell and a manifest; a directory left by the same sweep is resumed, or read
    where it is whole, one with other results refused; with `overwrite` both are made anew, and only a sweep that was
    interrupted is resumed. Files named in `keep` are the caller's, and stay. `cluster`: in place of
    `workers` processes here, the address of a Dask scheduler (extra `cluster`) whose workers see `out` under the same
    path. `progress(done, total, label)` is called as cells are finished, and from within them; `heard` gets the rows of
    each, `failed` a line on each that fails, and on each file of `out` that is damaged and made again. `trace`: each
    cell that is simulated now leaves a trace in `out`.

    Raises ConfigError on a user's mistake, and leaves no new directory behind then; where some of several cells fail
    CellsFailedError, once all others are done, or at once without `out`; Interrupted on Ctrl-C. What is done is kept in
    `out`, and the same call goes on from there.
    """
    if study(asking).alone and cluster is not None:
        raise ConfigError(f"cluster = {cluster!r}: must be left out where real time is measured (study {asking})")
    pool = pool_of(1 if study(asking).alone else workers, cluster)
    cells = list({cell.id: cell for cell in cells}.values())
    if not cells:
        raise ConfigError("cells = []: at least one is needed")
    deterministic = study(asking).deterministic
    prepare_pairs(cells)
    failed = failed or _silent
    run = _Sweep(asking, pool, progress or _silent, failed, heard or _silent)
    try:
        if out is None:
            return _grown(cells, growth, run.rows)[1]
        requested = asking if growth is None else f"{asking}, {growth.rule}"
        with only_writer(Path(out)):
            store = Store(Path(out).resolve(), cells, overwrite, keep, requested, deterministic=deterministic)
            for name in store.mend() if store.finished else ():
                failed(f"{Path(out) / name} is gone or not what was written; it is made again")
            if not store.finished:
                run.store, run.traces = store, store.out / CELL_FILES if trace else None
                _into(store, cells, growth, run)
            return store.cells()
    except Aborted as aborted:
        raise aborted.args[0] from None


def _into(store: Store, cells: Sequence[Cell], growth: Growth | None, run: _Sweep) -> None:
    try:
        grown, table = _grown(cells, growth, run.rows)
        with written(store.out):
            store.finish(grown, table)
    except ConfigError as error:
        if run.alike or not isinstance(error, CellsFailedError):
            store.discard()
        raise
    except KeyboardInterrupt:
        done = len(store.parts.landed())
        text = f"{done} of {max(run.asked, done)} cells are done and kept in {store.out}"
        raise Interrupted(f"interrupted; {text}, and the same command goes on from there") from None


def _grown(
    cells: Sequence[Cell], growth: Growth | None, run: Callable[[Sequence[Cell]], Iterator[Rows]]
) -> tuple[Sequence[Cell], pd.DataFrame]:
    parts = list(run(cells))
    while True:
        table = with_labels(in_order(cells, parts), cells)
        added = [] if growth is None else growth.more(table)
        if not added:
            return cells, table
        cells = [*cells, *added]
        parts += run(added)


@dataclass
class _Sweep:
    """Sweep under way. `alike`: True if there is nothing yet but one failure in the same words, as of a pair that
    cannot be loaded."""

    asking: str
    pool: WorkerPool
    progress: OnProgress
    failed: OnFailure
    heard: OnRows
    store: Store | None = None
    traces: Path | None = None
    asked: int = 0
    alike: bool = True

    def rows(self, cells: Sequence[Cell]) -> Iterator[Rows]:
        self.asked += len(cells)
        # Where real time is measured a cell takes about as long as any other, most of it to calibrate.
        weights = dict.fromkeys((each.id for each in cells), 1.0) if study(self.asking).alone else works(cells)
        meter = Meter(weights, self.progress)
        meter.say("")
        sharing: dict[str, list[Cell]] = {}
        for cell in cells:
            if self.store is not None and (rows := self.store.parts.rows(cell.id)) is not None:
                self.alike = False
                meter.resumed(cell.id)
                yield rows
            else:
                sharing.setdefault(study(self.asking).shares(cell), []).append(cell)
        groups = list(sharing.values())
        for pair in dict.fromkeys(cell.models.pair for group in groups for cell in group):
            meter.say(f"preparing {pair.kind}")
            pair.prepare()
        failures, lines = list[Failure](), list[str]()
        for _, found in self._outcomes(groups, meter):
            if isinstance(found, Failure):
                failures.append(found)
                lines.append(self._line(found, groups))
                self.alike = self.alike and found.reason == failures[0].reason
            else:
                self.alike = False
                self.heard(found)
            while lines and not self.alike:
                self.failed(lines.pop(0))
            if not isinstance(found, Failure):
                yield found
        if failures:
            raise self._all_failed(failures)

    def _outcomes(self, groups: Sequence[Sequence[Cell]], meter: Meter) -> Iterator[Outcome]:
        first, later = self._tasks(groups)
        kinds = {cell.id: cell.scheme.kind for group in groups for cell in group}
        here = not later and self.pool.here(len(first))
        with ExitStack() as stack:
            report: ReportProgress = meter.report
            if not here:
                report = meter.files = ToFiles(Path(stack.enter_context(self._notes())))

            def follow(result: tuple[str, list[Outcome]]) -> Arguments:
                return [(task, report) for task in later.pop(result[0], ())]

            tasks = Work(worker.work, [(task, report) for task in first], follow if later else None, meter.look)
            for name, outcomes in stack.enter_context(closing(self.pool.unordered(tasks))):
                meter.ended([cell for cell, _ in outcomes], kinds[name])
                yield from outcomes

    def _tasks(self, groups: Sequence[Sequence[Cell]]) -> tuple[list[Task], dict[str, list[Task]]]:
        parts = None if self.store is None else self.store.parts

        def task(*groups: Sequence[Cell]) -> Task:
            several = tuple(tuple(map(sent, cells)) for cells in groups)
            return Task(groups[0][0].id, self.asking, several, parts, self.traces)

        together = any(len(group) > 1 for group in groups) and self.asking == SIMULATION and worker.travels()
        if not together or len(groups) >= self.pool.size():
            return [task(*bundle) for bundle in self._bundles(groups)], {}
        return (
            [task(group[:1]) for group in groups],
            {group[0].id: [task([cell]) for cell in group[1:]] for group in groups},
        )

    def _bundles(self, groups: Sequence[Sequence[Cell]]) -> list[Sequence[Sequence[Cell]]]:
        """The groups, those together that one worker decodes side by side: of one seed, as far as may be, whose texts
        begin alike and share passes; some more than run at one time, so that many do to the end; and all workers as
        many tasks."""
        networks = bool(groups) and all(group[0].models.pair.has_networks for group in groups)
        if not (study(self.asking).deterministic and networks):
            return [[group] for group in groups]
        at_once = max(1, self.pool.size())
        tasks = min(len(groups), at_once * ceil(len(groups) / (at_once * 2 * AT_A_TIME)))
        by_seed = sorted(groups, key=lambda group: group[0].seed)
        ends = [len(groups) * task // tasks for task in range(tasks + 1)]
        return [by_seed[start:end] for start, end in pairwise(ends)]

    def _notes(self) -> tempfile.TemporaryDirectory[str]:
        if self.store is None:
            return tempfile.TemporaryDirectory()
        with written(self.store.out):
            self.store.parts.folder.mkdir(exist_ok=True)
            return tempfile.TemporaryDirectory(prefix="progress.", suffix=UNFINISHED, dir=self.store.parts.folder)

    def _line(self, failure: Failure, groups: Sequence[Sequence[Cell]]) -> str:
        """A line on a failure, whose cell is kept as a file, where there is a place for it."""
        if self.store is None:
            raise self._all_failed([failure])
        (cell,) = (cell for group in groups for cell in group if cell.id == failure.cell)
        return f"{write_failure(self.store.out, cell, failure)} failed: {failure.reason}"

    def _all_failed(self, failures: Sequence[Failure]) -> CellsFailedError:
        requested = 1 if self.alike and len(failures) == self.asked else self.asked
        error = CellsFailedError(failures, requested, None if self.store is None else self.store.out)
        error.__cause__ = WorkerError(failures[0].traceback)
        return error


def _silent(*_: object) -> None:
    return None
