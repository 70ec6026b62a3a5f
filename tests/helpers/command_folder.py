"""A folder in which `sqsim` commands run as processes, and what is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from simulator.cell.cell import Cell
from simulator.testbed.journal import MessageTaken, read

ROOT = Path(__file__).parents[2]
WITHIN_S = 120.0
Host = Callable[[Sequence[str]], list[str]]


class CommandFolder:
    """A folder in which commands run, with a folder for what is temporary; all their processes know it by that."""

    def __init__(self, folder: Path, cell: Cell) -> None:
        self.folder, self.out = folder, folder / "out"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        (folder / "cell.yaml").write_text(cell.to_yaml())
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *words: str, program: str | None = None, host: Host = list) -> subprocess.Popen[str]:
        """Starts `sqsim`, or a Python program. `host`: makes of a command the one that runs it elsewhere."""
        what = ["-m", "scenarios.command"] if program is None else ["-c", program]
        env = os.environ | {"TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)}
        popen = subprocess.Popen(
            host([sys.executable, "-P", *what, *words]), cwd=self.folder, env=env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=_heeds_interrupts,
        )  # fmt: skip
        self.started.append(popen)
        return popen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for popen in self.started:
            if popen.poll() is None:
                popen.kill()
            popen.communicate()

    def real(self, *more: str) -> subprocess.Popen[str]:
        return self.start("real", "cell.yaml", "--out", "out", "--quiet", "--alone", *more)

    def ran(self, *words: str) -> str:
        popen = self.start(*words)
        out, error = popen.communicate(timeout=WITHIN_S)
        assert popen.returncode == 0, error
        return out

    def processes(self) -> dict[int, list[str]]:
        """All that are alive, with their words."""
        found = {}
        for each in Path("/proc").glob("[0-9]*"):
            try:
                if str(self.temporary).encode() in (each / "environ").read_bytes():
                    found[int(each.name)] = (each / "cmdline").read_text().split("\0")
            except OSError:
                continue
        return found

    def pids(self, *words: str) -> list[int]:
        return [pid for pid, all_ in self.processes().items() if set(words) <= set(all_)]

    def journals(self) -> list[Path]:
        return list(self.temporary.glob("sqsim.real.*/*.jsonl"))

    def has_taken_a_message(self) -> bool:
        edges = [path for path in self.journals() if path.name.startswith("edge")]
        return any(isinstance(event, MessageTaken) for path in edges for event in read(path))

    def left(self) -> list[str]:
        return sorted(path.name for path in self.temporary.glob("sqsim.*"))


def _heeds_interrupts() -> None:
    """A process that a shell started in the background does not, nor do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def until(condition: Callable[[], object]) -> None:
    until_s = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def one_line(error: str) -> str:
    (line,) = error.splitlines()
    return line
