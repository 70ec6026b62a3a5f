"""Tests decode what they check: rounds on disk are kept in the store's own tests alone, in folders of their own.

A property is asked of fewer examples in the fast suite than Hypothesis would take, unless its test says how many its
claim needs; `make test-slow` asks all of them of many.

Each process computes with one thread, as the workers of a sweep do: the suite has a process on each core already, and
threads that wait for their turn take a quarter of its time. The garbage collector looks less often for what a process
holds that has loaded every package: a tenth of the time of those that write tables.

Folders of tests are in memory where there is room: on a disk each file that is moved to its place waits some
milliseconds.
"""

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["SQSIM_ROUNDS_GB"] = "0"
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")  # read when numpy is imported, which is later
IN_MEMORY = Path("/dev/shm")
if IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))  # read when the first folder is made, which is later
gc.set_threshold(50_000, 20, 10)
settings.register_profile("fast", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("fast")


def pytest_collection_finish() -> None:
    """What a worker holds by now, every package and test, is not walked again by each collection."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Whatever it holds at its end, a gigabyte or two, neither."""
    gc.freeze()


@pytest.fixture
def called_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For classes of a test that note their calls: none is called again to see whether it is pure."""
    monkeypatch.setattr("kinds.mistakes.CALLED_TWICE", 0)
    monkeypatch.setattr("kinds.mistakes.TWICE_EVERY", sys.maxsize)


@pytest.fixture
def few_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of planes of closed forms: 20 places of each, and two draft lengths to choose among."""
    monkeypatch.setattr("simulator.results.acceptance_plane.TRIPS_S", (0.005, 0.02, 0.05, 0.2))
    monkeypatch.setattr("simulator.results.acceptance_plane.ACCEPTED", (0.5, 1.25, 2.0, 2.75, 3.5))
    monkeypatch.setattr("simulator.results.acceptance_plane.LENGTHS", (3, 4))


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster whose one worker is a thread of this process."""
    distributed = pytest.importorskip("distributed", reason="needs the extra sqsim[cluster]")
    alone = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "protocol": "tcp://"}
    with distributed.LocalCluster(**alone, dashboard_address=None) as there:
        yield there.scheduler_address
