"""Lines of control, and that a process ends with its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.testbed import host
from simulator.testbed.processes import ControlLines, heard, say

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


def test_a_process_with_an_event_loop_hears_each_line_until_its_input_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def all_heard() -> list[tuple[str, ...]]:
        return [words async for words in heard()]

    source, into = os.pipe()
    os.write(into, b"start 12.5\nstop\n")
    os.close(into)
    with os.fdopen(source) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert asyncio.run(all_heard()) == [("start", "12.5"), ("stop",)]


def test_what_is_said_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("start", 12.5)
    assert capsys.readouterr().out == "start 12.5\n"
