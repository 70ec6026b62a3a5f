"""Before a memory that holds whole requests: sessions are let in, in order of arrival, when there is room for them."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.timing.cloud.job import Job, SessionKey


class Door:
    """The room each session has, and the jobs whose sessions have none yet.

    Nobody overtakes: a short request waits behind a long one for which there is no room. What was let in keeps its
    room until it leaves. Without a capacity the door stands open.
    """

    def __init__(self, capacity_tokens: int | None) -> None:
        self._capacity_tokens = capacity_tokens
        self._rooms: dict[SessionKey, int] = {}
        self._taken_tokens = 0
        self._waiting: dict[Job, None] = {}

    @property
    def waiting(self) -> int:
        """Jobs before the door."""
        return len(self._waiting)

    @property
    def taken_tokens(self) -> int:
        """The rooms of all that were let in."""
        return self._taken_tokens

    def has_room(self, session: SessionKey) -> bool:
        """Whether the session was let in."""
        return session in self._rooms

    def enter(self, job: Job) -> bool:
        """Whether the job may go on, now that it is here; if not it waits."""
        if self._capacity_tokens is None or job.session in self._rooms:
            return True
        if self._waiting or not self._fits(job):
            self._waiting[job] = None
            return False
        self._take(job)
        return True

    def let_in(self) -> Iterator[Job]:
        """Those who have waited and find room now."""
        while self._waiting and self._fits(job := next(iter(self._waiting))):
            del self._waiting[job]
            self._take(job)
            yield job

    def remove(self, job: Job) -> bool:
        """Takes the job out of the line; False where it was not in it."""
        found = job in self._waiting
        self._waiting.pop(job, None)
        return found

    def leave(self, session: SessionKey) -> None:
        """The session gives up its room."""
        self._taken_tokens -= self._rooms.pop(session, 0)

    def clear(self) -> None:
        """All rooms are lost; who waits goes on waiting."""
        self._rooms.clear()
        self._taken_tokens = 0

    def drain(self) -> Iterator[Job]:
        """Empties the line."""
        while self._waiting:
            job = next(iter(self._waiting))
            del self._waiting[job]
            yield job

    def _fits(self, job: Job) -> bool:
        assert self._capacity_tokens is not None
        fits = self._taken_tokens + job.request_tokens <= self._capacity_tokens
        assert fits or self._rooms, "I5: an empty memory lets nobody in"
        return fits

    def _take(self, job: Job) -> None:
        self._rooms[job.session] = job.request_tokens
        self._taken_tokens += job.request_tokens
