"""Simulation of a cell: the plant is built from its configuration, run to the end, checked, and read off."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from math import inf
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from simpy.core import StopSimulation

from kinds.mistakes import ImpureError, global_random_numbers_unused
from simulator.cell.cell import Cell, prepare_pairs
from simulator.decoding.memory import Memory
from simulator.decoding.round_keys import origin
from simulator.protocols.predecode import predecode
from simulator.results.column_names import CLASS, Columns
from simulator.results.metrics import summarise
from simulator.results.observer import Observer
from simulator.results.recorder import Recorder, Tally, requests_schema
from simulator.results.run_totals import PlantTotals, Run, Slo
from simulator.results.threshold_settling import Settling
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.sparsifiers.conformal import KeepConformal
from simulator.timing.event_loop import later
from simulator.timing.plant import Plant, build
from simulator.timing.progress import Progress

GC_THRESHOLDS = (200_000, 20, 100)
"""The garbage collector's thresholds in a run."""


class _Collector:
    """The garbage collector of this process, which runs side by side share: the last to end puts it back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._runs = 0
        self._thresholds = gc.get_threshold()

    @contextmanager
    def seldom(self) -> Iterator[None]:
        """Few rounds while it lasts, and what exists at its start is left out of them."""
        with self._lock:
            self._runs += 1
            if self._runs == 1:
                self._thresholds = gc.get_threshold()
                gc.freeze()
                gc.set_threshold(*GC_THRESHOLDS)
        try:
            yield
        finally:
            with self._lock:
                self._runs -= 1
                if self._runs == 0:
                    gc.set_threshold(*self._thresholds)
                    gc.unfreeze()


COLLECTOR = _Collector()


@cache
def memory_here() -> Memory:
    """Returns the memory of this process, with the rounds decoded in this cache folder before ($SQSIM_CACHE)."""
    return Memory.here()


def memory_for(cell: Cell) -> Memory:
    """`memory_here`; a bare one for a cell with classes that may change without a trace, as those of a notebook do when
    it is edited: what they have decoded they might decode otherwise now."""
    lasting = all(origin(cell, each.scheme) is not None for each in cell.classes)
    return memory_here() if lasting else Memory()


@dataclass(frozen=True, repr=False)
class CellResult:
    """Result of one cell: `summary` holds `results.METRICS`, then BREAKDOWN as seconds per output token. The tables'
    rows are in the order in which requests ended."""

    summary: dict[str, float]
    by_class: Mapping[str, dict[str, float]]
    """The summary of each class of devices of a fleet, by its name; {} where there is no fleet. What classes share
    is divided among them, as docs/links_and_devices.md says."""
    request_table: pa.Table
    """The requests as they are written to a file."""
    round_table: pa.Table

    @property
    def named(self) -> dict[str, float]:
        """The summary, and that of each class under `CLASS.METRIC`: what an objective may be of."""
        own = {f"{name}.{key}": value for name, of in self.by_class.items() for key, value in of.items()}
        return self.summary | own

    @cached_property
    def requests(self) -> pd.DataFrame:
        """A row a request."""
        table: pd.DataFrame = self.request_table.to_pandas()
        return table

    @cached_property
    def rounds(self) -> pd.DataFrame:
        """A row a round; none where they went to a file."""
        table: pd.DataFrame = self.round_table.to_pandas()
        return table

    def __repr__(self) -> str:
        headline = self.summary["latency_per_token_s"]
        return (
            f"CellResult(latency_per_token_s={headline:.4g}, {len(self.requests)} requests, {len(self.rounds)} rounds; "
            ".summary, .requests, .rounds)"
        )


def simulate(
    cell: Cell,
    observer: Observer | None = None,
    *,
    memory: Memory | None = None,
    rounds_to: Path | None = None,
) -> CellResult:
    """Runs a cell until each request has its end.

    Raises ConfigError for what only the loaded pair or the run can tell: a cell in which nothing comes through.

    `observer` is notified of what happens; nothing depends on it. `memory` holds what is decoded already, and takes
    what is not; by default this process's own, on top of the rounds on disk, or none where classes of a script or a
    notebook decode: hand over a `Memory()` where several cells shall share what these decode. A remembered run equals a
    live one.
    `rounds_to`: a file that takes the rounds as they end, an Arrow stream, in place of the result's table.
    """
    prepare_pairs([cell])
    recorder = recorder_of(cell, rounds_to)
    memory = memory_for(cell) if memory is None else memory
    plant = build(cell, memory, recorder, observer)
    if observer is not None:
        observer.on_start(plant)
    try:
        with global_random_numbers_unused():
            with COLLECTOR.seldom():
                predecode(cell, memory)
            run(plant, cell.workload.horizon_s)
        plant.arrivals.close()
        plant.check()
        return result_of(cell, recorder, plant.totals(), plant)
    except ImpureError:
        memory.forget()
        raise
    finally:
        recorder.release()
        memory.flush()


def recorder_of(cell: Cell, rounds_to: Path | None) -> Recorder:
    """Returns the recorder of the requests of this cell's run."""
    thresholds = {
        device: Settling(kept.rule, kept.carry)
        for each in cell.classes
        if isinstance(each.scheme, DraftScheme) and isinstance(kept := each.scheme.families.sparsifier, KeepConformal)
        for device in each.devices
    }
    only_turn = _by_device(cell, "only_turn") if _talks(cell) else None
    return Recorder(cell.id, rounds_to, _by_device(cell, "learning_requests"), thresholds, cell.class_names, only_turn)


def _by_device(cell: Cell, field: str) -> Any:
    """A number of the workload: one for all, or one by device where classes of a fleet differ in it."""
    given = [getattr(each.workload, field) for each in cell.classes]
    if len({*given}) == 1:
        return given[0]
    return np.repeat([inf if each is None else each for each in given], [each.count for each in cell.classes])


def _talks(cell: Cell) -> bool:
    return any(each.workload.talks for each in cell.classes)


def result_of(cell: Cell, recorder: Recorder, totals: PlantTotals, plant: Plant | None = None) -> CellResult:
    """The tables of a run that has ended, and its metrics; of each class too where the `plant` of a fleet is given."""
    requests, rounds = recorder.close()
    learning, only = _by_device(cell, "learning_requests"), _by_device(cell, "only_turn")
    slo = Slo(_by_device(cell, "slo_ttft_s"), _by_device(cell, "slo_tpot_s"))

    def run_of(rows: Columns, tally: Tally, of: PlantTotals) -> Run:
        return Run(rows, tally.sums, of, learning, only, np.array(tally.gaps_s), slo)

    whole = run_of(requests, recorder.of_all, totals)
    of_all = summarise(whole, cell.percentiles)
    names = np.array([] if plant is None else cell.class_names)
    schema = requests_schema(talks=_talks(cell), classes=bool(names.size))
    columns = {name: requests[name] for name in schema.names if name != CLASS}
    if plant is None or not names.size:
        return CellResult(of_all, {}, pa.table(columns, schema=schema), rounds)
    by_class: dict[str, dict[str, float]] = {}
    columns[CLASS] = names[requests["device"]]
    for name, tally in recorder.by_class.items():
        of_class = plant.class_totals(name, totals, whole.served_span_s(), np.flatnonzero(names == name).tolist())
        by_class[name] = summarise(run_of(requests.where(columns[CLASS] == name), tally, of_class), cell.percentiles)
    return CellResult(of_all, by_class, pa.table(columns, schema=schema), rounds)


def run(plant: Plant, horizon_s: float) -> None:
    """Runs until every request has ended, or to the horizon, what happens at that instant included. What exists at the
    start is kept out of the garbage collector's rounds meanwhile, and those are few: a run makes next to no cycles."""
    later(plant.env, horizon_s, lambda _: plant.arrivals.stop())
    with COLLECTOR.seldom():
        _step(plant)


def _step(plant: Plant) -> None:
    """Runs the plant as `env.run(users.over)` does, with a look at the progress now and then that costs no single event
    anything."""
    progress = Progress(plant)
    plant.arrivals.over.callbacks.append(StopSimulation.callback)
    try:
        while True:
            for _ in range(progress.look_every):
                plant.env.step()
            progress.look()
    except StopSimulation:
        pass
