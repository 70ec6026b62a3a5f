"""How CPU time grows with devices and with the horizon: a curve each, and the exponent between its ends.

Runs replay remembered rounds of synthetic sessions, as in `bench_scale`. Each point is the least of a few repetitions,
taken in turn, so that a busy machine counts for little.
"""

from collections.abc import Callable, Mapping

from timed_cells import replayed, seconds

from simulator import Cell, simulate
from simulator.decoding.memory import Memory

REPEATS = 3
SESSIONS = 20
Curves = Callable[..., None]


def least_s(works: Mapping[int, Callable[[], object]]) -> dict[int, float]:
    """By size, the least CPU seconds of the work for it."""
    found: dict[int, list[float]] = {size: [] for size in works}
    for _ in range(REPEATS):
        for size, work in works.items():
            found[size].append(seconds(work))
    return {size: min(cpu_s) for size, cpu_s in found.items()}


def remembered(cells: Mapping[int, Cell]) -> dict[int, Callable[[], object]]:
    memory = Memory()
    simulate(replayed(1, SESSIONS, SESSIONS), memory=memory)
    return {size: lambda one=one: simulate(one, memory=memory) for size, one in cells.items()}  # type: ignore[misc]


def test_devices(curve: Curves) -> None:
    cells = {devices: replayed(devices, 5, SESSIONS) for devices in (30, 100, 300, 1_000)}
    curve("simulation, rounds remembered", "devices", least_s(remembered(cells)), at_most=1.1)


def test_horizon(curve: Curves) -> None:
    cells = {requests: replayed(10, requests, SESSIONS) for requests in (15, 50, 150, 500)}
    curve("simulation, rounds remembered", "requests a device", least_s(remembered(cells)), at_most=1.1)
