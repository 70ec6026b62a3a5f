"""One request of a real run, replayed: the machines that served it take again what its journals say that they took, and
its rounds and its ledger note what they command, as in a simulation.

What the real machines sent must be what these command, byte by byte. Every instant is in some state. What takes no time
in the simulator but some in a real run, Python's own, is charged to what it delays: `edge_queue_s` from a reply's
arrival until the edge computes again; `encode_s` from the end of a round's passes until its payload is put;
`cloud_queue_s` from an arrival in the cloud until its pass begins; `verify_s` (`cloud_decode_s`) from the end of the
pass until the reply is put. What the processor does between the passes of a round is charged after them, to `encode_s`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from kinds import ConfigError
from simulator.decoding.decoder import RequestDecoding
from simulator.protocols import protocol_of
from simulator.protocols.accounts import Terms, note_payload
from simulator.protocols.machine import (
    BeginRound,
    CloseRound,
    CloudCommand,
    CloudMachine,
    Done,
    DraftAll,
    DropRounds,
    EdgeCommand,
    EdgeState,
    EnterState,
    FlushRounds,
    JobDone,
    MessageArrived,
    MessageKind,
    OpenInCloud,
    Order,
    RoundDrafted,
    SendMessage,
    SendReply,
    SubmitJob,
)
from simulator.results.requests import Request
from simulator.results.rounds import At, OpenRound
from simulator.testbed.endpoints.restoration import unpack_restored
from simulator.testbed.journal import RoundComputed
from simulator.testbed.packet_header import SIMULATED, MessageAddress, PacketKind
from simulator.testbed.replayed.replayed_link import ReplayedLink, transfer_with
from simulator.timing.driver import DOWNLINK_STATES, UPLINK_STATES
from simulator.timing.messages import Message

JobKey = tuple[int, int, int]
"""(device, request, round); round 0 is a prefill."""
_AFTER_ANSWER = 1 << 30
"""A round's number, for the time from the last token until the device has put the request away."""
_SHOWN = 24
"""Bytes of each of two contents that differ."""


class RealRunError(ConfigError):
    """A real run that has decoded or sent something else than the simulator, or has not come to its end: on one line,
    device, request, round, and what differs."""


@dataclass(slots=True)
class ReplayClock:
    """Seconds since the run's zero."""

    now: float = 0.0


class ReplayedRequest:
    """Both ends of one request. Each call is about something that happens now."""

    def __init__(
        self,
        clock: ReplayClock,
        request: Request,
        decoding: RequestDecoding,
        policy: tuple[float, ...] | None,
        aired_bits: Mapping[MessageAddress, int],
        submitted_s: dict[JobKey, float],
    ) -> None:
        """`aired_bits`: of each message, all that was on the link for it. `submitted_s`: takes in when each job of the
        request is submitted."""
        self.request = request
        self.kept: EdgeState | None = None
        """What the device keeps of it."""
        self._clock = clock
        self._aired_bits = aired_bits
        self._submitted_s = submitted_s
        self._ledger = request.ledger
        self._format = decoding.format
        self._protocol = protocol_of(decoding.setting.scheme)
        self._terms = Terms(decoding, request.output_tokens, request.end_tokens, policy)
        self._edge = self._protocol.edge(self._terms)
        self._cloud = self._new_cloud()
        self._contents: dict[MessageAddress, bytes] = {}
        """Messages that were put."""
        self._commanded: dict[MessageAddress, bytes] = {}
        """Messages that the machines have commanded."""
        # At the edge.
        self._drafting: DraftAll | None = None
        self._made = 0
        """Drafts so far of the round that a reply has cut."""
        self._hidden_since_s: float | None = None
        """Since when the processor has worked behind a verification result."""
        # In the cloud.
        self._job: SubmitJob | None = None
        self._job_state = "prompt_uplink_s"
        """What the latest job does, a column of BREAKDOWN."""
        self._behind_job = 0
        """The round whose time is a prefill's; 0: none."""
        self._in_cloud: set[int] = set()
        """Rounds that have arrived in the cloud, or begun there, and whose reply is not put."""

    def start(self) -> None:
        """Its serving begins."""
        self._carry_out(self._edge.step(None))

    def end(self, tokens: tuple[int, ...]) -> None:
        """The answer is complete. Raises RealRunError where it is another."""
        if tokens != tuple(self.request.tokens):
            raise self._differs(None, "answer", tokens, tuple(self.request.tokens))
        if self.request.remaining_tokens:
            raise self._differs(None, "tokens still to come at its end", self.request.remaining_tokens, 0)
        self._show()
        self.request.end("answered", self._clock.now)

    # The edge's processor.

    def computing(self, computed: RoundComputed) -> None:
        """The edge begins to draft a round: how long its passes take is known."""
        number, start_s, command = computed.round, computed.began_s, self._drafting
        round_ = self.request.open.get(number)
        if command is None or command.round != number or round_ is None:
            raise self._differs(number, "drafted round", number, None if command is None else command.round)
        ends_s = list(accumulate(computed.passes_s, initial=start_s))[1:]
        self._ledger.enter(number, "draft_s" if command.node.cached else "prefill_s", start_s)
        if ends_s and not command.node.cached:
            self._ledger.enter(number, "draft_s", ends_s[0])
        if ends_s:  # one that was cut in its first pass is void, and no time is charged to it
            self._ledger.enter(number, "encode_s", ends_s[-1])
        round_.edge_passes, round_.pass_ends_s = len(ends_s), ends_s
        self._hidden_since_s = start_s if command.hidden else None

    def computed(self, computed: RoundComputed) -> None:
        """It has encoded it, or was cut."""
        command = self._drafting
        if command is None or command.round != computed.round:
            raise self._differs(computed.round, "drafted round", computed.round, "the one that was begun")
        self._show()
        if computed.cut:
            self._made = len(computed.passes_s)
        else:
            self._drafting = None
            self._carry_out(self._edge.step(RoundDrafted(command.make())))

    def _show(self) -> None:
        """The processor's work is hidden behind no verification result from now on."""
        if self._hidden_since_s is not None:
            self.request.hidden_draft_s += self._clock.now - self._hidden_since_s
            self._hidden_since_s = None

    # Messages.

    def put(self, address: MessageAddress, content: bytes, link: ReplayedLink) -> None:
        """A message is put, for the second time where the cloud has restarted. Raises RealRunError where it is not the
        one that the machine has commanded."""
        number, kind = address.round, address.kind
        self._contents[address] = content
        if kind not in SIMULATED:
            link.put(address, content)
            return
        self._check(address, content)
        if kind is PacketKind.PROMPT:
            self._ledger.prompt_sent()
            link.put(address, content)
            return
        round_ = self.request.open.get(number)
        if kind is PacketKind.REPLY:
            self._in_cloud.discard(number)
            message = link.put(address, content, self._on_downlink)
            if round_ is not None:
                round_.reply = transfer_with(round_.reply, message)
        else:
            message = link.put(address, content, self._on_uplink)
            if round_ is not None:
                round_.payload = transfer_with(round_.payload, message)

    def _check(self, address: MessageAddress, content: bytes) -> None:
        what, commanded = address.kind.name.lower(), self._commanded.get(address)
        if commanded is None:
            raise self._differs(address.round, what, content, "none")
        if content != commanded:
            pairs = enumerate(zip(content, commanded, strict=False))
            at = next((at for at, (one, other) in pairs if one != other), min(len(content), len(commanded)))
            start = max(0, at - 2)
            what = f"{what} of {len(content)} bytes differs from byte {at} on"
            raise self._differs(address.round, what, *(each[start:][:_SHOWN].hex() for each in (content, commanded)))

    def received(self, address: MessageAddress) -> None:
        """A message is at its far end, and waits until it is taken."""
        if address.kind is PacketKind.PROMPT:
            self._ledger.prompt_arrived()
            self._job_state = "cloud_queue_s"
            self._enter(self._behind_job, self._job_state)
        elif address.kind is PacketKind.REPLY:
            if address.round in self.request.open:
                self._ledger.reply(address.round, "edge_queue_s")
        elif address.kind in (PacketKind.PAYLOAD, PacketKind.COUNT):
            self._in_cloud.add(address.round)
            before_prompt = self._job_state == "prompt_uplink_s"
            self._enter(address.round, self._job_state if before_prompt else "cloud_queue_s")

    def taken(self, address: MessageAddress) -> None:
        """A machine takes a message."""
        content = self._contents[address]
        if address.kind is PacketKind.RESTORE:
            self._carry_out(self._cloud.step(unpack_restored(content, self._format)))
            return
        arrived = MessageArrived(MessageKind(address.kind), address.round, (content,))
        step = self._edge.step if address.kind is PacketKind.REPLY else self._cloud.step
        self._carry_out(step(arrived))

    def _on_uplink(self, message: Message, state: str) -> None:
        self._enter(message.index[2], UPLINK_STATES[state], message.since_s)

    def _on_downlink(self, message: Message, state: str) -> None:
        if message.index[2] in self.request.open:
            self._ledger.reply(message.index[2], DOWNLINK_STATES[state], message.since_s)

    # The cloud's passes.

    def passes(self, number: int, reads: bool) -> None:
        """Its job is in a pass, one that only reads, or not."""
        job = self._current_job(number)
        self._enter_job("prefill_s" if reads else job.serves)

    def passed(self, number: int) -> None:
        """The pass has ended."""
        job = self._current_job(number)
        self._enter_job(job.serves if number else "cloud_queue_s")
        self._job, self._behind_job = None, 0
        self._carry_out(self._cloud.step(JobDone(*job.run())))

    def _current_job(self, number: int) -> SubmitJob:
        if self._job is None or self._job.round != number:
            raise self._differs(number, "round in a pass", number, None if self._job is None else self._job.round)
        return self._job

    def _enter_job(self, state: str) -> None:
        self._job_state = state
        self._enter((self._job.round if self._job is not None else 0) or self._behind_job, state)

    def cloud_killed(self) -> None:
        """What was in the cloud is there no more, and waits for another one."""
        for number in self._in_cloud:
            self._enter(number, "cloud_queue_s")
        self._in_cloud.clear()
        self._job, self._behind_job = None, 0
        self._cloud = self._new_cloud()

    def _new_cloud(self) -> CloudMachine:
        make = self._protocol.cloud
        assert make is not None, "a protocol with a far end (plan.check)"
        return make(self._terms)

    # Commands.

    def _carry_out(self, commands: Sequence[EdgeCommand | CloudCommand]) -> None:
        request, now_s = self.request, self._clock.now
        for command in commands:
            match command:
                case BeginRound(number):
                    self._begin(number)
                case DraftAll(number):
                    self._drafting = command
                    if number not in request.open:
                        self._begin(number)
                case SendMessage(kind, number, parts, payload, node):
                    self._commanded[self._address(kind, number)] = b"".join(parts)
                    if payload is not None and node is not None:
                        note_payload(request.open[number], payload, node)
                case CloseRound(number, tokens):
                    request.close_round(number, tokens, now_s)
                case FlushRounds(rounds, cut):
                    self._flush(rounds, cut)
                case Order.SETTLED:
                    self._show()
                    if self._drafting is not None:
                        self._drafting.hidden = False
                case Done(kept):
                    self.kept = kept
                    self._ledger.enter(_AFTER_ANSWER, "edge_queue_s")
                case EnterState(number, state):
                    if state is None:
                        self._behind_job = number
                    self._enter(number, state or self._job_state)
                case OpenInCloud(number, drafts):
                    self._open_in_cloud(number, drafts)
                case SubmitJob():
                    self._job = command
                    self._submitted_s[request.device, request.number, command.round] = now_s
                    self._enter_job("cloud_queue_s")
                case DropRounds(dropped, void):
                    if void:
                        self._ledger.void(void)
                    for number in dropped:
                        self._in_cloud.discard(number)
                        if number in request.open:
                            request.open[number].dropped = True
                case SendReply(kind, number, content, verified):
                    self._commanded[self._address(kind, number)] = content
                    if verified is not None and number in request.open:
                        request.open[number].verified = verified

    def _address(self, kind: MessageKind, number: int) -> MessageAddress:
        return MessageAddress(PacketKind(kind), self.request.device, self.request.number, number)

    def _flush(self, rounds: Sequence[tuple[int, int]], cut: int | None) -> None:
        for number, drafts in rounds:
            on_air_bits = self._aired_bits[self._address(MessageKind.PAYLOAD, number)]
            self.request.flush_round(number, drafts, on_air_bits, self._clock.now)
        if cut is not None:
            self.request.flush_round(cut, self._made, 0, self._clock.now)
            self._drafting, self._made = None, 0
        self._show()

    def _begin(self, number: int) -> None:
        self.request.begin_round(number, self._clock.now)
        self._ledger.enter(number, "edge_queue_s")

    def _open_in_cloud(self, number: int, drafts: int) -> None:
        """A round that begins a second time, in a cloud that has restarted, is open already, or over."""
        request = self.request
        if number not in request.open:
            if request.rounds and number <= request.rounds[-1].round:
                return
            request.begin_round(number, self._clock.now)
        round_: OpenRound = request.open[number]
        if not round_.payload.put_s >= 0:
            round_.payload = At.instant(self._clock.now)
        round_.drafted = drafts
        self._in_cloud.add(number)

    def _enter(self, number: int, state: str, from_s: float | None = None) -> None:
        """A round that is not over is in this state."""
        if number in self.request.open:
            self._ledger.enter(number, state, from_s)

    def _differs(self, number: int | None, what: str, real: object, decoded: object) -> RealRunError:
        where = f"device {self.request.device}, request {self.request.number}"
        if number is not None:
            where = f"{where}, round {number}"
        return RealRunError(f"{where}: {what} = {_shown(real)}: must be {_shown(decoded)}, as decoded again")


def _shown(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    return f"{len(value)} bytes {value[:_SHOWN].hex()}{'...' if len(value) > _SHOWN else ''}"
