"""The event loop, with the order of what falls at one instant, and calls that happen later without a process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf, nextafter
from operator import attrgetter
from typing import Protocol

import simpy

Call = Callable[[simpy.Event | None], None]


class Last(IntEnum):
    """What is left to the end of an instant, in this order."""

    READ = 0
    """An edge reads what has come to it."""
    PUT = 1
    """A message joins a link that devices share."""
    SERVE = 2
    """The cloud looks at what waits there."""
    CLOSE = 3
    """A batching window is over."""
    STOP = 4
    """The run is over."""


class EventLoop(simpy.Environment):
    """SimPy's environment, whose time is read more often than anything else: without a Python call.

    What falls at one instant happens in this order. First all that concerns one device alone, and the ends of passes,
    as it was scheduled. Then, one by one, what was left to the end of the instant (`at_last`): by its kind, then by
    device and request; each leads to all that follows from it at this instant before the next one. So the order of what
    devices share does not depend on which events of theirs are simulated, and which are left out because their times
    are known (`timing.decoded_request`).
    """

    now = property(attrgetter("_now"))

    def __init__(self) -> None:
        super().__init__()
        for name in ("event", "timeout"):  # bound once, as SimPy does it for its own class alone
            setattr(self, name, getattr(self, name))
        self._last: list[tuple[Last, tuple[int, ...], int, Callable[[], object]]] = []
        """The calls that are left to the end of this instant, as a heap."""
        self.calls = count()

    def peek(self) -> float:
        """When the next thing happens."""
        return self._now if self._last else super().peek()

    def step(self) -> None:
        """Has the next event happen."""
        self.happen(1)

    def happen(self, events: int) -> None:
        """Has the next ones happen. Raises as SimPy's `step`."""
        queue, last, step = self._queue, self._last, super().step
        for _ in range(events):
            if last and not (queue and queue[0][0] <= self._now):
                heappop(last)[3]()
            else:
                step()

    def at_last(self, kind: Last, whose: tuple[int, ...], call: Callable[[], object]) -> None:
        """Calls at the end of this instant. `whose`: device and request, and what sorts among theirs."""
        heappush(self._last, (kind, whose, next(self.calls), call))

    def later_from(self, from_s: float, delay_s: float, call: Call) -> None:
        """As `later`, from an instant on, now or ahead, at which an event that is left out would schedule it."""
        here_s = self._now
        self._now = from_s
        self.timeout(delay_s).callbacks.append(call)
        self._now = here_s


class LaneClock(Protocol):
    """The clock of a link's transmitter and of those who send on it."""

    @property
    def now(self) -> float: ...

    @property
    def calls(self) -> Sequence[object]:
        """What is still to happen, by a clock that runs ahead."""
        ...

    def later(self, delay_s: float, call: Call) -> object:
        """Calls `call` after that many seconds. Returns what cancels it."""
        ...

    def cancel(self, timer: object) -> None:
        """What `later` returned is of no use any more."""
        ...

    def run(self, until_s: float) -> None:
        """Makes it that time, if it is not later."""
        ...


class SharedClock:
    """The clock of the whole run."""

    calls: Sequence[object] = ()
    """None of them is known beforehand."""

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env

    @property
    def now(self) -> float:
        return self._env.now

    def later(self, delay_s: float, call: Call) -> None:
        later(self._env, delay_s, call)

    def cancel(self, timer: object) -> None:
        """Lets it come, and find nothing to do."""

    def run(self, until_s: float) -> None:
        """It runs by itself."""


class OwnClock:
    """The clock of one device's own lanes, both ways. It runs ahead of the run's where nothing can come between: while
    its device and the cloud wait for a message of each other's."""

    def __init__(self, horizon_s: float) -> None:
        self.now = 0.0
        self._horizon_s = horizon_s
        self.calls: list[tuple[float, int, Call]] = []
        self._order = count()

    @property
    def next_s(self) -> float:
        """When the next thing happens; inf: nothing will before the horizon."""
        next_s = self.calls[0][0] if self.calls else inf
        return next_s if next_s <= self._horizon_s else inf

    def later(self, delay_s: float, call: Call) -> object:
        timer = self.now + delay_s, next(self._order), call
        heappush(self.calls, timer)
        return timer

    def cancel(self, timer: object) -> None:
        if timer in self.calls:
            self.calls.remove(timer)
            heapify(self.calls)

    def run(self, until_s: float) -> None:
        calls = self.calls
        while calls and calls[0][0] <= until_s:
            self.step()
        if until_s > self.now:
            self.now = until_s

    def step(self) -> bool:
        """Has the next thing happen; False: there is none before the horizon."""
        calls = self.calls
        if not calls or calls[0][0] > self._horizon_s:
            return False
        self.now, _, call = heappop(calls)
        call(None)
        return True


def later(env: simpy.Environment, delay_s: float, call: Callable[[simpy.Event], None]) -> None:
    """Calls `call` after that many simulated seconds, with the event that brought it there."""
    timeout = env.timeout(delay_s)
    timeout.callbacks.append(call)


def delay_until(now_s: float, time_s: float) -> float:
    """The delay that leads from now to that time, by as little rounding as delays allow; 0 where it is past."""
    delay_s = time_s - now_s
    if delay_s <= 0:
        return 0.0
    reached_s = now_s + delay_s
    return delay_s if reached_s == time_s else nextafter(delay_s, inf if reached_s < time_s else 0.0)


def reached_s(now_s: float, time_s: float) -> float:
    """The time to which `delay_until` leads."""
    delay_s = time_s - now_s
    return time_s if now_s + delay_s == time_s and delay_s >= 0 else now_s + delay_until(now_s, time_s)
