"""What each process of a real run notes: one line an event, so that a process that is killed leaves what it had noted.

Every time is in seconds since the run's zero, by the machine's monotonic clock, which all of its processes share.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from simulator.testbed.packet_header import MessageAddress, MessageKind

Share = tuple[int, int, int, int, int, bool]
"""Of a server's pass: device, request, round (0: its prefill), new tokens, cached tokens, whether it only reads."""


class RequestArrived(NamedTuple):
    """A request has come to its device."""

    device: int
    request: int
    at_s: float


class RequestServed(NamedTuple):
    """Its serving has begun."""

    device: int
    request: int
    at_s: float


class RoundBegan(NamedTuple):
    """A round has begun, at the edge, or in a cloud that streams."""

    device: int
    request: int
    round: int
    at_s: float


class RoundDrafted(NamedTuple):
    """The edge has drafted and encoded a round; `passes_s`: of its drafter's passes, each to its law, in order."""

    device: int
    request: int
    round: int
    began_s: float
    ended_s: float
    passes_s: tuple[float, ...]


class MessagePut(NamedTuple):
    """A letter is handed to an endpoint; `content` in hexadecimal."""

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


class PacketAired(NamedTuple):
    """An attempt of a packet was on the air (the relay notes it). `arrives_s`: null where it was lost. `note`: of an
    acknowledgement that takes capacity, "ACK"."""

    address: MessageAddress
    fragment: int
    attempt: int
    bits: int
    began_s: float
    left_s: float
    arrives_s: float | None
    note: str | None = None


class PacketAcknowledged(NamedTuple):
    """A sender hears that a packet has come."""

    address: MessageAddress
    fragment: int
    at_s: float


class MessageArrived(NamedTuple):
    """All of a letter is at its far end."""

    address: MessageAddress
    at_s: float


class MessageCancelled(NamedTuple):
    """A sender wants nothing more of a letter: a reply has told that it came, or nobody waits for it."""

    address: MessageAddress
    at_s: float


class JobSubmitted(NamedTuple):
    """A round, or a prefill (round 0), waits for a pass of the server."""

    device: int
    request: int
    round: int
    at_s: float


class PassMade(NamedTuple):
    """The server has made a pass: the networks and what judges their laws, of all its shares."""

    began_s: float
    ended_s: float
    shares: tuple[Share, ...]


class RoundVerified(NamedTuple):
    """The cloud has judged a round, or decoded one; `decode_s` went into reading its payload before the pass."""

    device: int
    request: int
    round: int
    decode_s: float
    at_s: float


class RoundClosed(NamedTuple):
    """The tokens of a round are at the edge."""

    device: int
    request: int
    round: int
    tokens: tuple[int, ...]
    at_s: float


class RoundFlushed(NamedTuple):
    """A round drafted ahead is void, of which so many drafts were made."""

    device: int
    request: int
    round: int
    made: int
    at_s: float


class RequestEnded(NamedTuple):
    """A request has ended, with these output tokens."""

    device: int
    request: int
    tokens: tuple[int, ...]
    at_s: float


class CloudRestarted(NamedTuple):
    """The cloud is there, for so many times now; 0 is the first. Or (`down`) it was killed."""

    epoch: int
    down: bool
    at_s: float


Event = (
    RequestArrived | RequestServed | RoundBegan | RoundDrafted
    | MessagePut | PacketQueued | PacketAired | PacketAcknowledged | MessageArrived | MessageCancelled
    | JobSubmitted | PassMade | RoundVerified | RoundClosed | RoundFlushed | RequestEnded | CloudRestarted
)  # fmt: skip
Addressed = MessagePut | PacketQueued | PacketAired | PacketAcknowledged | MessageArrived | MessageCancelled
"""Those about a letter."""
_EVENTS: Final = {each.__name__: each for each in Event.__args__}


class Journal:
    """Of one process. What is noted before `start` is forgotten: the warm-up is no part of the run."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8")
        self._zero_s: float | None = None

    def start(self, zero_s: float) -> None:
        """The run's zero, by `time.monotonic`."""
        self._zero_s = zero_s

    @property
    def running(self) -> bool:
        """Whether the run has begun."""
        return self._zero_s is not None

    @property
    def now_s(self) -> float:
        """Seconds since the run's zero; since the machine's before it."""
        return time.monotonic() - (self._zero_s or 0.0)

    def note(self, event: Event) -> None:
        """Keeps an event, its times as `now_s` tells them."""
        if self._zero_s is not None:
            self._file.write(json.dumps([type(event).__name__, *event]) + "\n")

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> Iterator[Event]:
    """The events of a journal, in the order in which they were noted; a last line that a kill has cut short is left
    out."""
    lines = path.read_text(encoding="utf-8").split("\n")
    for line in lines[:-1]:  # each line that is whole ends
        name, *fields = json.loads(line)
        event = _EVENTS[name](*map(_tuples, fields))
        yield event._replace(address=_addressed(event.address)) if isinstance(event, Addressed) else event


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _addressed(fields: tuple[int, int, int, int]) -> MessageAddress:
    kind, *index = fields
    return MessageAddress(MessageKind(kind), *index)
