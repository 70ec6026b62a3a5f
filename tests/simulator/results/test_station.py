"""A station's two accounts of one queue, on a clock set by hand."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest

from simulator.results.station import Station


@dataclass
class Clock:
    """Stands where it is put."""

    now: float = 0.0


def test_means_over_no_time_are_0_and_over_a_moment_are_not() -> None:
    clock = Clock()
    station = Station(clock, "uplink")
    station.arrive(serving=True)
    assert station.busy_fraction(0.0) == station.mean_present(0.0) == 0.0
    clock.now = 0.5
    assert station.busy_fraction(0.5) == station.mean_present(0.5) == 1.0


def test_areas_and_sojourns_are_those_of_the_customers_seen() -> None:
    """Two places: one customer served from 0 to 4, one that waits from 1 to 2 and is served to 5, then interrupted."""
    clock = Clock()
    station = Station(clock, "cloud", servers=2)
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


def test_stays_are_exact_however_late_they_begin() -> None:
    """They are counted from when the station was last empty, not from time 0."""
    clock = Clock()
    station = Station(clock, "uplink")
    station.leave(station.arrive())
    arrivals = [1e12 + n / 1e3 for n in range(1_000)]
    for clock.now in arrivals:
        station.arrive()
    assert station.sojourn_s == pytest.approx(float(sum(Fraction(clock.now) - Fraction(a) for a in arrivals)), rel=1e-9)
