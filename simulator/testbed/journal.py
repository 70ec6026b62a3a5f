"""Journals of a real run's processes: one line per event, so that a process that is killed leaves all that it had
noted.

Every time is in seconds since the run's zero, by the machine's monotonic clock, which all of its processes share.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from pydantic import TypeAdapter

from simulator.testbed.packet_header import MessageAddress

PassShare = tuple[int, int, int, int, int, bool, float]
"""Share of a server's pass: device, request, round (0: its prefill), new tokens, cached tokens, True if it only
reads, the time at which it was submitted."""


class RequestArrived(NamedTuple):
    """A request has arrived at its device."""

    device: int
    request: int
    at_s: float


class RequestEnded(NamedTuple):
    """A request has ended, with these output tokens."""

    device: int
    request: int
    tokens: tuple[int, ...]
    at_s: float


class RoundComputed(NamedTuple):
    """The edge has drafted and encoded a round, or a reply has `cut` it on the way.

    `passes_s`: seconds of each of its drafter's passes, to its distributions; `new_tokens`: over how many tokens each
    was; `distributions`: how many the drafts were drawn from."""

    device: int
    request: int
    round: int
    asked: int
    """Number of drafts that were asked for."""
    began_s: float
    ended_s: float
    passes_s: tuple[float, ...]
    cut: bool
    new_tokens: tuple[int, ...]
    distributions: int


class TextRead(NamedTuple):
    """The edge's drafter has made a pass over the text as it was at a round, behind what the cloud does, and has read
    so many of its tokens: 0 if the pass was given up."""

    device: int
    request: int
    round: int
    tokens: int
    began_s: float
    ended_s: float


class RoundBegun(NamedTuple):
    """A round has begun at the edge, or (`in_cloud`) in the cloud, which decodes it with so many `drafts`."""

    device: int
    request: int
    round: int
    in_cloud: bool
    drafts: int
    at_s: float


class StateEntered(NamedTuple):
    """The time of a round, or of its `reply`, is charged to this column of BREAKDOWN from now on."""

    device: int
    request: int
    round: int
    state: str
    reply: bool
    at_s: float


class RoundClosed(NamedTuple):
    """The edge has taken the reply to a round, which commits these tokens."""

    device: int
    request: int
    round: int
    tokens: tuple[int, ...]
    at_s: float


class RoundFlushed(NamedTuple):
    """The edge has voided a round for which so many drafts were made."""

    device: int
    request: int
    round: int
    drafts: int
    at_s: float


class RoundsVoid(NamedTuple):
    """The cloud waits no more for the rounds from `first` to `last`; it has dropped the payloads of some."""

    device: int
    request: int
    first: int
    last: int
    dropped: tuple[int, ...]
    at_s: float


class WorkHidden(NamedTuple):
    """The edge's processor has worked behind a message that was out, from then until now; `read_tokens`: what its
    drafter has read of the text in that time."""

    device: int
    request: int
    read_tokens: int
    began_s: float
    at_s: float


class MessagePut(NamedTuple):
    """A message is handed to an endpoint; `content` in hexadecimal."""

    address: MessageAddress
    content: str
    at_s: float


class PacketQueued(NamedTuple):
    """An attempt of a packet has joined the link's queue, `bits` with its header."""

    address: MessageAddress
    fragment: int
    attempt: int
    bits: int
    at_s: float


class PacketSent(NamedTuple):
    """An attempt of a packet was on the link (the relay notes it). `arrives_s`: null where it was lost. `note`: "ACK",
    of an acknowledgement that takes capacity. `answered`: false where its free acknowledgement is lost."""

    address: MessageAddress
    fragment: int
    attempt: int
    bits: int
    joined_s: float
    began_s: float
    left_s: float
    arrives_s: float | None
    note: str | None = None
    answered: bool = True


class PacketAcknowledged(NamedTuple):
    """A sender learns that a packet has arrived."""

    address: MessageAddress
    fragment: int
    at_s: float


class MessageReceived(NamedTuple):
    """Arrival of a whole message at its far end."""

    address: MessageAddress
    at_s: float


class MessageTaken(NamedTuple):
    """A machine has taken a message that was received; what it commands is carried out from now on."""

    address: MessageAddress
    at_s: float


class PassMade(NamedTuple):
    """The server has made a pass: the networks, and the verification, of all its shares. `networks_s`: the seconds of
    the networks alone."""

    began_s: float
    ended_s: float
    shares: tuple[PassShare, ...]
    networks_s: float


RequestEvent = (
    RequestEnded | RoundBegun | StateEntered | RoundClosed | RoundFlushed | RoundsVoid | WorkHidden | RoundComputed
    | TextRead
)  # fmt: skip
"""Events of one request: each begins with its device and its number."""
Event = (
    RequestEvent | RequestArrived | MessagePut | PacketQueued | PacketSent | PacketAcknowledged | MessageReceived
    | MessageTaken | PassMade
)  # fmt: skip
_EVENTS: Final = {each.__name__: TypeAdapter(each) for each in Event.__args__}


def journal_path(folder: Path, process: str) -> Path:
    """Returns the path of the journal of "edge N", "cloud" or "relay"."""
    return folder / f"{process.replace(' ', '_')}.jsonl"


class Journal:
    """The journal of one process. What is noted before `start` is dropped: the warm-up is no part of the run."""

    def __init__(self, to: Path | TextIO) -> None:
        self._file = to.open("a", buffering=1, encoding="utf-8") if isinstance(to, Path) else to
        self._zero_s: float | None = None

    def start(self, zero_s: float) -> None:
        """The run's zero, by `time.monotonic`."""
        self._zero_s = zero_s

    @property
    def running(self) -> bool:
        """True if the run has begun."""
        return self._zero_s is not None

    @property
    def now_s(self) -> float:
        """Seconds since the run's zero; since the machine's before it."""
        return time.monotonic() - (self._zero_s or 0.0)

    def note(self, event: Event) -> None:
        """Keeps an event, its times by `now_s`."""
        if self._zero_s is not None:
            self._file.write(json.dumps([type(event).__name__, *event]) + "\n")

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> Iterator[Event]:
    """The events of a journal, in the order in which they were noted; a last line that a kill has cut short is left
    out."""
    lines = path.read_text(encoding="utf-8").split("\n")
    yield from map(parsed, lines[:-1])  # a complete line ends


def parsed(line: str) -> Event:
    """The event of a line. Raises ValueError, KeyError or TypeError where it is none."""
    name, *fields = json.loads(line)
    event: Event = _EVENTS[name].validate_python(fields)
    return event
