"""`sqsim real` on this machine: what it leaves, and that nothing of it is left however it ends.

Slow (real time passes), and skipped with a reason where network namespaces are not permitted.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from simulator import Cell
from simulator.testbed.journal import MessageTaken, read

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("namespaces")]

ROOT = Path(__file__).parents[2]
WITHIN_S = 120.0
PROGRAM = "simulator.testbed.endpoints.program"
CELL = {
    "models.pair": {"kind": "synthetic", "size": 64}, "scheme": "k_sqs", "workload.requests": 3,
    "workload.output_tokens": 24, "uplink.rate.bps": 20e3, "uplink.mtu_bits": 4000,
}  # fmt: skip


class CommandFolder:
    """A folder in which commands run, with a folder for what is temporary; all their processes know it by that."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        (folder / "cell.yaml").write_text(Cell().with_(CELL).to_yaml())
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        env = os.environ | {"TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)}
        popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "scenarios.command", *words], cwd=self.folder, env=env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=_heeds_interrupts,
        )  # fmt: skip
        self.started.append(popen)
        return popen

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


@pytest.fixture
def place(tmp_path: Path) -> Iterator[CommandFolder]:
    made = CommandFolder(tmp_path)
    yield made
    for popen in made.started:
        if popen.poll() is None:
            popen.kill()
        popen.communicate()


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


def test_a_result_folder_is_compared_drawn_and_reported_like_any_other(place: CommandFolder) -> None:
    printed = place.ran("real", "cell.yaml", "--out", "out", "--quiet")
    assert not place.processes() and not place.left()
    lines = [line.split() for line in printed.splitlines() if line.endswith("%")]
    assert len(lines) == 6 and all(abs(float(line[-1][:-1])) < 50 for line in lines), printed
    assert "Answers whose tokens differ: none." in printed
    place.ran("run", "--config", "cell.yaml", "--out", "simulated", "--quiet")
    printed = place.ran("compare", "simulated", "out")
    assert "Settings: 1 in both, 0 in A only, 0 in B only." in printed and "latency per token" in printed
    place.ran("plot", "out")
    place.ran("report", "out")
    assert (place.out / "report.html").is_file() and (place.out / "figures" / "breakdown.svg").is_file()
    real, made = (pd.read_parquet(place.folder / name / "rounds.parquet") for name in ("out", "simulated"))
    key = ["device", "request", "round"]
    for column in ("drafts", "accepted", "tokens", "payload_bits"):
        if column in made.columns:
            both = [rows.sort_values(key)[column].tolist() for rows in (real, made)]
            assert both[0] == both[1], column


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "termination"])
def test_a_command_that_is_interrupted_leaves_nothing(place: CommandFolder, number: signal.Signals) -> None:
    before = socket.if_nameindex()
    popen = place.real()
    until(place.has_taken_a_message)
    assert len(place.processes()) >= 6
    os.killpg(popen.pid, number) if number is signal.SIGINT else popen.send_signal(number)
    out, error = popen.communicate(timeout=30)
    assert (popen.returncode, out) == (130, "") and one_line(error).startswith("sqsim: interrupted")
    assert not place.processes() and not place.left()
    assert socket.if_nameindex() == before
    assert not (place.out / "cells.csv").exists()


def test_a_command_that_is_killed_leaves_no_process_and_the_next_removes_its_folder(place: CommandFolder) -> None:
    before = socket.if_nameindex()
    popen = place.real()
    until(place.has_taken_a_message)
    popen.kill()
    popen.wait()
    until_s = time.monotonic() + 10
    while place.processes() and time.monotonic() < until_s:
        time.sleep(0.01)
    assert not place.processes()
    assert socket.if_nameindex() == before
    assert place.left()
    place.ran("real", "cell.yaml", "--out", "out", "--quiet", "--alone")
    assert not place.left() and len(pd.read_csv(place.out / "cells.csv")) == 1


@pytest.mark.parametrize(
    ("words", "name", "loading"),
    [
        ((PROGRAM, "edge"), "edge 0", False),
        ((PROGRAM, "edge"), "edge 0", True),
        ((PROGRAM, "cloud"), "cloud 0", False),
        (("simulator.testbed.network.emulated_link",), "relay", False),
    ],
)
def test_a_process_that_dies_ends_the_run_and_is_named(
    place: CommandFolder, words: tuple[str, ...], name: str, loading: bool
) -> None:
    popen = place.real()
    until((lambda: place.pids(*words)) if loading else place.has_taken_a_message)
    (pid,) = place.pids(*words)
    os.kill(pid, signal.SIGKILL)
    out, error = popen.communicate(timeout=30)
    assert (popen.returncode, out) == (2, "")
    assert f"the process {name} ended" in one_line(error) and "Traceback" not in error
    assert not place.processes() and not place.left()
    assert not place.out.exists()
