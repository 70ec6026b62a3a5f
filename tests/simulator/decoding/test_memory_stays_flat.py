"""A long live run does not grow: models, caches and records of ended requests are given back."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.results.requests import Request


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


class Weighing(Observer):
    """Notes what this process holds after each request, once what nobody refers to is given back."""

    def __init__(self) -> None:
        self.resident_mib: list[float] = []

    def on_request(self, request: Request, share: float) -> None:
        gc.collect()
        self.resident_mib.append(resident_mib())


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["sotu", "smollm2"])
def test_memory_is_flat_over_200_requests(pair: str, tmp_path: Path) -> None:
    """What remembered trees hold is small beside one model; the rest must not grow after the first 40 requests."""
    fields = {
        "models": {"pair": pair},
        "workload": {"kind": "closed", "requests": 200, "output_tokens": 8, "prompt_tokens": 24},
        "scheme": {"kind": "k_sqs", "max_drafts": 4},
    }
    weighing = Weighing()
    simulate(Cell.from_fields(fields), weighing, memory=Memory(), rounds_to=tmp_path / "rounds.parquet")
    seen = weighing.resident_mib
    assert len(seen) == 200
    print(f"\n{pair}: {seen[0]:.0f} MiB after 1 request, {seen[39]:.0f} after 40, {seen[-1]:.0f} after 200")
    assert seen[-1] - seen[39] < 20
