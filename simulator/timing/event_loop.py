"""The event loop, and calls that happen later, without a process of their own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, repeat
from math import inf, nextafter
from operator import attrgetter

import simpy

Call = Callable[[simpy.Event | None], None]


Turn = tuple[float, float, float, float, int]
"""What decides between events of one instant: when each was scheduled, when the event was that scheduled it, and so for
the two before; then the ticket of whoever leaves events out. Those of equal turns happen as they were made."""


def following(turn: Turn, now_s: float) -> Turn:
    """The turn of an event that is scheduled at that instant by one of this turn."""
    return now_s, turn[0], turn[1], turn[2], turn[4]


class EventLoop(simpy.Environment):
    """SimPy's environment, whose time is read more often than anything else: without a Python call.

    What falls at one instant happens in the order in which it was scheduled. Who knows beforehand what it will do until
    then, and leaves out the events between, states when each of them would have been scheduled (`later_in_turn`). So
    the order is the same as if they had happened, unless all that is known of two events coincides.
    """

    now = property(attrgetter("_now"))

    def __init__(self) -> None:
        super().__init__()
        for name in ("event", "timeout"):  # bound once, as SimPy does it for its own class alone
            setattr(self, name, getattr(self, name))
        self.next_turn: Turn = 0.0, 0.0, 0.0, 0.0, 0
        """The turn of the events that the one which happens schedules."""
        self._tickets = count(1)
        # In SimPy's queue the number of an event decides between those of one instant.
        self._eid = zip(map(attrgetter("next_turn"), repeat(self)), count())  # type: ignore[assignment]

    def step(self) -> None:
        """Has the next event happen."""
        self.happen(1)

    def happen(self, events: int) -> None:
        """Has the next ones happen. Raises as SimPy's `step`."""
        queue: list[tuple[float, int, tuple[Turn, int], simpy.Event]] = self._queue  # type: ignore[assignment]
        step = super().step
        for _ in range(events):
            if queue:
                time_s, _, (turn, _), _ = queue[0]
                self.next_turn = time_s, turn[0], turn[1], turn[2], turn[4]
            step()

    def take_ticket(self) -> None:
        """What follows from this event has its turn among what follows from others, whoever leaves out events."""
        self.next_turn = (*self.next_turn[:4], next(self._tickets))

    def later_in_turn(self, delay_s: float, turn: Turn, call: Call) -> None:
        """As `later`, from the instant on, now or ahead, at which an event that is left out would schedule it."""
        here = self._now, self.next_turn
        self._now, self.next_turn = turn[0], turn
        self.timeout(delay_s).callbacks.append(call)
        self._now, self.next_turn = here

    def at_last(self, call: Call) -> None:
        """Calls after all else that happens at this instant: at once where there is nothing else."""
        if self._queue and self._queue[0][0] <= self._now:
            later(self, 0.0, call)
        else:
            self.next_turn = following(self.next_turn, self._now)
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
