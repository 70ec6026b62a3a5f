"""A device in time: it takes its requests one after the other, on a processor of its own. How one is served is a
protocol's affair; the device's are the queue, the processor, and the end of a request, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, Protocol, TypeVar

import simpy

from simulator.results.requests import Request
from simulator.results.station import Station, Visit

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


class Device:
    """One edge device.

    `open_exchange` begins the serving of a request; `on_end` hears of each request that has ended, however it did.
    """

    def __init__(
        self,
        number: int,
        env: simpy.Environment,
        open_exchange: Callable[[Device, Request, EdgeState | None], Exchange],
        on_end: Callable[[Device, Request], None],
    ) -> None:
        self.number = number
        self.away = False
        self.station = Station(env, f"edge {number}")
        self._env = env
        self._open_exchange = open_exchange
        self._on_end = on_end
        self._queue: list[Request] = []
        self._current: Request | None = None
        self._working: Visit | None = None
        self._wake = env.event()
        self._process = env.process(self._run())

    def submit(self, request: Request) -> None:
        """A request comes; on a device that is away it is abandoned at once."""
        request.ledger.enter(1, "edge_queue_s")
        self._queue.append(request)
        if self.away:
            self.abort(request, "abandoned")
        elif not self._wake.triggered:
            self._wake.succeed()

    def abort(self, request: Request, outcome: str) -> None:
        """The request ends without an answer, if it has not ended yet."""
        if request in self._queue:
            self._queue.remove(request)
            self._end(request, outcome)
        elif request is self._current:
            self._process.interrupt(outcome)

    def leave(self) -> None:
        """The device is away from now on: what it was asked is abandoned."""
        self.away = True
        for request in (*self._queue, *([self._current] if self._current else [])):
            self.abort(request, "abandoned")

    def come_back(self) -> None:
        """The device is there again."""
        self.away = False

    def work(self, until_s: float) -> None:
        """The processor is taken from now on until then."""
        now_s = self._env.now
        self._working = now_s, now_s, until_s
        self.station.book(self._working)

    def end_work(self) -> None:
        """The processor is free from now on, if it was taken."""
        working, self._working = self._working, None
        if working is not None and working[2] > self._env.now:
            self.station.rebook(working, (*working[:2], self._env.now))

    def _run(self) -> Process[None]:
        state: EdgeState | None = None
        while True:
            if not self._queue:
                self._wake = self._env.event()
                yield self._wake
                continue
            request = self._current = self._queue.pop(0)
            exchange = self._open_exchange(self, request, state)
            try:
                state = yield from exchange.serve()
                outcome = "answered"
            except simpy.Interrupt as interrupt:
                outcome = str(interrupt.cause)
                self.end_work()
            exchange.close()
            del exchange  # with it go the models' caches, which must not stay until the next request
            self._current = None
            self._end(request, outcome)

    def _end(self, request: Request, outcome: str) -> None:
        request.end(outcome, self._env.now)
        self._on_end(self, request)
