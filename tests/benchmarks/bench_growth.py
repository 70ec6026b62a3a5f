"""How CPU time grows with devices, horizon, cells and vocabulary: one curve each, and the exponent between its ends.

Runs replay remembered rounds of synthetic sessions, as in `bench_scale`, but those over the vocabulary, which decode.
Each point is the least of a few repetitions, taken in turn, so that a busy machine counts for little.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from simulator import Cell, simulate, sweep
from simulator.decoding.memory import Memory

REPEATS = 3
SESSIONS = 20
WIDE = math.log(3, 128)
"""The exponent with which 128 times the vocabulary costs 3 times as much."""
Curves = Callable[..., None]


def cell(devices: int = 10, requests: int = 5, vocabulary: int = 256, scheme: str = "k_sqs") -> Cell:
    """Devices with links of their own and a quarter as many servers: more of both is more of the same."""
    own = {"sharing": "own"}
    return Cell.from_fields(
        {
            "models": {"pair": {"kind": "synthetic", "size": vocabulary}},
            "workload": {
                "kind": "closed", "devices": devices, "requests": requests, "distinct": SESSIONS,
                "prompt_tokens": 16, "output_tokens": 32,
            },
            "scheme": scheme,
            "uplink": {"rate": {"kind": "constant", "bps": 1e5}, **own},
            "downlink": {"rate": {"kind": "constant", "bps": 1e7}, **own},
            "cloud": {"servers": max(1, devices // 4)},
        }
    )  # fmt: skip


def least_s(works: Mapping[int, Callable[[], object]]) -> dict[int, float]:
    """By size, the least CPU seconds of the work for it."""
    found: dict[int, list[float]] = {size: [] for size in works}
    for _ in range(REPEATS):
        for size, work in works.items():
            start = time.process_time()
            work()
            found[size].append(time.process_time() - start)
    return {size: min(cpu_s) for size, cpu_s in found.items()}


def remembered(cells: Mapping[int, Cell]) -> dict[int, Callable[[], object]]:
    memory = Memory()
    simulate(cell(1, SESSIONS), memory=memory)
    return {size: lambda one=one: simulate(one, memory=memory) for size, one in cells.items()}  # type: ignore[misc]


def test_devices(curve: Curves) -> None:
    cells = {devices: cell(devices) for devices in (30, 100, 300, 1_000)}
    curve("simulation, rounds remembered", "devices", least_s(remembered(cells)), at_most=1.1)


def test_horizon(curve: Curves) -> None:
    cells = {requests: cell(requests=requests) for requests in (15, 50, 150, 500)}
    curve("simulation, rounds remembered", "requests a device", least_s(remembered(cells)), at_most=1.1)


def test_cells(tmp_path: Path, curve: Curves) -> None:
    """Tables written; the rounds are found in this process's memory."""
    rates = [1e4 * 1.01**place for place in range(400)]
    few = cell(2, 2)
    cells = {count: [few.with_({"uplink.rate.bps": bps}) for bps in rates[:count]] for count in (25, 50, 100, 200, 400)}
    works = {
        count: lambda count=count: sweep(cells[count], tmp_path / f"{count}_{time.perf_counter_ns()}")  # type: ignore[misc]
        for count in cells
    }
    sweep(cells[25], tmp_path / "warm")
    curve("sweep, rounds remembered, tables written", "cells", least_s(works), at_most=1.1)


def test_vocabulary(curve: Curves) -> None:
    """Nothing remembered: distributions are made, sparsified, coded, verified."""
    for scheme in ("k_sqs", "c_sqs", "half_dense", "cloud_only"):
        cells = {size: cell(2, 2, size, scheme) for size in (1_024, 8_192, 32_768, 131_072)}
        works = {size: lambda one=one: simulate(one, memory=Memory()) for size, one in cells.items()}  # type: ignore[misc]
        curve(f"decoding, {scheme}", "tokens of vocabulary", least_s(works), at_most=WIDE)
