"""A device in time: it takes its requests in order, one at a time or a few side by side, on one processor. How one is
served is its own process (`request_process`); the device's are the queue, the processor, and the end of a request,
whatever it is.

Where requests are served side by side, the processor is taken for a round, or a pass of a model alone, first come
first served: while one request waits for its reply, another drafts. A request begins with what was kept of the one that
was answered last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Protocol

import simpy
from simpy.events import ProcessGenerator

from channels.uniforms import Uniforms
from models.latency.latency import Latency, block_passes
from simulator.protocols.machine import EdgeState
from simulator.results.requests import Request
from simulator.results.station import Station, Visit

ROUNDING_S = 1e-9
"""Time by which work may begin before the one before it has ended."""


class Exchange(Protocol):
    """Request being served, both ends of it. At its last token it calls `Device.answered`."""

    def close(self) -> None:
        """The request has ended, answered or not: nothing of it is wanted any more, at neither end."""
        ...


@dataclass(slots=True, eq=False)
class _Place:
    """Place at which one request at a time is served."""

    request: Request | None = None
    exchange: Exchange | None = None


class Device:
    """Edge device, with `places` requests served side by side.

    `serve` is the process of a request, which waits for the event of its turn first; `on_end` is called for each
    request that has ended, however it did.
    """

    def __init__(
        self,
        number: int,
        env: simpy.Environment,
        serve: Callable[[Device, Request, simpy.Event], ProcessGenerator],
        on_end: Callable[[Device, Request], None],
        places: int = 1,
    ) -> None:
        self.number = number
        self.away = False
        self.station = Station(env, f"edge {number}")
        self._env = env
        self._serve = serve
        self._on_end = on_end
        self.kept: EdgeState | None = None
        """What is kept of the request that was answered last."""
        self._queue: list[tuple[Request, simpy.Event]] = []
        """Those that wait, and the event of their turn."""
        self._working: Visit | None = None
        self._holder: Request | None = None
        """Who has the processor."""
        self._waiting: list[tuple[Request, simpy.Event]] = []
        """For it."""
        self._places = [_Place() for _ in range(places)]

    def submit(self, request: Request) -> None:
        """A request comes; on a device that is away it is abandoned at once."""
        request.ledger.enter(1, "edge_queue_s")
        if self.away:
            self._end(request, "abandoned")
        else:
            turn = self._env.event()
            self._env.process(self._serve(self, request, turn))
            self._queue.append((request, turn))
            self._serve_next()

    def serves(self, request: Request) -> bool:
        """True if the request has its turn, and has not ended."""
        return any(place.request is request for place in self._places)

    def begin(self, request: Request, exchange: Exchange) -> None:
        """A request whose turn it is is served by this exchange."""
        next(place for place in self._places if place.request is request).exchange = exchange

    def abort(self, request: Request, outcome: str) -> None:
        """The request ends without an answer, if it has not ended yet."""
        waiting = next((each for each in self._queue if each[0] is request), None)
        if waiting is not None:
            self._queue.remove(waiting)
            waiting[1].succeed()  # its process ends too
            self._end(request, outcome)
        elif self.serves(request):
            if self._holder is request or len(self._places) == 1:
                self.end_work()
            self._end_served(request, outcome)

    def leave(self) -> None:
        """The device is away from now on: its requests are abandoned."""
        self.away = True
        waiting = [request for request, _ in self._queue]
        for request in (*waiting, *(place.request for place in self._places if place.request)):
            self.abort(request, "abandoned")

    def come_back(self) -> None:
        """The device is there again."""
        self.away = False

    def call(self, request: Request) -> simpy.Event | None:
        """The request wants the processor: it has it (None), or will have it when this event comes, until `rest`."""
        if self._holder is None or self._holder is request:
            self._holder = request
            return None
        called = self._env.event()
        self._waiting.append((request, called))
        return called

    def rest(self, request: Request) -> None:
        """The request does not need the processor, or no more, and waits for it no more."""
        if self._waiting:
            self._waiting = [each for each in self._waiting if each[0] is not request]
        if self._holder is request:
            self._holder, called = self._waiting.pop(0) if self._waiting else (None, None)
            if called is not None:
                called.succeed()

    def work(self, until_s: float, from_s: float | None = None) -> None:
        """The processor is taken from then on, by default from now on, until then."""
        from_s = self._env.now if from_s is None else from_s
        at_once = self._working is not None and self._working[2] > from_s + ROUNDING_S
        assert not at_once, f"I5: {self.station.name} works on two things at once"
        self._working = from_s, from_s, until_s
        self.station.book(self._working)

    def end_work(self) -> None:
        """The processor is free from now on, if it was taken."""
        working, self._working = self._working, None
        if working is not None and working[2] > self._env.now:
            self.station.rebook(working, (*working[:2], self._env.now))

    def answered(self, request: Request, kept: EdgeState | None) -> None:
        """The request's last token is here; `kept` is what the device keeps of it, for the next one."""
        self.kept = kept
        self._end_served(request, "answered")

    def _serve_next(self) -> None:
        for place in self._places:
            if place.request is None and self._queue:
                place.request, turn = self._queue.pop(0)
                turn.succeed()

    def _end_served(self, request: Request, outcome: str) -> None:
        place = next(place for place in self._places if place.request is request)
        self.rest(request)
        if place.exchange is not None:
            place.exchange.close()
        place.request = place.exchange = None
        self._end(request, outcome)
        self._serve_next()

    def _end(self, request: Request, outcome: str) -> None:
        request.end(outcome, self._env.now)
        self._on_end(self, request)


class EdgePasses:
    """Times of drafter passes on the devices of a class. Where the latency model draws, a pass takes as long as its
    request and its index there say, whenever it is made.

    `spells`: whether a request meets a slow machine or a fast one, by device and request, the same for its passes in
    the cloud.
    """

    def __init__(self, latency: Latency, uniforms: Uniforms, spells: Uniforms, drafts_per_pass: int = 1) -> None:
        self.drafts_per_pass = drafts_per_pass
        self._latency = latency
        self._spells = spells
        self._uniforms = uniforms if latency.random else None
        self._known_s = _durations_s(latency, drafts_per_pass)

    def cached(self, tokens: int, read_tokens: int) -> int:
        """Returns the number of tokens in the drafter's cache that would hold `tokens` if each draft took a pass, when
        its passes have read up to `read_tokens`."""
        return tokens if self.drafts_per_pass == 1 else min(tokens, read_tokens)

    def works(self, new: int, cached: int, later: tuple[int, ...] = ()) -> list[tuple[int, int]]:
        """Returns the (new, cached) tokens of each of some passes of one sequence, as `of_round_s` times them."""
        return block_passes(_works(new, cached, later), self.drafts_per_pass)

    def of_round_s(
        self, request: Request, round_number: int, new: int, cached: int, later: tuple[int, ...] = (), made: int = 0
    ) -> tuple[float, ...]:
        """Seconds of each of some passes of one sequence, behind `made` others in the round. Where each makes one draft
        the first one runs over `new` tokens on top of `cached`, each later one over so many more; where it makes more,
        it takes the place of as many (`block_passes`)."""
        if self._uniforms is None:
            return self._known_s(new, cached, later)
        uniforms = self._uniforms.under(request.device, request.number, round_number)
        spell = self._spells.uniform(request.device, request.number)
        passes = enumerate(self.works(new, cached, later), made)
        return tuple(self._latency.drawn_s([work], uniforms.uniform(place), spell) for place, work in passes)


@lru_cache(maxsize=64)
def _durations_s(latency: Latency, drafts_per_pass: int) -> Callable[[int, int, tuple[int, ...]], tuple[float, ...]]:
    """Worked out once for all devices of a kind."""

    @lru_cache(maxsize=1 << 14)
    def durations_s(new: int, cached: int, later: tuple[int, ...]) -> tuple[float, ...]:
        works = block_passes(_works(new, cached, later), drafts_per_pass)
        return tuple(latency.pass_s([work]) for work in works)

    return durations_s


def _works(new: int, cached: int, later: tuple[int, ...]) -> list[tuple[int, int]]:
    runs = (new, *later)
    return list(zip(runs, accumulate(runs, initial=cached), strict=False))
