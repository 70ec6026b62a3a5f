"""Progress of a sweep, cell by cell and within a cell: a worker writes how far the cells of a task are to a small file,
a few times a second, and who waits reads the files, here and on a cluster alike."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from simulator.cell.cell import Cell
from simulator.results.observer import Observer
from simulator.results.requests import Request

OnProgress = Callable[[float, int, str], None]
"""Receives how many cells are done, of how many, and what kind the last ones are, with the rounds a second. A cell
counts by its work: of two, one nine times as long is 1.8 cells."""
TIMED: Final = 0.02
"""Cost of timing a token over that of decoding it: a guess, so that large sweeps of few texts cost something."""
REPORT_S: Final = 0.2
"""Time between two reports from within a cell."""
WINDOW_S: Final = 20.0
"""Time over which rounds a second are counted."""


class CellProgress(NamedTuple):
    """Progress of a cell: the share of it that is done, its rounds that are closed, and its present step."""

    share: float = 0.0
    rounds: int = 0
    label: str = ""


ReportProgress = Callable[[str, CellProgress], None]
"""Takes a cell's id, and how far it is."""


@dataclass
class ToFiles:
    """Reports of all cells of a task in one file, under the first's id: cells may be as short as it takes to make and
    remove a file."""

    folder: Path

    def __post_init__(self) -> None:
        self._reported: dict[str, CellProgress] = {}
        self._written_s = -math.inf

    def __call__(self, cell: str, progress: CellProgress) -> None:
        self._reported[cell] = progress
        if time.monotonic() - self._written_s < REPORT_S:
            return
        with suppress(OSError):
            (self.folder / next(iter(self._reported))).write_text(json.dumps(self._reported))
        self._written_s = time.monotonic()

    def read(self) -> dict[str, CellProgress]:
        """Returns the latest progress of each cell, except for one that is being written."""
        found: dict[str, CellProgress] = {}
        for path in self.folder.iterdir():
            with suppress(OSError, ValueError, TypeError, AttributeError):
                reported = json.loads(path.read_text())
                found |= {cell: CellProgress(*progress) for cell, progress in reported.items()}
        return found


class Aborted(BaseException):
    """Around what a listener to the progress raises: it passes through a cell without being taken for the cell's."""


def works(cells: Sequence[Cell]) -> dict[str, float]:
    """About how long each cell takes, by its id, in tokens decoded: the first of those that decode the same pays for
    that, and each a little for being timed."""
    found: dict[str, float] = {}
    decoded = set()
    for cell in cells:
        total, tokens = cell.requests, max(each.workload.longest[1] for each in cell.classes)
        texts = 0 if cell.decoding_id in decoded else min(cell.workload.distinct or total, total)
        decoded.add(cell.decoding_id)
        found[cell.id] = (texts + TIMED * total) * tokens
    return found


class Meter:
    """Adds up what is reported of cells and passes it on. `works`: of each cell, by its id. `files`: where workers
    report, if they do."""

    def __init__(self, works: Mapping[str, float], progress: OnProgress) -> None:
        self.total = len(works)
        self.files: ToFiles | None = None
        self._works = works
        self._scale = self.total / sum(works.values())
        self._progress = progress
        self._ended = 0.0
        self._rounds = 0
        self._under_way: dict[str, CellProgress] = {}
        self._counted: deque[tuple[float, int]] = deque()
        self._lock = Lock()

    def say(self, label: str) -> None:
        """Something that is neither a cell nor a part of one."""
        self._progress(self._cells(self._ended), self.total, label)

    def resumed(self, cell: str) -> None:
        """A cell was there already."""
        self._ended += self._works[cell]
        self.say("resumed")

    def look(self) -> None:
        """Passes on what the files hold now, if it is more than before."""
        found = {} if self.files is None else self.files.read()
        further = {cell: each for cell, each in found.items() if each > self._under_way.get(cell, CellProgress())}
        if further:
            self._under_way |= further
            self._pass_on(next(iter(further.values())).label)

    def report(self, cell: str, progress: CellProgress) -> None:
        """Passes on how far a cell is in this very process. What the listener raises comes as Aborted."""
        with self._lock:  # cells of several threads may report
            self._under_way[cell] = progress
            try:
                self._pass_on(progress.label)
            except Exception as error:
                raise Aborted(error) from error

    def ended(self, cells: Sequence[str], label: str) -> None:
        """Marks these cells as ended."""
        if self.files is not None:
            self._under_way |= self.files.read()
        for cell in cells:
            self._ended += self._works[cell]
            self._rounds += self._under_way.pop(cell, CellProgress()).rounds
            if self.files is not None:
                (self.files.folder / cell).unlink(missing_ok=True)
        self._pass_on(label)

    def _pass_on(self, label: str) -> None:
        done = self._ended + sum(self._works[cell] * each.share for cell, each in self._under_way.items())
        rounds = self._rounds + sum(each.rounds for each in self._under_way.values())
        rate = self._rate(rounds)
        self._progress(self._cells(done), self.total, f"{label}, {rate:,.0f} rounds/s" if rate else label)

    def _cells(self, work: float) -> float:
        cells = min(work * self._scale, self.total)
        return round(cells) if abs(cells - round(cells)) < 1e-6 else cells

    def _rate(self, rounds: int) -> float:
        now_s = time.monotonic()
        self._counted.append((now_s, rounds))
        while now_s - self._counted[0][0] > WINDOW_S:
            self._counted.popleft()
        since_s, before = self._counted[0]
        return max(0, rounds - before) / (now_s - since_s) if now_s - since_s > REPORT_S else 0.0


class CellMeter(Observer):
    """Watches a cell, and reports how far it is: when it is over, or nothing was reported for a while. It hears of
    requests that have ended, not of each round: who hears of rounds in order makes a run slower."""

    def __init__(self, report: ReportProgress, cell: str, label: str) -> None:
        self._report, self._cell, self._label = report, cell, label
        self._share, self._rounds, self._reported_s = 0.0, 0, 0.0

    def on_request(self, request: Request, share: float) -> None:
        self._rounds += request.closed_rounds
        self._share = min(share, 0.999)  # until the cell has landed
        self._at(self._share)

    def over(self) -> None:
        """The cell has ended, and landed where it lands."""
        self._at(1.0)

    def _at(self, share: float) -> None:
        if share >= 1 or time.monotonic() - self._reported_s >= REPORT_S:
            self._report(self._cell, CellProgress(share, self._rounds, self._label))
            self._reported_s = time.monotonic()
