"""An answer decoded to its end before it is timed: what each round of it does, whenever it does it.

Where no time decides tokens, the machines of a request may be run back to back, without a clock. What they would have
told a driver is then known: how many tokens each pass runs over, how many bits each message has, what each row of the
tables holds beside times. Only links and queues are left to be simulated (`timing.request_process`), and requests for
the same answer share it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import nan

from kinds.arrays import Floats
from simulator.cell.scheme import Scheme
from simulator.decoding.nodes import CloudNode, EdgeNode, Payload, Tokens, Verified
from simulator.protocols import machine, protocol_of
from simulator.protocols.accounts import RemainingAnswer, Terms, note_payload
from simulator.protocols.machine import Command, EdgeState, Event, JobDone, MessageArrived, MessageKind, Signal
from simulator.protocols.speculate import SpeculateCloud, SpeculateEdge
from simulator.results.rounds import InstantTransfer, OpenRound, Round, round_table
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.policy import FixedLength


@dataclass(slots=True, eq=False)
class DecodedRound:
    """One round of an answer."""

    number: int
    # At the edge.
    new_tokens: int
    """The tokens of the drafter's first pass, on top of those that are cached."""
    cached_tokens: int
    later_passes: tuple[int, ...]
    """The tokens of each later one."""
    distributions: int
    """Those that the edge encodes."""
    node: EdgeNode
    """The round as it is drafted and sent."""
    payload: Payload
    # In the cloud.
    job: machine.SubmitJob
    """Its pass; there is nothing left to `run`."""
    kept_tokens: int
    """Those that stay in the verifier's cache."""
    verified: Verified
    reply_bits: int
    # At the edge again.
    tokens: Tokens
    """The tokens that it commits, up to the end of the answer."""
    tail_tokens: int
    """How many it commits past that."""
    passes: int
    """Those that it takes the edge's drafter."""

    @property
    def record(self) -> Round:
        """Its record, as far as neither time nor links decide it."""
        notes = OpenRound(self.number, nan, edge_passes=self.passes, verified=self.verified)
        note_payload(notes, self.payload, self.node)
        notes.payload, notes.reply = InstantTransfer(bits=self.payload.bits), InstantTransfer(bits=self.reply_bits)
        return notes.close()


@dataclass(slots=True, eq=False)
class DecodedAnswer:
    """All rounds of an answer, in order."""

    prompt_bits: int = 0
    prefill: machine.SubmitJob | None = None
    """The pass in which the cloud reads it; None: there is nothing to read before the first round."""
    rounds: list[DecodedRound] = field(default_factory=list)
    is_made: bool = False
    """Whether the cloud knows that it is complete."""
    kept: EdgeState | None = None
    """What the device keeps."""
    known: Floats = field(init=False)
    """The records of the rounds as rows (`rounds.TimedRounds`)."""


def is_decodable(scheme: Scheme) -> bool:
    """Whether an answer of this scheme is decoded without a clock: rounds are drafted whole, one after the other, and
    no policy looks at anything."""
    if not isinstance(scheme, DraftScheme) or type(scheme.families.policy).plan is not FixedLength.plan:
        return False
    return protocol_of(scheme) == (SpeculateEdge, SpeculateCloud) and not SpeculateEdge.needs(scheme)


def decoded_answer(terms: Terms, drafts_per_pass: int = 1) -> DecodedAnswer:
    """The answer of a decodable request, made when it is first wanted and remembered beside what was decoded for it.
    `drafts_per_pass`: of the edge's drafter; what its passes are counted by."""
    answers = terms.decoding.tree.answers
    policy = terms.policy, type(terms.decoding.draft_setting.scheme.families.policy)
    key = terms.output_tokens, terms.end_tokens, *policy, drafts_per_pass
    answer = answers.get(key)
    if answer is None:
        answer = _Writer(terms, drafts_per_pass).answer
        if terms.decoding.remember:
            answers[key] = answer
    assert isinstance(answer, DecodedAnswer)
    return answer


class _Writer:
    """Writes down an answer while it is decoded."""

    def __init__(self, terms: Terms, drafts_per_pass: int) -> None:
        self.answer = DecodedAnswer()
        self._drafts_per_pass = drafts_per_pass
        self._read_tokens = 0
        """The tokens up to which the drafter's passes have read: of a block of drafts none is read that it makes."""
        self._remaining = RemainingAnswer(terms)
        self._drafting: tuple[EdgeNode, EdgeNode] | None = None
        """The open round as it began, and as it was drafted."""
        self._payload: Payload | None = None
        self._job: tuple[machine.SubmitJob, JobDone] | None = None
        self._reply_bits = 0
        self.answer.kept = decode_at_once(terms, self._note)
        self.answer.known = round_table([[each.record for each in self.answer.rounds]])

    def _note(self, command: Command, event: Event | None) -> None:
        if isinstance(command, machine.DraftAll):
            assert isinstance(event, machine.RoundDrafted)
            self._drafting = command.node, event.node
        elif isinstance(command, machine.SendMessage):
            if command.kind is MessageKind.PROMPT:
                self.answer.prompt_bits = 8 * len(command.parts[0])
            else:
                self._payload = command.payload
        elif isinstance(command, machine.SubmitJob):
            assert isinstance(event, JobDone)
            command.run = _is_run
            if command.round:
                self._job = command, event
            else:
                self.answer.prefill = command
        elif isinstance(command, machine.SendReply):
            self._reply_bits = 8 * len(command.content)
        elif isinstance(command, machine.FreeCache):
            self.answer.is_made = True
        elif isinstance(command, machine.CloseRound):
            self._close(command.round, command.tokens)

    def _close(self, number: int, tokens: Tokens) -> None:
        assert self._drafting is not None and self._payload is not None and self._job is not None
        (began, node), (job, done) = self._drafting, self._job
        assert done.verified is not None and len(tokens) == done.verified.tokens, "I9: edge and cloud differ"
        kept = self._remaining.take(tokens)
        block, passes = self._drafts_per_pass, -(-(1 + len(node.later_passes)) // self._drafts_per_pass)
        cached = began.cached if block == 1 else min(began.cached, self._read_tokens)
        self._read_tokens = began.length + (passes - 1) * block
        self.answer.rounds.append(
            DecodedRound(
                number,
                new_tokens=began.length - cached,
                cached_tokens=cached,
                later_passes=node.later_passes,
                distributions=node.distributions,
                node=node,
                payload=self._payload,
                job=job,
                kept_tokens=done.node.cached,
                verified=done.verified,
                reply_bits=self._reply_bits,
                tokens=kept,
                tail_tokens=len(tokens) - len(kept),
                passes=passes,
            )
        )


def _is_run() -> tuple[CloudNode, None]:
    raise AssertionError("I10: what is decoded is not decoded again")


def _unnoted(command: Command, event: Event | None) -> None:
    return None


def decode_at_once(terms: Terms, note: Callable[[Command, Event | None], None] = _unnoted) -> EdgeState | None:
    """Both machines of a request back to back, without a clock, to the last token: a reply is there at once, and
    nothing is done behind it. Answers what the device keeps.
    `note` is handed each command before the last, and the event that it leads to at once."""
    protocol = protocol_of(terms.decoding.setting.scheme)
    edge = protocol.edge(terms)
    cloud = None if protocol.cloud is None else protocol.cloud(terms)
    commands: deque[Command] = deque(edge.step(None))
    while True:
        command = commands.popleft()
        event: Event | None = None
        steps: machine.EdgeMachine | machine.CloudMachine = edge
        if isinstance(command, machine.Done):
            return command.kept
        if isinstance(command, machine.SendMessage) and cloud is not None:
            event, steps = MessageArrived(command.kind, command.round, command.parts), cloud
        elif isinstance(command, machine.SubmitJob) and cloud is not None:
            event, steps = JobDone(*command.run()), cloud
        elif isinstance(command, machine.SendReply):
            event = MessageArrived(command.kind, command.round, (command.content,))
        elif isinstance(command, machine.DraftAll):
            event = machine.RoundDrafted(command.make())
        elif isinstance(command, machine.TakeTurn) and not command.hidden:
            event = Signal.TURN
        elif isinstance(command, machine.DraftPass | machine.Encode):
            event = Signal.WORKED
        note(command, event)
        if event is not None:
            commands += steps.step(event)  # type: ignore[arg-type]
