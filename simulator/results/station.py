"""What one queue saw: its customers in time, so that busy fractions, queues and Little's law are read off, not guessed.

A station keeps two independent accounts of the same thing. `area` integrates the number present over time, event by
event; `sojourn_s` adds up how long each customer stayed. Little's law in its exact form says that they agree (I4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """All a station asks of the event loop."""

    @property
    def now(self) -> float: ...


@dataclass(slots=True, eq=False)
class Customer:
    """One visit to one station."""

    arrived_s: float
    began_s: float | None = None
    gone: bool = False


@dataclass(slots=True)
class Station:
    """Counts visits to one queue with `servers` places of service. Never decides anything."""

    clock: Clock
    name: str
    servers: int = 1
    arrived: int = 0
    left: int = 0
    served: int = 0
    _sojourn_s: float = 0.0
    _origin_s: float = 0.0
    """When the station was last empty."""
    _since_origin_s: float = 0.0
    """How long after that the customers who are here came, added up."""
    _area: float = 0.0
    _busy_area: float = 0.0
    _in_service: int = 0
    _last_s: float = 0.0

    def arrive(self, serving: bool = False) -> Customer:
        """A customer joins the queue now, and where a place is known to be free, its service starts at once."""
        now_s = self._advance()
        if self.arrived == self.left:
            self._origin_s, self._since_origin_s = now_s, 0.0
        self.arrived += 1
        self._since_origin_s += now_s - self._origin_s
        if not serving:
            return Customer(now_s)
        self._in_service += 1
        return Customer(now_s, now_s)

    def begin(self, customer: Customer) -> None:
        """Service of this customer starts now."""
        customer.began_s = self._advance()
        self._in_service += 1

    def interrupt(self, customer: Customer) -> None:
        """Service of this customer stops; it waits again."""
        self._advance()
        customer.began_s = None
        self._in_service -= 1

    def leave(self, customer: Customer) -> None:
        """The customer goes, served if service had begun, given up otherwise."""
        now_s, arrived_s = self._advance(), customer.arrived_s
        assert not customer.gone, f"I4: a customer leaves {self.name} twice"
        customer.gone = True
        self.left += 1
        self._sojourn_s += now_s - arrived_s
        self._since_origin_s -= arrived_s - self._origin_s
        if customer.began_s is not None:
            self._in_service -= 1
            self.served += 1

    @property
    def present(self) -> int:
        """Customers here now, waiting or in service."""
        return self.arrived - self.left

    @property
    def sojourn_s(self) -> float:
        """Total time spent here by all customers so far, those still here included."""
        return self._sojourn_s + self.present * (self.clock.now - self._origin_s) - self._since_origin_s

    @property
    def area(self) -> float:
        """Integral of the number present over time, so far."""
        self._advance()
        return self._area

    def busy_fraction(self, horizon_s: float) -> float:
        """Mean share of the servers in service over `horizon_s`; 0 for an empty horizon."""
        self._advance()
        return self._busy_area / (self.servers * horizon_s) if horizon_s > 0 else 0.0

    def mean_present(self, horizon_s: float) -> float:
        """Mean number present over `horizon_s`; 0 for an empty horizon."""
        return self.area / horizon_s if horizon_s > 0 else 0.0

    def _advance(self) -> float:
        """Brings both areas up to now, and answers it."""
        now_s = self.clock.now
        elapsed_s = now_s - self._last_s
        if elapsed_s:
            assert elapsed_s > 0, f"I2: the clock of station {self.name} ran back by {-elapsed_s} s"
            self._area += elapsed_s * (self.arrived - self.left)
            busy = self._in_service
            self._busy_area += elapsed_s * (busy if busy < self.servers else self.servers)
            self._last_s = now_s
        return now_s
