"""The order of what falls at one instant, and waits for an instant.

SimPy sorts the events of one instant by their priority, then as they were scheduled. First happens all that concerns
one device alone, and the ends of passes. Then, one by one, what waits for the end of the instant (`EndOfInstant`): by
its kind, then by device, request and round; each leads to all that follows from it at this instant before the next one.
So the order of what devices share depends neither on the order in which they were built, nor on which events of theirs
are simulated, and which are left out because their times are known (`timing.request_process`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf, nextafter
from typing import Any, Final, Protocol

import simpy
from simpy.events import EventPriority, ProcessGenerator

Call = Callable[[simpy.Event | None], None]

_BITS: Final = 64
"""The bits of a device's, a request's or a round's number in a priority."""
_MIDDLE: Final = 1 << (_BITS - 1)
"""Offset of the numbers of rounds, which are negative for messages of no round."""


class Last(IntEnum):
    """Priorities of events at the end of an instant, in this order, behind SimPy's own priorities (0 and 1)."""

    READ = 2
    """An edge reads what has come to it."""
    PUT = 3
    """A message joins a link that devices share."""
    SERVE = 4
    """The cloud looks at what waits there."""
    CLOSE = 5
    """A batching window is over."""
    STOP = 6
    """The run is over."""


class EndOfInstant(simpy.Event):
    """Happens at the end of the instant in which it succeeds. `whose`: device, request and round, as far as these sort
    those of a kind."""

    def __init__(self, env: simpy.Environment, kind: Last, whose: tuple[int, ...] = ()) -> None:
        super().__init__(env)
        device, request, round_ = (*whose, 0, 0, 0)[:3]
        self._place = EventPriority((((kind << _BITS | device) << _BITS | request) << _BITS) + _MIDDLE + round_)

    def succeed(self, value: object = None) -> EndOfInstant:
        self._ok, self._value = True, value
        self.env.schedule(self, self._place)
        return self


class LaneClock(Protocol):
    """The clock of a link's transmitter and of those who send on it."""

    @property
    def now(self) -> float: ...

    def later(self, delay_s: float, call: Call) -> object:
        """Calls `call` after that many seconds. Returns what cancels it."""
        ...

    def cancel(self, timer: object) -> None:
        """Cancels a timer that `later` returned."""
        ...

    def run(self, until_s: float) -> None:
        """Makes it that time, if it is not later."""
        ...


class SharedClock:
    """The clock of the whole run."""

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
        """Does nothing: it runs by itself."""


class OwnClock:
    """The clock of one device's own lanes, both ways. It runs ahead of the run's where nothing can come between: while
    its device and the cloud wait for a message of each other's."""

    def __init__(self, horizon_s: float) -> None:
        self.now = 0.0
        self._horizon_s = horizon_s
        self._calls: list[tuple[float, int, Call]] = []
        self._order = count()

    @property
    def next_s(self) -> float:
        """Time of the next call; inf: none before the horizon."""
        next_s = self._calls[0][0] if self._calls else inf
        return next_s if next_s <= self._horizon_s else inf

    def later(self, delay_s: float, call: Call) -> object:
        timer = self.now + delay_s, next(self._order), call
        heappush(self._calls, timer)
        return timer

    def cancel(self, timer: object) -> None:
        if timer in self._calls:
            self._calls.remove(timer)
            heapify(self._calls)

    def run(self, until_s: float) -> None:
        calls = self._calls
        while calls and calls[0][0] <= until_s:
            self.step()
        if until_s > self.now:
            self.now = until_s

    def step(self) -> bool:
        """Has the next thing happen; False: there is none before the horizon."""
        calls = self._calls
        if not calls or calls[0][0] > self._horizon_s:
            return False
        self.now, _, call = heappop(calls)
        call(None)
        return True


def end_of_instant(env: simpy.Environment, kind: Last, whose: tuple[int, ...] = ()) -> simpy.Event:
    """Returns the event that this instant ends (`EndOfInstant`)."""
    return EndOfInstant(env, kind, whose).succeed()


def at_last(env: simpy.Environment, kind: Last, whose: tuple[int, ...], call: Callable[[simpy.Event], Any]) -> None:
    """Calls `call` at the end of this instant (`EndOfInstant`)."""
    end_of_instant(env, kind, whose).callbacks.append(call)


def later(env: simpy.Environment, delay_s: float, call: Callable[[simpy.Event], None]) -> None:
    """Calls `call` after that many simulated seconds, with the event that brought it there."""
    timeout = env.timeout(delay_s)
    timeout.callbacks.append(call)


def until(env: simpy.Environment, time_s: float) -> simpy.Event:
    """Returns an event that happens at that very float, which is not past; never, if that is inf."""
    now_s = env.now
    delay_s = time_s - now_s
    if now_s + delay_s == time_s < inf:
        return env.timeout(delay_s)
    return env.event() if time_s == inf else env.process(_in_two_steps(env, time_s))


def _in_two_steps(env: simpy.Environment, time_s: float) -> ProcessGenerator:
    """Waits for a time that no delay reaches from here: from halfway on, the difference of two floats is exact."""
    yield env.timeout(0.75 * (time_s - env.now))
    yield env.timeout(time_s - env.now)


def delay_until(now_s: float, time_s: float) -> float:
    """The delay that leads from now to that time, by as little rounding as delays allow; 0 where it is past."""
    delay_s = time_s - now_s
    if delay_s <= 0:
        return 0.0
    reached_s = now_s + delay_s
    return delay_s if reached_s == time_s else nextafter(delay_s, inf if reached_s < time_s else 0.0)
