"""What the supervisor says and does of one process: its last words, and that it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.testbed import supervisor
from simulator.testbed.supervisor import _Process

FAILS = "from kinds import ConfigError\nraise ConfigError('mtu_bits = None: too little')"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[_Process]]:
    found: list[_Process] = []
    yield found
    for each in found:
        each.end()


def started(made: list[_Process], folder: Path, script: str) -> _Process:
    errors = folder / "edge_0.err"
    with errors.open("w") as stderr:
        popen = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=stderr, text=True)  # fmt: skip
    made.append(_Process("edge 0", popen, errors))
    return made[-1]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (FAILS, "mtu_bits = None: too little"),
        ("raise KeyError(3)", "KeyError: 3"),
        ("import os; os.kill(os.getpid(), 9)", "status -9"),
    ],
)
def test_the_last_words_of_a_process_are_its_complaint_or_how_it_ended(
    made: list[_Process], tmp_path: Path, script: str, told: str
) -> None:
    process = started(made, tmp_path, script)
    process.popen.wait()
    process.tell("stop")
    assert process.last_words() == told


def test_a_process_that_does_not_stop_is_killed(
    made: list[_Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_S", 0.05)
    process = started(made, tmp_path, "import time; time.sleep(60)")
    process.waited()
    assert process.popen.poll() is None
    process.end()
    assert process.popen.returncode == -signal.SIGKILL
