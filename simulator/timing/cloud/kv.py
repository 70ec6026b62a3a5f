"""A server's cache memory: which sessions' tokens it holds, who is thrown out for whom, and, where it holds whole
requests, what is reserved for each session before it is let in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from simulator.cell.cloud_config import whole_blocks
from simulator.timing.cloud.job import Job, SessionKey


class KvMemory:
    """Tokens held per session, in whole blocks; `evicted` counts sessions thrown out, `dropped` caches between turns.

    Caches that are kept for another turn go first, the oldest first. Of the others the latest to arrive goes first, and
    only for a session that came before it and is in. Without a capacity nobody goes.
    """

    def __init__(self, capacity_tokens: int | None, block_tokens: int = 1) -> None:
        self.capacity_tokens = capacity_tokens
        self.evicted = self.dropped = 0
        self._block_tokens = block_tokens
        self._held: dict[SessionKey, int] = {}
        self._arrived: dict[SessionKey, tuple[int, int]] = {}
        """Where there is a capacity, the number of each session by arrival, and the tokens of its whole request."""
        self._arrivals = 0
        self._whole_tokens = 0
        """Those of all of them, in whole blocks."""
        self._total = 0
        self._kept: dict[SessionKey, None] = {}
        """Sessions that are over, or go on and are not in yet, of whom something is held; the oldest first."""
        self._kept_tokens = 0

    @property
    def limited(self) -> bool:
        """True if there is a capacity."""
        return self.capacity_tokens is not None

    @property
    def held_tokens(self) -> int:
        """Tokens held for all sessions, with what is empty in their last blocks."""
        return self._total

    @property
    def kept_tokens(self) -> int:
        """Tokens that are held between two turns, for whoever needs the room."""
        return self._kept_tokens

    def is_in(self, session: SessionKey) -> bool:
        """True if tokens are held for this session, and not only kept from the turn before."""
        return session in self._held and session not in self._kept

    def cached(self, session: SessionKey) -> int:
        """Returns the tokens that need not be read again."""
        return self._held.get(session, 0)

    def knows(self, session: SessionKey) -> bool:
        """True if the session has arrived, or anything of it is cached."""
        return session in self._arrived or self.cached(session) > 0

    def arrive(self, session: SessionKey, whole_tokens: int) -> None:
        """The session is here, maybe again, with a request that will hold so many tokens at most."""
        if session not in self._arrived:
            self._arrivals += 1
            self._arrived[session] = self._arrivals, (tokens := self._blocks(whole_tokens))
            self._whole_tokens += tokens

    def turn(self, session: SessionKey) -> tuple[bool, int]:
        """Sorts sessions that have arrived: those that are in, then the others, each in order of arrival."""
        return not self.is_in(session), self._arrived[session][0]

    def fits(self, texts: Iterable[tuple[SessionKey, int]]) -> bool:
        """True if there is room for these sessions with so many tokens each, beside the others that are in."""
        if self.capacity_tokens is None or self._whole_tokens <= self.capacity_tokens:
            return True
        need = sum(
            self._blocks(tokens) - (self._blocks(self._held[session]) if self.is_in(session) else 0)
            for session, tokens in texts
        )
        return self._total - self._kept_tokens + need <= self.capacity_tokens

    def admit(self, session: SessionKey, tokens: int, pinned: Collection[SessionKey]) -> bool:
        """Makes the session hold `tokens`, throwing out others but the pinned ones; False where that is not enough. A
        session that does not find room is then thrown out itself, unless it may find some when pinned ones are not
        pinned any more."""
        need = self._blocks(tokens) - self._blocks(self._held.get(session, 0))
        if self.capacity_tokens is not None and not self._make_room(need, session, pinned):
            return False
        if self._kept:
            self.take_back(session)
        self._held[session] = tokens
        self._total += need
        return True

    def crop(self, session: SessionKey, tokens: int) -> None:
        """Drops all but the first `tokens` of a session's tokens."""
        if self._held.get(session, 0) > tokens:
            freed = self._blocks(self._held[session]) - self._blocks(tokens)
            self._held[session] = tokens
            self._total -= freed
            self._kept_tokens -= freed if session in self._kept else 0

    def forget(self, session: SessionKey) -> None:
        """Frees what is held for a session."""
        if self._kept:
            self.take_back(session)
        self._total -= self._blocks(self._held.pop(session, 0))

    def depart(self, session: SessionKey) -> None:
        """The session is gone."""
        self.forget(session)
        self._let_go(session)

    def keep(self, session: SessionKey) -> None:
        """The session is over, and what is held for it stays as long as nobody needs the room."""
        self._let_go(session)
        if session in self._held and session not in self._kept:
            self._kept[session] = None
            self._kept_tokens += self._blocks(self._held[session])

    def take_back(self, session: SessionKey) -> None:
        """Hands kept tokens back to their session."""
        if session in self._kept:
            del self._kept[session]
            self._kept_tokens -= self._blocks(self._held[session])

    def free_kept(self, most_tokens: int) -> None:
        """Throws out the oldest that are kept, until they are so few."""
        while self._kept_tokens > most_tokens:
            self._throw_out(next(iter(self._kept)))

    def rename(self, session: SessionKey, to: SessionKey, tokens: int) -> None:
        """The first `tokens` of what was kept of a session are another's, who is not in yet; the rest is freed."""
        kept = min(self.cached(session), tokens)
        self.forget(session)
        if kept:
            self._held[to] = kept
            self._total += self._blocks(kept)
            self.keep(to)

    def _let_go(self, session: SessionKey) -> None:
        self._whole_tokens -= self._arrived.pop(session, (0, 0))[1]

    def _blocks(self, tokens: int) -> int:
        return tokens if self._block_tokens == 1 else whole_blocks(tokens, self._block_tokens)

    def _make_room(self, need: int, guest: SessionKey, pinned: Collection[SessionKey]) -> bool:
        assert self.capacity_tokens is not None
        if self._total + need <= self.capacity_tokens:
            return True
        if self._evict([each for each in self._kept if each != guest and each not in pinned], need):
            return True
        if not self.is_in(guest):
            return False
        later = [each for each in self._held if each not in self._kept and self._arrived[each] > self._arrived[guest]]
        later.sort(key=self._arrived.__getitem__, reverse=True)
        victims = [session for session in later if session not in pinned]
        if self._evict(victims, need):
            return True
        if len(victims) == len(later):
            self._evict([guest], need)
        return False

    def _evict(self, victims: Iterable[SessionKey], need: int) -> bool:
        """Throws out one after another until there is room; whether there is."""
        assert self.capacity_tokens is not None
        for victim in victims:
            if self._total + need <= self.capacity_tokens:
                break
            self._throw_out(victim)
        return self._total + need <= self.capacity_tokens

    def _throw_out(self, victim: SessionKey) -> None:
        kept = victim in self._kept
        self.forget(victim)
        self.evicted += not kept
        self.dropped += kept


class KvReservations:
    """Reservations of each session, and the jobs whose sessions wait for a reservation, in order of arrival.

    Nobody overtakes for its size: a short request waits behind a long one for which there is no space. A reservation
    lasts until it is released. Without a capacity every session is admitted.
    """

    def __init__(self, capacity_tokens: int | None, block_tokens: int) -> None:
        self._block_tokens = block_tokens
        self.limited = capacity_tokens is not None
        self._capacity_tokens = capacity_tokens
        self._reserved: dict[SessionKey, int] = {}
        self._taken_tokens = 0
        self._waiting: dict[Job, None] = {}

    @property
    def room_tokens(self) -> int:
        """Tokens that nobody has reserved."""
        assert self._capacity_tokens is not None
        return self._capacity_tokens - self._taken_tokens

    @property
    def waiting(self) -> int:
        """Jobs whose sessions are not admitted yet."""
        return len(self._waiting)

    @property
    def taken_tokens(self) -> int:
        """Tokens that are reserved in all."""
        return self._taken_tokens

    def holds(self, session: SessionKey) -> bool:
        """True if the session was admitted."""
        return session in self._reserved

    def admit(self, job: Job) -> bool:
        """True if the job's session is admitted, now that it is here; if not it waits."""
        if self._capacity_tokens is None or job.session in self._reserved:
            return True
        self._waiting[job] = None
        if self._next() is not job or not self._fits(job):
            return False
        del self._waiting[job]
        self._take(job)
        return True

    def admit_waiting(self) -> Iterator[Job]:
        """Yields the waiting jobs that are admitted now."""
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
        return next(iter(self._waiting))

    def _fits(self, job: Job) -> bool:
        assert self._capacity_tokens is not None
        fits = self._taken_tokens + whole_blocks(job.request_tokens, self._block_tokens) <= self._capacity_tokens
        assert fits or self._reserved, "I5: an empty memory admits nobody"
        return fits

    def _take(self, job: Job) -> None:
        self._reserved[job.session] = tokens = whole_blocks(job.request_tokens, self._block_tokens)
        self._taken_tokens += tokens
