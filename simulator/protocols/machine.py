"""The seam between protocols and what drives them: events go into a machine, commands come out.

A protocol is a pair of machines, one at the edge and one in the cloud, which share nothing: between them cross only
messages that carry bytes. A machine knows no clock and waits for nothing. A driver (`timing.request_process` with
SimPy, `testbed` with asyncio, `predecode` with no clock at all) hands it one event at a time and
carries out the commands that it answers with, in their order. Of these the last alone may bring about an event at once.

What commands do about rounds (`BeginRound`, `EnterState`, `CloseRound`, ...) is the only way in which a ledger or an
open round changes. A machine names its links by role; which link that is, the driver knows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from math import nan
from typing import ClassVar, Final, NamedTuple, TypeAlias, TypeVar

from simulator.cell.scheme import Scheme
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.nodes import CloudNode, EdgeNode, Parts, Payload, Tokens, Verified
from simulator.protocols.accounts import Terms
from simulator.results.rounds import NOTHING_PREPARED, Preparation
from simulator.schemes.policy import SeenLink

LinkRole = str
"""Role of a link for a machine."""
UPLINK: Final[LinkRole] = "uplink"
DOWNLINK: Final[LinkRole] = "downlink"


class MessageKind(IntEnum):
    """Kind of a message in its header, beside its round; no number is one of `testbed.packet_header`'s for something
    else."""

    PROMPT = 1
    """Up, round 0: the tokens of the prompt."""
    PAYLOAD = 2
    """Up: the drafts of a round."""
    REPLY = 3
    """Down: the verification result of a round, or its tokens."""
    BRANCHES = 14
    """Up: payloads of the round, each for one outcome of the round before it, whose verification result is out."""
    COUNT = 4
    """Up: how many tokens the cloud is to decode by itself, a round each."""
    JOIN = 12
    """Up, a bare header: the cloud is to decode no further by itself, the edge drafts. Its round is the one that its
    sender waits for, of whose payload it is no part."""
    LAST = 13
    """Down: as REPLY, to the last round that the cloud has decoded before the edge drafts."""


class Need(Enum):
    """Needs that not every driver meets. A driver that lacks what a machine needs refuses the scheme."""

    LOOKAHEAD = "rounds drafted ahead of their verification results"
    TREES_AHEAD = "rounds drafted ahead of the verification results of trees"
    PARTS = "rounds that go out in parts, while they are drafted"
    LOOKS = "a policy that decides as time goes by"
    EDGE_ONLY = "answers that never cross the air"
    CLOUD_FIRST = "answers that the cloud begins while the edge reads the prompt"
    PREPARES = "rounds prepared for several verification results"


class EdgeState(NamedTuple):
    """State that a device keeps from one request to the next: the scheme's, the policy's, and the number of tokens of
    the text in the drafter's cache."""

    scheme: tuple[float, ...] = ()
    policy: tuple[float, ...] = ()
    cached: int = 0


# Events.


@dataclass(slots=True)
class MessageArrived:
    """A message from the other end is here: all of it, or the leading parts of one that was sent in parts."""

    kind: MessageKind
    round: int
    parts: Parts


@dataclass(slots=True)
class RoundDrafted:
    """The round of a `DraftAll` is drafted and encoded."""

    node: EdgeNode


@dataclass(slots=True)
class TimeIs:
    """The answer to `Order.LOOK`."""

    now_s: float
    put_s: float
    """Time at which the request's edge last put bits of a round on the uplink."""
    payload_bits: int
    """The length of the payload that it put last."""
    link: SeenLink
    """State of the uplink as far as the device has seen it."""
    drafts_per_pass: int = 1
    """Number of drafts per pass of its drafter."""
    watts: float = nan
    """Power of the device's processor at work, W; nan: not known."""


@dataclass(slots=True)
class JobDone:
    """The job's last pass has ended."""

    node: CloudNode
    """The cloud's side after it."""
    verified: Verified | None = None
    """Verification result of a round; None: it was a prefill."""
    batch: int = 1
    """Jobs in its last pass, itself included."""
    queue_s: float = 0.0
    """Time for which it waited for passes."""
    serve_s: float = 0.0
    """Time that it was in passes."""


class Signal(Enum):
    """Events that carry nothing."""

    TURN = "the processor is this request's"
    WORKED = "the pass, or the encoding, is done"
    WAITED = "the time of a `WaitUntil` has come, and the processor is this request's again"
    JOINS = "the job that was submitted last waits, and a job may take its place"


Event: TypeAlias = MessageArrived | RoundDrafted | TimeIs | JobDone | Signal


# Commands of either end.


@dataclass(slots=True)
class EnterState:
    """The round's time is charged to this state, a column of BREAKDOWN, from now on; None: to what the job under way
    does, now and later."""

    round: int
    state: str | None


# Commands of the edge.


@dataclass(slots=True)
class BeginRound:
    """A round begins at the edge, whose processor is not wanted for it: else it begins with the first `TakeTurn` or
    `DraftAll` for it."""

    round: int


@dataclass(slots=True)
class TakeTurn:
    """The processor is wanted for this round, until `Order.REST`. Answered by `Signal.TURN`."""

    round: int
    hidden: bool = False
    """True if it is wanted behind a message that is out, to which its round's time is charged."""


@dataclass(slots=True)
class DraftAll:
    """The processor, once it is free, drafts a whole round of so many drafts and encodes it, and is let go. Answered by
    `RoundDrafted`, unless a `FlushRounds` cuts it before."""

    round: int
    session: EdgeSession
    node: EdgeNode
    drafts: int
    hidden: bool = False
    """True if that happens behind a verification result that is still out."""
    made: int = 0
    """The number of its passes that were made already, each a `PreparePass`."""

    def make(self) -> EdgeNode:
        """Makes the drafter's passes."""
        return self.session.compose(self.node, self.drafts)


@dataclass(slots=True)
class DraftPass:
    """The processor makes the drafter's next pass of an open round. Answered by `Signal.WORKED`."""

    round: int
    node: EdgeNode
    hidden: bool = False
    """True if that happens behind a message that is out, to which its round's time is charged."""


@dataclass(slots=True)
class PreparePass:
    """The processor makes a pass over so many tokens, on top of those that are cached, one of each branch that may
    follow a round whose reply is out. `made`: the passes before it. Answered by `Signal.WORKED`, unless the machine
    gives it up."""

    round: int
    tokens: int
    cached: int
    made: int


@dataclass(slots=True)
class Encode:
    """The processor encodes so many drafts. Answered by `Signal.WORKED`."""

    round: int
    drafts: int
    hidden: bool = False
    """True if that happens behind a message that is out, to which its round's time is charged."""


@dataclass(slots=True)
class WaitUntil:
    """The processor is let go until this time, then taken again. Answered by `Signal.WAITED`."""

    round: int
    until_s: float


class Order(Enum):
    """Commands that carry nothing."""

    STOP = "the work, or the wait, that is under way is given up"
    REST = "the processor is let go"
    LOOK = "the time is wanted, and what the uplink has shown; answered by `TimeIs`"
    AWAIT = "the device waits for messages in answer to what it has sent last"
    SETTLED = "nothing is out that the device waits for"
    JOIN = "a round has come while its prompt is read; answered by `Signal.JOINS` if no pass of that is under way"


@dataclass(slots=True)
class SendMessage:
    """A message goes to the cloud."""

    kind: MessageKind
    round: int
    parts: Parts
    payload: Payload | None = None
    """Payload of the parts, if they carry drafts."""
    node: EdgeNode | None = None
    """The round that they are of, as far as it is drafted."""
    grows: bool = False
    """True if `AddPart` follows."""
    replies: int = 1
    """Number of replies for which the device waits once all of it is put; 0: none, or as long as `Order.AWAIT` and
    `SETTLED` say."""


@dataclass(slots=True)
class SendBranches:
    """Command that sends a message with branches of a round, which has not begun; `number`: 1, 2, ... of its
    messages."""

    round: int
    number: int
    content: bytes


@dataclass(slots=True)
class DropBranches:
    """Command that cancels the messages with branches behind a round whose outcome is known. `kept`: the message that
    holds the branch of that outcome, which has so many bits of it, if any does."""

    round: int
    kept: int | None = None
    kept_bits: int = 0


@dataclass(slots=True)
class TakeBranch:
    """Command by which a branch that was sent is the round now: that of the message with this number."""

    round: int
    number: int
    payload: Payload
    node: EdgeNode


@dataclass(slots=True)
class AddPart:
    """Command that adds a part to the message that grows; b"" is the bare word that it ends. `ends`: none follows."""

    part: bytes
    ends: bool
    payload: Payload | None = None
    node: EdgeNode | None = None


@dataclass(slots=True)
class CloseRound:
    """The round's tokens are at the edge."""

    round: int
    tokens: Tokens
    decoded: Verified | None = None
    """Tokens that were decoded, if nothing of the round crossed the air."""
    prepared: Preparation = NOTHING_PREPARED
    """Branches that the edge has drafted while the round was out."""


@dataclass(slots=True)
class FlushRounds:
    """Command that voids these rounds, each with its number of drafts, which were drafted on drafts that were not
    accepted: they are void, and their messages are not wanted any more. `cut`: the round that is drafted now, void
    too."""

    rounds: Sequence[tuple[int, int]]
    cut: int | None = None


@dataclass(slots=True)
class Done:
    """The answer is complete."""

    kept: EdgeState | None


# Commands of the cloud.


@dataclass(slots=True)
class OpenInCloud:
    """Command that opens a round for which nothing crosses the uplink. It begins now unless the edge has opened it; it
    has `drafts` drafts."""

    round: int
    drafts: int = 0


@dataclass(slots=True)
class OpenBranch:
    """Command that opens the round of a branch that has come, unless the edge has."""

    round: int


@dataclass(slots=True)
class SubmitJob:
    """A pass is wanted over the first `text_tokens` of the text, of which the first `read_tokens` are only read.
    Answered by `JobDone`. There is one at a time."""

    round: int
    """0: no round's, a prefill."""
    text_tokens: int
    read_tokens: int
    run: Callable[[], tuple[CloudNode, Verified | None]]
    """Computation of the job; `JobDone` brings its result. `CloudNode.cached` of the session's text stay in the
    cache."""
    serves: str
    """The column of BREAKDOWN for passes over tokens that are new."""
    cloud_drafts: int = 0
    """Drafts that a drafter in the cloud makes before it."""
    verified_drafts: int | None = None
    """Drafts verified behind it; None: it is no round's."""
    joins: bool = False
    """True if it takes the place of the job before it."""


@dataclass(slots=True)
class FreeCache:
    """The answer is made, as far as the cloud knows: the session's cache is freed."""


@dataclass(slots=True)
class DropRounds:
    """Command that notes rounds whose payloads were dropped before they were decoded. `void`: rounds that a
    verification result has made void, whose time counts no more."""

    rounds: Sequence[int]
    void: range = range(0)


@dataclass(slots=True)
class SendReply:
    """A message goes to the device; `verified` is what the cloud found of the round."""

    kind: MessageKind
    round: int
    content: bytes
    verified: Verified | None = None


EdgeCommand: TypeAlias = (
    BeginRound | EnterState | TakeTurn | DraftAll | DraftPass | PreparePass | Encode | WaitUntil | Order | SendMessage
    | SendBranches | DropBranches | TakeBranch | AddPart | CloseRound | FlushRounds | Done
)  # fmt: skip
CloudCommand: TypeAlias = (
    OpenInCloud | OpenBranch | EnterState | Order | SubmitJob | FreeCache | DropRounds | SendReply
)  # fmt: skip
Command: TypeAlias = EdgeCommand | CloudCommand
T = TypeVar("T")
Steps: TypeAlias = Generator[None, Event, T]
"""A text in which each `yield` answers with the commands given so far, and gets the event that follows them."""


# Machines.


class EdgeMachine(ABC):
    """The edge's end of one request. Its text, `_serve`, adds to `commands` and yields."""

    def __init__(self, terms: Terms) -> None:
        self.commands: list[EdgeCommand] = []
        """What the present step answers."""
        self._terms = terms
        self._text = self._serve()

    reads_at_once: ClassVar[bool] = False
    """True if a message is read as it arrives, and the request ends after what else happens at that instant; else it is
    read after that."""

    @classmethod
    def needs(cls, scheme: Scheme) -> frozenset[Need]:
        """Returns the needs that a driver must meet to serve requests of this scheme."""
        return frozenset()

    @abstractmethod
    def _serve(self) -> Steps[EdgeState | None]:
        """The request from its beginning to its end; answers what the device keeps."""

    def step(self, event: Event | None) -> list[EdgeCommand]:
        """Takes an event, None at the beginning, and answers what is to be done. Raises CodecError on bytes that no
        cloud sends."""
        try:
            self._text.send(event)  # type: ignore[arg-type]
        except StopIteration as end:
            self.commands.append(Done(end.value))
        commands, self.commands = self.commands, []
        return commands

    def acknowledged(self, message: MessageArrived) -> int:
        """The last round of which this message confirms that all has arrived that this end has sent."""
        return message.round

    def close(self) -> None:
        """The request has ended, answered or not: the text holds nothing any more."""
        self._text.close()


class CloudMachine(ABC):
    """The cloud's end of one request, which begins when its prompt arrives. It takes events in any order."""

    def __init__(self, terms: Terms) -> None:
        self.commands: list[CloudCommand] = []
        """What the present step answers."""
        self._terms = terms

    def acknowledged(self, message: MessageArrived) -> int:
        """The last round of which this message confirms that all has arrived that this end has sent."""
        return message.round - 1

    @abstractmethod
    def _begin(self, node: CloudNode, prompt_tokens: int) -> None:
        """The request begins here, with its prompt."""

    @abstractmethod
    def _arrived(self, message: MessageArrived) -> None:
        """A message of the edge is here."""

    @abstractmethod
    def _job_done(self, job: JobDone) -> None:
        """The job that was submitted last is done."""

    def _join(self) -> None:
        """`Order.JOIN` was given, and the job waits."""
        raise AssertionError("I3: nothing is to join a job")

    def step(self, event: MessageArrived | JobDone | Signal) -> list[CloudCommand]:
        """Takes an event, and answers what is to be done. Raises CodecError on bytes that no edge sends."""
        if isinstance(event, MessageArrived):
            self._arrived(event)
        elif isinstance(event, JobDone):
            self._job_done(event)
        else:
            self._join()
        commands, self.commands = self.commands, []
        return commands
