"""The cloud in time: jobs are routed to pools, free servers run passes, crashes lose them.

A free server never waits beside a job that it may take (I5); a batching window is the one exception, and has its end.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import simpy

from channels.uniforms import Uniforms
from simulator.cell.cloud_config import CloudConfig
from simulator.results.observer import Observer, ServerPass, Unserved
from simulator.results.station import Station
from simulator.timing.cloud.class_use import ClassUse
from simulator.timing.cloud.job import Job, SessionKey
from simulator.timing.cloud.kv_memory import KvMemory
from simulator.timing.cloud.kv_reservations import KvReservations
from simulator.timing.cloud.server_pass_times import PassTimes
from simulator.timing.cloud.server_pool import Server, ServerPool
from simulator.timing.event_loop import later

Process = Generator[simpy.Event, object, None]


class Cloud:
    """Serves jobs. Callbacks carry them; the only processes are those of servers that may fail.

    `kv_tokens`: what a server's memory holds, None for no limit. `token_bytes`: keys and values of a token, where they
    are moved. `classes`: the class of each device, where there are any.
    """

    def __init__(
        self,
        env: simpy.Environment,
        config: CloudConfig,
        kv_tokens: int | None,
        failure_uniforms: Uniforms,
        pass_uniforms: Uniforms,
        spell_uniforms: Uniforms,
        observer: Observer | None = None,
        token_bytes: float | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        self.env = env
        self._observer = observer
        self.station = Station(env, "cloud", config.servers + config.prefill_servers)
        self.passes = 0
        self.round_passes = 0
        """Shares of passes that verify a round, or bring a session to its next token; not those that only read.
        One that a crash cuts short counts."""
        self.crashes = 0
        self.ranks = config.order.ranks
        """Whether it looks at when jobs are due, and at their priority."""
        self._config = config
        self._times = PassTimes(config, pass_uniforms, spell_uniforms)
        swap_bytes_per_s = config.admission.moved_bytes_per_s
        self._swap_s_per_token = token_bytes / swap_bytes_per_s if token_bytes and swap_bytes_per_s else 0.0
        self._pooled = config.routing.pooled
        """Whether there is one pool for all."""
        self._served_s = 0.0
        self.class_use = ClassUse(classes, self._times)
        self._turn = 0
        self._homes: dict[SessionKey, list[ServerPool]] = {}
        """Where jobs of a session went, the latest first; of use only where each server is a pool of its own."""
        self._stranded: dict[Job, None] = {}
        self._over: set[SessionKey] = set()
        self._servers = [Server(number) for number in range(config.servers)]
        step = config.servers if self._pooled else 1
        groups = [self._servers[first : first + step] for first in range(0, len(self._servers), step)]
        self._pools = [self._pool(group, kv_tokens) for group in groups]
        prefilling = [Server(config.servers + number) for number in range(config.prefill_servers)]
        self._prefill_pool = self._pool(prefilling, None) if prefilling else None
        self._all_servers = [*self._servers, *prefilling]
        self._transfer_s_per_token = (token_bytes or 0.0) / config.kv_transfer_bytes_per_s
        self._transfers: dict[SessionKey, CacheTransfer] = {}
        self._start_failures(failure_uniforms)

    @property
    def service_s(self) -> float:
        """Server-seconds of passes so far, those lost or under way included."""
        return self._served_s + sum(self.env.now - server.since_s for server in self._all_servers if server.busy)

    @property
    def evictions(self) -> int:
        """Sessions whose cache was thrown out for another's."""
        return sum(pool.kv.evicted + pool.kv.dropped for pool in self._pools)

    def submit(self, job: Job) -> None:
        """Takes on a job; never blocks."""
        assert job.text_tokens <= job.request_tokens, "a session's text outgrows its request"
        visit = job.visit = self.station.arrive()
        job.waits_since_s = self.env.now
        self._route(job)
        if visit.began_s is None:
            job.report("queue")

    def withdraw(self, job: Job) -> None:
        """The job is no longer wanted. In a pass, it runs to the pass's end, unreported."""
        job.withdrawn = True
        if job in self._stranded:
            del self._stranded[job]
            self._leave(job)
        elif (transfer := self._transfers.get(job.session)) and transfer.waiting is job:
            transfer.waiting = None
            self._leave(job)
        elif pool := next((pool for pool in self._reached(job.session) if pool.remove(job)), None):
            self._leave(job)
            self._dispatch(pool)  # what waited behind it may be admissible, or have a window of its own

    def crop(self, session: SessionKey, tokens: int) -> None:
        """Only the first `tokens` of the session's cached text stay: the rest were rejected drafts."""
        for pool in self._reached(session):
            pool.kv.crop(session, tokens)
        if transfer := self._transfers.get(session):
            transfer.tokens = min(transfer.tokens, tokens)

    def forget(self, session: SessionKey) -> None:
        """The session is over: its cache is freed, where a pass still runs over it at the pass's end."""
        for pool in self._reached(session):
            if pool.runs(session):
                self._over.add(session)
            else:
                self._vacate(pool, session)
        self._homes.pop(session, None)
        self._transfers.pop(session, None)

    def keep(self, session: SessionKey) -> None:
        """The session is over, and another turn of its conversation may adopt its cache, if nobody needs the room."""
        for pool in self._reached(session):
            if pool.holds(session):
                pool.keep(session)
                self._dispatch(pool)

    def adopt(self, session: SessionKey, turn: SessionKey, tokens: int) -> None:
        """The first `tokens` of what was kept of a session are the next turn's from now on."""
        for pool in self._reached(session):
            pool.adopt(session, turn, tokens)
        if session in self._homes:
            self._homes[turn] = self._homes.pop(session)
        if transfer := self._transfers.pop(session, None):
            transfer.session, transfer.tokens = turn, min(transfer.tokens, tokens)
            self._transfers[turn] = transfer

    def _pool(self, servers: list[Server], kv_tokens: int | None) -> ServerPool:
        """A pool whose memory evicts sessions for others, or admits whole requests; never both."""
        config = self._config
        capacity_tokens = None if kv_tokens is None else kv_tokens * len(servers)
        kv, reserved = (capacity_tokens, None) if config.admission.evicts else (None, capacity_tokens)
        memory = KvMemory(
            kv,
            config.kv_block_tokens,
            preempts=config.admission.preempts and kv is not None,
            swaps=config.admission.moved_bytes_per_s is not None,
        )
        reservations = KvReservations(reserved, config.kv_block_tokens, config.order)
        return ServerPool(servers, config.batching, config.token_budget, memory, reservations, config.order)

    def _vacate(self, pool: ServerPool, session: SessionKey) -> None:
        if pool.holds(session):
            pool.forget(session)
            self._dispatch(pool)

    def _reached(self, session: SessionKey) -> Sequence[ServerPool]:
        """The pools that may hold something of a session."""
        pools = self._pools if self._pooled else self._homes.get(session, ())
        return pools if self._prefill_pool is None else (*pools, self._prefill_pool)

    def _route(self, job: Job) -> None:
        if self._transfers and (transfer := self._transfers.get(job.session)):
            transfer.waiting = job
            return
        if self._prefill_pool is not None and self._has_no_cache(job):
            self._prefill_pool.add(job)
            self._dispatch(self._prefill_pool)
            return
        pool = self._pools[0] if self._pooled else self._choose(job.session)
        if pool is None or not pool.servers_up:
            self._stranded[job] = None
        elif pool.add(job):
            self._dispatch(pool)
        else:
            self._move_to(pool, job.session)

    def _has_no_cache(self, job: Job) -> bool:
        return job.read_tokens > 0 and not any(pool.kv.cached(job.session) for pool in self._reached(job.session))

    def _send(self, server: Server, job: Job) -> None:
        """A server that prefills sends what it has made, after what it sends already."""
        server.sends_until_s = max(self.env.now, server.sends_until_s) + job.text_tokens * self._transfer_s_per_token
        self._transfers[job.session] = transfer = CacheTransfer(job.session, job.text_tokens)
        later(self.env, server.sends_until_s - self.env.now, partial(self._received, transfer))

    def _received(self, transfer: CacheTransfer, _: simpy.Event) -> None:
        session = transfer.session
        if self._transfers.get(session) is not transfer:
            return
        del self._transfers[session]
        pool = self._pools[0] if self._pooled else self._choose(session)
        if pool is not None and pool.servers_up and transfer.tokens:
            pool.kv.receive(session, transfer.tokens)
        if transfer.waiting is not None:
            self._route(transfer.waiting)

    def _move_to(self, pool: ServerPool, session: SessionKey) -> None:
        """A session that waits for admission to a pool has nothing elsewhere, or two could wait for each other for
        ever."""
        others = [other for other in self._homes.get(session, ()) if other is not pool]
        for other in others:
            self._homes[session].remove(other)
            self._vacate(other, session)

    def _choose(self, session: SessionKey) -> ServerPool | None:
        """The pool for a session's job among those that are up, if any is."""
        pools = [pool for pool in self._pools if pool.servers_up]
        if not pools:
            return None
        homes = self._homes.setdefault(session, [])
        place = pools.index(homes[0]) if homes and homes[0].servers_up else None
        pool = pools[self._config.routing.choose([pool.load for pool in pools], place, self._turn)]
        self._turn += 1
        if pool in homes:
            homes.remove(pool)
        homes.insert(0, pool)
        return pool

    def _dispatch(self, pool: ServerPool) -> None:
        while (pool.jobs or pool.prefills) and (server := pool.free()):
            if pool.waits_for_batch and (wait_s := pool.ready_s() - self.env.now) > 0:
                later(self.env, wait_s, partial(self._window_over, pool, pool.oldest()))
                return
            if not self._begin(pool, server):
                for session in pool.outside():
                    self._move_to(pool, session)
                return

    def _window_over(self, pool: ServerPool, job: Job, _: simpy.Event) -> None:
        """The oldest job has waited long enough, if it still waits: a pass begins whatever its size."""
        if (server := pool.free()) and pool.oldest() is job and self._begin(pool, server):
            self._dispatch(pool)

    def _begin(self, pool: ServerPool, server: Server) -> bool:
        """Starts a pass; False where memory admits no job beside those in passes."""
        if not pool.begin(server):
            assert pool.may_wait, "I5: an empty pool does not admit its first job"
            return False
        server.since_s = self.env.now
        server.version += 1
        self.passes += 1
        duration_s = self._times.of_s(server.shares)
        if self._swap_s_per_token:
            duration_s += self._swap_s_per_token * pool.kv.take_moved_tokens()
        self.class_use.begin(server)
        for share in server.shares:
            job = share.job
            assert job.visit is not None
            self.station.begin(job.visit)
            job.queue_s += server.since_s - job.waits_since_s
            job.batch = len(server.shares)
            job.passes += 1
            self.round_passes += share.verifies
            job.report(share.state)
        later(self.env, duration_s, partial(self._finish, pool, server, server.version))
        return True

    def _finish(self, pool: ServerPool, server: Server, version: int, _: simpy.Event) -> None:
        if version != server.version:
            return
        self._end_pass(server, lost=False)
        shares = pool.end(server)
        cut = []
        for share in shares:
            job = share.job
            if share.completes or job.withdrawn:
                assert job.visit is not None
                self.station.leave(job.visit)
            else:
                self._wait_again(job)
                cut.append(job)
            if pool is self._prefill_pool and share.completes:
                pool.kv.forget(job.session)
                if not (job.withdrawn or job.session in self._over):
                    self._send(server, job)
            if self._over:
                self._free_if_over(pool, job.session)
        if cut:
            pool.put_back(cut)
        for share in shares:  # before the server is free: what they submit next may share its next pass
            if share.completes and not share.job.withdrawn:
                share.job.done()
        pool.release(server)
        if pool.jobs or pool.prefills:
            self._dispatch(pool)
            idle = pool.free() and pool.ready_s() <= self.env.now
            assert not idle or pool.may_wait, "I5: a server idles beside a job"

    def _end_pass(self, server: Server, *, lost: bool) -> None:
        """A pass has ended, or been lost."""
        now_s = self.env.now
        self._served_s += now_s - server.since_s
        self.class_use.end(server, now_s - server.since_s)
        for share in server.shares:
            share.job.serve_s += now_s - server.since_s
        began_s, server.since_s = server.since_s, now_s
        if self._observer is not None and server.shares:
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
                    lost=lost,
                )
            )

    def _free_if_over(self, pool: ServerPool, session: SessionKey) -> None:
        if session in self._over:
            self._over.remove(session)
            pool.forget(session)

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

    def _start_failures(self, uniforms: Uniforms) -> None:
        for pool in self._pools:
            for server in pool.servers:
                times = self._config.failures.times(server.number, uniforms)
                self.env.process(self._fail(server, pool, times))

    def _fail(self, server: Server, pool: ServerPool, times: Iterator[tuple[float, float]]) -> Process:
        for from_s, to_s in times:
            yield self.env.timeout(max(0.0, from_s - self.env.now))
            self._crash(server, pool)
            yield self.env.timeout(max(0.0, to_s - self.env.now))
            pool.restore(server)
            for job in list(self._stranded):
                del self._stranded[job]
                self._route(job)
            self._dispatch(pool)

    def _crash(self, server: Server, pool: ServerPool) -> None:
        """The pass is lost, the caches are too where they are the server's own, and its jobs go elsewhere."""
        self.crashes += 1
        if server.busy:
            self._end_pass(server, lost=True)
        shares = pool.fail(server)
        moving = []
        for share in shares:
            pool.kv.forget(share.job.session)
            self._free_if_over(pool, share.job.session)
            if share.job.withdrawn:
                self._leave(share.job)
            else:
                self._wait_again(share.job)
                moving.append(share.job)
        if not self._pooled:
            pool.clear()
        for job in (*moving, *(() if pool.servers_up else list(pool.drain()))):
            self._route(job)
        self._dispatch(pool)  # what was admitted for those that are over


@dataclass(slots=True)
class CacheTransfer:
    """Keys and values on their way from a server that prefills."""

    session: SessionKey
    tokens: int
    waiting: Job | None = None
    """The session's next job, which needs them."""
