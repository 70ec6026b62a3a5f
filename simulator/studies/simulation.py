"""The first of all studies: to simulate the cell. One row, `results.METRICS` and BREAKDOWN."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.run import simulate
from simulator.studies.study import Study, StudyResult


class Simulation(Study):
    """`simulate`, its summary as a row."""

    over_network: ClassVar[bool] = True

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        result = simulate(cell, observer, memory=memory, rounds_to=rounds_to)
        return StudyResult([result.summary], result.requests)


STUDY = Simulation()
