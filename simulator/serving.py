"""The cloud's end of one request in time: what arrives becomes jobs, and what the jobs decide goes down to the device.

`Verifying` answers payloads. `Generating` decodes alone and streams its tokens. Neither is a process: both act when a
message or a pass ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import simpy

from channels.codec import wire
from simulator.cloud import Cloud, Job
from simulator.decoding import Session
from simulator.link import Link, Message
from simulator.records import Request, Round
from simulator.steps import CloudView, Sealed, Stale, Verified

DOWNLINK_STATES = {
    "queue": "downlink_queue_s",
    "transmit": "downlink_s",
    "retransmit": "downlink_s",
    "propagation": "propagation_s",
    "timeout_wait": "timeout_wait_s",
}


@dataclass(frozen=True)
class Plant:
    """What all devices share."""

    env: simpy.Environment
    uplink: Link
    downlink: Link
    cloud: Cloud


class Host:
    """What both kinds of serving do: send a round's reply to the device, and say so in its record."""

    def __init__(
        self, plant: Plant, session: Session, request: Request, deliver: Callable[[Round, bytes], None]
    ) -> None:
        self._plant = plant
        self._session = session
        self._request = request
        self._deliver = deliver

    def prompt_arrived(self, prompt: bytes) -> None:
        """The prompt's bytes are in the cloud. Raises CodecError."""
        raise NotImplementedError

    def _reply(self, round_: Round, verified: Verified) -> None:
        """Puts the reply on the downlink; the device gets its bytes."""
        round_.verified_s = self._plant.env.now
        round_.accepted = verified.accepted
        round_.committed = len(verified.committed)
        round_.measures = verified.measures
        round_.reply_bits = 8 * len(verified.reply)
        ledger = self._request.ledger

        def arrived(message: Message) -> None:
            round_.downlink_bits = message.sent_bits
            self._deliver(round_, verified.reply)

        self._plant.downlink.put(
            Message(
                (self._request.device, self._request.number, round_.number),
                round_.reply_bits,
                arrived,
                lambda state: ledger.enter(round_.number, DOWNLINK_STATES[state]),
            )
        )


class Verifying(Host):
    """Reads the prompt into the cache once, then judges one payload at a time."""

    _view: CloudView | None = None
    _ready: bool = False
    _prefill_state: str = "prompt_uplink_s"
    _held: tuple[Round, Sealed] | None = None

    def prompt_arrived(self, prompt: bytes) -> None:
        self._view = self._session.cloud(wire.decode_tokens(prompt, self._session.format))
        held_tokens = len(self._view.committed) - 1
        if not held_tokens:
            return self._prefilled()
        self._note_prefill("cloud_queue_s")
        self._plant.cloud.submit(Job(held_tokens, 0, lambda: self._note_prefill("prefill_s"), self._prefilled))

    def payload_arrived(self, round_: Round, sealed: Sealed) -> None:
        """A payload is in the cloud; it waits there for the prompt and its prefill."""
        round_.received_s = self._plant.env.now
        if not self._ready:
            self._held = (round_, sealed)
            self._request.ledger.enter(round_.number, self._prefill_state)
            return
        assert self._view is not None
        ledger, view = self._request.ledger, self._view
        new_tokens = len(view.committed) - view.cached + len(round_.drafts)
        ledger.enter(round_.number, "cloud_queue_s")
        self._plant.cloud.submit(
            Job(
                new_tokens,
                view.cached,
                lambda: ledger.enter(round_.number, "verify_s"),
                lambda: self._judged(round_, sealed),
            )
        )

    def _note_prefill(self, state: str) -> None:
        self._prefill_state = state
        if self._held is not None:
            self._request.ledger.enter(self._held[0].number, state)

    def _prefilled(self) -> None:
        assert self._view is not None
        self._view = self._session.prefill(self._view)
        self._ready = True
        if self._held is not None:
            (round_, sealed), self._held = self._held, None
            self.payload_arrived(round_, sealed)

    def _judged(self, round_: Round, sealed: Sealed) -> None:
        assert self._view is not None
        self._view, verified = self._session.verify(self._view, sealed)
        assert not isinstance(verified, Stale), "a device without pipelining sends one round at a time, in order"
        self._reply(round_, verified)


class Generating(Host):
    """Decodes token after token and sends each down as it comes, without waiting for the device."""

    def prompt_arrived(self, prompt: bytes) -> None:
        view = self._session.cloud(wire.decode_tokens(prompt, self._session.format))
        self._next(view, self._request.rounds[0])

    def _next(self, view: CloudView, round_: Round) -> None:
        ledger, number = self._request.ledger, round_.number
        round_.sent_s = round_.received_s = self._plant.env.now
        serving = "cloud_decode_s" if view.cached else "prefill_s"
        ledger.enter(number, "cloud_queue_s")
        self._plant.cloud.submit(
            Job(
                len(view.committed) - view.cached,
                view.cached,
                lambda: ledger.enter(number, serving),
                lambda: self._decoded(view, round_),
            )
        )

    def _decoded(self, view: CloudView, round_: Round) -> None:
        view, verified = self._session.decode_alone(view)
        if round_.number < self._request.output_tokens:
            following = Round(view.round, self._plant.env.now)
            self._request.rounds.append(following)
            self._next(view, following)
        self._reply(round_, verified)
