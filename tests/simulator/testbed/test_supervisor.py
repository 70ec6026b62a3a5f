"""The supervisor and its processes: what they print, in whatever pieces, and how they end."""

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kinds import ConfigError
from simulator.testbed import supervisor
from simulator.testbed.supervisor import _Process, _Run

Start = Callable[[str], tuple[_Run, _Process]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a program as the one process of a run."""
    monkeypatch.setattr(supervisor, "END_S", 0.5)
    started: list[_Process] = []

    def start_one(program: str) -> tuple[_Run, _Process]:
        with (tmp_path / "one.err").open("w") as stderr:
            popen = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", program],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
            )  # fmt: skip
        started.append(_Process("one", popen, tmp_path / "one.err"))
        run = object.__new__(_Run)
        run._selector = selectors.DefaultSelector()
        run._selector.register(started[-1].stdout, selectors.EVENT_READ, started[-1])
        return run, started[-1]

    yield start_one
    for process in started:
        process.end()


def test_words_that_are_printed_in_one_piece_are_all_read(start: Start) -> None:
    run, one = start("print('ready\\n\\nhello from an import\\ndone', flush=True); input()")
    run._await("done", time.monotonic() + 10, [one])
    assert {"ready", "done"} <= one.printed


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import sys; sys.stderr.write('x' * (1 << 17) + '\\nno reason\\n'); sys.exit(1)", "no reason$"),
        ("import sys; sys.stderr.write('kinds.mistakes.ConfigError: mtu_bits = None: too little')", "mtu_bits = None"),
        ("import os; os.kill(os.getpid(), 9)", "status -9$"),
        ("import os; os.close(1); input()", ""),
    ],
    ids=["its last line", "its complaint", "how it ended", "it closes its output and goes on"],
)
def test_a_process_that_prints_nothing_more_ends_the_run_with_its_last_words(
    start: Start, program: str, problem: str
) -> None:
    run, one = start(program)
    with pytest.raises(ConfigError, match=rf"^real: the process one ended: {problem}[^\n]*$"):
        run._await("ready", time.monotonic() + 10, [one])
    one.write("stop")  # to nobody


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("input(); input()", r"did not end within 0\.5 s"),
        ("input(); raise SystemExit('the disk is full')", "failed at its end: the disk is full"),
    ],
)
def test_a_process_that_does_not_end_well_is_named_on_one_line(start: Start, program: str, problem: str) -> None:
    _, one = start(program)
    one.write("stop")
    with pytest.raises(ConfigError, match=rf"^real: the process one {problem}$"):
        one.check_end()


def test_a_process_that_prints_nothing_in_time_is_named(start: Start) -> None:
    run, one = start("input()")
    with pytest.raises(ConfigError, match=r"^real: one did not say 'done' in time$"):
        run._await("done", time.monotonic() + 0.05, [one])


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_run_removes_the_folders_of_runs_that_were_killed_and_no_others(temporary: Path) -> None:
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
