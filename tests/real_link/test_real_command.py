"""`sqsim real` on this machine: what it leaves, and that nothing of it is left however it ends.

Slow (real time passes), and skipped with a reason where network namespaces are not permitted.
"""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from command_folder import CommandFolder, one_line, until

from simulator import Cell

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("namespaces")]

PROGRAM = "simulator.testbed.endpoints.program"
CELL = {
    "models.pair": {"kind": "synthetic", "size": 64}, "scheme": "k_sqs", "workload.requests": 3,
    "workload.output_tokens": 24, "uplink.rate.bps": 20e3, "uplink.mtu_bits": 4000,
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Iterator[CommandFolder]:
    with CommandFolder(tmp_path, Cell().with_(CELL)) as made:
        yield made


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
