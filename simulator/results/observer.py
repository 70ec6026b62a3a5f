"""Who watches a run: `simulate(cell, observer)` tells it what happens. It may read all it is handed and change nothing:
a run and its tables are the same without one. `plant` is the timing plane's, for those who look further."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan
from typing import Final, NamedTuple

from simulator.results.requests import Request
from simulator.results.rounds import OpenRound, Round

JOINS: Final = 1 << 62
"""Added to the round, in the index of the message by which a device joins a cloud that decodes by itself."""
END: Final = -(1 << 32)
"""In place of a round, in the index of the message by which a device ends its request. There is one a request."""


class Airing(NamedTuple):
    """One attempt of a packet: when its first bit went out and its last, and what became of it. `arrives_s` is nan
    where it is lost; a packet that a full buffer drops has no airing."""

    link: str
    address: tuple[int, int, int]
    """(device, request, round) of its message; round 0 is the prompt."""
    fragment: int
    """Below 0: an acknowledgement that takes capacity, of a packet that came the other way."""
    attempt: int
    bits: int
    joined_s: float
    """When this attempt joined the link's queue."""
    began_s: float
    left_s: float
    arrives_s: float
    header_bits: int | None = None
    """The bits of its header, among `bits`; None: an acknowledgement, which has none."""

    @property
    def round(self) -> int:
        """The round of its message; 0: the prompt, below 0: a frame that requests an answer, or by which a device gives
        its request up."""
        return self.address[2] % JOINS if self.address[2] > 0 else self.address[2]

    @property
    def acknowledges(self) -> bool:
        """Whether it carries nothing but an acknowledgement."""
        return self.fragment < 0

    @property
    def lost(self) -> bool:
        return isnan(self.arrives_s)


class ServerPass(NamedTuple):
    """One pass of a server of the cloud: over which sessions, with how many (new, cached) tokens each."""

    server: int
    began_s: float
    ended_s: float
    sessions: Sequence[tuple[int, int]]
    work: Sequence[tuple[int, int]]
    reads: Sequence[bool]
    """Whether each session is a prefill: some of its tokens are only read into the cache."""
    waited_since_s: Sequence[float]
    """When each session's job began to wait for this pass."""


class Unserved(NamedTuple):
    """Who has left a queue before its turn: a packet that is dropped or cancelled, or a job that is not wanted any
    more. One that finds a buffer full goes as it comes."""

    station: str
    address: tuple[int, ...]
    """(device, request, round) of a packet, (device, request) of a job."""
    joined_s: float
    left_s: float


class Doing(NamedTuple):
    """From a time on, maybe of the future, a round or its reply is in a state, a column of BREAKDOWN. It replaces what
    was stated of the round for later than that."""

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
        """All is built, and nothing has happened."""

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
        """It is reported what a round does from some time on."""

    def on_spent(self, spent: Spent) -> None:
        """Time of a request has been charged."""


def receives(observer: Observer, call: Callable[..., None]) -> bool:
    """Whether an observer answers this call of `Observer` itself; what nobody receives is not computed."""
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
