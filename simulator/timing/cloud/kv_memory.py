"""A server's cache memory: how many tokens of which session's text it holds, and who has to go for whom."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from simulator.timing.cloud.job import SessionKey


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
        need = tokens - self.held(session)
        if self.capacity_tokens is not None and not self._make_room(need, session, pinned):
            return False
        self._held[session] = tokens
        self._held.move_to_end(session)
        self._total += need
        return True

    def crop(self, session: SessionKey, tokens: int) -> None:
        """Of what is held for a session, at most the first `tokens` stay."""
        spare = self._held.get(session, 0) - tokens
        if spare > 0:
            self._held[session] -= spare
            self._total -= spare

    def forget(self, session: SessionKey) -> None:
        """Frees what is held for a session."""
        self._total -= self._held.pop(session, 0)

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
