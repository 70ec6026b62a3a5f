"""The cloud's server in real time: the project's own pool says which jobs share a pass, a worker thread makes it.

As in `timing.cloud.routing`, a free server never waits beside a job that it may take, but for a batching window. All
jobs of a pass run side by side, so that their networks' passes meet (`models.shared_passes`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from models.shared_passes import together
from simulator.cell.cloud_config import Batching
from simulator.results.station import Customer
from simulator.testbed.journal import Journal, PassMade, PassShare
from simulator.timing.cloud.job import Job, Server, SessionKey, Share
from simulator.timing.cloud.kv import KvMemory, KvReservations
from simulator.timing.cloud.pools import ServerPool


@dataclass(slots=True, eq=False, kw_only=True)
class RealJob(Job):
    """A job that is really done. `done` is called in the event loop once its pass has ended."""

    round: int
    """Number of the round; 0: its prefill."""
    run: Callable[[], None]
    """Makes, in the worker, the networks' passes and what follows from them."""
    submitted_s: float = 0.0
    """Time at which it was submitted, since the run's zero."""
    beside_s: float = 0.0
    """The seconds that `run` took beside the networks."""


class RealPasses:
    """Passes of one server. `worker`: of one thread."""

    def __init__(self, batching: Batching, journal: Journal, worker: ThreadPoolExecutor) -> None:
        self._server = Server(0)
        self._pool = ServerPool([self._server], batching, None, KvMemory(None), KvReservations(None, 1))
        self._journal = journal
        self._worker = worker
        self._over: set[SessionKey] = set()
        self._pass: asyncio.Future[tuple[float, float]] | None = None
        """The last one that has begun."""

    def submit(self, job: RealJob) -> None:
        """Takes on a job; never blocks."""
        job.visit = Customer(time.monotonic())
        job.submitted_s = self._journal.now_s
        self._pool.add(job)
        self._dispatch()

    def withdraw(self, job: RealJob) -> None:
        """The job is no longer wanted. In a pass, it runs to the pass's end, to no effect."""
        job.withdrawn = True
        if self._pool.remove(job):
            self._dispatch()  # what waited behind it may have a window of its own

    def runs(self, session: SessionKey) -> bool:
        """True if a pass over the session is under way."""
        return self._pool.runs(session)

    def crop(self, session: SessionKey, tokens: int) -> None:
        """Only the first `tokens` of the session's cached text are of use."""
        self._pool.kv.crop(session, tokens)

    def forget(self, session: SessionKey) -> None:
        """The session is over; where a pass still runs over it, at the pass's end."""
        if self._pool.runs(session):
            self._over.add(session)
        else:
            self._pool.forget(session)

    def close(self) -> None:
        """Cancels all jobs, also those in a pass."""
        if self._pass is not None:
            self._pass.cancel()

    def _dispatch(self) -> None:
        pool = self._pool
        if not pool.queue or pool.free() is None:
            return
        if pool.queue.waits_for_batch and (wait_s := pool.queue.ready_s() - time.monotonic()) > 0:
            asyncio.get_running_loop().call_later(wait_s, self._window_over, pool.queue.oldest())
        else:
            self._begin()

    def _window_over(self, job: Job) -> None:
        """The oldest job has waited long enough, if it still waits: a pass begins whatever its size."""
        if self._pool.queue and self._pool.queue.oldest() is job and self._pool.free() is not None:
            self._begin()

    def _begin(self) -> None:
        begun = self._pool.begin(self._server)
        assert begun, "I5: an empty pool does not admit its first job"
        shares = self._server.shares
        jobs = [share.job for share in shares if isinstance(share.job, RealJob)]
        for share in shares:
            share.job.report(share.state)
        self._pass = asyncio.get_running_loop().run_in_executor(self._worker, self._run, [job.run for job in jobs])
        self._pass.add_done_callback(partial(self._ended, jobs, shares))

    def _ended(
        self, jobs: Sequence[RealJob], shares: Sequence[Share], made: asyncio.Future[tuple[float, float]]
    ) -> None:
        """Ends a pass. Raises what has failed in it."""
        if made.cancelled():
            return
        began_s, ended_s = made.result()
        noted = tuple(_noted(job, share) for job, share in zip(jobs, shares, strict=True))
        beside_s = sum(job.beside_s for job in jobs)  # one after another, though the networks' passes are shared
        self._journal.note(PassMade(began_s, ended_s, noted, ended_s - began_s - beside_s))
        self._pool.end(self._server)
        for job in jobs:
            if job.session in self._over:
                self._over.remove(job.session)
                self._pool.forget(job.session)
        for job in jobs:  # before the server is free: what they ask for next may share its next pass
            if not job.withdrawn:
                job.done()
        self._pool.release(self._server)
        self._dispatch()

    def _run(self, runs: Sequence[Callable[[], None]]) -> tuple[float, float]:
        """Makes all of a pass, in the worker. Answers when it began and ended."""
        began_s = self._journal.now_s
        make_together(runs)
        return began_s, self._journal.now_s


def make_together(calls: Sequence[Callable[[], object]]) -> None:
    """Makes the calls side by side, so that their networks' passes meet. Raises what one of them does."""
    for _, outcome in together(calls, len(calls)):
        if isinstance(outcome, Exception):
            raise outcome


def _noted(job: RealJob, share: Share) -> PassShare:
    return (*job.session, job.round, share.new_tokens, share.cached_tokens, share.state == "prefill", job.submitted_s)
