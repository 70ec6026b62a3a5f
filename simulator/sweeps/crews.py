"""Who does the work of a sweep or a search: processes of this machine, or the workers of a Dask cluster.

Calls travel to them by pickle; what comes back does not depend on who did what, or when.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from kinds import ConfigError

if TYPE_CHECKING:
    from distributed import Client

ANSWER_S = 10
"""Within which a cluster must answer."""
R = TypeVar("R")
Arguments = Sequence[tuple[object, ...]]


class Crew(Protocol):
    """Those who do the work."""

    def here(self, calls: int) -> bool:
        """Whether so many calls are all made in this very process."""
        ...

    def unordered(self, call: Callable[..., R], arguments: Arguments) -> Iterator[R]:
        """`call(*each)` for each of the arguments, as the results come."""
        ...


def crew_of(workers: int, cluster: str | None) -> Crew:
    """So many processes, or the cluster at that address. Raises ConfigError where it cannot be reached."""
    return Processes(workers) if cluster is None else Cluster(cluster)


@dataclass(frozen=True)
class Processes:
    """At most so many processes on this machine; with one, this one."""

    number: int

    def here(self, calls: int) -> bool:
        return min(self.number, calls) <= 1

    def unordered(self, call: Callable[..., R], arguments: Arguments) -> Iterator[R]:
        if self.here(len(arguments)):
            yield from (call(*each) for each in arguments)
            return
        from joblib import Parallel, delayed

        processes = min(self.number, len(arguments))
        parallel = Parallel(n_jobs=processes, return_as="generator_unordered", batch_size=1, max_nbytes=None)
        try:
            yield from parallel(delayed(_undisturbed)(call, each) for each in arguments)
        except BrokenProcessPool:
            told = "one was killed, as a rule for lack of memory; fewer need less, and what is finished is kept"
            raise ConfigError(f"workers = {processes}: {told}") from None


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

    def here(self, calls: int) -> bool:
        return False

    def unordered(self, call: Callable[..., R], arguments: Arguments) -> Iterator[R]:
        from distributed import KilledWorker, as_completed

        with self._client() as client:
            futures = [client.submit(call, *each, pure=False) for each in arguments]
            completed: Iterator[tuple[object, R]] = as_completed(futures, with_results=True)
            try:
                yield from (result for _, result in completed)
            except KilledWorker as error:
                raise self._failed(error) from None

    def _client(self) -> Client:
        from distributed import Client

        try:
            return Client(self.address, timeout=ANSWER_S)
        except (OSError, ValueError) as error:
            raise self._failed(error) from None

    def _failed(self, why: object) -> ConfigError:
        told = " ".join(str(why).split()) or f"no Dask scheduler answers within {ANSWER_S} s"
        return ConfigError(f"cluster = {self.address}: {told}")


async def _kind_of(address: str) -> object:
    """What answers at the address calls itself: Scheduler, Worker, ..."""
    from distributed.comm.core import CommClosedError
    from distributed.core import rpc
    from distributed.security import Security

    async with asyncio.timeout(ANSWER_S):
        async with rpc(address, timeout=ANSWER_S, connection_args=Security().get_connection_args("client")) as there:
            try:
                return (await there.identity())["type"]
            except CommClosedError:
                raise OSError("what answers there is no Dask scheduler") from None


def _undisturbed(call: Callable[..., R], arguments: tuple[object, ...]) -> R:
    """A worker leaves an interrupt from the keyboard to the process that it works for, which then stops it.

    And it stays: joblib would take models that are loaded on the way for a leak, end the worker between two calls with
    a warning, and have the next one load them again. There is no other setting for this.
    """
    from joblib.externals.loky import process_executor

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize
    return call(*arguments)
