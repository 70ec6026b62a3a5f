"""Whatever ends a sweep, and whenever, the same call goes on from there and ends with the tables of one undisturbed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cells import cell

from simulator import Cell, sweep
from simulator.sweeps import sweep as sweeping
from simulator.sweeps import worker, worker_pools
from simulator.sweeps.worker_pools import Processes, Work

TABLES = ("cells.csv", "summary.csv", "cells.parquet", "requests.parquet", "rounds.parquet")
MOMENTS = 20
PROGRAM = (
    "import sys; sys.path[:0] = sys.argv[1:3]; from pathlib import Path\n"
    "from test_interrupted_sweeps import many\n"
    "from simulator import sweep\n"
    "if __name__ == '__main__':\n"
    "    sweep(many(), Path(sys.argv[3]), int(sys.argv[4]))\n"
)


def few() -> list[Cell]:
    """Six cells of three decodings, in no order of theirs."""
    requested = {"kind": "closed", "requests": 1, "prompt_tokens": 4, "output_tokens": 6}
    return [cell(scheme, bps, workload=requested) for bps in (1e4, 1e6) for scheme in ("k_sqs", "dense", "cloud_only")]


def many() -> list[Cell]:
    """24 cells of six decodings."""
    schemes = ("k_sqs", "c_sqs", "cloud_only")
    return [cell(each, bps, seed=seed) for bps in (1e3, 1e4, 1e5, 1e6) for each in schemes for seed in (0, 1)]


def tables(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in TABLES}


def landed(out: Path) -> int:
    return len([each for each in (out / "parts").glob("*") if each.suffix != ".unfinished"])


def wait_for(met: Callable[[], bool], seconds: float = 120.0) -> None:
    end_s = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end_s, "nothing happens"
        time.sleep(0.002)


def lives(group: int) -> bool:
    """Whether a process of that group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_sweep_that_was_killed_goes_on_at_the_cell(tmp_path: Path) -> None:
    sweep(few(), tmp_path / "whole")
    out = tmp_path / "killed"
    for done in (1, 4):
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                sweep(few(), out)
            os._exit(1)
        wait_for(lambda done=done: landed(out) >= done)  # type: ignore[misc]
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert not (out / "cells.csv").exists() and landed(out) < len(few())
    labels = list[str]()
    before = landed(out)
    sweep(few(), out, progress=lambda done, total, label: labels.append(label))
    assert labels.count("resumed") == before and tables(out) == tables(tmp_path / "whole")


@contextmanager
def running(out: Path, workers: int) -> Iterator[subprocess.Popen[str]]:
    """A sweep of `many` in processes of its own."""
    places = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "helpers")]
    typed = [sys.executable, "-c", PROGRAM, *places, str(out), str(workers)]
    with subprocess.Popen(typed, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_twenty_random_moments_it_ends_with_the_tables_of_one_undisturbed(
    workers: int, tmp_path: Path
) -> None:
    """Each time a part has come, or after a random while, whichever is first: so it is killed 20 times on the way."""
    sweep(many(), tmp_path / "whole")
    out, moments = tmp_path / "killed", random.Random(workers)
    for kill in range(MOMENTS):
        with running(out, workers) as process:
            before = landed(out)
            wait_for(lambda: (out / ".lock").exists() or process.poll() is not None)
            end_s = time.monotonic() + moments.uniform(0, 3)
            most = min(before + moments.randint(0, 2), len(many()) * (kill + 1) // MOMENTS)
            wait_for(lambda: landed(out) > most or time.monotonic() > end_s or process.poll() is not None)  # noqa: B023
            assert process.poll() is None, process.stderr and process.stderr.read()
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            wait_for(lambda: not lives(process.pid), 10)
    assert not (out / "cells.csv").exists()
    sweep(many(), out, workers)
    assert tables(out) == tables(tmp_path / "whole")
    assert not list(out.rglob("*.unfinished"))


@pytest.mark.slow
def test_ctrl_c_ends_it_at_once_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--set=models.pair=synthetic", "--set=workload.requests=40", "--seeds=4", "--workers=2", "--quiet"]
    typed = [sys.executable, "-m", "scenarios.command", "run", "batching", *options, f"--out={out}"]
    process = subprocess.Popen(typed, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        wait_for(lambda: landed(out) >= 1 or process.poll() is not None)
        began_s = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - began_s < 5
        assert process.returncode == 130 and err.count("\n") == 1
        assert f"cells are done and kept in {out}, and the same command goes on from there" in err
        wait_for(lambda: not lives(process.pid), 10)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_of_a_cluster_that_is_killed_changes_no_table(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra sqsim[cluster]")
    sweep(many(), tmp_path / "whole")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        pids = [nanny.pid for nanny in cluster.workers.values()]
        killed = list[int]()

        def kill(done: float, total: int, label: str) -> None:
            if done >= 4 and not killed:
                killed.append(pids[0])
                os.kill(pids[0], signal.SIGKILL)

        sweep(many(), tmp_path / "out", cluster=cluster.scheduler_address, progress=kill)
    assert killed and tables(tmp_path / "out") == tables(tmp_path / "whole")


def test_fewer_decodings_than_workers_are_made_first_and_then_timed_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where tokens travel: the cells behind the first of a decoding are calls of their own."""
    cells = [cell(bps=bps) for bps in (1e3, 1e4, 1e5, 1e6)]
    sweep(cells, tmp_path / "whole")
    begun = list[tuple[int, ...]]()

    def by_one(pool: Processes, work: Work[object]) -> object:
        begun.append(tuple(len(each[0].groups[0]) for each in work.arguments))  # type: ignore[attr-defined]
        return worker_pools._one_by_one(work)

    monkeypatch.setattr(Processes, "unordered", by_one)
    monkeypatch.setattr(worker, "travels", lambda: True)
    sweep(cells, tmp_path / "out", 2)
    sweep([cells[0], cell("dense")], tmp_path / "other", 2)
    assert begun == [(1,), (1, 1)] and tables(tmp_path / "out") == tables(tmp_path / "whole")
    monkeypatch.setattr(worker, "travels", lambda: False)
    sweep(cells, tmp_path / "alone", 2)
    assert begun[-1] == (4,)


def test_a_cell_that_is_given_twice_is_one(tmp_path: Path) -> None:
    once = few()[0]
    assert len(sweep([once, once], tmp_path / "out")) == 1 == len(list((tmp_path / "out" / "cells").iterdir()))


def test_what_listens_to_the_progress_may_end_a_sweep_from_within_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.sweeps.meter.REPORT_S", 0.0)

    def enough(done: float, total: int, label: str) -> None:
        if done % 1:
            raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match=r"^enough$"):
        sweeping.sweep([cell()], progress=enough)
