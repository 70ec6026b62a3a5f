"""What is worked out does not depend on who does it, and who is gone is reported in one line."""

import os
import pickle
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cells import cell, link

from kinds import ConfigError
from simulator import sweep
from simulator.cell.cell import Cell, load_imports
from simulator.results.cpu_time import cpu_s
from simulator.studies import SIMULATION
from simulator.sweeps import worker_pools
from simulator.sweeps.failures import Failure
from simulator.sweeps.meter import ToFiles
from simulator.sweeps.search import Objective, Search, capacities
from simulator.sweeps.worker import Task, work
from simulator.sweeps.worker_pools import Cluster, Processes, Work, WorkerPool, received, sent

DEAF = """from typing import Literal
from channels.link.losses import Loss

class Deaf(Loss):
    kind: Literal["deaf_in_tests"] = "deaf_in_tests"

    def process(self, uniforms):
        return self
    def lost(self, *arguments):
        return 1 / 0
"""

SPARSIFIER = """from typing import Literal
import numpy as np
from simulator.schemes.sparsifier import Sparsifier

class First(Sparsifier):
    kind: Literal["first_in_tests"] = "first_in_tests"

    def support(self, q, state):
        return np.sort(np.argsort(-q, kind="stable")[:4])
"""


def test_a_cell_travels_as_its_fields_without_what_was_computed_from_them(tmp_path: Path) -> None:
    """One that imports a file, which may change, is validated anew wherever it arrives."""
    here = cell()
    assert received(sent(here)) is here
    elsewhere = pickle.loads(pickle.dumps(sent(here))).cell
    assert elsewhere == Cell.from_fields(here.to_fields()) and not {"id", "classes"} & vars(elsewhere).keys()
    (tmp_path / "mine.py").write_text("")
    imports = cell(imports=[str(tmp_path / "mine.py")])
    assert received(sent(imports)) == imports and received(sent(imports)) is not imports


def test_a_cell_whose_files_are_others_where_it_arrives_is_refused(tmp_path: Path) -> None:
    rates = tmp_path / "rates.csv"
    rates.write_text("start_s,bps\n0,1000\n1,2000\n")
    uplink = {**link(1e5), "rate": {"kind": "trace", "path": str(rates)}}
    on_its_way = pickle.dumps(sent(cell(uplink=uplink)))
    assert received(pickle.loads(on_its_way))
    rates.write_text("start_s,bps\n0,1000\n1,3000\n")
    with pytest.raises(ConfigError, match=r"its files on \S+ are not those that the sweep began with$"):
        received(pickle.loads(on_its_way))


@pytest.mark.slow
def test_classes_of_a_script_run_in_several_processes(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        f"{SPARSIFIER}\nif __name__ == '__main__':\n"
        "    import sqsim\n"
        "    base = {'models.pair': 'synthetic', 'scheme': {'kind': 'composed', 'sparsifier': 'first_in_tests'}}\n"
        "    cells = sqsim.Cell().with_(base).grid({'seed': range(4)})\n"
        "    assert sqsim.sweep(cells, workers=2).equals(sqsim.sweep(cells))\n"
    )
    subprocess.run([sys.executable, str(tmp_path / "script.py")], check=True)


@pytest.fixture(scope="module", params=["thread", pytest.param("process", marks=pytest.mark.slow)])
def there(request: pytest.FixtureRequest) -> Cluster:
    """A cluster whose one worker is a thread of this process, or a process of its own."""
    if request.param == "thread":
        return Cluster(request.getfixturevalue("cluster"))
    found: Cluster = request.getfixturevalue("mortal")
    return found


@pytest.fixture(scope="module")
def mortal() -> Iterator[Cluster]:
    """A cluster whose one worker is a process; it gives a call up as soon as the worker has died of it."""
    distributed = pytest.importorskip("distributed", reason="needs the extra sqsim[cluster]")
    dask = pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as there,
    ):
        yield Cluster(there.scheduler_address)


def test_every_crew_makes_each_call_once(there: Cluster) -> None:
    pools: list[WorkerPool] = [Processes(1), Processes(2), there]
    for pool in pools:
        assert sorted(pool.unordered(Work(divmod, [(number, 3) for number in range(5)]))) == [
            (0, 0), (0, 1), (0, 2), (1, 0), (1, 1),
        ]  # fmt: skip
        assert list(pool.unordered(Work(divmod, []))) == []


def test_processes_that_are_prepared_are_those_that_work_and_have_loaded_what_they_need(there: Cluster) -> None:
    def loaded(_: int) -> bool:
        return "simulator.run" in sys.modules

    pool = Processes(2)
    pool.prepare()
    assert list(pool.unordered(Work(loaded, [(number,) for number in range(6)]))) == [True] * 6
    Processes(1).prepare()
    there.prepare()


def test_only_one_process_or_one_call_is_made_here() -> None:
    assert Processes(1).here(9) and Processes(4).here(1) and not Processes(2).here(2)


def test_i6_a_cluster_finds_the_same_capacity(there: Cluster) -> None:
    settings = {0: Search([[cell("cloud_only", seed=seed) for seed in (0, 1)]])}
    objective = Objective({"latency_per_token_s": 0.3}, high=4)
    ((_, far),), ((_, here),) = (capacities(settings, objective, pool) for pool in (there, Processes(1)))
    assert repr(far) == repr(here)  # nan is not equal to itself


def test_i6_a_cluster_gives_the_same_tables(there: Cluster, tmp_path: Path) -> None:
    cells = [cell(scheme, bps) for scheme in ("k_sqs", "c_sqs") for bps in (1e4, 1e6)]
    sweep(cells, tmp_path / "here", 1)
    sweep(cells, tmp_path / "there", 1, there.address)
    for name in ("cells.csv", "rounds.parquet"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


@pytest.mark.slow
def test_a_worker_that_grows_by_a_models_size_stays(recwarn: pytest.WarningsRecorder) -> None:
    def grow(_: int) -> int:
        from joblib.externals.loky import process_executor

        process_executor._MEMORY_LEAK_CHECK_DELAY = 0.0  # so that it looks after each call
        vars(process_executor).setdefault("grown_in_tests", []).append(b"x" * 310_000_000)
        return os.getpid()

    found = list(Processes(2).unordered(Work(grow, [(number,) for number in range(5)])))
    assert len(set(found)) <= 2 and not [each for each in recwarn if "worker stopped" in str(each.message)]


def test_what_a_users_class_does_wrong_on_a_worker_is_reported_with_its_line(there: Cluster, tmp_path: Path) -> None:
    (tmp_path / "deaf.py").write_text(DEAF)
    load_imports([tmp_path / "deaf.py"])
    deaf = sent(cell(uplink=link(1e5, loss="deaf_in_tests"), imports=[str(tmp_path / "deaf.py")]))
    task = Task("deaf", SIMULATION, ((deaf, sent(cell())),), None)
    for pool in (Processes(2), there):
        for _, outcomes in pool.unordered(Work(work, [(task, ToFiles(tmp_path))] * 2)):
            (_, failure), (_, rows) = outcomes
            assert isinstance(failure, Failure) and not failure.ours and len(rows) == 1
            assert re.fullmatch(r"\S*deaf.py:10: ZeroDivisionError: division by zero", failure.reason)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x08\0\0\0\0\0\0\0nonsense"])
def test_a_cluster_address_where_something_else_answers_is_reported_in_one_line(answer: bytes) -> None:
    pytest.importorskip("distributed", reason="needs the extra sqsim[cluster]")

    def answering() -> None:
        there, _ = server.accept()
        with there:
            there.recv(1)
            there.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answering, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"^cluster = {address}: what answers there is no Dask scheduler$"):
            Cluster(address)


def test_a_worker_of_a_cluster_is_no_cluster(there: Cluster) -> None:
    from distributed import Client

    with Client(there.address) as client:
        (worker,) = client.scheduler_info()["workers"]
    with pytest.raises(ConfigError, match="must be a Dask scheduler's, what answers is a Worker"):
        Cluster(worker)


def _counted(steps: int) -> int:
    return sum(range(steps))


def test_the_cpu_time_of_workers_is_the_commands() -> None:
    before_s, own_s = cpu_s(), time.process_time()
    assert [*Processes(2).unordered(Work(_counted, [(3_000_000,), (3_000_000,)]))] == [4_499_998_500_000] * 2
    workers_s = cpu_s() - before_s - (time.process_time() - own_s)
    assert 0.01 < workers_s < 10


def test_a_users_mistake_on_a_worker_is_that_mistake_here(there: Cluster) -> None:
    """The processes end with it: tests that come before share theirs."""
    for pool in (Processes(2), there):
        with pytest.raises(ConfigError, match=r"^import = /missing.py: must be a Python file$"):
            list(pool.unordered(Work(load_imports, [(["/missing.py"],)] * 2)))


@pytest.mark.slow
def test_a_worker_that_has_died_is_reported_in_one_line(mortal: Cluster) -> None:
    with pytest.raises(ConfigError, match=r"^cluster = tcp://[^\n]*died[^\n]*$"):
        list(mortal.unordered(Work(os._exit, [(9,)])))


@pytest.mark.slow
def test_a_worker_that_was_killed_is_reported_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^workers = 2: one was killed, [^\n]*$"):
        list(Processes(2).unordered(Work(os._exit, [(9,)] * 2)))


@pytest.mark.slow
def test_a_scheduler_that_is_lost_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra sqsim[cluster]")
    monkeypatch.setattr(worker_pools, "ANSWER_S", 1)
    start = (
        "import distributed; alone = distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None, "
        "protocol='tcp'); print(alone.scheduler_address, flush=True); input()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", start], stdin=pipe, stdout=pipe, text=True) as there:
        assert there.stdout is not None
        pool = Cluster(there.stdout.readline().strip())
        endless = Work(divmod, [(1, 3)], lambda _: [(1, 3)])
        results = pool.unordered(endless)
        next(results)
        there.kill()
        with pytest.raises(ConfigError, match=r"^cluster = \S+: its scheduler was lost; what is finished is kept$"):
            list(results)
