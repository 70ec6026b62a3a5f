"""A device in time: it takes its requests in order, one at a time or a few side by side, on one processor. How one is
served is a protocol's affair; the device's are the queue, the processor, and the end of a request, whatever it is.

Where requests are served side by side, the processor is taken for a round, or a pass of a model alone, first come
first served: while one request waits for its verdict, another drafts. A request begins with what was kept of the one
that was answered last.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import simpy

from simulator.results.requests import Request
from simulator.results.station import Station, Visit

ROUNDING_S = 1e-9
"""By which work may begin before the one before it has ended."""
T = TypeVar("T")
Process = Generator[simpy.Event, Any, T]
"""A SimPy process that ends with a T."""


class EdgeState(NamedTuple):
    """What a device keeps from one request to the next: the scheme's state, and the policy's."""

    scheme: tuple[float, ...]
    policy: tuple[float, ...]


class Exchange(Protocol):
    """One request being served: both ends of a protocol."""

    def serve(self) -> Process[EdgeState | None]:
        """The edge's process, to the last token; its value is what the device keeps, if it keeps anything."""
        ...

    def close(self) -> None:
        """The request has ended, answered or not: nothing of it is wanted any more, at neither end."""
        ...


@dataclass(slots=True, eq=False)
class _Place:
    """Where one request at a time is served."""

    wake: simpy.Event
    process: simpy.Process | None = None
    current: Request | None = None


class Device:
    """One edge device, with `places` requests served side by side.

    `open_exchange` begins the serving of a request; `on_end` hears of each request that has ended, however it did.
    """

    def __init__(
        self,
        number: int,
        env: simpy.Environment,
        open_exchange: Callable[[Device, Request, EdgeState | None], Exchange],
        on_end: Callable[[Device, Request], None],
        places: int = 1,
    ) -> None:
        self.number = number
        self.away = False
        self.station = Station(env, f"edge {number}")
        self._env = env
        self._open_exchange = open_exchange
        self._on_end = on_end
        self._queue: list[Request] = []
        self._kept: EdgeState | None = None
        self._working: Visit | None = None
        self._holder: Request | None = None
        """Who has the processor."""
        self._waiting: list[tuple[Request, simpy.Event]] = []
        """For it."""
        self._places = [_Place(env.event()) for _ in range(places)]
        for place in self._places:
            place.process = env.process(self._run(place))

    def submit(self, request: Request) -> None:
        """A request comes; on a device that is away it is abandoned at once."""
        request.ledger.enter(1, "edge_queue_s")
        self._queue.append(request)
        if self.away:
            self.abort(request, "abandoned")
        elif (free := next((place for place in self._places if not place.wake.triggered), None)) is not None:
            free.wake.succeed()

    def abort(self, request: Request, outcome: str) -> None:
        """The request ends without an answer, if it has not ended yet."""
        if request in self._queue:
            self._queue.remove(request)
            self._end(request, outcome)
        elif (place := next((place for place in self._places if place.current is request), None)) is not None:
            assert place.process is not None
            place.process.interrupt(outcome)

    def leave(self) -> None:
        """The device is away from now on: what it was asked is abandoned."""
        self.away = True
        for request in (*self._queue, *(place.current for place in self._places if place.current)):
            self.abort(request, "abandoned")

    def come_back(self) -> None:
        """The device is there again."""
        self.away = False

    def turn(self, request: Request, round_number: int) -> Process[None]:
        """Waits until the processor is free for a round of this request, which then has it until `rest`."""
        called = self.call(request)
        if called is not None:
            request.ledger.enter(round_number, "edge_queue_s")
            yield called

    def call(self, request: Request) -> simpy.Event | None:
        """The request wants the processor: it has it (None), or will have it when this event comes, until `rest`."""
        if self._holder is None:
            self._holder = request
            return None
        called = self._env.event()
        self._waiting.append((request, called))
        return called

    def rest(self, request: Request) -> None:
        """The request does not need the processor, or no more, and waits for it no more."""
        self._waiting = [each for each in self._waiting if each[0] is not request]
        if self._holder is request:
            self._holder, called = self._waiting.pop(0) if self._waiting else (None, None)
            if called is not None:
                called.succeed()

    def work(self, until_s: float) -> None:
        """The processor is taken from now on until then."""
        now_s = self._env.now
        at_once = self._working is not None and self._working[2] > now_s + ROUNDING_S
        assert not at_once, f"I5: {self.station.name} works on two things at once"
        self._working = now_s, now_s, until_s
        self.station.book(self._working)

    def end_work(self) -> None:
        """The processor is free from now on, if it was taken."""
        working, self._working = self._working, None
        if working is not None and working[2] > self._env.now:
            self.station.rebook(working, (*working[:2], self._env.now))

    def _run(self, place: _Place) -> Process[None]:
        while True:
            if not self._queue:
                place.wake = self._env.event()
                yield place.wake
                continue
            request = place.current = self._queue.pop(0)
            exchange = self._open_exchange(self, request, self._kept)
            try:
                self._kept = yield from exchange.serve()
                outcome = "answered"
            except simpy.Interrupt as interrupt:
                outcome = str(interrupt.cause)
                if self._holder is request or len(self._places) == 1:
                    self.end_work()
            self.rest(request)
            exchange.close()
            del exchange  # with it go the models' caches, which must not stay until the next request
            place.current = None
            self._end(request, outcome)

    def _end(self, request: Request, outcome: str) -> None:
        request.end(outcome, self._env.now)
        self._on_end(self, request)
