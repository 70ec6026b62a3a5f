"""The cloud's end of one request in time: what arrives becomes jobs, and what the jobs decide goes down to the device.

`Verifying` answers payloads. `Generating` decodes in the cloud and streams its tokens. Neither is a process: both act
when a message or a pass ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import simpy

from channels.codec import wire
from simulator.decoding.nodes import CloudView, Stale, Verified
from simulator.decoding.session import Session
from simulator.results.records import Request, Round
from simulator.schemes.policy import most_drafts
from simulator.timing.cloud import Cloud, Job
from simulator.timing.link import Link
from simulator.timing.messages import Message

DOWNLINK_STATES = {
    "queue": "downlink_queue_s",
    "transmit": "downlink_s",
    "retransmit": "downlink_s",
    "propagation": "propagation_s",
    "timeout_wait": "timeout_wait_s",
}
Deliver = Callable[[Round, bytes], None]


@dataclass(frozen=True)
class Network:
    """What a device is connected to."""

    env: simpy.Environment
    uplink: Link
    downlink: Link
    cloud: Cloud


class Host(ABC):
    """What both kinds of serving do: one job at a time, and replies to the device."""

    def __init__(self, network: Network, session: Session, request: Request, deliver: Deliver) -> None:
        self._network = network
        self._session = session
        self._request = request
        self._deliver = deliver
        self._job: Job | None = None
        self._replies: dict[int, tuple[Message, Round, bytes]] = {}
        self._key = (request.device, request.number)

    @abstractmethod
    def prompt_arrived(self, prompt: bytes) -> None:
        """The prompt's bytes are in the cloud. Raises CodecError."""

    @abstractmethod
    def _job_does(self, serving: bool) -> None:
        """The job is in a pass from now on, or waits."""

    @abstractmethod
    def _job_done(self) -> None:
        """The job's last pass has ended."""

    def close(self) -> None:
        """The request has ended, answered or not: nothing of it is wanted any more."""
        if self._job is not None:
            self._network.cloud.withdraw(self._job)
            self._job = None
        for message, _, _ in self._replies.values():
            self._network.downlink.withdraw(message)
        self._replies.clear()
        self._network.cloud.forget(self._key)

    def _submit(self, text_tokens: int, prefill: bool = False, cloud_drafts: int = 0) -> None:
        """Asks for a pass over the first `text_tokens` of the text."""
        self._job = Job(self._key, text_tokens, prefill, self._job_does, self._job_done, cloud_drafts)
        self._network.cloud.submit(self._job)

    def _reply(self, round_: Round, verified: Verified) -> None:
        """Puts the reply on the downlink; the device gets its bytes."""
        round_.verified_s = self._network.env.now
        round_.accepted = verified.accepted
        round_.committed = len(verified.committed)
        round_.measures = verified.measures
        round_.reply_bits = 8 * len(verified.reply)
        message = Message((*self._key, round_.number), round_.reply_bits, self._reply_arrived, self._reply_does)
        self._replies[round_.number] = message, round_, verified.reply
        self._network.downlink.put(message)

    def _reply_does(self, message: Message, state: str) -> None:
        self._request.ledger.reply(message.index[2], DOWNLINK_STATES[state])

    def _reply_arrived(self, message: Message) -> None:
        _, round_, reply = self._replies.pop(message.index[2])
        round_.downlink_bits = message.sent_bits
        self._deliver(round_, reply)


class Verifying(Host):
    """Reads the prompt into the cache once, then judges one payload at a time."""

    _view: CloudView | None = None
    _ready: bool = False
    _prefill_state: str = "prompt_uplink_s"
    _received: tuple[Round, int] | None = None
    """The round whose payload is here and not judged yet, and how many leading parts of it came."""

    def prompt_arrived(self, prompt: bytes) -> None:
        self._view = self._session.cloud(wire.decode_tokens(prompt, self._session.format))
        tokens = len(self._view.committed) - 1
        if tokens:
            self._submit(tokens, prefill=True)
        else:
            self._prefilled()

    def payload_arrived(self, round_: Round, parts: int) -> None:
        """That many leading parts of a payload are in the cloud; they wait there for the prompt and its prefill."""
        round_.received_s = self._network.env.now
        self._received = round_, parts
        if self._ready:
            self._submit_round(round_, parts)
        else:
            self._request.ledger.enter(round_.number, self._prefill_state)

    def _submit_round(self, round_: Round, parts: int) -> None:
        assert self._view is not None and round_.sealed is not None
        self._submit(len(self._view.committed) + round_.sealed.heard(parts))

    def _job_does(self, serving: bool) -> None:
        state = "cloud_queue_s" if not serving else "verify_s" if self._ready else "prefill_s"
        if not self._ready:
            self._prefill_state = state
        if self._received is not None:
            self._request.ledger.enter(self._received[0].number, state)

    def _job_done(self) -> None:
        self._job = None
        if self._ready:
            self._judge()
        else:
            self._prefilled()

    def _prefilled(self) -> None:
        assert self._view is not None
        self._view = self._session.prefill(self._view)
        self._ready = True
        if self._received is not None:
            self._submit_round(*self._received)

    def _judge(self) -> None:
        assert self._view is not None and self._received is not None
        (round_, parts), self._received = self._received, None
        assert round_.sealed is not None
        self._view, verified = self._session.verify(self._view, round_.sealed, parts)
        assert not isinstance(verified, Stale), "a device without pipelining sends one round at a time, in order"
        self._network.cloud.crop(self._key, self._view.cached)
        self._reply(round_, verified)


class Generating(Host):
    """Decodes round after round in the cloud and sends each down as it comes, without waiting for the device."""

    _generated: int = 0

    def prompt_arrived(self, prompt: bytes) -> None:
        view = self._session.cloud(wire.decode_tokens(prompt, self._session.format))
        self._next(view, self._request.rounds[0])

    def _next(self, view: CloudView, round_: Round) -> None:
        self._view, self._round = view, round_
        round_.sent_s = round_.received_s = self._network.env.now
        drafts = round_.drafted = most_drafts(
            self._session.scheme.drafts, self._request.output_tokens - self._generated
        )
        self._submit(len(view.committed) + drafts, prefill=not view.cached, cloud_drafts=drafts)

    def _job_does(self, serving: bool) -> None:
        state = "cloud_decode_s" if self._view.cached else "prefill_s"
        self._request.ledger.enter(self._round.number, state if serving else "cloud_queue_s")

    def _job_done(self) -> None:
        self._job = None
        round_ = self._round
        view, verified = self._session.decode_hosted(self._view, round_.drafted)
        self._network.cloud.crop(self._key, view.cached)
        self._generated += len(verified.committed)
        ended = self._request.end_token in verified.committed
        if self._generated < self._request.output_tokens and not ended:
            following = Round(view.round, self._network.env.now)
            self._request.rounds.append(following)
            self._next(view, following)
        self._reply(round_, verified)
