"""How far a sweep is, cell by cell and within a cell, whoever works on it.

A worker writes how far its task is to a small file of its own, a few times a second, and who waits for the workers
reads the files. So it is the same for processes of this machine and of a cluster, nobody waits for anybody, and where a
file cannot be written nothing is lost but the look of it.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from simulator.cell.cell import Cell
from simulator.results.observer import Observer
from simulator.results.requests import Request
from simulator.results.rounds import Round

OnProgress = Callable[[float, int, str], None]
"""Receives how many cells are done, of how many, and what kind the last ones are, with the rounds a second. A cell
counts by its work: of two, one nine times as long is 1.8 cells."""
TIMED: Final = 0.02
"""What a token costs to time, of what it costs to decode: a guess, so that large sweeps of few texts cost something."""
REPORT_S: Final = 0.2
"""Between two reports from within a cell."""
WINDOW_S: Final = 20.0
"""Over which rounds a second are counted."""


class TaskProgress(NamedTuple):
    """How far a task is: work done, that in cells under way included; rounds closed; what is under way."""

    done: float
    rounds: int
    label: str


ReportProgress = Callable[[TaskProgress], None]


@dataclass(frozen=True)
class ToFile:
    """Reports in a file."""

    path: Path

    def __call__(self, progress: TaskProgress) -> None:
        with suppress(OSError):
            self.path.write_text(json.dumps(progress))

    def read(self) -> TaskProgress | None:
        """What was written last; None where nothing was, or it is being written."""
        try:
            return TaskProgress(*json.loads(self.path.read_text()))
        except (OSError, ValueError, TypeError):
            return None


class Aborted(BaseException):
    """Around what a listener to the progress raises: it passes through a cell without being taken for the cell's."""


def works(cells: Sequence[Cell]) -> dict[str, float]:
    """About how long each cell takes, by its id, in tokens decoded: the first of those that decode the same pays for
    that, and each a little for being timed."""
    found: dict[str, float] = {}
    decoded = set()
    for cell in cells:
        total, tokens = cell.workload.total, cell.workload.longest[1]
        texts = 0 if cell.decoding_id in decoded else min(cell.workload.distinct or total, total)
        decoded.add(cell.decoding_id)
        found[cell.id] = (texts + TIMED * total) * tokens
    return found


class Meter:
    """Adds up what tasks report, each under its name, and passes it on. `works`: of each cell, by its id."""

    def __init__(self, works: Mapping[str, float], progress: OnProgress) -> None:
        self.total = len(works)
        self._works = works
        self._scale = self.total / sum(works.values())
        self._progress = progress
        self._ended = 0.0
        self._rounds = 0
        self._under_way: dict[str, TaskProgress] = {}
        self._files: dict[str, ToFile] = {}
        self._counted: deque[tuple[float, int]] = deque()

    def say(self, label: str) -> None:
        """Something that is neither a cell nor a part of one."""
        self._progress(self._cells(self._ended), self.total, label)

    def resumed(self, cell: str) -> None:
        """A cell was there already."""
        self._ended += self._works[cell]
        self.say("resumed")

    def watch(self, task: str, file: ToFile) -> None:
        """From here on `look` reads of that task in a file."""
        self._files[task] = file

    def look(self) -> None:
        """Passes on what the files hold now, if it is more than before."""
        found = {task: each for task, file in self._files.items() if (each := file.read()) is not None}
        further = {
            task: each for task, each in found.items() if each > self._under_way.get(task, TaskProgress(0, 0, ""))
        }
        if further:
            self._under_way |= further
            self._pass_on(next(iter(further.values())).label)

    def report(self, task: str, progress: TaskProgress) -> None:
        """Passes on how far a task of this very process is. What the listener raises comes as Aborted."""
        self._under_way[task] = progress
        try:
            self._pass_on(progress.label)
        except Exception as error:
            raise Aborted(error) from error

    def ended(self, task: str, cells: Iterable[str], label: str) -> None:
        """A task is over, and with it these cells."""
        file = self._files.pop(task, None)
        before = self._under_way.pop(task, None)
        last = before if file is None else file.read() or before
        self._ended += sum(self._works[cell] for cell in cells)
        self._rounds += 0 if last is None else last.rounds
        self._pass_on(label)

    def _pass_on(self, label: str) -> None:
        done = self._ended + sum(each.done for each in self._under_way.values())
        rounds = self._rounds + sum(each.rounds for each in self._under_way.values())
        rate = self._rate(rounds)
        self._progress(self._cells(done), self.total, f"{label}, {rate:,.0f} rounds/s" if rate else label)

    def _cells(self, work: float) -> float:
        """So much work in cells of mean work; a whole number where it is one but for rounding."""
        cells = min(work * self._scale, self.total)
        return round(cells) if abs(cells - round(cells)) < 1e-6 else cells

    def _rate(self, rounds: int) -> float:
        """Rounds a second over the window that ends now; 0 where there is none to tell of."""
        now_s = time.monotonic()
        self._counted.append((now_s, rounds))
        while now_s - self._counted[0][0] > WINDOW_S:
            self._counted.popleft()
        since_s, before = self._counted[0]
        return max(0, rounds - before) / (now_s - since_s) if now_s - since_s > REPORT_S else 0.0


class TaskMeter:
    """Adds up how far the cells of one task are, and reports it, from several threads."""

    def __init__(self, report: ReportProgress, works: Mapping[str, float]) -> None:
        self._report = report
        self._works = works
        self._lock = Lock()
        self._shares: dict[str, float] = {}
        self._rounds: dict[str, int] = {}
        self._reported_s = 0.0

    def at(self, cell: str, share: float, rounds: int, label: str) -> None:
        """A cell is so far; reported if it is over, or nothing was reported for a while."""
        with self._lock:
            self._shares[cell], self._rounds[cell] = share, rounds
            if share >= 1 or time.monotonic() - self._reported_s >= REPORT_S:
                done = sum(share * self._works.get(each, 1.0) for each, share in self._shares.items())
                self._report(TaskProgress(done, sum(self._rounds.values()), label))
                self._reported_s = time.monotonic()


class CellMeter(Observer):
    """Watches a cell, and reports how far it is: the share of its requests that have ended, and its rounds."""

    def __init__(self, meter: TaskMeter, cell: str, label: str) -> None:
        self._meter, self._cell, self._label = meter, cell, label
        self._share, self._rounds = 0.0, 0

    def on_round(self, request: Request, round_: Round) -> None:
        self._rounds += 1
        self._meter.at(self._cell, self._share, self._rounds, self._label)

    def on_request(self, request: Request, share: float) -> None:
        self._share = min(share, 0.999)  # until the cell has landed
        self._meter.at(self._cell, self._share, self._rounds, self._label)

    def over(self) -> None:
        """The cell has ended, and landed where it lands."""
        self._meter.at(self._cell, 1.0, self._rounds, self._label)
