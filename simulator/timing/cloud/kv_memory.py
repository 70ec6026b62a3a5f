"""A server's cache memory: which sessions' tokens it holds, who is evicted for whom, and who is admitted to it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator

from simulator.timing.cloud.job import Job, SessionKey


class KvMemory:
    """Tokens held per session, least recently used first out. `evicted` counts sessions thrown out."""

    def __init__(self, capacity_tokens: int | None) -> None:
        self.capacity_tokens = capacity_tokens
        self.evicted = 0
        self._held: OrderedDict[SessionKey, int] = OrderedDict()
        self._total = 0

    @property
    def held_tokens(self) -> int:
        """Tokens held for all sessions."""
        return self._total

    def held(self, session: SessionKey) -> int:
        """Tokens held for this session, 0 where none are."""
        return self._held.get(session, 0)

    def admit(self, session: SessionKey, tokens: int, pinned: Collection[SessionKey]) -> bool:
        """Makes the session hold `tokens`, throwing out others but the pinned ones; False, and no change of what is
        held for it, where that is not enough."""
        need = tokens - self._held.get(session, 0)
        if self.capacity_tokens is not None:
            if not self._make_room(need, session, pinned):
                return False
            if session in self._held:
                self._held.move_to_end(session)
        self._held[session] = tokens
        self._total += need
        return True

    def crop(self, session: SessionKey, tokens: int) -> None:
        """At most the first `tokens` of what is held for a session stay."""
        spare = self._held.get(session, 0) - tokens
        if spare > 0:
            self._held[session] -= spare
            self._total -= spare

    def forget(self, session: SessionKey) -> None:
        """Frees what is held for a session."""
        self._total -= self._held.pop(session, 0)

    def rename(self, session: SessionKey, to: SessionKey, tokens: int) -> None:
        """The first `tokens` of what is held for a session are another's from now on, the rest is freed."""
        held = self._held.pop(session, 0)
        if kept := min(held, tokens):
            self._held[to] = kept
        self._total -= held - kept

    def clear(self) -> None:
        """Loses everything."""
        self._held.clear()
        self._total = 0

    def _make_room(self, need: int, guest: SessionKey, pinned: Collection[SessionKey]) -> bool:
        assert self.capacity_tokens is not None
        excess = self._total + need - self.capacity_tokens
        if excess <= 0:
            return True
        victims = [session for session in self._held if session != guest and session not in pinned]
        if excess > sum(self._held[session] for session in victims):
            return False
        for victim in victims:
            if self._total + need <= self.capacity_tokens:
                break
            self.forget(victim)
            self.evicted += 1
        return True


class KvReservations:
    """Admission control of a memory that holds whole requests: what each session has reserved, and the jobs whose
    sessions wait for a reservation, in order of arrival.

    Nobody overtakes: a short request waits behind a long one for which there is no space. A reservation lasts until it
    is released. Without a capacity every session is admitted.
    """

    def __init__(self, capacity_tokens: int | None) -> None:
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
        if self._waiting or not self._fits(job):
            self._waiting[job] = None
            return False
        self._take(job)
        return True

    def admit_waiting(self) -> Iterator[Job]:
        """Those who have waited and are admitted now."""
        while self._waiting and self._fits(job := next(iter(self._waiting))):
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

    def clear(self) -> None:
        """All reservations are lost; who waits goes on waiting."""
        self._reserved.clear()
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
        assert fits or self._reserved, "I5: an empty memory admits nobody"
        return fits

    def _take(self, job: Job) -> None:
        self._reserved[job.session] = job.request_tokens
        self._taken_tokens += job.request_tokens
