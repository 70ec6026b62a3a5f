"""A cell as real processes on this machine (`simulator.testbed`), in real time: the answer differs from run to run, the
tokens do not. Alone, or beside the same cell simulated under clocks that were measured on this machine.

One calibration is made just before the real run and one just after, on texts of their own, as `sqsim calibrate --cell`
makes it; nothing of the simulation is fitted to the run. Seeds, drafts, verification results, losses and
delays are the same; what may differ is time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer, together
from simulator.results.requests import Request
from simulator.results.study_columns import COMPARED
from simulator.run import CellResult, simulate
from simulator.studies.study import Row, Study, StudyResult
from simulator.testbed import journal
from simulator.testbed.calibration.cell_calibration import calibrate, calibrated, merge, require_constant_delays
from simulator.testbed.supervisor import real

BUDGET_S: Final = 14.0  # of the passes that each of the two times
Texts = Mapping[tuple[int, int], tuple[int, ...]]  # output tokens by device and request


class RealAlone(Study):
    """`real`, its summary as a row."""

    deterministic: ClassVar[bool] = False
    alone: ClassVar[bool] = True
    over_network: ClassVar[bool] = True
    independent: ClassVar[bool] = False

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        result = real(cell, memory=memory, rounds_to=rounds_to, independent=self.independent)
        return StudyResult([result.summary], result.request_table)


class RealRun(RealAlone):
    """The real row, with the simulated one's times beside its own (COMPARED)."""

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        done, made, others = _both(cell, memory, observer, rounds_to, independent=self.independent)
        beside = {f"simulated_{name}": made.summary[name] for name in COMPARED}
        return StudyResult([{**done.summary, **beside, "other_answers": others}], done.request_table)


class IndependentRun(RealRun):
    """The same, where the link shares no random number with the simulated one, and tells its senders nothing."""

    independent: ClassVar[bool] = True


class Validation(RealAlone):
    """The real row, then the simulated one."""

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        done, made, others = _both(cell, memory, observer, rounds_to)
        rows: list[Row] = [
            {"system": system, **result.summary, "other_answers": others}
            for system, result in (("real", done), ("simulated", made))
        ]
        return StudyResult(rows, done.request_table)


class _Both(NamedTuple):
    """A real run and a simulated one of the same cell."""

    real: CellResult
    simulated: CellResult
    other_answers: int


def _both(
    cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None, *, independent: bool = False
) -> _Both:
    require_constant_delays(cell)
    with tempfile.TemporaryDirectory(prefix="sqsim.validation.") as name:
        folder = Path(name)
        before, after, journals = (folder / each for each in ("before", "after", "journals"))
        calibrate(cell, before, BUDGET_S)
        done = real(cell, memory=memory, rounds_to=rounds_to, journals=journals, independent=independent)
        calibrate(cell, after, BUDGET_S)
        merge(cell, (before, after), folder / "clocks")
        answered, seen = dict(_answered(journals)), _Texts()
        made = simulate(calibrated(cell, folder / "clocks"), together(observer, seen), memory=memory)
    others = sum(seen.texts.get(key) != answered.get(key) for key in seen.texts.keys() | answered.keys())
    return _Both(done, made, others)


class _Texts(Observer):
    """Keeps what was answered."""

    def __init__(self) -> None:
        self.texts: dict[tuple[int, int], tuple[int, ...]] = {}

    def on_request(self, request: Request, share: float) -> None:
        self.texts[request.device, request.number] = tuple(request.tokens)


def _answered(folder: Path) -> Iterator[tuple[tuple[int, int], tuple[int, ...]]]:
    for path in folder.glob("edge_*.jsonl"):
        for event in journal.read(path):
            if isinstance(event, journal.RequestEnded):
                yield (event.device, event.request), event.tokens
