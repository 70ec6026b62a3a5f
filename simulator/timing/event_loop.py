"""The event loop, calls that happen later, without a process of their own, and those who run ahead of the loop.

Most that a request waits for concerns nobody else: its device drafts, its reply travels. Such a wait need not be an
event. Who knows that nothing can come between takes the step at once, with the loop's clock put forward meanwhile, and
schedules an event only for what others may notice (`EventLoop.run_ahead`). The times are the same floats either way.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, repeat
from math import inf, nextafter
from operator import attrgetter
from typing import Protocol

import simpy

Call = Callable[[simpy.Event | None], None]


class Runner(Protocol):
    """Who may run ahead of the event loop."""

    next_step: tuple[float, Call] | None
    """The delay, from now on, after which it takes its next step."""
    pending: int
    """What may still call it, that step included."""
    undisturbed_until_s: float
    """Until when nothing else may."""


class EventLoop(simpy.Environment):
    """SimPy's environment, whose time is read more often than anything else: without a Python call.

    What falls at one instant happens in the order in which it was scheduled, by the clock of whoever scheduled it. For
    those who run ahead that is their own, so the order is the same as if they had not. Of what was scheduled at one
    instant too, what they have scheduled comes first.
    """

    now = property(attrgetter("_now"))

    def __init__(self) -> None:
        super().__init__()
        for name in ("event", "timeout"):  # bound once, as SimPy does it for its own class alone
            setattr(self, name, getattr(self, name))
        # In SimPy's queue the number of an event decides between those of one instant.
        self._eid = zip(map(attrgetter("_now"), repeat(self)), count())  # type: ignore[assignment]
        self.ahead = False
        """Whether the clock is put forward for somebody."""

    def run_ahead(self, runner: Runner) -> None:
        """Takes its steps, each at its own time, as long as it is the only one that can call it then; the step that is
        left becomes an event."""
        loop_s = self._now
        while (step := runner.next_step) is not None:
            runner.next_step = None
            delay_s, call = step
            if runner.pending > 1 or self._now + delay_s >= runner.undisturbed_until_s:
                later(self, delay_s, call)
                break
            self._now += delay_s
            self.ahead = True
            call(None)
        self._now, self.ahead = loop_s, False

    def at_last(self, call: Call) -> None:
        """Calls after all else that happens at this instant: at once where there is nothing else."""
        if self._queue and self._queue[0][0] <= self._now:
            later(self, 0.0, call)
        else:
            call(None)


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
