"""Work of a worker: cells, group by group, each landed as it ends. Cells of a group share their tokens through its
memory; the groups of one task are decoded side by side, so that their passes meet."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kinds.mistakes import users_mistakes_told
from models.shared_passes import AT_A_TIME, together
from simulator.cell.cell import Cell
from simulator.cell.dotted_names import flatten
from simulator.decoding.memory import Memory
from simulator.decoding.round_store import RoundStore
from simulator.studies import study
from simulator.sweeps.failures import Failure, failure_of, of_the_place
from simulator.sweeps.meter import CellMeter, ReportProgress
from simulator.sweeps.parts import Parts, PlaceError, Rows, place_error, plain, write_part, written
from simulator.sweeps.tracing import traced
from simulator.sweeps.worker_pools import Sent, received

Outcome = tuple[str, Rows | Failure]
"""A cell's id, and its rows or why there are none."""


@dataclass(frozen=True)
class Task:
    """Groups of cells for one worker, what is asked of them, and where they and their traces land, if anywhere."""

    name: str
    asking: str
    groups: tuple[tuple[Sent, ...], ...]
    parts: Parts | None
    traces: Path | None = None


def work(task: Task, report: ReportProgress) -> tuple[str, list[Outcome]]:
    """The task's name, and what came of each of its cells, in their order. Raises PlaceError where nothing can be
    landed; whatever else a cell raises is its outcome."""
    outcomes: dict[int, list[Outcome]] = {}

    def group(cells: Sequence[Sent]) -> list[Outcome]:
        known = Memory.here()
        return [_outcome(task, each, known, report) for each in cells]

    with closing(together([partial(group, cells) for cells in task.groups], AT_A_TIME)) as ended:
        for place, found in ended:
            if isinstance(found, Exception):
                raise found
            outcomes[place] = found
    return task.name, [outcome for place in sorted(outcomes) for outcome in outcomes[place]]


def travels() -> bool:
    """True if the other workers find what one has decoded."""
    return RoundStore.here() is not None


def _outcome(task: Task, given: Sent, known: Memory, report: ReportProgress) -> Outcome:
    name = given.id
    try:
        cell = received(given)
        cell_meter = CellMeter(report, name, cell.scheme.kind)
        rows = _answered(task, cell, known, cell_meter)
    except PlaceError:
        raise
    except Exception as error:
        if (full := of_the_place(error)) is not None and task.parts is not None:
            raise place_error(task.parts.folder.parent, full) from None
        return name, failure_of(name, error)
    cell_meter.over()
    return name, rows


def _answered(task: Task, cell: Cell, known: Memory, meter: CellMeter) -> Rows:
    if task.parts is None:
        return _asked(task, cell, known, meter, None)
    if (rows := task.parts.rows(cell.id)) is not None:  # of a task that was sent again
        return rows
    with task.parts.landing(cell.id) as part:
        return _asked(task, cell, known, meter, part)


def _asked(task: Task, cell: Cell, known: Memory, meter: CellMeter, part: Path | None) -> Rows:
    with users_mistakes_told(cell.imports), traced(cell, meter, task.traces) as observer:
        answer = study(task.asking).ask(cell, known, observer, part)
    fields = {"cell": cell.id, **flatten(cell)}
    rows = [{**fields, **{name: plain(value) for name, value in row.items()}} for row in answer.rows]
    if part is not None:
        with written(part.parents[1]):
            write_part(part, rows, answer.requests)
    return rows
