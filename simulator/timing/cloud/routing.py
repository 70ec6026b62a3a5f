"""The cloud in time: the clock says when its servers begin and end passes over the jobs that come.

A free server never waits beside a job that it may take (I5), beyond the instant at which that comes: jobs of one
instant may share a pass. A batching window is the one exception, and has its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import simpy

from channels.uniforms import Uniforms
from simulator.cell.cloud_config import CloudConfig
from simulator.results.observer import Observer, ServerPass, Unserved
from simulator.results.station import Station
from simulator.timing.cloud.job import Job, Server, SessionKey
from simulator.timing.cloud.kv import KvMemory, KvReservations
from simulator.timing.cloud.pass_times import ClassUse, PassTimes
from simulator.timing.cloud.pools import ServerPool
from simulator.timing.event_loop import Last, at_last, later


class Cloud:
    """Serves jobs; callbacks carry them.

    `kv_tokens`: what a server's memory holds, None for no limit. `classes`: the class of each device, where there are
    any.
    """

    def __init__(
        self,
        env: simpy.Environment,
        config: CloudConfig,
        kv_tokens: int | None,
        pass_uniforms: Uniforms,
        spell_uniforms: Uniforms,
        observer: Observer | None = None,
        classes: Sequence[str] = (),
        name: str = "cloud",
    ) -> None:
        self.env = env
        self._observer = observer
        self.station = Station(env, name, config.servers)
        self.passes = 0
        self._config = config
        self._times = PassTimes(config, pass_uniforms, spell_uniforms)
        self._served_s = 0.0
        self.class_use = ClassUse(classes, self._times)
        self._new: dict[Job, None] = {}
        """Jobs that have come at this instant, and were not looked at yet."""
        self._stale = False
        """Whether a pass may be able to begin."""
        self._looks = False
        """Whether it looks at these at the end of this instant."""
        self._over: set[SessionKey] = set()
        self._servers = [Server(number) for number in range(config.servers)]
        capacity_tokens = None if kv_tokens is None else kv_tokens * config.servers
        kv, reserved = (capacity_tokens, None) if config.admission.preempts else (None, capacity_tokens)
        memory = KvMemory(kv, config.kv_block_tokens)
        reservations = KvReservations(reserved, config.kv_block_tokens)
        self.pool = ServerPool(self._servers, config.batching, config.token_budget, memory, reservations)
        """One for all servers, any of which reaches any cache. It preempts sessions, or admits whole requests."""

    @property
    def service_s(self) -> float:
        """Server-seconds of passes so far, those under way included."""
        now_s: float = self.env.now
        return self._served_s + sum(now_s - server.since_s for server in self._servers if server.busy)

    @property
    def evictions(self) -> int:
        """Sessions whose cache was thrown out for another's."""
        return self.pool.kv.evicted + self.pool.kv.dropped

    def submit(self, job: Job) -> None:
        """Takes on a job; never blocks."""
        assert job.text_tokens <= job.request_tokens, "a session's text outgrows its request"
        job.visit = self.station.arrive()
        job.waits_since_s = job.visit.arrived_s
        self._new[job] = None
        self._look_at()

    def runs(self, session: SessionKey) -> bool:
        """True if a pass over the session is under way."""
        return self.pool.runs(session)

    def withdraw(self, job: Job) -> None:
        """The job is no longer wanted. In a pass, it runs to the pass's end, unreported."""
        job.withdrawn = True
        if job in self._new:
            del self._new[job]
            self._leave(job)
        elif self.pool.remove(job):
            self._leave(job)
            self._look_at(stale=True)  # what waited behind it may be admissible, or have a window of its own

    def crop(self, session: SessionKey, tokens: int) -> None:
        """Only the first `tokens` of the session's cached text stay: the rest were rejected drafts."""
        self.pool.kv.crop(session, tokens)

    def forget(self, session: SessionKey) -> None:
        """The session is over: its cache is freed, where a pass still runs over it at the pass's end."""
        if self.pool.runs(session):
            self._over.add(session)
        elif self.pool.holds(session):
            self.pool.forget(session)
            self._look_at(stale=True)

    def keep(self, session: SessionKey) -> None:
        """The session is over, and another turn of its conversation may adopt its cache, if nobody needs the room."""
        if self.pool.holds(session):
            self.pool.keep(session)
            self._look_at(stale=True)

    def adopt(self, session: SessionKey, turn: SessionKey, tokens: int) -> None:
        """The first `tokens` of what was kept of a session are the next turn's from now on."""
        self.pool.adopt(session, turn, tokens)

    def _look_at(self, stale: bool = False) -> None:
        """Looks at what waits once all has happened that happens at this instant: what comes at one instant may share
        a pass."""
        self._stale |= stale
        if not self._looks:
            self._looks = True
            at_last(self.env, Last.SERVE, (), self._look)

    def _look(self, _: simpy.Event) -> None:
        new, self._new = sorted(self._new, key=lambda job: (job.session, job.number)), {}
        for job in new:
            self.pool.add(job)
        stale, self._stale, self._looks = self._stale or bool(new), False, False
        if stale:
            self._dispatch()
            idle = self.pool.free() and self.pool.queue.ready_s() <= self.env.now
            assert not idle or self.pool.may_wait, "I5: a server idles beside a job"
        for job in new:
            assert job.visit is not None
            if job.visit.began_s is None:
                job.report("queue")

    def _dispatch(self) -> None:
        queue = self.pool.queue
        while server := self.pool.free():
            if queue.waits_for_batch and (wait_s := queue.ready_s() - self.env.now) > 0:
                later(self.env, wait_s, partial(self._window_over, queue.oldest()))
                return
            if not self._begin(server):
                return

    def _window_over(self, job: Job, _: simpy.Event) -> None:
        """The oldest job has waited long enough: with what comes at this instant too a pass begins."""
        at_last(self.env, Last.CLOSE, (), partial(self._begin_small, job))

    def _begin_small(self, job: Job, _: simpy.Event) -> None:
        """A pass begins whatever its size, if its oldest job still waits."""
        if (server := self.pool.free()) and self.pool.queue.oldest() is job and self._begin(server):
            self._dispatch()

    def _begin(self, server: Server) -> bool:
        """Starts a pass; False where memory admits no job beside those in passes."""
        if not self.pool.begin(server):
            assert self.pool.may_wait, "I5: an empty pool does not admit its first job"
            return False
        server.since_s = self.env.now
        self.passes += 1
        duration_s = self._times.of_s(server.shares)
        self.class_use.begin(server)
        for share in server.shares:
            job = share.job
            assert job.visit is not None
            self.station.begin(job.visit)
            job.queue_s += server.since_s - job.waits_since_s
            job.batch = len(server.shares)
            job.passes += 1
            job.report(share.state)
        later(self.env, duration_s, partial(self._finish, server))
        return True

    def _finish(self, server: Server, _: simpy.Event) -> None:
        self._end_pass(server)
        shares = self.pool.end(server)
        cut = []
        for share in shares:
            job = share.job
            if share.completes or job.withdrawn:
                assert job.visit is not None
                self.station.leave(job.visit)
            else:
                self._wait_again(job)
                cut.append(job)
            if self._over:
                self._free_if_over(job.session)
        if cut:
            self.pool.queue.put_back(cut)
        for share in shares:
            if share.completes and not share.job.withdrawn:
                share.job.done()
        self.pool.release(server)
        self._look_at(stale=True)

    def _end_pass(self, server: Server) -> None:
        """Adds up a pass that has ended, and reports it."""
        now_s = self.env.now
        self._served_s += now_s - server.since_s
        self.class_use.end(server, now_s - server.since_s)
        for share in server.shares:
            share.job.serve_s += now_s - server.since_s
        began_s, server.since_s = server.since_s, now_s
        if self._observer is not None:
            shares = server.shares
            self._observer.on_pass(
                ServerPass(
                    server.number,
                    began_s,
                    now_s,
                    sessions=[share.job.session for share in shares],
                    work=[(share.new_tokens, share.cached_tokens) for share in shares],
                    reads=[share.state == "prefill" for share in shares],
                    waited_since_s=[share.job.waits_since_s for share in shares],
                )
            )

    def _free_if_over(self, session: SessionKey) -> None:
        if session in self._over:
            self._over.remove(session)
            self.pool.forget(session)

    def _leave(self, job: Job) -> None:
        assert job.visit is not None
        if job.visit.began_s is None and self._observer is not None:
            self._observer.on_unserved(Unserved(self.station.name, job.session, job.waits_since_s, self.env.now))
        self.station.leave(job.visit)

    def _wait_again(self, job: Job) -> None:
        assert job.visit is not None
        self.station.interrupt(job.visit)
        job.waits_since_s = self.env.now
        job.report("queue")
