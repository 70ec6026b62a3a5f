"""The cell as real processes on this machine (`simulator.testbed`): one row, of the metrics of a simulation. Real time:
the answer differs from run to run, the tokens do not."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.studies.study import Study, StudyResult
from simulator.testbed.supervisor import real


class RealRun(Study):
    """`real`, its summary as a row."""

    deterministic: ClassVar[bool] = False
    alone: ClassVar[bool] = True
    over_network: ClassVar[bool] = True

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        result = real(cell, memory=memory, rounds_to=rounds_to)
        return StudyResult([result.summary], result.requests)


STUDY = RealRun()
