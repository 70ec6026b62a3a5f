"""A pool: servers, the queue of jobs that they take from, and the cache memory that they reach. Without a clock."""

from __future__ import annotations

from heapq import heappop, heappush

from simulator.cell.cloud_config import Batching
from simulator.timing.cloud.batching import JobQueue
from simulator.timing.cloud.job import Job, Server, SessionKey, Share
from simulator.timing.cloud.kv import KvMemory, KvReservations


class ServerPool:
    """Servers that take jobs from one `queue`. A job whose session has no reservation yet, where there are some, waits
    for that before it joins the queue."""

    def __init__(
        self,
        servers: list[Server],
        batching: Batching,
        token_budget: int | None,
        kv: KvMemory,
        reservations: KvReservations,
    ) -> None:
        self.servers = servers
        self.kv = kv
        self.reservations = reservations
        self.queue = JobQueue(batching, token_budget, kv)
        self._running: set[SessionKey] = set()
        self._idle = list(range(len(servers)))  # a heap of places in `servers`; some may have become stale

    @property
    def may_wait(self) -> bool:
        """True if jobs may wait beside a free server: for those in passes to give up memory, or, where none is thrown
        out for newcomers, for those that are in."""
        return bool(self._running) or (self.kv.limited and self.kv.held_tokens > self.kv.kept_tokens)

    def free(self) -> Server | None:
        """The first server that could take what waits: it runs no pass."""
        queue = self.queue
        while self._idle and (queue.jobs or queue.prefills):
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
        """True if a job of this session is in a pass."""
        return session in self._running

    def add(self, job: Job) -> bool:
        """The job waits: for a pass, or, where the answer is False, for its session's reservation first."""
        if self.reservations.limited and not self.reservations.admit(job):
            return False
        self._make_room_for(job)
        if self.kv.limited:
            self.kv.arrive(job.session, job.request_tokens)
        self.queue.add(job)
        return True

    def remove(self, job: Job) -> bool:
        """Takes the job out of the queue, or from those that wait for admission; False where it was in neither."""
        if self.queue.remove(job):
            return True
        if not self.reservations.remove(job):
            return False
        self._admit_waiting()
        return True

    def holds(self, session: SessionKey) -> bool:
        """True if anything of the session is in the memory, or reserved for it."""
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

    def begin(self, server: Server) -> bool:
        """Gives the server its next pass (`JobQueue.next_pass`); False where there is none."""
        evicted = self.kv.evicted
        server.shares = self.queue.next_pass(self._running)
        server.busy = bool(server.shares)
        if not server.busy and self.kv.evicted > evicted:
            return self.begin(server)  # there may be room for others now
        return server.busy

    def end(self, server: Server) -> list[Share]:
        """Ends the server's pass; it stays busy until it is released."""
        shares, server.shares = server.shares, []
        for share in shares:
            self._running.discard(share.job.session)
        return shares

    def _admit_waiting(self) -> None:
        for job in self.reservations.admit_waiting():
            self._make_room_for(job)
            self.queue.add(job)

    def _make_room_for(self, job: Job) -> None:
        """The job's session has a reservation: what was kept for it is its own, and what others keep may have to go."""
        if self.reservations.limited and self.kv.kept_tokens:
            self.kv.take_back(job.session)
            self._free_kept()

    def _free_kept(self) -> None:
        """Makes room for the reservations beside what is kept. Without reservations the memory itself evicts it."""
        if self.reservations.limited:
            self.kv.free_kept(self.reservations.room_tokens)
