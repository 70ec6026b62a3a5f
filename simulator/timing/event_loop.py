"""The event loop, and calls that happen later, without a process of their own."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nextafter
from operator import attrgetter

import simpy


class EventLoop(simpy.Environment):
    """SimPy's environment, whose time is read more often than anything else: without a Python call."""

    now = property(attrgetter("_now"))

    def __init__(self) -> None:
        super().__init__()
        for name in ("event", "timeout"):  # bound once, as SimPy does it for its own class alone
            setattr(self, name, getattr(self, name))


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
