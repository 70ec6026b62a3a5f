"""Replay of a request of a real run: the machines that served it take again what its journals say that they took, and
its rounds and its ledger note what they command, as in a simulation.

What the real machines sent must be what these command, byte by byte. Every instant is in some state. What takes no time
in the simulator but some in a real run, Python's own, is charged to what it delays: `edge_queue_s` from a reply's
arrival until the edge computes again; `encode_s` from the end of a round's passes until its payload is put;
`cloud_queue_s` from an arrival in the cloud until its pass begins; `verify_s` (`cloud_decode_s`) from the end of the
pass until the reply is put. What the processor does between the passes of a round is charged after them, to `encode_s`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from kinds import ConfigError
from simulator.decoding.decoder import RequestDecoding
from simulator.protocols import machine, protocol_of
from simulator.protocols.accounts import Terms, note_payload
from simulator.results.ledger import Course
from simulator.results.requests import Request
from simulator.results.rounds import InstantTransfer, OpenRound
from simulator.testbed.journal import RoundComputed, TextRead, UplinkSeen
from simulator.testbed.packet_header import REPLIES, MessageAddress, PacketKind
from simulator.testbed.replayed.run_record import RunRecord
from simulator.timing.request_process import DOWNLINK_STATES, UPLINK_STATES, ServedRequest

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


class ReplayedRequest(ServedRequest):
    """Request with both its ends. Each call is about an event that happens now."""

    def __init__(
        self,
        clock: ReplayClock,
        request: Request,
        decoding: RequestDecoding,
        policy: tuple[float, ...] | None,
        record: RunRecord,
        submitted_s: dict[JobKey, float],
    ) -> None:
        """`submitted_s`: takes in when each job of the request is submitted."""
        super().__init__(request, clock)
        self.kept: machine.EdgeState | None = None
        """What the device keeps of it."""
        self._record = record
        self._submitted_s = submitted_s
        self._protocol = protocol_of(decoding.setting.scheme)
        self._terms = Terms(decoding, request.output_tokens, request.end_tokens, policy)
        self._edge = self._protocol.edge(self._terms)
        make = self._protocol.cloud
        assert make is not None, "a protocol with a far end (plan.check)"
        self._cloud = make(self._terms)
        self._contents: dict[MessageAddress, bytes] = {}
        """Messages that were put."""
        self._commanded: dict[MessageAddress, bytes] = {}
        """Messages that the machines have commanded."""
        # At the edge.
        self._drafting: machine.DraftAll | None = None
        self._made = 0
        """Drafts so far of the round that a reply has cut."""
        self._reading: machine.DraftPass | None = None
        self._settled = False
        """Whether nothing is out behind which it could read."""
        # In the cloud.
        self._job: machine.SubmitJob | None = None
        self._in_cloud: set[int] = set()
        """Rounds that have arrived in the cloud, or begun there, and whose reply is not put."""

    def start(self) -> None:
        """Begins its serving."""
        self._carry_out(self._edge.step(None))

    def end(self, tokens: tuple[int, ...]) -> Request:
        """The answer is complete; returns its request. Raises RealRunError where it is another."""
        if tokens != tuple(self._request.tokens):
            raise self._differs(None, "answer", tokens, tuple(self._request.tokens))
        if self._request.remaining_tokens:
            raise self._differs(None, "tokens still to come at its end", self._request.remaining_tokens, 0)
        self._show()
        self._request.end("answered", self._clock.now)
        return self._request

    # The edge's processor.

    def computing(self, computed: RoundComputed) -> None:
        """The edge begins to draft a round: how long its passes take is known."""
        number, start_s, command = computed.round, computed.began_s, self._drafting
        round_ = self._request.open.get(number)
        if command is None or command.round != number or round_ is None:
            raise self._differs(number, "drafted round", number, None if command is None else command.round)
        ends_s = list(accumulate(computed.passes_s, initial=start_s))[1:]
        self._passes(round_, command.node.cached, start_s, ends_s, hidden=command.hidden)

    def computed(self, computed: RoundComputed) -> None:
        """Ends the edge's work on a round, encoded or cut."""
        command = self._drafting
        if command is None or command.round != computed.round:
            raise self._differs(computed.round, "drafted round", computed.round, "the one that was begun")
        self._show()
        if computed.cut:
            self._made = len(computed.passes_s)
        else:
            self._drafting = None
            self._carry_out(self._edge.step(machine.RoundDrafted(command.make())))

    def reading(self) -> None:
        """The drafter begins to read."""
        if self._reading is not None and not self._settled:
            self._hidden_since_s = self._clock.now
            self._reads = self._reading.node.length - self._reading.node.cached

    def has_read(self, read: TextRead) -> None:
        """Ends the reading of a text."""
        command, self._reading = self._reading, None
        if command is None or command.round != read.round:
            raise self._differs(read.round, "text read", read.round, None if command is None else command.round)
        self._show()
        self._carry_out(self._edge.step(machine.Signal.WORKED))

    def looks(self, seen: UplinkSeen) -> None:
        """The edge machine is told the time."""
        self._carry_out(self._edge.step(machine.TimeIs(seen.at_s, seen.put_s, seen.payload_bits, seen.link)))

    # Messages.

    def put(self, address: MessageAddress, content: bytes, transfer: InstantTransfer, course: Course) -> None:
        """A message is put; `course`: its states until it has arrived. Raises RealRunError where it is not the one that
        the machine has commanded."""
        kind, round_ = address.kind, self._request.open.get(address.round)
        self._contents[address] = content
        self._check(address, content)
        if kind is PacketKind.PROMPT:
            self._ledger.prompt_sent()
        if kind in REPLIES:
            self._in_cloud.discard(address.round)
        if round_ is None:
            return
        if kind in REPLIES:
            round_.reply = transfer
            self._ledger.enter_all(round_.number, course, DOWNLINK_STATES, reply=True)
        elif kind in (PacketKind.PAYLOAD, PacketKind.COUNT):
            round_.payload = transfer
            self._ledger.enter_all(round_.number, course, UPLINK_STATES)

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
        elif address.kind in REPLIES:
            self._enter(address.round, "edge_queue_s", reply=True)
        elif address.kind is not PacketKind.JOIN:
            self._in_cloud.add(address.round)
            before_prompt = self._job_state == "prompt_uplink_s"
            self._enter(address.round, self._job_state if before_prompt else "cloud_queue_s")

    def taken(self, address: MessageAddress) -> None:
        """A machine takes a message."""
        content = self._contents.get(address)
        if content is None:
            raise self._differs(address.round, address.kind.name.lower(), "taken", "put before")
        arrived = machine.MessageArrived(machine.MessageKind(address.kind), address.round, (content,))
        step = self._edge.step if address.kind in REPLIES else self._cloud.step
        self._carry_out(step(arrived))

    # The cloud's passes.

    def passes(self, number: int, reads: bool) -> None:
        """Moves its job into a pass, one that only reads or not."""
        job = self._current_job(number)
        self._enter_job("prefill_s" if reads else job.serves)

    def passed(self, number: int) -> None:
        """The pass has ended."""
        job = self._current_job(number)
        self._enter_job(job.serves if number else "cloud_queue_s")
        self._job, self._behind_job = None, 0
        self._carry_out(self._cloud.step(machine.JobDone(*job.run())))

    def _current_job(self, number: int) -> machine.SubmitJob:
        if number and self._job is not None and self._job.round == 0:
            self._carry_out(self._cloud.step(machine.Signal.JOINS))
        if self._job is None or self._job.round != number:
            raise self._differs(number, "round in a pass", number, None if self._job is None else self._job.round)
        return self._job

    def _enter_job(self, state: str) -> None:
        self._job_state = state
        self._enter((self._job.round if self._job is not None else 0) or self._behind_job, state)

    # Commands.

    def _carry_out(self, commands: Sequence[machine.EdgeCommand | machine.CloudCommand]) -> None:
        request, now_s = self._request, self._clock.now
        for command in commands:
            match command:
                case machine.BeginRound(number):
                    self._begin(number)
                case machine.DraftAll(number):
                    self._drafting = command
                    if number not in request.open:
                        self._begin(number)
                case machine.TakeTurn(number):
                    if number not in request.open:
                        self._begin(number)
                    self._carry_out(self._edge.step(machine.Signal.TURN))
                case machine.DraftPass(number):
                    self._reading = command
                    request.open[number].edge_passes += 1  # it may close before the pass ends
                case machine.SendMessage(kind, number, parts, payload, node):
                    self._commanded[self._address(kind, number)] = b"".join(parts)
                    if payload is not None and node is not None:
                        note_payload(request.open[number], payload, node)
                case machine.CloseRound(number, tokens):
                    request.close_round(number, tokens, now_s)
                    if not request.open:  # what the next one begins with
                        self._ledger.enter(number + 1, "edge_queue_s")
                case machine.FlushRounds(rounds, cut):
                    self._flush(rounds, cut)
                case machine.Order.STOP:
                    self._show()
                    self._reading = None
                case machine.Order.SETTLED:
                    self._show()
                    self._settled = True
                    if self._drafting is not None:
                        self._drafting.hidden = False
                case machine.Done(kept):
                    self.kept = kept
                    self._ledger.enter(_AFTER_ANSWER, "edge_queue_s")
                case machine.EnterState(number, state):
                    if state is None:
                        self._behind_job = number
                    self._enter(number, state or self._job_state)
                case machine.OpenInCloud(number, drafts):
                    self._open_in_cloud(number, drafts)
                case machine.SubmitJob():
                    key = request.device, request.number
                    submitted_s = self._submitted_s.pop((*key, 0), now_s) if command.joins else now_s
                    self._job, self._submitted_s[*key, command.round] = command, submitted_s
                    self._enter_job("cloud_queue_s")
                case machine.DropRounds(dropped, void):
                    if void:
                        self._ledger.void(void)
                    for number in dropped:
                        self._in_cloud.discard(number)
                        if number in request.open:
                            request.open[number].dropped = True
                case machine.SendReply(kind, number, content, verified):
                    self._commanded[self._address(kind, number)] = content
                    if verified is not None and number in request.open:
                        request.open[number].verified = verified

    def _address(self, kind: machine.MessageKind, number: int) -> MessageAddress:
        """The address of a message that the machines have commanded now."""
        return MessageAddress(PacketKind(kind), self._request.device, self._request.number, number)

    def _flush(self, rounds: Sequence[tuple[int, int]], cut: int | None) -> None:
        for number, drafts in rounds:
            on_air_bits, _ = self._record.sent(self._address(machine.MessageKind.PAYLOAD, number))
            self._request.flush_round(number, drafts, on_air_bits, self._clock.now)
        if cut is not None:
            self._request.flush_round(cut, self._made, 0, self._clock.now)
            self._drafting, self._made = None, 0
        self._show()

    def _begin(self, number: int) -> None:
        self._request.begin_round(number, self._clock.now)
        self._ledger.enter(number, "edge_queue_s")

    def _open_in_cloud(self, number: int, drafts: int) -> None:
        """A round that begins a second time, in a cloud that has restarted, is open already, or over."""
        request = self._request
        if number not in request.open:
            if request.rounds and number <= request.rounds[-1].round:
                return
            request.begin_round(number, self._clock.now)
        round_: OpenRound = request.open[number]
        if not round_.payload.put_s >= 0:
            round_.payload = InstantTransfer.instant(self._clock.now)
        round_.drafted = drafts
        self._in_cloud.add(number)

    def _enter(self, number: int, state: str, from_s: float | None = None, *, reply: bool = False) -> None:
        """A round that is not over, or its reply, is in this state."""
        if number in self._request.open:
            self._ledger.enter(number, state, from_s, reply)

    def _differs(self, number: int | None, what: str, real: object, decoded: object) -> RealRunError:
        where = f"device {self._request.device}, request {self._request.number}"
        if number is not None:
            where = f"{where}, round {number}"
        return RealRunError(f"{where}: {what} = {_shown(real)}: must be {_shown(decoded)}, as decoded again")


def _shown(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    return f"{len(value)} bytes {value[:_SHOWN].hex()}{'...' if len(value) > _SHOWN else ''}"
