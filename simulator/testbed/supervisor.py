"""Runs a cell for real: builds both hosts, starts the relay, the cloud and a process for each device, and makes the
tables when all requests have their answers.

Whatever ends a run, an interrupt among it, ends every process of it; the two hosts exist as long as their processes do.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from math import inf
from pathlib import Path
from types import FrameType
from typing import Final

from kinds import ConfigError
from simulator.cell.cell import Cell, prepare_pairs
from simulator.decoding.memory import Memory
from simulator.run import CellResult, memory_for
from simulator.testbed.network.namespaces import NETS, SIDES, Namespaces
from simulator.testbed.plan import CELL, DIRECTIONS, INDEPENDENT, Side, check, filled_s, link
from simulator.testbed.processes import DONE, READY, START, STOP, TIME, TIMED, ControlLines
from simulator.testbed.real_tables import tables

READY_S: Final = 300.0
"""Time in which all processes must have loaded, and served a request to warm up."""
RUN_S: Final = 3600.0
"""Time in which the run must end."""
END_S: Final = 30.0
"""Time in which a process must end that was asked to, or that has closed its output."""
LEAD_S: Final = 1.0
"""Least time from when the last process is ready to the run's zero; more if buckets take longer to fill."""
MOST_TIMES_OVER: Final = 10.0
"""Number of times its budget that a timing of passes may take, and READY_S, before it is given up."""
FOLDER: Final = "sqsim.real."
"""Beginning of the name of a run's temporary folder."""
_ROOT: Final = Path(__file__).parents[2]


def real(
    cell: Cell,
    *,
    memory: Memory | None = None,
    rounds_to: Path | None = None,
    journals: Path | None = None,
    independent: bool = False,
) -> CellResult:
    """Runs a cell as real processes on this machine, and answers the tables that `simulate` would.

    Its latency models are not asked: passes take the time that they take here. `memory` has what is decoded already
    when the tables are made; the run itself decodes everything. `journals`: a folder that keeps what each process has
    noted. `independent`: losses, delays and rates are drawn by the relay's own random numbers, which no seed tells, and
    no sender hears of when a packet has left: its timers run from when it has handed the packet to the kernel.

    Raises ConfigError, one line, for a cell that cannot be run so and on a machine that does not permit it.
    """
    check(cell)
    prepare_pairs([cell])
    with _heeds_termination(), _folder(journals) as folder:
        if independent:
            (folder / INDEPENDENT).touch()
        with _processes(folder, cell) as run:
            run.serve()
        memory = memory_for(cell) if memory is None else memory
        try:
            return tables(cell, folder, memory, rounds_to)
        finally:
            memory.flush()


def note(cell: Cell, journals: Path, most_s: float, passes: Path, budget_s: float) -> None:
    """Has the processes of a run time their models' passes, for about `budget_s` in all, and then serve requests for
    about `most_s`. Leaves the tables of the passes (`endpoints.timed_passes`) in a folder that is there, and what
    happens in journals. Raises ConfigError as `real`."""
    check(cell)
    prepare_pairs([cell])
    with _heeds_termination(), _folder(journals) as folder, _processes(folder, cell) as run:
        run.time_passes(passes, budget_s)
        run.serve(most_s)


@contextmanager
def _processes(folder: Path, cell: Cell) -> Iterator[_Run]:
    """Yields the processes of a run, ready; they are ended with it. Raises ConfigError if one fails."""
    (folder / CELL).write_text(cell.to_yaml(), encoding="utf-8")
    with ExitStack() as stack:
        run = _Run(folder, cell, stack)
        yield run
        run.end()


def _folder(journals: Path | None) -> AbstractContextManager[Path]:
    if journals is None:
        return _temporary()
    journals.mkdir(parents=True, exist_ok=True)
    if any(journals.iterdir()):
        raise ConfigError(f"journals = {journals}: must be an empty folder, or one that is not there yet")
    return nullcontext(journals.resolve())


@contextmanager
def _temporary() -> Iterator[Path]:
    """A folder that goes with the run. Nobody removes that of a run that was killed, so its lock is a sign of life, and
    each run removes the folders of this user whose lock nobody holds."""
    above = Path(tempfile.gettempdir())
    for left in above.glob(f"{FOLDER}*"):
        with suppress(OSError), _locked(left):  # somebody else's, of a run that goes on, or gone meanwhile
            shutil.rmtree(left)
    made = Path(tempfile.mkdtemp(prefix="sqsim.new."))
    folder = made.with_name(f"{FOLDER}{made.name.removeprefix('sqsim.new.')}")
    try:
        with _locked(made):  # before it has the name by which others look for it
            made.rename(folder)
            yield folder
    finally:
        for each in (folder, made):
            shutil.rmtree(each, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder of this user's. Raises OSError where it is none, or somebody holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise PermissionError(f"{folder}: somebody else's")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _heeds_termination() -> Iterator[None]:
    """SIGTERM ends a run as an interrupt does, with all that it has made."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Process:
    """Process of the run. `errors`: the file of its standard error."""

    def __init__(self, name: str, popen: subprocess.Popen[str], errors: Path) -> None:
        assert popen.stdin is not None and popen.stdout is not None
        self.name, self.stdin, self.stdout = name, popen.stdin, popen.stdout
        self.printed: set[str] = set()
        self._popen = popen
        self._errors = errors
        self._lines = ControlLines(popen.stdout.fileno())

    def read(self) -> None:
        """Takes in all that it has printed by now, one word a line. What a file that the cell imports prints there
        means nothing. Raises ConfigError where it will print nothing more."""
        self.printed |= {" ".join(words) for words in self._lines.read()}
        if self._lines.ended:
            self._status()
            raise ConfigError(f"real: the process {self.name} ended: {self._last_words()}")

    def write(self, line: str) -> None:
        with suppress(BrokenPipeError):  # it has died, which its next `read` shows
            self.stdin.write(line + "\n")
            self.stdin.flush()

    def end(self) -> None:
        """Ends it if it has not ended."""
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait()
        for pipe in (self.stdin, self.stdout):
            with suppress(BrokenPipeError):  # of what was written after its end
                pipe.close()

    def check_end(self) -> None:
        """Raises ConfigError where it does not end, or has failed: its journal may then be short of something."""
        status = self._status()
        if status is None:
            raise ConfigError(f"real: the process {self.name} did not end within {END_S:g} s")
        if status:
            raise ConfigError(f"real: the process {self.name} failed at its end: {self._last_words()}")

    def _status(self) -> int | None:
        """Returns its status once it has ended; None if it does not end in time."""
        try:
            return self._popen.wait(END_S)
        except subprocess.TimeoutExpired:
            return None

    def _last_words(self) -> str:
        lines = self._errors.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), f"status {self._popen.returncode}")
        return last.removeprefix(f"{ConfigError.__module__}.{ConfigError.__qualname__}: ")


class _Run:
    """Run under way: all of its processes have loaded, and have served a request to warm up."""

    def __init__(self, folder: Path, cell: Cell, stack: ExitStack) -> None:
        self._folder, self._cell, self._stack = folder, cell, stack
        devices = range(cell.workload.devices)
        self._selector = stack.enter_context(selectors.DefaultSelector())
        self._hosts = stack.enter_context(Namespaces(cell))
        tuns = tuple(self._hosts.tuns[side, net] for side in SIDES for net in NETS)
        self._relay = self._start("relay", _module("network.emulated_link", folder, *tuns), tuns)
        self._cloud = self._start_endpoint("cloud", "cloud")
        self._devices = [self._start_endpoint(f"edge {number}", "edge", number) for number in devices]
        self._await(READY, time.monotonic() + READY_S, [self._relay, *self._devices, self._cloud])

    def time_passes(self, into: Path, budget_s: float) -> None:
        """Times the passes of one end after the other, of the first device alone, as all are alike. Nothing else
        happens meanwhile."""
        made = Path(tempfile.mkdtemp(dir=self._folder))
        until_s = time.monotonic() + READY_S + MOST_TIMES_OVER * budget_s
        for process in (self._devices[0], self._cloud):
            process.write(f"{TIME} {made.name} {budget_s!r}")
            self._await(f"{TIMED} {made.name}", until_s, [process])
        shutil.copytree(made, into, dirs_exist_ok=True)
        shutil.rmtree(made)

    def serve(self, most_s: float = inf) -> None:
        """Serves from the start to the last answer. `most_s`: the time for which devices take on requests."""
        zero_s = time.monotonic() + max(LEAD_S, *(filled_s(link(self._cell, each)) for each in DIRECTIONS))
        for process in (self._relay, self._cloud):
            process.write(f"{START} {zero_s!r}")
        for process in self._devices:
            process.write(f"{START} {zero_s!r}{f' {most_s!r}' if most_s < inf else ''}")
        self._await(DONE, time.monotonic() + RUN_S, self._devices)

    def end(self) -> None:
        """Ends all processes. Raises ConfigError where one has failed."""
        processes = *self._devices, self._cloud, self._relay
        for process in processes:
            process.write(STOP)
        for process in processes:
            process.check_end()

    def _start_endpoint(self, name: str, side: Side, *device: int) -> _Process:
        return self._start(name, self._hosts.command(side, _module("endpoints.program", side, self._folder, *device)))

    def _start(self, name: str, argv: list[str], files: tuple[int, ...] = ()) -> _Process:
        errors = self._folder / f"{name.replace(' ', '_')}.err"
        with errors.open("w") as stderr:
            popen = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, pass_fds=files,
                env={**os.environ, **_PATH}, start_new_session=True,
            )  # fmt: skip
        process = _Process(name, popen, errors)
        self._stack.callback(process.end)
        self._selector.register(process.stdout, selectors.EVENT_READ, process)
        return process

    def _await(self, word: str, until_s: float, of: list[_Process]) -> None:
        """Waits until each of these has printed the word. Raises ConfigError where a process ends meanwhile, or that
        time is over."""
        while not all(word in process.printed for process in of):
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                waiting = ", ".join(process.name for process in of if word not in process.printed)
                raise ConfigError(f"real: {waiting} did not say {word!r} in time")
            for key, _ in self._selector.select(min(left_s, 1.0)):
                key.data.read()


def _module(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-P", "-m", f"simulator.testbed.{name}", *map(str, arguments)]


_PATH: Final = {"PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}
