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
from simulator.testbed.journal import MessageTaken, PacketAired, read

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
        return self.start("real", "cell.yaml", "--out", "out", "--quiet", *more)

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

    def process(self, *words: str) -> int:
        (pid,) = [pid for pid, all_ in self.processes().items() if set(words) <= set(all_)]
        return pid

    def journals(self) -> list[Path]:
        return list(self.temporary.glob("sqsim.real.*/*.jsonl"))

    def has_closed_a_round(self) -> bool:
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


def until(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def sent_packets() -> int:
    """By all interfaces of the machine's own but its loopback."""
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return sum(int(line.split(":")[1].split()[9]) for line in lines if line.split(":")[0].strip() != "lo")


def one_line(error: str) -> str:
    (line,) = error.splitlines()
    return line


def test_a_result_folder_is_compared_drawn_and_reported_like_any_other(place: CommandFolder) -> None:
    place.ran("real", "cell.yaml", "--out", "out", "--quiet")
    assert not place.processes() and not place.left()
    place.ran("run", "--config", "cell.yaml", "--out", "simulated", "--quiet")
    told = place.ran("compare", "simulated", "out")
    assert "Settings: 1 in both, 0 in A only, 0 in B only." in told and "latency per token" in told
    place.ran("plot", "out")
    place.ran("report", "out")
    assert (place.out / "report.html").is_file() and (place.out / "figures" / "breakdown.svg").is_file()
    real, made = (pd.read_parquet(place.folder / name / "rounds.parquet") for name in ("out", "simulated"))
    key = ["device", "request", "round"]
    for column in ("drafts", "accepted", "tokens", "payload_bits"):
        if column in made.columns:
            both = [rows.sort_values(key)[column].tolist() for rows in (real, made)]
            assert both[0] == both[1], column


def test_an_interrupt_leaves_nothing_and_the_same_command_goes_on(place: CommandFolder) -> None:
    before = socket.if_nameindex()
    popen = place.real()
    until(place.has_closed_a_round)
    assert len(place.processes()) >= 6
    os.killpg(popen.pid, signal.SIGINT)
    out, error = popen.communicate(timeout=30)
    assert popen.returncode == 130
    assert one_line(error).startswith("sqsim: interrupted")
    assert out == ""
    assert not place.processes() and not place.left()
    assert socket.if_nameindex() == before
    assert not (place.out / "cells.csv").exists()
    place.ran("real", "cell.yaml", "--out", "out", "--quiet")
    assert len(pd.read_csv(place.out / "cells.csv")) == 1


def test_a_command_that_is_terminated_leaves_nothing(place: CommandFolder) -> None:
    popen = place.real()
    until(place.has_closed_a_round)
    popen.terminate()
    out, error = popen.communicate(timeout=30)
    assert (popen.returncode, out) == (130, "") and one_line(error).startswith("sqsim: interrupted")
    assert not place.processes() and not place.left()


def test_a_command_that_is_killed_leaves_no_process_and_the_next_removes_its_folder(place: CommandFolder) -> None:
    before = socket.if_nameindex()
    popen = place.real()
    until(place.has_closed_a_round)
    popen.kill()
    popen.wait()
    until_s = time.monotonic() + 10
    while place.processes() and time.monotonic() < until_s:
        time.sleep(0.01)
    assert not place.processes()
    assert socket.if_nameindex() == before
    assert place.left()
    place.ran("real", "cell.yaml", "--out", "out", "--quiet")
    assert not place.left()


@pytest.mark.parametrize(
    ("words", "name"),
    [((PROGRAM, "edge"), "edge 0"), ((PROGRAM, "cloud"), "cloud 0"), (("simulator.testbed.network.relay",), "relay")],
)
def test_a_process_that_dies_ends_the_run_and_is_named(place: CommandFolder, words: tuple[str, ...], name: str) -> None:
    popen = place.real()
    until(place.has_closed_a_round)
    os.kill(place.process(*words), signal.SIGKILL)
    out, error = popen.communicate(timeout=30)
    assert popen.returncode == 2
    assert f"the process {name} ended" in one_line(error) and "Traceback" not in error
    assert out == ""
    assert not place.processes() and not place.left()
    assert not place.out.exists()


def test_a_device_that_dies_while_it_loads_is_named_too(place: CommandFolder) -> None:
    popen = place.real()
    until(lambda: any({PROGRAM, "edge"} <= set(words) for words in place.processes().values()))
    os.kill(place.process(PROGRAM, "edge"), signal.SIGKILL)
    _, error = popen.communicate(timeout=30)
    assert popen.returncode == 2 and "the process edge 0 ended" in one_line(error)
    assert not place.processes() and not place.left()


def test_no_packet_leaves_the_two_hosts(place: CommandFolder) -> None:
    sent = sent_packets()
    popen = place.start("real", "cell.yaml", "--out", "out", "--quiet", "--set", "workload.output_tokens=150",
                        "--set", "uplink.rate.bps=200000")  # fmt: skip
    until(place.has_closed_a_round)
    for side in ("edge", "cloud"):
        proc = Path(f"/proc/{place.process(PROGRAM, side)}/net")
        names = {line.split(":")[0].strip() for line in (proc / "dev").read_text().splitlines()[2:]}
        assert names == {"lo", "shaped0", "free0"}
        routes = [line.split() for line in (proc / "route").read_text().splitlines()[1:]]
        assert routes and all(route[1] != "00000000" and route[2] == "00000000" for route in routes)
    aired = 0
    while popen.poll() is None:
        if (relay := [path for path in place.journals() if path.name == "relay.jsonl"]) and relay[0].exists():
            aired = max(aired, _aired(relay[0]))
        time.sleep(0.2)
    assert popen.returncode == 0
    assert aired > 200
    assert sent_packets() - sent < aired / 2


def _aired(relay: Path) -> int:
    try:
        return sum(isinstance(event, PacketAired) for event in read(relay))
    except OSError:  # the run is over
        return 0
