"""Account of one queue: its customers in time, from which busy fractions, queues and Little's law are read off.

It keeps two independent accounts: `area` integrates the number present over time, `sojourn_s` adds up how long each
customer stayed; Little's law says that they agree (I4). A visit whose times are all known may be booked at once.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from math import inf, nextafter
from operator import itemgetter
from typing import Final, Protocol

_KEPT: Final = 8
"""Booked visits that may be over before they are added up."""


class Clock(Protocol):
    """Part of the event loop that a station needs."""

    @property
    def now(self) -> float: ...


@dataclass(slots=True, eq=False)
class Customer:
    """Visit to one station."""

    arrived_s: float
    began_s: float | None = None
    gone: bool = False


Visit = tuple[float, float, float]
"""(arrived_s, began_s, left_s) of one visit to one station whose times are known beforehand."""


_joined: Final = itemgetter(0)


@dataclass(slots=True)
class Station:
    """Counts visits to one queue with `servers` places of service. Never decides anything."""

    clock: Clock
    name: str
    servers: int = 1
    _arrived: int = 0
    _left: int = 0
    _served: int = 0
    _sojourn_s: float = 0.0
    _origin_s: float = 0.0
    """Time at which the station was last empty."""
    _since_origin_s: float = 0.0
    """Sum over the present customers of the time from that instant to their arrival."""
    _area: float = 0.0
    _busy_area: float = 0.0
    _in_service: int = 0
    _last_s: float = 0.0
    _booked: list[Visit] = field(default_factory=list)
    """Visits of customers who have joined that are not added up yet."""
    _coming: list[Visit] = field(default_factory=list)
    """Visits that are not looked at yet; they may lie ahead."""
    _take_in_at: int = _KEPT
    """Number of coming visits at which they are taken in."""
    _tally_at: int = _KEPT
    """Number of booked visits at which they are added up."""
    _tallied: int = 0
    _given_up: int = 0
    _stayed_s: float = 0.0
    _waited_s: float = 0.0

    def arrive(self, serving: bool = False) -> Customer:
        """A customer joins the queue now, and where a place is known to be free, its service starts at once."""
        now_s = self._advance()
        if self._arrived == self._left:
            self._origin_s, self._since_origin_s = now_s, 0.0
        self._arrived += 1
        self._since_origin_s += now_s - self._origin_s
        if not serving:
            return Customer(now_s)
        self._in_service += 1
        return Customer(now_s, now_s)

    def begin(self, customer: Customer) -> None:
        """Service of this customer starts now."""
        now_s = self.clock.now
        customer.began_s = now_s if now_s == self._last_s else self._advance()
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
        self._left += 1
        self._sojourn_s += now_s - arrived_s
        self._since_origin_s -= arrived_s - self._origin_s
        if customer.began_s is not None:
            self._in_service -= 1
            self._served += 1

    def book(self, visit: Visit) -> None:
        """A customer joins the queue, now or later, and it is known when its service begins and when it leaves. Visits
        are added up in the order of joining, whenever they are booked; those of one instant together."""
        self._coming.append(visit)
        if len(self._coming) >= self._take_in_at:
            self._take_in(nextafter(self.clock.now, -inf))

    def rebook(self, visit: Visit, instead: Visit) -> None:
        """The visit, not over yet, takes another course from now on."""
        self._take_in(self.clock.now)
        self._booked.remove(visit)
        self._booked.append(instead)

    def cancel(self, visit: Visit) -> None:
        """The visit ends now, before its service has begun."""
        self._take_in(self.clock.now)
        self._booked.remove(visit)
        stayed_s = self.clock.now - visit[0]
        self._stayed_s += stayed_s
        self._waited_s += stayed_s
        self._tallied += 1
        self._given_up += 1

    @property
    def arrived(self) -> int:
        """Customers that have come."""
        self._take_in(self.clock.now)
        return self._arrived + self._tallied + len(self._booked)

    @property
    def present(self) -> int:
        """Customers here now, waiting or in service."""
        now_s = self.clock.now
        self._take_in(now_s)
        return self._arrived - self._left + sum(left_s > now_s for _, _, left_s in self._booked)

    @property
    def left(self) -> int:
        """Customers that have gone."""
        return self.arrived - self.present

    @property
    def served(self) -> int:
        """Customers that have gone after their service had begun."""
        return self._served + self.left - self._left - self._given_up

    @property
    def sojourn_s(self) -> float:
        """Total time spent here by all customers so far, those still here included."""
        now_s = self.clock.now
        self._take_in(now_s)
        seen_s = self._sojourn_s + (self._arrived - self._left) * (now_s - self._origin_s) - self._since_origin_s
        return seen_s + self._stayed_s + sum(min(now_s, left_s) - arrived_s for arrived_s, _, left_s in self._booked)

    @property
    def area(self) -> float:
        """Integral of the number present over time, so far."""
        now_s = self._advance()
        self._take_in(now_s)
        here_s = [min(now_s, left_s) - arrived_s for arrived_s, _, left_s in self._booked]
        return self._area + self._stayed_s + sum(here_s)

    @property
    def busy_s(self) -> float:
        """Time that its servers have been in service so far, all together."""
        now_s = self._advance()
        self._take_in(now_s)
        served_s = [max(0.0, min(now_s, left_s) - began_s) for _, began_s, left_s in self._booked]
        return self._busy_area + self._stayed_s - self._waited_s + sum(served_s)

    def busy_fraction(self, horizon_s: float) -> float:
        """Mean share of the servers in service over `horizon_s`; 0 for an empty horizon."""
        return self.busy_s / (self.servers * horizon_s) if horizon_s > 0 else 0.0

    def mean_present(self, horizon_s: float) -> float:
        """Mean number present over `horizon_s`; 0 for an empty horizon."""
        return self.area / horizon_s if horizon_s > 0 else 0.0

    def _take_in(self, now_s: float) -> None:
        coming, booked = self._coming, self._booked
        coming.sort()
        come = bisect_right(coming, now_s, key=_joined)
        for visit in coming[:come]:
            booked.append(visit)
            if len(booked) >= self._tally_at:
                self._tally(visit[0])
                booked = self._booked
        del coming[:come]
        self._take_in_at = _KEPT + 2 * len(coming)

    def _tally(self, now_s: float) -> None:
        open_: list[Visit] = []
        stayed_s, waited_s = self._stayed_s, self._waited_s
        for visit in self._booked:
            arrived_s, began_s, left_s = visit
            if left_s > now_s:
                open_.append(visit)
                continue
            assert arrived_s <= began_s <= left_s, f"I2: a visit to {self.name} runs back: {visit}"
            stayed_s += left_s - arrived_s
            waited_s += began_s - arrived_s
        self._stayed_s, self._waited_s = stayed_s, waited_s
        self._tallied += len(self._booked) - len(open_)
        self._booked = open_
        self._tally_at = _KEPT + 2 * len(open_)

    def _advance(self) -> float:
        now_s = self.clock.now
        elapsed_s = now_s - self._last_s
        if elapsed_s:
            assert elapsed_s > 0, f"I2: the clock of station {self.name} ran back by {-elapsed_s} s"
            self._area += elapsed_s * (self._arrived - self._left)
            busy = self._in_service
            self._busy_area += elapsed_s * (busy if busy < self.servers else self.servers)
            self._last_s = now_s
        return now_s
