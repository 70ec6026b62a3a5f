"""The cloud's end of one request in time: what arrives becomes jobs, and what the jobs decide goes down to the device.

`Verifying` answers payloads. `Generating` decodes in the cloud and streams its tokens. Neither is a process: both act
when a message or a pass ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import simpy

from channels.codec import wire
from simulator.cloud import Cloud, Job
from simulator.decoding import Session
from simulator.link import Link
from simulator.records import Request, Round
from simulator.steps import CloudView, Sealed, Stale, Verified
from simulator.transfer import Transfer

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
        self._replies: dict[int, Transfer] = {}

    @abstractmethod
    def prompt_arrived(self, prompt: bytes) -> None:
        """The prompt's bytes are in the cloud. Raises CodecError."""

    def close(self) -> None:
        """The request has ended, answered or not: nothing of it is wanted any more."""
        if self._job is not None:
            self._network.cloud.withdraw(self._job)
        for reply in self._replies.values():
            reply.withdraw()
        self._network.cloud.forget(self._key)

    @property
    def _key(self) -> tuple[int, int]:
        return self._request.device, self._request.number

    def _submit(
        self,
        text_tokens: int,
        report: Callable[[bool], None],
        done: Callable[[], None],
        *,
        prefill: bool = False,
        cloud_drafts: int = 0,
    ) -> None:
        """Asks for a pass over the first `text_tokens` of the text."""

        def ended() -> None:
            self._job = None
            done()

        self._job = Job(self._key, text_tokens, prefill, report, ended, cloud_drafts)
        self._network.cloud.submit(self._job)

    def _entering(self, round_: Round, state: str) -> Callable[[bool], None]:
        """Charges the round's time to `state` while its job is in a pass, to the cloud's queue while it waits."""
        enter = self._request.ledger.enter
        return lambda serving: enter(round_.number, state if serving else "cloud_queue_s")

    def _reply(self, round_: Round, verified: Verified) -> None:
        """Puts the reply on the downlink; the device gets its bytes."""
        round_.verified_s = self._network.env.now
        round_.accepted = verified.accepted
        round_.committed = len(verified.committed)
        round_.measures = verified.measures
        round_.reply_bits = 8 * len(verified.reply)
        note = self._request.ledger.reply

        def arrived(reply: Transfer) -> None:
            del self._replies[round_.number]
            round_.downlink_bits = reply.sent_bits
            self._deliver(round_, verified.reply)

        self._replies[round_.number] = Transfer(
            self._network.downlink,
            (*self._key, round_.number),
            round_.reply_bits,
            arrived,
            lambda state: note(round_.number, DOWNLINK_STATES[state]),
        )


class Verifying(Host):
    """Reads the prompt into the cache once, then judges one payload at a time."""

    _view: CloudView | None = None
    _ready: bool = False
    _prefill_state: str = "prompt_uplink_s"
    _held: tuple[Round, Sealed, int] | None = None

    def prompt_arrived(self, prompt: bytes) -> None:
        self._view = self._session.cloud(wire.decode_tokens(prompt, self._session.format))
        tokens = len(self._view.committed) - 1
        if tokens:
            self._submit(tokens, self._note_prefill, self._prefilled, prefill=True)
        else:
            self._prefilled()

    def payload_arrived(self, round_: Round, sealed: Sealed, parts: int) -> None:
        """That many leading parts of a payload are in the cloud; they wait there for the prompt and its prefill."""
        round_.received_s = self._network.env.now
        if not self._ready:
            self._held = (round_, sealed, parts)
            self._request.ledger.enter(round_.number, self._prefill_state)
            return
        assert self._view is not None
        text_tokens = len(self._view.committed) + sealed.heard(parts)
        self._submit(text_tokens, self._entering(round_, "verify_s"), partial(self._judged, round_, sealed, parts))

    def _note_prefill(self, serving: bool) -> None:
        self._prefill_state = "prefill_s" if serving else "cloud_queue_s"
        if self._held is not None:
            self._request.ledger.enter(self._held[0].number, self._prefill_state)

    def _prefilled(self) -> None:
        assert self._view is not None
        self._view = self._session.prefill(self._view)
        self._ready = True
        if self._held is not None:
            held, self._held = self._held, None
            self.payload_arrived(*held)

    def _judged(self, round_: Round, sealed: Sealed, parts: int) -> None:
        assert self._view is not None
        self._view, verified = self._session.verify(self._view, sealed, parts)
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
        round_.sent_s = round_.received_s = self._network.env.now
        round_.drafted = self._session.scheme.drafts
        self._submit(
            len(view.committed) + round_.drafted,
            self._entering(round_, "cloud_decode_s" if view.cached else "prefill_s"),
            partial(self._decoded, view, round_),
            prefill=not view.cached,
            cloud_drafts=round_.drafted,
        )

    def _decoded(self, view: CloudView, round_: Round) -> None:
        view, verified = self._session.decode_hosted(view)
        self._network.cloud.crop(self._key, view.cached)
        self._generated += len(verified.committed)
        ended = self._request.end_token in verified.committed
        if self._generated < self._request.output_tokens and not ended:
            following = Round(view.round, self._network.env.now)
            self._request.rounds.append(following)
            self._next(view, following)
        self._reply(round_, verified)
