"""The cloud as a queue: its waits are those of theory, at 5 sd, and job by job those of a plain recursion.

Services and gaps are whole ticks, a million to a mean service, so waits may be compared exactly. Standard deviations
come from replications of the recursion at the very sample size of the test.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import factorial

import numpy as np
import pytest
from servers import Bench

TICK = 1_000_000
Ticks = np.ndarray
DISTRIBUTIONS = ("exponential", "constant", "two_point")


def services(distribution: str, rng: np.random.Generator, shape: tuple[int, ...]) -> Ticks:
    """Service times of mean 1 TICK; the two-point distribution is 0.5 (three in four) or 2.5."""
    if distribution == "exponential":
        return np.ceil(rng.standard_exponential(shape) * TICK)
    if distribution == "constant":
        return np.full(shape, float(TICK))
    return np.where(rng.random(shape) < 0.75, 0.5 * TICK, 2.5 * TICK)


def arrivals(load: float, servers: int, rng: np.random.Generator, shape: tuple[int, ...]) -> Ticks:
    """Poisson arrival times along the first axis."""
    return np.cumsum(np.ceil(rng.standard_exponential(shape) * TICK / (load * servers)), axis=0)


def closed_form(distribution: str, servers: int, load: float) -> float:
    """Mean wait in mean services: Pollaczek-Khinchine for one server, Erlang C for several exponential ones."""
    if servers == 1:
        second_moment = {"exponential": 2.0, "constant": 1.0, "two_point": 0.75 * 0.25 + 0.25 * 6.25}[distribution]
        return load * second_moment / (2 * (1 - load))
    offered = load * servers
    last = offered**servers / factorial(servers) / (1 - load)
    waits = last / (sum(offered**n / factorial(n) for n in range(servers)) + last)
    return waits / (servers * (1 - load))


def recursion(arrivals_s: Ticks, services_s: Ticks, servers: int) -> list[float]:
    """Wait of each job, first come first served: it takes the server that is free first."""
    free: list[float] = [0.0] * servers
    waits = []
    for arrival, service in zip(arrivals_s.tolist(), services_s.tolist(), strict=True):
        begin = max(arrival, heappop(free))
        heappush(free, begin + service)
        waits.append(begin - arrival)
    return waits


def replicated_sd(distribution: str, servers: int, load: float, jobs: int, replications: int = 200) -> float:
    """sd of the mean wait over `jobs` jobs, in mean services, by that many runs of the recursion side by side."""
    rng = np.random.default_rng(7)
    gaps = np.diff(arrivals(load, servers, rng, (jobs, replications)), axis=0, prepend=0.0)
    times = services(distribution, rng, (jobs, replications))
    backlog, total = np.zeros((replications, servers)), np.zeros(replications)
    for gap, service in zip(gaps, times, strict=True):
        backlog = np.maximum(backlog - gap[:, None], 0.0)
        total += backlog[:, 0]
        backlog[:, 0] += service
        if servers > 1:
            backlog.sort(axis=1)
    return float(np.std(total / jobs / TICK, ddof=1))


@pytest.mark.parametrize(
    ("distribution", "servers", "load"),
    [*((distribution, 1, 0.5) for distribution in DISTRIBUTIONS), ("exponential", 3, 0.7)],
)
def test_waits_are_those_of_theory(distribution: str, servers: int, load: float) -> None:
    jobs = 8_000
    rng = np.random.default_rng(11)
    arrivals_s, services_s = arrivals(load, servers, rng, (jobs,)), services(distribution, rng, (jobs,))
    bench = Bench(servers=servers, batching="none")
    bench.feed(arrivals_s.tolist(), services_s.astype(int).tolist())
    bench.run()
    measured = [visit.began_s[0] - visit.arrived_s for visit in bench.visits]
    assert measured == recursion(arrivals_s, services_s, servers)
    gap = abs(np.mean(measured) / TICK - closed_form(distribution, servers, load))
    assert gap < 5 * replicated_sd(distribution, servers, load, jobs)


def test_sd_by_replication_is_the_known_one() -> None:
    """REFERENCE: over 200,000 jobs 1.2% at load .5 for M/M/1 and .9% for M/D/1; a 20th of the jobs, sqrt(20) the sd."""
    for distribution, mean, relative in (("exponential", 1.0, 0.012), ("constant", 0.5, 0.009)):
        sd = replicated_sd(distribution, 1, 0.5, 10_000) / mean
        assert sd == pytest.approx(relative * 20**0.5, rel=0.25)  # 5 sd of an sd from 200 replications
