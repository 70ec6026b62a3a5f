"""A device in time: it takes its requests one after the other, drafts, sends, and waits for replies."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import lru_cache
from typing import Any, TypeVar

import simpy

from channels.codec import wire
from models.latency import Latency
from simulator.cell.cell import Edge
from simulator.decoding.nodes import Sealed
from simulator.decoding.session import Session
from simulator.results.records import Request, Round
from simulator.results.station import Customer, Station
from simulator.schemes import EdgeOnly
from simulator.schemes.draft_scheme import DraftScheme, State
from simulator.timing.messages import Message
from simulator.timing.serving import Generating, Host, Network, Verifying

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


@lru_cache(maxsize=64)
def _passes_s(latency: Latency) -> Callable[[int, int, int], tuple[float, ...]]:
    """Seconds of each of `passes` passes of one sequence, by (new, cached, passes): the first one runs over `new`
    tokens on top of `cached`, each later one over one more. Worked out once for all devices of a kind."""

    @lru_cache(maxsize=1 << 14)
    def durations_s(new: int, cached: int, passes: int) -> tuple[float, ...]:
        works = [(new, cached), *((1, new + cached + n) for n in range(passes - 1))]
        return tuple(latency.pass_s([work]) for work in works)

    return durations_s


class Device:
    """One edge device with a processor of its own.

    `open_session` makes the decoding of a request; `on_end` hears of each request that has ended, whatever its outcome.
    """

    def __init__(
        self,
        number: int,
        network: Network,
        config: Edge,
        prompt_at_cloud: bool,
        open_session: Callable[[Request, State | None], Session],
        on_end: Callable[[Device, Request], None],
    ) -> None:
        self.number = number
        self.away = False
        self.station = Station(network.env, f"edge {number}")
        self._network = network
        self._config = config
        self._passes_s = _passes_s(config.latency)
        self._prompt_at_cloud = prompt_at_cloud
        self._open_session = open_session
        self._on_end = on_end
        self._queue: list[Request] = []
        self._current: Request | None = None
        self._working: Customer | None = None
        self._messages: list[Message] = []
        self._answers: dict[int, simpy.Event] = {}
        self._host: Host | None = None
        self._wake = network.env.event()
        self._process = network.env.process(self._run())

    def submit(self, request: Request) -> None:
        """A request comes; on a device that is away it is abandoned at once."""
        request.ledger.enter(1, "edge_queue_s")
        self._queue.append(request)
        if self.away:
            self.abort(request, "abandoned")
        elif not self._wake.triggered:
            self._wake.succeed()

    def abort(self, request: Request, outcome: str) -> None:
        """The request ends without an answer, if it has not ended yet."""
        if request in self._queue:
            self._queue.remove(request)
            self._end(request, outcome)
        elif request is self._current:
            self._process.interrupt(outcome)

    def leave(self) -> None:
        """The device is away from now on: what it was asked is abandoned."""
        self.away = True
        for request in (*self._queue, *([self._current] if self._current else [])):
            self.abort(request, "abandoned")

    def come_back(self) -> None:
        """The device is there again."""
        self.away = False

    def _run(self) -> Process[None]:
        state: State | None = None
        while True:
            if not self._queue:
                self._wake = self._network.env.event()
                yield self._wake
                continue
            request = self._current = self._queue.pop(0)
            session = self._open_session(request, state)
            try:
                state = yield from self._serve(request, session)
                outcome = "answered"
            except simpy.Interrupt as interrupt:
                outcome = str(interrupt.cause)
                self._stop()
            if self._host is not None:
                self._host.close()
            self._messages.clear()
            self._answers.clear()
            self._host = self._current = None
            self._end(request, outcome)

    def _end(self, request: Request, outcome: str) -> None:
        request.end(outcome, self._network.env.now)
        self._on_end(self, request)

    def _stop(self) -> None:
        """What is under way for the current request is no longer wanted."""
        for message in self._messages:
            self._network.uplink.withdraw(message)
        if self._working is not None:
            self._end_work()

    def _serve(self, request: Request, session: Session) -> Process[State | None]:
        """Runs the request to its last token; the process's value is the scheme's state at the end, if it has one."""
        if isinstance(session.scheme, DraftScheme):
            return self._speculate(request, session)
        return (self._alone if isinstance(session.scheme, EdgeOnly) else self._listen)(request, session)

    def _alone(self, request: Request, session: Session) -> Process[None]:
        """Decodes with the drafter, token after token; nothing crosses the air."""
        env, branch = self._network.env, session.edge()
        self._begin_work()
        while request.remaining_tokens:
            round_ = Round(branch.round, env.now)
            request.rounds.append(round_)
            request.ledger.enter(branch.round, "draft_s" if branch.cached else "prefill_s")
            yield env.timeout(*self._passes_s(branch.length - branch.cached, branch.cached, 1))
            branch, verified = session.decode_alone(branch)
            round_.sent_s = round_.received_s = round_.verified_s = round_.answered_s = env.now
            round_.edge_passes, round_.committed, round_.measures = 1, 1, verified.measures
            request.commit(verified.committed, env.now)
            request.ledger.close(round_.number)
        self._end_work()

    def _listen(self, request: Request, session: Session) -> Process[None]:
        """Sends the prompt and takes the tokens that the cloud generates, in order: one reply may overtake another."""
        env = self._network.env
        finished = env.event()
        early: dict[int, bytes] = {}
        due = 1

        def deliver(round_: Round, reply: bytes) -> None:
            nonlocal due
            early[round_.number] = reply
            while due in early:
                request.rounds[due - 1].answered_s = env.now
                request.commit(wire.decode_tokens(early.pop(due), session.format), env.now)
                request.ledger.close(due)
                due += 1
            if not request.remaining_tokens and not finished.triggered:
                finished.succeed()

        request.rounds.append(Round(1, env.now))
        request.ledger.enter(1, "prompt_uplink_s")
        self._host = Generating(self._network, session, request, deliver)
        self._send_prompt(request, session, self._host)
        yield finished

    def _speculate(self, request: Request, session: Session) -> Process[State | None]:
        env, ledger = self._network.env, request.ledger
        host = self._host = Verifying(self._network, session, request, self._answer)
        self._send_prompt(request, session, host)
        branch = session.edge()
        while remaining_tokens := request.remaining_tokens:
            round_ = Round(branch.round, env.now)
            request.rounds.append(round_)
            self._begin_work()
            composed = session.compose(branch, remaining_tokens)
            for duration_s in self._passes_s(branch.length - branch.cached, branch.cached, composed.passes):
                if round_.edge_passes < 2:
                    ledger.enter(round_.number, "draft_s" if branch.cached or round_.edge_passes else "prefill_s")
                yield env.timeout(duration_s)
                round_.edge_passes += 1
            ledger.enter(round_.number, "encode_s")
            yield env.timeout(self._config.encode_s_per_draft * len(composed.drafts))
            self._end_work()
            round_.sealed = session.seal(composed)
            answer = self._answers[round_.number] = env.event()
            self._send(request, round_, round_.sealed)
            reply: bytes = yield answer
            round_.answered_s = env.now
            branch, undone = session.resolve(composed, reply)
            assert len(undone.committed) == round_.committed == round_.accepted + 1, "I9: edge and cloud differ"
            request.commit(undone.committed, env.now)
            ledger.close(round_.number)
        return branch.state

    def _begin_work(self) -> None:
        self._working = self.station.arrive(serving=True)

    def _end_work(self) -> None:
        assert self._working is not None
        self.station.leave(self._working)
        self._working = None

    def _send_prompt(self, request: Request, session: Session, host: Host) -> None:
        prompt = wire.encode_tokens(request.prompt.tokens, session.format)
        if self._prompt_at_cloud:
            return host.prompt_arrived(prompt)

        def arrived(message: Message) -> None:
            self._messages.remove(message)
            request.ledger.prompt_arrived()
            host.prompt_arrived(prompt)

        request.ledger.prompt_sent()
        self._put(Message((request.device, request.number, 0), 8 * len(prompt), arrived, lambda _message, _state: None))

    def _send(self, request: Request, round_: Round, sealed: Sealed) -> None:
        round_.sent_s = self._network.env.now
        round_.drafted = len(sealed.sent.drafts)
        round_.payload_bits = sealed.bits
        parts_bits = sealed.parts_bits if len(sealed.parts) > 1 else ()
        index = (request.device, request.number, round_.number)
        self._put(Message(index, sealed.bits, self._payload_arrived, self._payload_does, parts_bits))

    def _put(self, message: Message) -> None:
        self._messages.append(message)
        self._network.uplink.put(message)

    def _payload_does(self, message: Message, state: str) -> None:
        assert self._current is not None
        self._current.ledger.enter(message.index[2], UPLINK_STATES[state])

    def _payload_arrived(self, message: Message) -> None:
        request, host = self._current, self._host
        assert request is not None and isinstance(host, Verifying)
        self._messages.remove(message)
        round_ = request.rounds[message.index[2] - 1]
        round_.uplink_bits, round_.uplink_attempts = message.sent_bits, message.attempts
        host.payload_arrived(round_, message.prefix if message.parts_bits else 1)

    def _answer(self, round_: Round, reply: bytes) -> None:
        self._answers.pop(round_.number).succeed(reply)
