"""Progress of a run. A cell may be legal and never end: each attempt lost, each device away.

Progress is a request that ends, a token that reaches its device, or a packet that is acknowledged for the first time.
A run that makes very many events without any is stopped, and what most of them came to is reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kinds import ConfigError
from simulator.timing.plant import Plant

EVENTS: Final = 200_000
"""SimPy events that a run may make without progress, some two seconds of computing; a token takes tens."""
EVENTS_OF_A_DEVICE: Final = 1_000
"""Further events for each device: all may draft before the first token comes."""
LOOKS: Final = 100
"""Into how many parts those events are cut by the looks at what has come through."""


class Progress:
    """Looks on after `look_every` events at a time."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._allowed = EVENTS + EVENTS_OF_A_DEVICE * len(plant.devices)
        self.look_every = max(1, self._allowed // LOOKS)
        self._begin()

    def look(self) -> None:
        """`look_every` events more have happened. Raises ConfigError where nothing has come through for too long."""
        if self._come_through() != self._known:
            self._begin()
            return
        self._events += self.look_every
        if self._events >= self._allowed:
            raise ConfigError(
                f"{self._cause()} from {self._since_s:g} s to {self._plant.env.now:g} s, while no packet was "
                f"acknowledged, no token came and no request ended; allowed are {self._allowed:,} events without any, "
                "or a workload.deadline_s or workload.horizon_s that ends the wait"
            )

    def _begin(self) -> None:
        self._events = 0
        self._since_s = self._plant.env.now
        self._known = self._come_through()
        self._before = [count for count, _ in self._futile()]

    def _come_through(self) -> tuple[int, ...]:
        return (*self._plant.arrivals.answered, sum(link.acked_bits for link in self._plant.links))

    def _futile(self) -> Iterator[tuple[int, str]]:
        """Yields counts of vain events since the start of the run, each with the field that causes it."""
        plant = self._plant
        for link in plant.links:
            yield link.lost, f"{link.name}.loss: {{:,}} packets lost"
            yield link.dropped, f"{link.name}.buffer_packets: {{:,}} packets dropped"
            yield link.delivered, f"{link.name}.arq: {{:,}} packets arrived, unheard of or once more,"
        yield plant.arrivals.absences, "workload.absences: {:,} devices left"

    def _cause(self) -> str:
        """Returns the cause of most events."""
        since = [(now - before, text) for (now, text), before in zip(self._futile(), self._before, strict=True)]
        count, text = max(since, key=lambda each: each[0])
        return text.format(count) if count else f"cell: {self._events:,} events"
