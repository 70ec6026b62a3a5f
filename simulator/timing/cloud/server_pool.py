"""A queue of jobs, the servers that take from it, and the cache memory they reach. Without a clock: it forms passes."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import chain

from simulator.cell.cloud_config import Batching, QueueOrder
from simulator.timing.cloud.job import Job, JobState, SessionKey, Share
from simulator.timing.cloud.kv_memory import KvMemory
from simulator.timing.cloud.kv_reservations import KvReservations


class Server:
    """One GPU: the pass it runs, if any.

    A pass ends in two steps. First its `shares` are taken back and their owners called, who may submit the next job at
    once; the server is still `busy` then. Only after that is it released, and what they submitted may share its next
    pass.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.busy = False
        self.shares: list[Share] = []
        self.since_s = 0.0


class ServerPool:
    """Jobs wait here in order of arrival; where prefills are cut into chunks, they wait behind the rest. Where sessions
    are preempted and there is no room for all that wait, those first whose sessions are in and came first.

    One whose session has no reservation yet, where there are some, waits for that before all this.
    """

    def __init__(
        self,
        servers: list[Server],
        batching: Batching,
        token_budget: int | None,
        kv: KvMemory,
        reservations: KvReservations,
        order: QueueOrder,
    ) -> None:
        self.servers = servers
        self.kv = kv
        self.reservations = reservations
        self.waits_for_batch = type(batching).ready_s is not Batching.ready_s
        """Whether a free server may wait for more jobs."""
        self._order = order
        self._is_short = False
        """Whether there was no room for all that waited when a pass was formed last."""
        self._batching = batching
        self._token_budget = token_budget
        self.jobs: dict[Job, None] = {}
        """Those that wait, in order."""
        self.prefills: dict[Job, None] = {}
        """And behind them, where prefills are cut."""
        self._running: set[SessionKey] = set()
        self._idle = list(range(len(servers)))  # a heap of places in `servers`; some may have become stale

    @property
    def waiting(self) -> int:
        """Jobs in the queue, those that wait for admission not among them."""
        return len(self.jobs) + len(self.prefills)

    @property
    def load(self) -> int:
        """Jobs that wait for admission, in the queue and in passes."""
        return self.reservations.waiting + self.waiting + len(self._running)

    @property
    def may_wait(self) -> bool:
        """Whether jobs may wait beside a free server: for those in passes to give up memory, or, where none is thrown
        out for newcomers, for those that are in."""
        return bool(self._running) or (self.kv.limited and self.kv.held_tokens > self.kv.kept_tokens)

    def free(self) -> Server | None:
        """The first server that could take what waits: it runs no pass."""
        while self._idle and (self.jobs or self.prefills):
            server = self.servers[self._idle[0]]
            if not server.busy:
                return server
            heappop(self._idle)
        return None

    def release(self, server: Server) -> None:
        """The server may take a pass again."""
        server.busy = False
        heappush(self._idle, server.number - self.servers[0].number)

    def runs(self, session: SessionKey) -> bool:
        """Whether a job of this session is in a pass."""
        return session in self._running

    def add(self, job: Job) -> bool:
        """The job waits: for a pass, or, where the answer is False, for its session's reservation first."""
        if self.reservations.limited and not self.reservations.admit(job):
            return False
        self._make_room_for(job)
        if self.kv.limited:
            self.kv.arrive(job.session, job.request_tokens)
        if self._batching.chunked:
            self._queue(job)
        else:
            self.jobs[job] = None
        return True

    def remove(self, job: Job) -> bool:
        """Takes the job out of the queue, or from those that wait for admission; False where it was in neither."""
        if self._unqueue(job):
            return True
        if not self.reservations.remove(job):
            return False
        self._admit_waiting()
        return True

    def holds(self, session: SessionKey) -> bool:
        """Whether anything of the session is in the memory, or reserved for it."""
        return self.kv.knows(session) or self.reservations.holds(session)

    def forget(self, session: SessionKey) -> None:
        """The session's cache and its reservation are freed; others may be admitted."""
        self.kv.depart(session)
        self.reservations.release(session)
        self._admit_waiting()

    def keep(self, session: SessionKey) -> None:
        """The session is over. Its cache stays until another turn adopts it, or somebody needs the room: whatever the
        admission, no reservation is left."""
        self.kv.keep(session)
        self.reservations.release(session)
        self._admit_waiting()
        self._free_kept()

    def adopt(self, session: SessionKey, turn: SessionKey, tokens: int) -> None:
        """The first `tokens` of a cache that was kept are the next turn's from now on, and may be thrown out until
        that is admitted."""
        self.kv.rename(session, turn, tokens)

    def oldest(self) -> Job:
        """The waiting job that has been here longest."""
        heads = [next(iter(queue)) for queue in (self.jobs, self.prefills) if queue]
        return min(heads, key=lambda job: job.visit.arrived_s if job.visit else 0.0)

    def ready_s(self) -> float:
        """From when on a free server may begin a pass with what waits."""
        visit = self.oldest().visit
        assert visit is not None
        return self._batching.ready_s(self.waiting, visit.arrived_s)

    def begin(self, server: Server) -> bool:
        """Gives the server its next pass: jobs in order until the cap, the token budget or the memory ends it. They
        leave the queue and hold their memory. False where not even the first finds space beside passes under way, or,
        where sessions are preempted, beside those that are in."""
        shares: list[Share] = []
        reread: dict[Job, None] = {}
        budget, cap, chunked = self._token_budget, self._batching.cap, self._batching.chunked
        evicted = self.kv.evicted
        self._is_short = self.kv.limited and not self.kv.fits(
            (job.session, job.text_tokens) for job in chain(self.jobs, self.prefills)
        )
        for job in self._in_order(reread):
            if len(shares) == cap or budget == 0:
                break
            if chunked and job in self.jobs and job not in reread and self._may_be_cut(job):
                reread[job] = None
                if not (self._is_short or self._order.ranks):
                    continue
            share = self._share(job, budget, alone=not shares)
            if share is None:
                break
            out = self._is_short and not self.kv.is_in(job.session)
            if out and (self.kv.evicted > evicted or not self.kv.fits([(job.session, job.text_tokens)])):
                break  # it lets nobody by that is not in
            if not self.kv.admit(job.session, share.cached_tokens + share.new_tokens, self._running):
                if self._is_short:
                    continue
                break
            self._running.add(job.session)
            shares.append(share)
            if budget is not None:
                budget = max(0, budget - share.new_tokens)
        for job in reread:
            del self.jobs[job]
            self.prefills[job] = None
        for share in shares:
            del (self.jobs if share.job in self.jobs else self.prefills)[share.job]
        server.shares = shares
        server.busy = bool(shares)
        if not shares and self.kv.evicted > evicted:
            return self.begin(server)  # there may be room for others now
        return server.busy

    def _in_order(self, reread: dict[Job, None]) -> Iterable[Job]:
        """Those that wait, in the order in which they are considered for a pass."""
        if self._is_short or self._order.ranks:
            return sorted(chain(self.jobs, self.prefills), key=self._turn)
        return chain(self.jobs, self.prefills, reread) if self._batching.chunked else self.jobs

    def _turn(self, job: Job) -> tuple[bool, float, bool, int]:
        """Sorts jobs: where there is no room for all, those first whose sessions are in; then by the queue's order;
        then those that decode and verify; then by arrival."""
        waits, arrived = self.kv.turn(job.session) if self._is_short else (False, 0)
        return waits, self._order.rank(job), self._batching.chunked and self._may_be_cut(job), arrived

    def end(self, server: Server) -> list[Share]:
        """Ends the server's pass; it stays busy until it is released."""
        shares, server.shares = server.shares, []
        for share in shares:
            self._running.discard(share.job.session)
        return shares

    def put_back(self, jobs: list[Job]) -> None:
        """Jobs that a pass has cut wait at the head again; those that have no more to read, among the rest."""
        reading = [job for job in jobs if self._batching.chunked and self._may_be_cut(job)]
        self.prefills = dict.fromkeys(reading) | self.prefills
        if len(reading) < len(jobs):
            self.jobs = dict.fromkeys(job for job in jobs if job not in reading) | self.jobs

    def _may_be_cut(self, job: Job) -> bool:
        """Whether the job has tokens to read into its cache, which it may do chunk by chunk where that is done."""
        return min(self.kv.cached(job.session), job.text_tokens - 1) < job.read_tokens

    def _queue(self, job: Job) -> None:
        (self.prefills if self._batching.chunked and self._may_be_cut(job) else self.jobs)[job] = None

    def _unqueue(self, job: Job) -> bool:
        for queue in (self.jobs, self.prefills):
            if job in queue:
                del queue[job]
                return True
        return False

    def _admit_waiting(self) -> None:
        for job in self.reservations.admit_waiting():
            self._make_room_for(job)
            self._queue(job)

    def _make_room_for(self, job: Job) -> None:
        """The job's session has a reservation: what was kept for it is its own, and what others keep may have to go."""
        if self.reservations.limited and self.kv.kept_tokens:
            self.kv.take_back(job.session)
            self._free_kept()

    def _free_kept(self) -> None:
        """What is kept finds room beside the reservations. Without these the memory itself throws it out."""
        if self.reservations.limited:
            self.kv.free_kept(self.reservations.room_tokens)

    def _share(self, job: Job, budget: int | None, alone: bool) -> Share | None:
        cached = min(self.kv.cached(job.session), job.text_tokens - 1)
        new = job.text_tokens - cached
        if budget is not None and new > budget:
            if self._batching.chunked and self._may_be_cut(job):
                new = min(budget, job.read_tokens - cached)
            elif not alone:
                return None
        state: JobState = "prefill" if cached < job.read_tokens else "serve"
        return Share(job, new, cached, cached + new == job.text_tokens, state)
