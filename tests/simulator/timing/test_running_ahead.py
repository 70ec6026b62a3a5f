"""Requests that run ahead of the event loop, beside the same driver with every step an event: the same tables."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from cells import cell, link
from numpy.random import Generator

from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.timing import plant
from simulator.timing.driver import Driver

MEMORY = Memory()
SCHEMES: tuple[object, ...] = (
    "k_sqs", {"kind": "k_sqs", "k": 8, "max_drafts": 6}, {"kind": "c_sqs", "initial": 0.05, "carry": False}, "dense",
    "half_top_k", "tree", "coupled", {"kind": "k_sqs", "k": 4, "partial": True, "max_drafts": 4},
    *({"kind": "composed", "sparsifier": {"kind": "top_k", "k": 4}, "policy": policy}
      for policy in ("running_acceptance", "confidence_stop", "goodput")),
    {"kind": "k_sqs", "k": 8, "depth": 2, "max_drafts": 3}, "cloud_only", "colocated", "edge_only",
)  # fmt: skip


def one_of(rng: Generator, *choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def any_link(rng: Generator) -> dict[str, Any]:
    """Mostly first-come links on which nothing is random."""
    rate = one_of(
        rng,
        *({"kind": "constant", "bps": bps} for bps in (5e3, 3e4, 3e4, 1e6, "inf")),
        {"kind": "trace", "points": ((0.0, 2e4), (0.37, 0.0), (0.51, 3e3)), "period_s": 1.3},
        {"kind": "markov", "bps": (0.0, 9e3, 4e4), "transition": ((0.2, 0.5, 0.3),) * 3, "step_s": 0.11},
        {"kind": "token_bucket", "bps": 7e3, "burst_bits": 2000.0, "peak_bps": 5e4},
    )
    return link(0.0, one_of(rng, 0.0, 0.02, 0.02, 0.1)) | {
        "rate": rate,
        "loss": one_of(rng, *["none"] * 15, {"kind": "bernoulli", "probability": 0.2}),
        "sharing": one_of(rng, *("own", "fifo") * 7, "round_robin"),
        "mtu_bits": one_of(rng, None, None, None, 450),
        "access_s": one_of(rng, *[0.0] * 15, 0.01),
        "power_w": one_of(rng, *[None] * 9, 0.5),
        "arq": {
            "kind": one_of(rng, "stop_and_wait", "selective_repeat", "selective_repeat"),
            "timeout_s": 0.25,
            "timer_jitter": one_of(rng, 0.0, 0.1),
        },
    }


def any_cell(number: int) -> Cell:
    """Cell `number`: a few devices, in which ties are frequent, and much may end a request before its time."""
    rng = np.random.default_rng((28, number))
    kind, servers = one_of(rng, "closed", "closed", "poisson"), one_of(rng, 1, 1, 2, 5)
    workload = {
        "kind": kind,
        "devices": one_of(rng, 1, 4, 8),
        "requests": int(rng.integers(1, 6)),
        "prompt_tokens": 8,
        "output_tokens": one_of(rng, 4, 10, 16),
        "distinct": one_of(rng, None, None, 1, 3),
        "prompt_at_cloud": one_of(rng, False, False, True),
        "deadline_s": one_of(rng, None, None, None, 0.5, 1.0),
        "horizon_s": one_of(rng, *[3e3] * 3, 0.3, 1.0),
        "absences": one_of(rng, *["none"] * 3, {"kind": "random", "mean_there_s": 1.0, "mean_away_s": 0.2}),
        **({"rate_per_s": one_of(rng, 0.5, 5.0)} if kind == "poisson" else {"think_s": one_of(rng, 0.0, 0.1)}),
    }
    cloud = {
        "servers": servers,
        "routing": one_of(rng, "shared", "shared", "affinity"),
        "batching": one_of(rng, "none", "waiting", {"kind": "window", "cap": 3, "window_s": 0.03}, "continuous"),
        "admission": one_of(rng, "evict", "whole_request"),
        "kv_tokens": one_of(rng, None, None, 60),
        "failures": one_of(rng, *["none"] * 4, {"kind": "random", "mean_there_s": 0.5, "mean_away_s": 0.1}),
        "latency": one_of(rng, {"kind": "constant", "per_pass_s": 0.02}, {"kind": "affine", "base_s": 0.01}),
    }
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.005}, "concurrency": one_of(rng, *[1] * 9, 2)}
    scheme = one_of(rng, *SCHEMES)
    if isinstance(scheme, dict) and (scheme.get("partial") or scheme.get("depth")):
        edge["concurrency"] = 1
    return cell(scheme, workload=workload, cloud=cloud, uplink=any_link(rng), downlink=any_link(rng), edge=edge)


def tables(result: CellResult) -> tuple[str, str, str]:
    """All that a run gave, to the last bit."""
    floats = {name: value.hex() if isinstance(value, float) else repr(value) for name, value in result.summary.items()}
    return result.requests.to_csv(index=False), result.rounds.to_csv(index=False), repr(floats)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[bool]:
    """How many replies were read ahead of the loop, and how many were not."""
    counts: Counter[bool] = Counter()
    read = Driver._read

    def counted(self: Driver, *arrived: Any) -> None:
        counts[self._env.ahead] += 1
        read(self, *arrived)

    monkeypatch.setattr(Driver, "_read", counted)
    return counts


def verify(made: Cell, name: str) -> None:
    ahead = tables(simulate(made, memory=MEMORY))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plant, "waits_alone", lambda *_: False)
        followed = tables(simulate(made, memory=MEMORY))
    for one, other in zip(ahead, followed, strict=True):
        assert one == other, f"cell {name}"


def test_random_cells_have_the_tables_of_the_event_path(read: Counter[bool]) -> None:
    for number in range(60):
        verify(any_cell(number), f"{number}")
    assert read[True] > 100, f"few requests have run ahead: {read}"


def test_a_cloud_that_decodes_on_by_itself_calls_while_its_reply_travels(read: Counter[bool]) -> None:
    asked = {"kind": "closed", "devices": 4, "requests": 3, "prompt_tokens": 8, "output_tokens": 16}
    own = {"sharing": "own", "arq": "selective_repeat"}
    scheme = {"kind": "composed", "sparsifier": {"kind": "top_k", "k": 4}, "policy": "goodput"}
    verify(cell(scheme, workload=asked, uplink=link(2e3, 0.1, **own), downlink=link(1e6, 0.05, **own)), "of a count")
    assert read[True] > 10


@pytest.mark.slow
def test_a_thousand_random_cells_have_the_tables_of_the_event_path(read: Counter[bool]) -> None:
    for number in range(60, 1_000):
        verify(any_cell(number), f"{number}")
    assert read[True] > 1_500, f"few requests have run ahead: {read}"
