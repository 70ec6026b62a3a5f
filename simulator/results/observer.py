"""Observers of a run: `simulate(cell, observer)` reports its events to one. It may read all it is handed and change
nothing: a run and its tables are the same without one. `plant` is the timing plane's, for those who look further."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan
from typing import Final, NamedTuple

from simulator.results.requests import Request
from simulator.results.rounds import OpenRound, Round

JOINS: Final = 1 << 62
"""Added to the round, in the index of the message by which a device joins a cloud that decodes by itself."""
BRANCHES: Final = 1 << 48
"""Added n times to the round, in the index of the n-th message with branches of that round."""
ROUND: Final = BRANCHES - 1
"""The bits of a message's index that are its round."""
END: Final = -(1 << 32)
"""Number in place of a round in the index of the message by which a device ends its request, one per request."""


class Airing(NamedTuple):
    """Attempt of a packet: the times of its first bit and its last, and its fate. `arrives_s` is nan if it is lost; a
    packet that a full buffer drops has no airing."""

    link: str
    address: tuple[int, int, int]
    """(device, request, round) of its message; round 0 is the prompt."""
    fragment: int
    """Below 0: an acknowledgement that takes capacity, of a packet that came the other way."""
    attempt: int
    bits: int
    joined_s: float
    """Time at which this attempt joined the link's queue."""
    began_s: float
    left_s: float
    arrives_s: float
    header_bits: int | None = None
    """The bits of its header, among `bits`; None: an acknowledgement, which has none."""

    @property
    def round(self) -> int:
        """The round of its message; 0: the prompt, below 0: a frame that requests an answer, or by which a device gives
        its request up."""
        return self.address[2] & ROUND if self.address[2] > 0 else self.address[2]

    @property
    def acknowledges(self) -> bool:
        """True if it carries nothing but an acknowledgement."""
        return self.fragment < 0

    @property
    def lost(self) -> bool:
        return isnan(self.arrives_s)


class ServerPass(NamedTuple):
    """Pass of a server of the cloud: its sessions, and the number of (new, cached) tokens of each."""

    server: int
    began_s: float
    ended_s: float
    sessions: Sequence[tuple[int, int]]
    work: Sequence[tuple[int, int]]
    reads: Sequence[bool]
    """True for each session that is a prefill: some of its tokens are only read into the cache."""
    waited_since_s: Sequence[float]
    """Time at which each session's job began to wait for this pass."""


class Unserved(NamedTuple):
    """Customer that left a queue before its turn: a packet that is dropped or cancelled, or a job that is not wanted
    any more. A packet that finds a buffer full leaves as it comes."""

    station: str
    address: tuple[int, ...]
    """(device, request, round) of a packet, (device, request) of a job."""
    joined_s: float
    left_s: float


class Doing(NamedTuple):
    """State, a column of BREAKDOWN, of a round or its reply from a time on, maybe of the future. It replaces what was
    stated of the round for later than that."""

    address: tuple[int, int, int]
    """(device, request, round)."""
    state: str
    from_s: float


class Spent(NamedTuple):
    """A part of a request's time, and the state it is charged to, a column of BREAKDOWN: those of a request follow one
    another without gap, and add up to its breakdown."""

    address: tuple[int, int, int]
    """(device, request, round) of the round that it belongs to, the request's oldest unresolved one."""
    state: str
    began_s: float
    ended_s: float


class Observer:
    """An observer receives reports only through the methods that it overrides. One that receives nothing but the starts
    of runs and the ends of requests does not slow a run down, and finds some of the other requests ahead of the clock,
    by a round at most."""

    def on_start(self, plant: object) -> None:
        """Called when everything is built, and nothing has happened."""

    def on_round(self, request: Request, round_: Round) -> None:
        """A round has closed."""

    def on_drafts(self, request: Request, notes: OpenRound) -> None:
        """The drafts of the round that has just closed, in its notes: `sent` has what the edge knows of each,
        `verified` what is measured of those that were verified."""

    def on_request(self, request: Request, share: float) -> None:
        """A request has ended; `share` of those to come have."""

    def on_packet(self, airing: Airing) -> None:
        """An attempt of a packet has left its sender."""

    def on_pass(self, served: ServerPass) -> None:
        """A pass has ended, or been lost."""

    def on_unserved(self, gone: Unserved) -> None:
        """A packet or a job has left its queue before its turn."""

    def on_doing(self, doing: Doing) -> None:
        """Called when the state of a round from some time on is reported."""

    def on_spent(self, spent: Spent) -> None:
        """Time of a request has been charged."""


def receives(observer: Observer, call: Callable[..., None]) -> bool:
    """True if an observer overrides this call of `Observer`. Values that no observer receives are not computed."""
    return getattr(type(observer), call.__name__) is not call


class Together(Observer):
    """Several who watch one run; everything is reported to each, in this order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers


def _to_each(call: str) -> Callable[..., None]:
    def report(self: Together, *reported: object) -> None:
        for each in self._observers:
            getattr(each, call)(*reported)

    return report


for _call in [name for name in vars(Observer) if name.startswith("on_")]:
    setattr(Together, _call, _to_each(_call))


def together(*observers: Observer | None) -> Observer | None:
    """Whoever of these watches, as one observer; None where nobody does."""
    watching = [each for each in observers if each is not None]
    return Together(*watching) if len(watching) > 1 else next(iter(watching), None)
