"""Lines of control, an event loop that is on time, and that a process ends with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.testbed import host
from simulator.testbed.processes import ControlLines, obey, play

SLEEPS = f"""
import importlib.util, sys, time
spec = importlib.util.spec_from_file_location("host", {host.__file__!r})
host = importlib.util.module_from_spec(spec)
spec.loader.exec_module(host)
host.dies_with_parent()
print("there", flush=True)
time.sleep(60)
"""
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", {SLEEPS!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def _ended(pid: int) -> bool:
    """Whether a process is gone, or only waits for somebody to hear of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_a_process_dies_with_its_parent_however_that_ends() -> None:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not _ended(child)
        parent.send_signal(signal.SIGKILL)
    until_s = time.monotonic() + 5
    while not _ended(child) and time.monotonic() < until_s:
        time.sleep(0.01)
    assert _ended(child)


def test_control_lines_may_come_in_pieces_and_several_at_once() -> None:
    source, into = os.pipe()
    lines = ControlLines(source)
    os.write(into, b"sta")
    assert lines.read() == []
    os.write(into, b"rt 12.5\nstop\nbe")
    assert lines.read() == [("start", "12.5"), ("stop",)]
    assert not lines.ended
    os.close(into)
    assert lines.read() == []
    assert lines.ended
    os.close(source)


@pytest.mark.parametrize("last", [b"stop\n", b""], ids=["stop", "nobody left"])
def test_a_program_does_what_it_is_told_and_ends_at_a_stop_or_alone(
    last: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, ...]] = []

    async def timed(name: str, budget_s: str) -> None:
        heard.append((name, budget_s))

    async def start(zero_s: str) -> None:
        heard.append((zero_s,))
        os.write(into, last)
        os.close(into)
        await asyncio.sleep(60)

    source, into = os.pipe()
    os.write(into, b"time before 3.5\nstart 12.5\n")
    with os.fdopen(source) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)  # of the tests' own process
        play(obey(start=start, time=timed))
    assert heard == [("before", "3.5"), ("12.5",)]


def test_timers_run_out_to_less_than_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where waits are counted in whole milliseconds, each of these is 0.9 ms late."""
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    late_s = list[float]()

    async def waits() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(20):
            due_s = loop.time() + 0.0021
            await asyncio.sleep(due_s - loop.time())
            late_s.append(loop.time() - due_s)

    play(waits())
    assert min(late_s) < 5e-4
