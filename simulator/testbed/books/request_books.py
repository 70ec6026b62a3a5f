"""The books of one request of a real run: its ledger is charged, and its rounds are noted, at each moment of its life.

Every instant is in some state, as in the simulator. What takes no time there but some here, Python's own, is charged to
what it delays: `edge_queue_s` from a reply's arrival until the edge computes again; `encode_s` from the end of a
round's passes until its payload is put; `cloud_queue_s` from an arrival in the cloud until its pass begins;
`verify_s` (`cloud_decode_s`) from the end of the pass until the reply is put. What the processor does between the
passes of a round is charged after them, to `encode_s`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import Verified
from simulator.protocols.accounts import token_bytes
from simulator.protocols.machine import EdgeState
from simulator.results.requests import Request
from simulator.testbed.books.link_books import Carried
from simulator.testbed.books.replay_clock import ReplayClock, check_bytes, differs
from simulator.testbed.books.sent_again import after
from simulator.testbed.journal import Closed, Computed, Flushed
from simulator.testbed.letters import Address, Kind
from simulator.timing.driver import DOWNLINK_STATES, UPLINK_STATES
from simulator.timing.messages import Message


class RequestBook(ABC):
    """Of one request. Each call is about something that happens now."""

    def __init__(self, clock: ReplayClock, request: Request, decoding: RequestDecoding) -> None:
        self._clock = clock
        self.request = request
        self._ledger = request.ledger
        self._decoding = decoding
        self._payloads: dict[int, bytes] = {}
        """As they were put, by round."""
        self._replies: dict[int, bytes] = {}
        self._verified: dict[int, Verified] = {}

    @property
    @abstractmethod
    def kept(self) -> EdgeState | None:
        """What the device keeps of it."""

    # At the edge.

    def begin(self, number: int) -> None:
        """A round begins. One that is decoded a second time, after a restart, has begun already."""
        request = self.request
        if number not in request.open and number > self._last_closed:
            request.begin_round(number, self._clock.now)
            self._begun(number)

    @abstractmethod
    def _begun(self, number: int) -> None:
        """A round has begun."""

    def compute(self, computed: Computed) -> None:
        """The edge begins to draft a round."""
        raise differs(self.where(computed.round), "drafts", "some", "none")

    def computed(self, computed: Computed) -> None:
        """It has encoded it."""
        raise differs(self.where(computed.round), "drafts", "some", "none")

    def put(self, address: Address, content: bytes, links: Carried) -> None:
        """A letter of this request is put. Raises RealRunError where it is not the one that is decoded here."""
        if address.kind is Kind.PROMPT:
            decoded = token_bytes(self.request.prompt.tokens, self._decoding.format)
            check_bytes(self.where(0), "prompt", content, decoded)
            self._ledger.prompt_sent()
        if address.kind is Kind.PAYLOAD:
            self._put_payload(address, content, links)
        elif address.kind is Kind.REPLY:
            self._put_reply(address, content, links)
        else:
            links.put(address, content)

    def _put_payload(self, address: Address, content: bytes, links: Carried) -> None:
        number = address.round
        self._payloads[number] = content
        self._seal(number, content)

        def does(message: Message, state: str) -> None:
            self._enter(number, UPLINK_STATES[state], message.since_s)

        message, round_ = links.put(address, content, does), self.request.open.get(number)
        if round_ is not None:
            round_.payload = after(round_.payload, message)

    def _put_reply(self, address: Address, content: bytes, links: Carried) -> None:
        number = address.round
        self._replies[number] = content
        self.judge(number)
        check_bytes(self.where(number), "reply", content, self._verified[number].reply)

        def does(message: Message, state: str) -> None:
            if number in self.request.open:
                self._ledger.reply(number, DOWNLINK_STATES[state], message.since_s)

        message, round_ = links.put(address, content, does), self.request.open.get(number)
        if round_ is not None:
            round_.reply = after(round_.reply, message)
            self._reply_put(number)

    def _seal(self, number: int, content: bytes) -> None:
        """Raises RealRunError where a round's payload is another."""
        raise differs(self.where(number), "payload", content, "none")

    @abstractmethod
    def _reply_put(self, number: int) -> None:
        """A round has left the cloud."""

    def reply_arrived(self, number: int) -> None:
        """It waits at the edge until it is read."""
        if number in self.request.open:
            self._ledger.reply(number, "edge_queue_s")

    def close(self, closed: Closed) -> None:
        """A round's tokens are at the edge. Raises RealRunError where they are others."""
        number, where = closed.round, self.where(closed.round)
        if number not in self.request.open:
            raise differs(where, "closed round", number, f"one of {list(self.request.open)}")
        if number not in self._replies:
            raise differs(where, "tokens", closed.tokens, "those of a reply, and there is none")
        tokens = self._resolve(number, self._replies[number])
        if closed.tokens != tokens:
            raise differs(where, "tokens", closed.tokens, tokens)
        self.request.close_round(number, tokens, self._clock.now)
        self._closed(number)

    @property
    def _last_closed(self) -> int:
        """The latest round that is over."""
        return int(self.request.rounds[-1].round) if self.request.rounds else 0

    @abstractmethod
    def _resolve(self, number: int, reply: bytes) -> tuple[int, ...]:
        """The tokens that a reply commits."""

    @abstractmethod
    def _closed(self, number: int) -> None:
        """A round is over."""

    def flush(self, flushed: Flushed, on_air_bits: int) -> None:
        """A round is void, for which so many bits were on the uplink."""
        raise differs(self.where(flushed.round), "flushed round", flushed.round, "none")

    def end(self, tokens: tuple[int, ...]) -> None:
        """The answer is complete. Raises RealRunError where it is another."""
        request = self.request
        if tokens != tuple(request.tokens):
            raise differs(self.where(None), "answer", tokens, tuple(request.tokens))
        if request.remaining_tokens:
            raise differs(self.where(None), "tokens still to come at its end", request.remaining_tokens, 0)
        request.end("answered", self._clock.now)

    # In the cloud.

    @abstractmethod
    def prompt_arrived(self) -> None:
        """The prompt is in the cloud."""

    def payload_arrived(self, number: int) -> None:
        """A round's payload is."""
        raise differs(self.where(number), "payload", "one", "none")

    @abstractmethod
    def submit(self, number: int) -> None:
        """A round, or a prefill (0), waits for a pass."""

    @abstractmethod
    def passes(self, number: int, reads: bool) -> None:
        """It is in a pass, one that only reads, or not."""

    @abstractmethod
    def passed(self, number: int) -> None:
        """The pass has ended."""

    def judge(self, number: int) -> None:
        """A round is judged, or decoded; what was judged before a restart is judged alike after it."""
        if number not in self._verified:
            self._verified[number] = self._judge(number)

    @abstractmethod
    def _judge(self, number: int) -> Verified:
        """Decodes it here."""

    def _check_due(self, number: int, due: int) -> None:
        if number != due:
            raise differs(self.where(number), "judged round", number, due)

    @abstractmethod
    def cloud_killed(self) -> None:
        """What was in the cloud is there no more."""

    # All.

    def where(self, number: int | None) -> str:
        """What a complaint is about."""
        told = f"device {self.request.device}, request {self.request.number}"
        return told if number is None else f"{told}, round {number}"

    def _enter(self, number: int, state: str, from_s: float | None = None) -> None:
        """A round that is not over is in this state."""
        if number in self.request.open:
            self._ledger.enter(number, state, from_s)
