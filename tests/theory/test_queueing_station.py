"""A station's two accounts of one queue, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.results.station import Station


@dataclass
class Hands:
    """A clock that a test moves."""

    now: float = 0.0


def test_two_customers_by_hand() -> None:
    """One from 0 to 4 (served from 1), one from 2 to 5 (served from 4), read at 10."""
    clock = Hands()
    station = Station(clock, "cloud")
    first = station.arrive()
    clock.now = 1.0
    station.begin(first)
    clock.now = 2.0
    second = station.arrive()
    clock.now = 4.0
    station.leave(first)
    station.begin(second)
    clock.now = 5.0
    station.leave(second)
    clock.now = 10.0
    assert (station.area, station.sojourn_s) == (7.0, 7.0)
    assert station.busy_fraction(10.0) == pytest.approx(0.4)
    assert station.mean_present(10.0) == pytest.approx(0.7)
    assert (station.arrived, station.left, station.served, station.present) == (2, 2, 2, 0)


def test_a_customer_who_gives_up_counts_but_is_not_served() -> None:
    clock = Hands()
    station = Station(clock, "cloud")
    customer = station.arrive()
    clock.now = 3.0
    station.leave(customer)
    assert (station.left, station.served, station.area) == (1, 0, 3.0)
    assert station.busy_fraction(3.0) == 0.0


def test_nobody_leaves_twice() -> None:
    station = Station(Hands(), "cloud")
    customer = station.arrive()
    station.leave(customer)
    with pytest.raises(AssertionError, match="I4"):
        station.leave(customer)


def test_i2_the_clock_never_runs_back() -> None:
    clock = Hands(5.0)
    station = Station(clock, "cloud")
    station.arrive()
    clock.now = 4.0
    with pytest.raises(AssertionError, match="I2"):
        station.arrive()


def test_busy_never_exceeds_the_servers() -> None:
    """Three in service at once on two servers, as under processor sharing, is a busy fraction of 1."""
    clock = Hands()
    station = Station(clock, "uplink", servers=2)
    for _ in range(3):
        station.begin(station.arrive())
    clock.now = 2.0
    assert station.busy_fraction(2.0) == 1.0


STEPS = st.lists(st.tuples(st.floats(0, 10), st.sampled_from(["arrive", "begin", "leave"])), max_size=60)


@given(steps=STEPS)
def test_i4_littles_identity_at_any_instant(steps: list[tuple[float, str]]) -> None:
    """The area under the number present is the total time spent here, whoever is still inside."""
    clock = Hands()
    station = Station(clock, "cloud", servers=3)
    waiting, serving = [], []
    for wait_s, what in steps:
        clock.now += wait_s
        if what == "arrive":
            waiting.append(station.arrive())
        elif what == "begin" and waiting:
            serving.append(waiting.pop(0))
            station.begin(serving[-1])
        elif serving or waiting:
            station.leave((serving or waiting).pop(0))
        assert station.area == pytest.approx(station.sojourn_s, rel=1e-12, abs=1e-9)
        assert station.present == station.arrived - station.left
