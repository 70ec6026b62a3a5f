"""Workers of a sweep or a search: processes of this machine, or the workers of a Dask cluster. Cells travel by pickle
beside their ids, which a worker that sees other files does not find again; those with kinds of a user's own as plain
fields, so that the kinds are imported where they are used."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from kinds import ConfigError
from simulator.results.cpu_time import add_cpu_s

if TYPE_CHECKING:
    from distributed import Client
    from joblib.externals.loky import ProcessPoolExecutor

    from simulator.cell.cell import Cell

ANSWER_S: Final = 10
"""Within which a cluster must answer."""
LOST: Final = "its scheduler was lost; what is finished is kept"
LOOK_S: Final = 0.5
"""Time between two looks at the workers."""
STAY_S: Final = 1 << 20
"""Time for which a worker waits for a task: it keeps its models."""
ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
"""A worker computes in one thread: there is one for each core."""
R = TypeVar("R")
Arguments = Sequence[tuple[object, ...]]


@dataclass(frozen=True)
class Work(Generic[R]):
    """`call(*each)` for each of the arguments, and for those that follow from a result. `look` is called now and then
    by who waits for others to do it."""

    call: Callable[..., R]
    arguments: Arguments
    follow: Callable[[R], Arguments] | None = None
    look: Callable[[], None] = lambda: None

    def following(self, result: R) -> Arguments:
        return () if self.follow is None else self.follow(result)


@dataclass(frozen=True)
class Sent:
    """A cell as it travels."""

    id: str
    cell: Cell | Mapping[str, object]


def sent(cell: Cell) -> Sent:
    """The cell as it travels: as it is; one that imports files by its fields, since the files may change meanwhile."""
    return Sent(cell.id, cell.to_fields() if cell.imports else cell)


def received(given: Sent) -> Cell:
    """The cell that was sent. Raises ConfigError where its files are others here, or away."""
    from simulator.cell.cell import Cell

    cell = given.cell if isinstance(given.cell, Cell) else Cell.from_fields(dict(given.cell))
    if cell.id != given.id:
        files = ", ".join(cell.imports) or "its files"
        raise ConfigError(f"cell = {given.id}: {files} on {platform.node()} are not those that the sweep began with")
    return cell


class WorkerPool(Protocol):
    """Pool of workers."""

    def size(self) -> int:
        """Returns the number of calls that are made at a time."""
        ...

    def here(self, calls: int) -> bool:
        """True if so many calls are all made in this very process."""
        ...

    def prepare(self) -> None:
        """Has processes of this machine start, and load what they need, while something else is done here."""
        ...

    def unordered(self, work: Work[R]) -> Generator[R, None, None]:
        """The results as they come. Whoever stops listening stops the work."""
        ...


def pool_of(workers: int, cluster: str | None) -> WorkerPool:
    """Returns so many processes, or the cluster at that address. Raises ConfigError if it cannot be reached."""
    return Processes(workers) if cluster is None else Cluster(cluster)


@dataclass(frozen=True)
class Processes:
    """Processes on this machine, at most so many; with one, this one. They stay for later calls."""

    number: int

    def size(self) -> int:
        return self.number

    def here(self, calls: int) -> bool:
        return min(self.number, calls) <= 1

    def prepare(self) -> None:
        if self.number > 1:
            executor = _executor(self.number)
            with _interrupts_wait():
                for _ in range(self.number):
                    executor.submit(import_module, "simulator.run")

    def unordered(self, work: Work[R]) -> Generator[R, None, None]:
        calls = len(work.arguments) if work.follow is None else self.number
        return _one_by_one(work) if self.here(calls) else _by_processes(min(self.number, calls), work)


@dataclass(frozen=True)
class Cluster:
    """The workers of a Dask cluster (extra `cluster`). Raises ConfigError where it cannot be reached."""

    # Not joblib's backend of that name: where a worker dies for good it waits for ever.
    address: str

    def __post_init__(self) -> None:
        try:
            with ThreadPoolExecutor(1) as apart:  # where a notebook has an event loop of its own
                found = apart.submit(asyncio.run, _kind_of(self.address)).result()
        except ImportError:
            raise self._failed("needs the extra, pip install 'sqsim[cluster]'") from None
        except (OSError, ValueError, TimeoutError) as error:
            raise self._failed(error) from None
        except Exception:  # of whatever reads as a message what is none
            raise self._failed("what answers there is no Dask scheduler") from None
        if found != "Scheduler":
            raise self._failed(f"must be a Dask scheduler's, what answers is a {found}")

    def size(self) -> int:
        with self.client() as client:
            return sum(client.nthreads().values())

    def here(self, calls: int) -> bool:
        return False

    def prepare(self) -> None:
        pass

    def unordered(self, work: Work[R]) -> Generator[R, None, None]:
        from distributed import KilledWorker

        with self.client() as client:

            def look() -> None:
                if client.status == "closed":  # a call that was given to it meanwhile never ends
                    raise self._failed(LOST)
                work.look()

            executor = client.get_executor()
            try:
                yield from _as_they_come(executor, replace(work, look=look))
            except KilledWorker as error:
                raise self._failed(error) from None
            except Exception:  # a client that loses its scheduler cancels its calls, or fails at that itself
                if client.status == "running":
                    raise
                raise self._failed(LOST) from None
            finally:
                if client.status == "running":
                    executor.shutdown(wait=False)

    def client(self) -> Client:
        """A client of the cluster, a context manager. Raises ConfigError where it cannot be reached."""
        from distributed import Client

        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what it logs is raised here in one line
        try:
            return Client(self.address, timeout=ANSWER_S)
        except (OSError, ValueError) as error:
            raise self._failed(error) from None

    def _failed(self, why: object) -> ConfigError:
        text = " ".join(str(why).split()) or f"no Dask scheduler answers within {ANSWER_S} s"
        return ConfigError(f"cluster = {self.address}: {text}")


async def _kind_of(address: str) -> object:
    from distributed.comm.core import CommClosedError
    from distributed.core import rpc
    from distributed.security import Security

    async with asyncio.timeout(ANSWER_S):
        async with rpc(address, timeout=ANSWER_S, connection_args=Security().get_connection_args("client")) as there:
            try:
                return (await there.identity())["type"]
            except CommClosedError:
                raise OSError("what answers there is no Dask scheduler") from None


def _one_by_one(work: Work[R]) -> Generator[R, None, None]:
    waiting = deque(work.arguments)
    while waiting:
        result = work.call(*waiting.popleft())
        waiting.extend(work.following(result))
        yield result


def _executor(processes: int) -> ProcessPoolExecutor:
    from joblib.externals.loky import get_reusable_executor

    return get_reusable_executor(
        processes, timeout=STAY_S, initializer=_undisturbed, initargs=(os.getpid(),), env=ONE_THREAD
    )


def _by_processes(processes: int, work: Work[R]) -> Generator[R, None, None]:
    executor = _executor(processes)
    try:
        # More than its queue holds, and loky's own thread would stumble over the rest where all are stopped.
        yield from _as_they_come(executor, work, at_a_time=2 * processes)
    except BrokenProcessPool:
        text = "one was killed, as a rule for lack of memory; fewer need less, and what is finished is kept"
        raise ConfigError(f"workers = {processes}: {text}") from None
    except BaseException:
        executor.shutdown(kill_workers=True)
        raise


def _as_they_come(executor: Executor, work: Work[R], at_a_time: int | None = None) -> Generator[R, None, None]:
    """The results of an executor's workers, which are given so many calls at a time. Raises what a call raises."""
    ended: SimpleQueue[Future[tuple[R, float]]] = SimpleQueue()
    waiting, given = deque(work.arguments), 0
    while waiting or given:
        with _interrupts_wait():
            while waiting and (at_a_time is None or given < at_a_time):
                executor.submit(_timed, work.call, *waiting.popleft()).add_done_callback(ended.put)
                given += 1
        try:
            future = ended.get(timeout=LOOK_S)
        except Empty:
            work.look()
            continue
        given -= 1
        result, took_s = future.result()
        add_cpu_s(took_s)
        waiting.extend(work.following(result))
        yield result


def _timed(call: Callable[..., R], *arguments: object) -> tuple[R, float]:
    """Returns the result of a call, and the CPU seconds that it took."""
    started_s = time.thread_time()
    return call(*arguments), time.thread_time() - started_s


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Ctrl-C at a terminal goes to all processes of a command. Those that start in here never receive it, not even
    while they start; this one receives it a moment later."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _undisturbed(master: int) -> None:
    """A worker leaves an interrupt from the keyboard to the process that it works for, and ends with that process.

    And it stays: loky would take models that are loaded on the way for a leak, end the worker between two calls with a
    warning, and have the next one load them again. There is no other setting for this.
    """
    from joblib.externals.loky import process_executor

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize
    Thread(target=_end_with, args=(master,), daemon=True).start()


def _end_with(master: int) -> None:
    while os.getppid() == master:
        time.sleep(1)
    os._exit(1)
