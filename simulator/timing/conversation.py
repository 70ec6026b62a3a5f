"""Conversation of a device, as far as both ends still hold it between a turn and the next one. Time alone: no token
depends on it.

The cloud holds the text for `cloud_keeps_s`, which both ends know, and the keys and values of it as long as nobody else
needs their memory: then the text is read again, and does not go up again. Simplified: a message that left the device
within that time finds the text; the text itself takes none of the memory; a turn that was not answered leaves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import simpy

from simulator.cell.conversations import Conversations
from simulator.cell.workload import Workload
from simulator.decoding.nodes import Tokens
from simulator.results.requests import Request
from simulator.timing.cloud import Cloud
from simulator.timing.cloud.job import SessionKey
from simulator.timing.event_loop import later


class Held(NamedTuple):
    """Leading tokens of a prompt that are held as the conversation so far."""

    cloud: int = 0
    edge: int = 0
    session: SessionKey | None = None
    """Session whose keys and values in the cloud are of these tokens, or of another conversation that is over."""


NOTHING: Final = Held()


@dataclass(slots=True)
class _Kept:
    session: SessionKey
    text: Tokens
    """Text in the cloud."""
    ends: int
    """Tokens of the conversation, to the end of the answer."""
    edge_tokens: int
    since_s: float


class Conversation:
    """Conversation of one device."""

    def __init__(self, env: simpy.Environment, cloud: Cloud, work: Workload) -> None:
        self._env = env
        self._cloud = cloud
        assert isinstance(work, Conversations)
        self._work = work
        self._kept: _Kept | None = None

    @property
    def is_kept(self) -> bool:
        """True if the cloud keeps anything once an answer is made."""
        return self._work.cloud_keeps_s > 0

    def take(self, request: Request) -> Held:
        """Returns the held part of a request's prompt, as it begins to be served."""
        kept, self._kept = self._kept, None
        if kept is None:
            return NOTHING
        work, waited_s = self._work, self._env.now - kept.since_s
        edge = min(kept.edge_tokens, kept.ends) if waited_s <= work.edge_keeps_s and work.edge_keeps_s else 0
        if work.edge_keeps_tokens is not None:
            edge = min(edge, work.edge_keeps_tokens)
        if request.turn == 1:
            return Held(session=kept.session)
        cloud = min(len(kept.text), kept.ends)
        assert kept.text[:cloud] == request.prompt.tokens[:cloud], "I10: the cloud holds another conversation"
        return Held(cloud, edge, kept.session)

    def keep(self, request: Request, text: Tokens, edge_tokens: int) -> None:
        """A turn is answered; `text` is what the cloud has of it."""
        ends = len(request.prompt.tokens) + len(request.tokens)
        self._kept = kept = _Kept((request.device, request.number), text, ends, edge_tokens, self._env.now)
        if 0 < self._work.cloud_keeps_s < float("inf"):
            later(self._env, self._work.cloud_keeps_s, partial(self._forget, kept))

    def _forget(self, kept: _Kept, _: object) -> None:
        if self._kept is kept:
            self._cloud.forget(kept.session)
            kept.text = ()
