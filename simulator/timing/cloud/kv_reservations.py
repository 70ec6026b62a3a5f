"""Admission control of a server's memory that holds whole requests."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.cell.cloud_config import QueueOrder, whole_blocks
from simulator.timing.cloud.job import Job, SessionKey


class KvReservations:
    """What each session has reserved, and the jobs whose sessions wait for a reservation, in the order of the queue.

    Nobody overtakes for its size: a short request waits behind a long one for which there is no space. A reservation
    lasts until it is released. Without a capacity every session is admitted.
    """

    def __init__(self, capacity_tokens: int | None, block_tokens: int, order: QueueOrder) -> None:
        self._block_tokens = block_tokens
        self._order = order
        self.limited = capacity_tokens is not None
        self._capacity_tokens = capacity_tokens
        self._reserved: dict[SessionKey, int] = {}
        self._taken_tokens = 0
        self._waiting: dict[Job, None] = {}

    @property
    def room_tokens(self) -> int:
        """What nobody has reserved."""
        assert self._capacity_tokens is not None
        return self._capacity_tokens - self._taken_tokens

    @property
    def waiting(self) -> int:
        """Jobs whose sessions are not admitted yet."""
        return len(self._waiting)

    @property
    def taken_tokens(self) -> int:
        """All that is reserved."""
        return self._taken_tokens

    def holds(self, session: SessionKey) -> bool:
        """Whether the session was admitted."""
        return session in self._reserved

    def admit(self, job: Job) -> bool:
        """Whether the job's session is admitted, now that it is here; if not it waits."""
        if self._capacity_tokens is None or job.session in self._reserved:
            return True
        self._waiting[job] = None
        if self._next() is not job or not self._fits(job):
            return False
        del self._waiting[job]
        self._take(job)
        return True

    def admit_waiting(self) -> Iterator[Job]:
        """Those who have waited and are admitted now."""
        while self._waiting and self._fits(job := self._next()):
            del self._waiting[job]
            self._take(job)
            yield job

    def remove(self, job: Job) -> bool:
        """Takes the job out of the line; False where it was not in it."""
        found = job in self._waiting
        self._waiting.pop(job, None)
        return found

    def release(self, session: SessionKey) -> None:
        """The session gives up its reservation."""
        self._taken_tokens -= self._reserved.pop(session, 0)

    def _next(self) -> Job:
        return min(self._waiting, key=self._order.rank) if self._order.ranks else next(iter(self._waiting))

    def _fits(self, job: Job) -> bool:
        assert self._capacity_tokens is not None
        fits = self._taken_tokens + whole_blocks(job.request_tokens, self._block_tokens) <= self._capacity_tokens
        assert fits or self._reserved, "I5: an empty memory admits nobody"
        return fits

    def _take(self, job: Job) -> None:
        self._reserved[job.session] = tokens = whole_blocks(job.request_tokens, self._block_tokens)
        self._taken_tokens += tokens
