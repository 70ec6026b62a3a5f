"""A cell as real processes on this machine (`simulator.testbed`), in real time: the answer differs from run to run, the
tokens do not. Alone, or beside the same cell simulated under clocks that were measured on this machine.

One calibration is made just before the real run and one just after, on texts of their own, as `sqsim calibrate --cell`
makes it; nothing of the simulation is fitted to the run. The one after a seed's run is the one before the next seed's,
if that begins at once. Seeds, drafts, verification results, losses and
delays are the same; what may differ is time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from time import monotonic
from typing import ClassVar, Final

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
AT_ONCE_S: Final = 10.0
"""Age up to which a calibration serves the next run of the same cell but for its seed."""
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


def _both(
    cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None, *, independent: bool = False
) -> tuple[CellResult, CellResult, int]:
    """Returns the results of the real run and of the simulated one, and in how many requests their tokens differ."""
    require_constant_delays(cell)
    with tempfile.TemporaryDirectory(prefix="sqsim.validation.") as name:
        folder = Path(name)
        journals, clocks = folder / "journals", folder / "clocks"
        before = _LAST.of(cell) or _LAST.measured(cell)
        done = real(cell, memory=memory, rounds_to=rounds_to, journals=journals, independent=independent)
        merge(cell, (Path(before.name), Path(_LAST.measured(cell).name)), clocks)
        answered, seen = dict(_answered(journals)), _Texts()
        made = simulate(calibrated(cell, clocks), together(observer, seen), memory=memory)
    others = sum(seen.texts.get(key) != answered.get(key) for key in seen.texts.keys() | answered.keys())
    return done, made, others


class _LastCalibration:
    """The last calibration that this process made; its folder is removed with the process, or once another is made and
    nobody holds it."""

    def __init__(self) -> None:
        self._cell = ""
        self._made_s = -inf
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def of(self, cell: Cell) -> tempfile.TemporaryDirectory[str] | None:
        """Returns its folder if it is of this cell, whatever the seed, and made just now."""
        recent = monotonic() - self._made_s <= AT_ONCE_S
        return self._folder if recent and self._cell == _without_seed(cell) else None

    def measured(self, cell: Cell) -> tempfile.TemporaryDirectory[str]:
        """Measures anew, and returns the folder. Raises ConfigError as `calibrate`."""
        folder = tempfile.TemporaryDirectory(prefix="sqsim.calibration.")
        calibrate(cell, Path(folder.name), BUDGET_S)
        self._cell, self._made_s, self._folder = _without_seed(cell), monotonic(), folder
        return folder


_LAST: Final = _LastCalibration()


def _without_seed(cell: Cell) -> str:
    return cell.with_({"seed": 0}).to_yaml()


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
