"""A device in time: it takes its requests one after the other, drafts, sends, and waits for replies."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

import simpy

from channels.codec import wire
from simulator.config import Edge
from simulator.decoding import Session
from simulator.link import Message
from simulator.policy import Action, EdgeView
from simulator.records import Request, Round
from simulator.schemes.base import DraftScheme, State
from simulator.serving import Generating, Host, Plant, Verifying
from simulator.station import Station
from simulator.steps import Branch, Sealed

T = TypeVar("T")
Process = Generator[simpy.Event, Any, T]
"""A SimPy process that ends with a T."""

UPLINK_STATES = {
    "queue": "uplink_queue_s",
    "transmit": "uplink_transmit_s",
    "retransmit": "retransmit_s",
    "propagation": "propagation_s",
    "timeout_wait": "timeout_wait_s",
}


class Device:
    """One edge device with a processor of its own. `serve` runs one request and is driven by the workload."""

    def __init__(self, plant: Plant, config: Edge, prompt_at_cloud: bool, number: int) -> None:
        self.number = number
        self._plant = plant
        self._config = config
        self._prompt_at_cloud = prompt_at_cloud
        self.station = Station(plant.env, f"edge {number}")

    def serve(self, request: Request, session: Session, state: State | None) -> Process[State | None]:
        """Runs the request to its last token; the process's value is the scheme's state at the end."""
        if isinstance(session.scheme, DraftScheme):
            return (yield from self._speculate(request, session, session.scheme.entry(state)))
        yield from self._listen(request, session)
        return None

    def _listen(self, request: Request, session: Session) -> Process[None]:
        """Sends the prompt and takes the tokens that the cloud generates."""
        env = self._plant.env
        finished = env.event()

        def deliver(round_: Round, reply: bytes) -> None:
            round_.answered_s = env.now
            request.commit((wire.decode_feedback(reply, session.format)[1],), env.now)
            request.ledger.close(round_.number)
            if not request.remaining_tokens:
                finished.succeed()

        request.rounds.append(Round(1, env.now))
        request.ledger.enter(1, "prompt_uplink_s")
        self._send_prompt(request, session, Generating(self._plant, session, request, deliver))
        yield finished

    def _speculate(self, request: Request, session: Session, state: State) -> Process[State]:
        env = self._plant.env
        answers: dict[int, simpy.Event] = {}

        def deliver(round_: Round, reply: bytes) -> None:
            answers.pop(round_.number).succeed(reply)

        host = Verifying(self._plant, session, request, deliver)
        self._send_prompt(request, session, host)
        branch = session.edge(state)
        while request.remaining_tokens:
            round_ = Round(branch.round, env.now)
            request.rounds.append(round_)
            branch = yield from self._draft(request, session, branch, round_)
            sealed = session.seal(branch)
            answer = answers[round_.number] = env.event()
            self._send(request, host, round_, sealed)
            reply: bytes = yield answer
            round_.answered_s = env.now
            branch, undone = session.resolve(branch, reply)
            assert len(undone.committed) == round_.committed == round_.accepted + 1, "I9: edge and cloud differ"
            request.commit(undone.committed, env.now)
            request.ledger.close(round_.number)
        return branch.state

    def _draft(self, request: Request, session: Session, branch: Branch, round_: Round) -> Process[Branch]:
        """Drafts as long as the policy says, then encodes. Value: the branch to seal."""
        env, latency, ledger = self._plant.env, self._config.latency, request.ledger
        assert isinstance(session.scheme, DraftScheme)
        policy = session.scheme.policy()
        visit = self.station.arrive()
        self.station.begin(visit)
        while True:
            view = EdgeView(len(branch.drafts), branch.full, request.remaining_tokens)
            if policy.next(view) is Action.SEND:
                break
            ledger.enter(branch.round, "draft_s" if branch.cached else "prefill_s")
            yield env.timeout(latency.pass_s([(len(branch.context) - branch.cached, branch.cached)]))
            branch, _ = session.draft(branch)
            round_.edge_passes += 1
        ledger.enter(branch.round, "encode_s")
        yield env.timeout(self._config.encode_s_per_draft * len(branch.drafts))
        self.station.leave(visit)
        round_.drafts = branch.drafts
        return branch

    def _send_prompt(self, request: Request, session: Session, host: Host) -> None:
        prompt = wire.encode_tokens(request.prompt.tokens, session.format)
        if self._prompt_at_cloud:
            return host.prompt_arrived(prompt)

        def arrived(_message: Message) -> None:
            request.ledger.prompt_arrived()
            host.prompt_arrived(prompt)

        request.ledger.prompt_sent()
        self._plant.uplink.put(
            Message((request.device, request.number, 0), 8 * len(prompt), arrived, lambda _state: None)
        )

    def _send(self, request: Request, host: Verifying, round_: Round, sealed: Sealed) -> None:
        round_.sent_s = self._plant.env.now
        round_.payload_bits = 8 * len(sealed.payload)
        ledger = request.ledger

        def arrived(message: Message) -> None:
            round_.uplink_bits, round_.uplink_attempts = message.sent_bits, message.attempts
            host.payload_arrived(round_, sealed)

        self._plant.uplink.put(
            Message(
                (request.device, request.number, round_.number),
                round_.payload_bits,
                arrived,
                lambda state: ledger.enter(round_.number, UPLINK_STATES[state]),
            )
        )
