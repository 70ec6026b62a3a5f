"""A long live run does not grow: models, caches and records of ended requests are given back."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.requests import Request


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["sotu", "smollm2"])
def test_memory_is_flat_over_200_requests(pair: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What remembered trees hold is small beside one model; the rest must not grow after the first 40 requests."""
    fields = {
        "models": {"pair": pair},
        "workload": {"kind": "closed", "requests": 200, "output_tokens": 8, "prompt_tokens": 24},
        "scheme": {"kind": "k_sqs", "max_drafts": 4},
    }
    seen: list[float] = []
    end = Request.end

    def noted(self: Request, outcome: str, now_s: float) -> None:
        end(self, outcome, now_s)
        gc.collect()
        seen.append(resident_mib())

    monkeypatch.setattr(Request, "end", noted)
    simulate(Cell.from_fields(fields), memory=Memory(), tmp_path / "rounds.parquet")
    print(f"\n{pair}: {seen[0]:.0f} MiB after 1 request, {seen[39]:.0f} after 40, {seen[-1]:.0f} after 200")
    assert seen[-1] - seen[39] < 20
