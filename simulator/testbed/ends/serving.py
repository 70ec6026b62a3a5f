"""What the edge's ends of all protocols have in common: where a request is served, and how its answer grows."""

from __future__ import annotations

from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from channels.codec import wire
from simulator.protocols.machine import EdgeState
from simulator.results.requests import still_to_come, within
from simulator.testbed.ends.post import Post
from simulator.testbed.ends.restore import Restored
from simulator.testbed.journal import Began, Closed, Journal
from simulator.testbed.letters import Address, Kind, Letter


@dataclass(slots=True, eq=False)
class Serving:
    """One request at its edge. What it notes is what the simulator's books take in at the same place."""

    device: int
    number: int
    output_tokens: int
    end_tokens: tuple[int, ...]
    format: wire.Format
    post: Post
    journal: Journal
    worker: ThreadPoolExecutor
    """Of one thread, in which all passes of the device are made."""
    tokens: list[int] = field(default_factory=list)
    """The answer so far."""

    @property
    def remaining_tokens(self) -> int:
        """Output tokens still to come, at most."""
        return still_to_come(self.tokens, self.output_tokens, self.end_tokens)

    def begin_round(self, number: int) -> None:
        """Round 1, 2, ... begins now."""
        self.journal.note(Began(self.device, self.number, number, self.journal.now_s))

    def close_round(self, number: int, tokens: tuple[int, ...]) -> None:
        """The round's tokens are here; those past the end of the answer are cut."""
        self.journal.note(Closed(self.device, self.number, number, tokens, self.journal.now_s))
        self.tokens += within(tokens, self.remaining_tokens, self.end_tokens)

    def send_prompt(self, prompt: tuple[int, ...]) -> Address:
        """Puts the prompt on the uplink."""
        return self.send(Kind.PROMPT, 0, wire.encode_tokens(prompt, self.format))

    def send_restored(self, restored: Restored) -> Address:
        """Puts on the uplink what a cloud that has begun anew must know."""
        return self.send(Kind.RESTORE, restored.round, restored.pack(self.format))

    def send(self, kind: Kind, round_number: int, content: bytes) -> Address:
        """Puts a letter on the uplink."""
        address = Address(kind, self.device, self.number, round_number)
        self.post.put(Letter(address, content))
        return address


class ServedRounds(Protocol):
    """The edge's end of one request under a protocol."""

    def serve(self) -> Awaitable[EdgeState | None]:
        """To the last token; its value is what the device keeps, if it keeps anything."""
        ...

    def hear(self, round_number: int, reply: bytes) -> None:
        """The reply to a round is here, maybe for the second time."""
        ...

    def begin_anew(self) -> None:
        """The cloud knows of nothing, and nothing is under way: what it has to know is sent again."""
        ...
