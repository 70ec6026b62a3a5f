"""The verifier's servers in time: one queue, first come first served; a pass takes as many jobs as batching says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import simpy

from simulator.config import Cloud as CloudConfig
from simulator.station import Customer, Station


@dataclass(slots=True, eq=False)
class Job:
    """One sequence's share of a forward pass. `began` and `done` are called once each, when the pass does."""

    new_tokens: int
    cached_tokens: int
    began: Callable[[], None]
    done: Callable[[], None]
    visit: Customer | None = field(default=None)


class Cloud:
    """Serves jobs. A free server never waits beside one (I5)."""

    def __init__(self, env: simpy.Environment, config: CloudConfig) -> None:
        self.env = env
        self.station = Station(env, "cloud", config.servers)
        self.service_s = 0.0
        """Server-seconds of all passes begun."""
        self._take = config.batching.take
        self._pass_s = config.latency.pass_s
        self._idle = config.servers
        self._queue: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Takes on a job; never blocks."""
        job.visit = self.station.arrive()
        self._queue.append(job)
        self._dispatch()

    def _dispatch(self) -> None:
        while self._idle and self._queue:
            batch = [self._queue.popleft() for _ in range(self._take(len(self._queue)))]
            duration_s = self._pass_s([(job.new_tokens, job.cached_tokens) for job in batch])
            self.service_s += duration_s
            self._idle -= 1
            for job in batch:
                assert job.visit is not None
                self.station.begin(job.visit)
                job.began()
            timeout = self.env.timeout(duration_s)
            timeout.callbacks.append(partial(self._finished, batch))

    def _finished(self, batch: list[Job], _event: simpy.Event) -> None:
        for job in batch:
            assert job.visit is not None
            self.station.leave(job.visit)
        for job in batch:  # before the server is free: what they ask for next may share its next pass
            job.done()
        self._idle += 1
        self._dispatch()
        assert not (self._idle and self._queue), "I5: a server idles beside a waiting job"
