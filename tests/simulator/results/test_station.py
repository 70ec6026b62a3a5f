"""A station's two accounts of one queue, on a clock set by hand."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.results.station import Station


def opened(servers: int = 1, now: float = 0.0) -> tuple[SimpleNamespace, Station]:
    """A station, and its clock, which stands where it is put."""
    clock = SimpleNamespace(now=now)
    return clock, Station(clock, "uplink", servers)


def test_means_over_no_time_are_0_and_over_a_moment_are_not() -> None:
    clock, station = opened()
    station.arrive(serving=True)
    assert station.busy_fraction(0.0) == station.mean_present(0.0) == 0.0
    clock.now = 0.5
    assert station.busy_fraction(0.5) == station.mean_present(0.5) == 1.0


def test_areas_and_sojourns_are_those_of_the_customers_seen() -> None:
    """Two places: one customer served from 0 to 4, one that waits from 1 to 2 and is served to 5, then interrupted."""
    clock, station = opened(servers=2)
    first = station.arrive(serving=True)
    clock.now = 1.0
    second = station.arrive()
    clock.now = 2.0
    station.begin(second)
    clock.now = 4.0
    station.leave(first)
    clock.now = 5.0
    station.interrupt(second)
    clock.now = 8.0
    assert (station.present, station.served) == (1, 1)
    assert station.sojourn_s == station.area == 4.0 + 7.0
    assert station.busy_fraction(8.0) == (4.0 + 3.0) / (2 * 8.0)
    assert station.mean_present(8.0) == 11.0 / 8.0
    station.leave(second)
    assert (station.present, station.served, station.left) == (0, 1, 2)


def test_a_customer_who_gives_up_counts_but_is_not_served() -> None:
    clock, station = opened()
    customer = station.arrive()
    clock.now = 3.0
    station.leave(customer)
    assert (station.left, station.served, station.area, station.busy_fraction(3.0)) == (1, 0, 3.0, 0.0)
    with pytest.raises(AssertionError, match="I4"):
        station.leave(customer)


def test_i2_the_clock_never_runs_back() -> None:
    clock, station = opened(now=1.0)
    station.arrive()
    clock.now = 0.5
    with pytest.raises(AssertionError, match="I2"):
        station.arrive()


def test_busy_never_exceeds_the_servers() -> None:
    """Three in service at once on two servers, as under processor sharing, is a busy fraction of 1."""
    clock, station = opened(servers=2)
    for _ in range(3):
        station.begin(station.arrive())
    clock.now = 2.0
    assert station.busy_fraction(2.0) == 1.0


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from(["arrive", "begin", "leave"])), max_size=60))
def test_i4_littles_identity_at_any_instant(steps: list[tuple[float, str]]) -> None:
    """The area under the number present is the total time spent here, whoever is still inside."""
    clock, station = opened(servers=3)
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


def test_stays_are_exact_however_late_they_begin() -> None:
    """They are counted from when the station was last empty, not from time 0."""
    clock, station = opened()
    station.leave(station.arrive())
    arrivals = [1e12 + n / 1e3 for n in range(1_000)]
    for clock.now in arrivals:
        station.arrive()
    assert station.sojourn_s == pytest.approx(float(sum(Fraction(clock.now) - Fraction(a) for a in arrivals)), rel=1e-9)


def test_a_visit_that_is_known_beforehand_counts_as_far_as_it_has_come() -> None:
    """Booked at 0: here from 0 to 6, in service from 2 on; seen at 1, at 4 and at its end."""
    clock, station = opened()
    station.book((0.0, 2.0, 6.0))
    for clock.now, present, served, area, busy_s in (
        (1.0, 1, 0, 1.0, 0.0),
        (4.0, 1, 0, 4.0, 2.0),
        (6.0, 0, 1, 6.0, 4.0),
    ):
        assert (station.arrived, station.present, station.served) == (1, present, served)
        assert station.area == station.sojourn_s == area
        assert station.busy_fraction(1.0) == busy_s
    clock.now = 9.0
    assert station.area == 6.0 and station.left == 1


def test_a_booked_visit_may_take_another_course_or_none() -> None:
    clock, station = opened()
    first, second = (0.0, 0.0, 4.0), (1.0, 4.0, 7.0)
    station.book(first)
    clock.now = 1.0
    station.book(second)
    clock.now = 2.0
    station.rebook(first, (0.0, 0.0, 3.0))
    station.cancel(second)
    clock.now = 10.0
    assert (station.arrived, station.left, station.served) == (2, 2, 1)
    assert station.area == station.sojourn_s == 3.0 + 1.0
    assert station.busy_fraction(10.0) == 0.3


def test_very_many_booked_visits_add_up_beside_those_seen() -> None:
    clock, station = opened()
    seen = Station(clock, "seen")
    for number in range(1_000):
        clock.now = 1.5 * number
        station.book((clock.now, clock.now + 0.25, clock.now + 1.0))
        customer = seen.arrive()
        clock.now += 0.25
        seen.begin(customer)
        clock.now += 0.75
        seen.leave(customer)
    assert (station.arrived, station.left, station.served) == (seen.arrived, seen.left, seen.served) == (1_000,) * 3
    assert station.area == pytest.approx(seen.area, rel=1e-12)
    assert station.busy_fraction(clock.now) == pytest.approx(seen.busy_fraction(clock.now), rel=1e-12)


def test_visits_add_up_the_same_whenever_they_are_booked() -> None:
    """To the last bit: booked as they join, and ahead in another order, up to twenty of them at a time."""
    rng = np.random.default_rng(0)
    joined = rng.uniform(0, 100, 1_000).cumsum()
    visits = [
        (each, each + waits, each + waits + 0.1) for each, waits in zip(joined, rng.uniform(0, 300, 1_000), strict=True)
    ]
    clocks, (station, ahead) = zip(opened(), opened(), strict=True)
    for number, visit in enumerate(visits):
        clocks[0].now = clocks[1].now = visit[0]
        station.book(visit)
        if number % 20 == 0:
            for place in rng.permutation(min(20, len(visits) - number)):
                ahead.book(visits[number + place])
        assert ahead.arrived == station.arrived
    clocks[0].now = clocks[1].now = 1e6
    assert (ahead.sojourn_s, ahead.area, ahead.busy_s) == (station.sojourn_s, station.area, station.busy_s)


def test_a_booked_visit_that_runs_back_is_reported() -> None:
    _, station = opened(now=100.0)
    station.book((1.0, 3.0, 2.0))
    with pytest.raises(AssertionError, match="I2: a visit to uplink runs back"):
        for _ in range(1_000):
            station.book((50.0, 50.0, 51.0))
