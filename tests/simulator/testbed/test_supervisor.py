"""The supervisor and its processes: what they say, in whatever pieces, and how they end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kinds import ConfigError
from simulator.testbed import supervisor
from simulator.testbed.supervisor import _Process, _Run

Started = list[_Process]


@pytest.fixture
def started() -> Iterator[Started]:
    processes: Started = []
    yield processes
    for process in processes:
        process.end()


def process(program: str, folder: Path, started: Started) -> _Process:
    errors = folder / "one.err"
    with errors.open("w") as stderr:
        popen = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
        )  # fmt: skip
    started.append(_Process("one", popen, errors))
    return started[-1]


def awaiting(*of: _Process) -> _Run:
    """A run with no processes but these."""
    run = object.__new__(_Run)
    run._selector = selectors.DefaultSelector()
    for each in of:
        run._selector.register(each.popen.stdout or 0, selectors.EVENT_READ, each)
    return run


def test_words_that_come_in_one_piece_are_all_heard(tmp_path: Path, started: Started) -> None:
    one = process("print('ready\\n\\nhello from an import\\ndone', flush=True); input()", tmp_path, started)
    assert awaiting(one)._await("done", time.monotonic() + 10, [one])
    assert {"ready", "done"} <= one.printed


def test_a_process_that_dies_is_told_by_its_last_words(tmp_path: Path, started: Started) -> None:
    one = process("import sys; sys.stderr.write('x' * (1 << 17) + '\\nno luck\\n'); sys.exit(1)", tmp_path, started)
    with pytest.raises(ConfigError, match=r"^real: the process one ended: no luck$"):
        awaiting(one)._await("ready", time.monotonic() + 10, [one])


def test_a_process_that_closes_its_output_and_goes_on_is_not_waited_for(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "END_S", 0.1)
    one = process("import os; os.close(1); input()", tmp_path, started)
    with pytest.raises(ConfigError, match=r"^real: the process one ended: "):
        awaiting(one)._await("ready", time.monotonic() + 10, [one])


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("input(); input()", r"did not end within 0\.5 s"),
        ("input(); raise SystemExit('the disk is full')", "failed at its end: the disk is full"),
    ],
)
def test_an_end_that_is_none_is_told_on_one_line(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch, program: str, told: str
) -> None:
    monkeypatch.setattr(supervisor, "END_S", 0.5)
    one = process(program, tmp_path, started)
    one.write("stop")
    with pytest.raises(ConfigError, match=rf"^real: the process one {told}$"):
        awaiting(one)._check_end(one)


def test_silence_is_told_by_who_is_silent(tmp_path: Path, started: Started) -> None:
    one = process("input()", tmp_path, started)
    run = awaiting(one)
    assert not run._await("done", time.monotonic() + 0.05, [one], late=False)
    with pytest.raises(ConfigError, match=r"^real: one did not say 'done' in time$"):
        run._await("done", time.monotonic() + 0.05, [one])


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import sys; sys.stderr.write('kinds.mistakes.ConfigError: mtu_bits = None: too little')", "mtu_bits = None"),
        ("import os; os.kill(os.getpid(), 9)", "status -9"),
    ],
)
def test_the_last_words_of_a_process_are_its_complaint_or_how_it_ended(
    tmp_path: Path, started: Started, program: str, told: str
) -> None:
    one = process(program, tmp_path, started)
    one.popen.wait()
    one.write("stop")
    assert one.last_words().startswith(told)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_run_removes_the_folders_of_runs_that_were_killed_and_no_others(temporary: Path, started: Started) -> None:
    """A killed process leaves its folder and not its lock; a link of that name, and what is in it, stays."""
    program = (
        "from simulator.testbed.supervisor import _temporary\n"
        "with _temporary() as folder:\n    (folder / 'note').touch(); print(folder, flush=True); input()\n"
    )
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        (temporary / "kept").mkdir()
        link = temporary / f"{supervisor.FOLDER}link"
        link.symlink_to(temporary / "kept")
        with supervisor._temporary() as ours:
            assert ours.is_dir() and (theirs / "note").exists()
        other.kill()
        other.wait()
        assert (theirs / "note").exists()
    with supervisor._temporary() as ours:
        assert sorted(temporary.iterdir()) == sorted([temporary / "kept", link, ours])
    assert not ours.exists()


def test_termination_ends_a_run_like_an_interrupt_and_leaves_no_folder(temporary: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), supervisor._heeds_termination(), supervisor._temporary():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
    assert list(temporary.iterdir()) == [] and signal.getsignal(signal.SIGTERM) is before
