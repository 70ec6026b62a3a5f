"""The cloud as a queue: its waits are those of theory, at 5 sd, and job by job those of a plain recursion.

Services and gaps are whole ticks, a million to a mean service, so waits may be compared exactly.
"""

from heapq import heappop, heappush
from math import factorial

import numpy as np
import pytest
from servers import Bench

TICK = 1_000_000
Ticks = np.ndarray
JOBS = 8_000


def services(distribution: str, rng: np.random.Generator) -> Ticks:
    """Service times of mean 1 TICK; the two-point distribution is 0.5 (three in four) or 2.5."""
    if distribution == "exponential":
        return np.ceil(rng.standard_exponential(JOBS) * TICK)
    if distribution == "constant":
        return np.full(JOBS, float(TICK))
    return np.where(rng.random(JOBS) < 0.75, 0.5 * TICK, 2.5 * TICK)


def arrivals(load: float, servers: int, rng: np.random.Generator) -> Ticks:
    """Poisson arrival times."""
    return np.cumsum(np.ceil(rng.standard_exponential(JOBS) * TICK / (load * servers)))


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


@pytest.mark.parametrize(
    ("distribution", "servers", "load", "sd"),
    [("exponential", 1, 0.5, 0.065), ("constant", 1, 0.5, 0.021), ("two_point", 1, 0.5, 0.043),
     ("exponential", 3, 0.7, 0.069)],
)  # fmt: skip
def test_waits_are_those_of_theory(distribution: str, servers: int, load: float, sd: float) -> None:
    """sd: of the mean wait over so many jobs, in mean services, from 200 replications of the recursion."""
    rng = np.random.default_rng(11)
    arrivals_s, services_s = arrivals(load, servers, rng), services(distribution, rng)
    bench = Bench(servers=servers, batching="none")
    bench.feed(arrivals_s.tolist(), services_s.astype(int).tolist())
    bench.run()
    measured = [visit.began_s[0] - visit.arrived_s for visit in bench.visits]
    assert measured == recursion(arrivals_s, services_s, servers)
    assert abs(np.mean(measured) / TICK - closed_form(distribution, servers, load)) < 5 * sd
