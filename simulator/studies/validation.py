"""A cell twice: as real processes on this machine, and simulated under clocks that were measured on it.

One calibration is made just before the real run and one just after, since a machine is faster in one minute than in the
next. Nothing of the simulation is fitted to the run it is compared with: passes, coding and judging are timed on texts
of their own, without the network, and what the path adds by a small run of another cell. Seeds are the same, and so are
drafts, verification results, losses and delays; what may differ is time. Both rows have the metrics of a simulation.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.results.requests import Request
from simulator.run import simulate
from simulator.studies.study import Row, Study, StudyResult
from simulator.testbed import journal
from simulator.testbed.calibration.cell_calibration import calibrate, calibrated, merge
from simulator.testbed.supervisor import real

BUDGET_S: Final = 20.0  # of each of the two calibrations
Texts = Mapping[tuple[int, int], tuple[int, ...]]  # output tokens by device and request


class Validation(Study):
    """The real row, then the simulated one."""

    deterministic: ClassVar[bool] = False
    alone: ClassVar[bool] = True
    over_network: ClassVar[bool] = True

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        with tempfile.TemporaryDirectory(prefix="sqsim.validation.") as name:
            folder = Path(name)
            calibrate(cell, folder / "before", _unheard, BUDGET_S)
            calibrated(cell, folder / "before")  # refused now, if at all
            done = real(cell, memory=memory, rounds_to=rounds_to, journals=folder / "journals")
            calibrate(cell, folder / "after", _unheard, BUDGET_S)
            merge(folder / "before", folder / "after", folder / "clocks")
            said, heard = dict(_said(folder / "journals")), _Texts(observer)
            made = simulate(calibrated(cell, folder / "clocks"), heard, memory=memory)
        others = sum(heard.texts.get(key) != said.get(key) for key in heard.texts.keys() | said.keys())
        rows: list[Row] = [
            {"system": system, **result.summary, "other_answers": others}
            for system, result in (("real", done), ("simulated", made))
        ]
        return StudyResult(rows, done.requests)


def _unheard(_done: float, _of: int, _what: str) -> None:
    """Ignores a calibration's progress: only the run's own is reported."""


class _Texts(Observer):
    """Keeps what was answered; whatever it hears of the progress goes on to another."""

    def __init__(self, other: Observer | None) -> None:
        self.texts: dict[tuple[int, int], tuple[int, ...]] = {}
        self._other = other

    def on_request(self, request: Request, share: float) -> None:
        self.texts[request.device, request.number] = tuple(request.tokens)
        if self._other is not None:
            self._other.on_request(request, share)


def _said(folder: Path) -> Iterator[tuple[tuple[int, int], tuple[int, ...]]]:
    """What was answered in a real run, by its journals."""
    for path in folder.glob("edge_*.jsonl"):
        for event in journal.read(path):
            if isinstance(event, journal.RequestEnded):
                yield (event.device, event.request), event.tokens


STUDY = Validation()
