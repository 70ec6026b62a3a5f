"""The books of a real run: a run that does what the simulator does is told in the same tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cells import cell, link
from twin_journals import simulated

from simulator import Cell
from simulator.decoding.memory import Memory
from simulator.results.columns import BREAKDOWN
from simulator.testbed.books import tables
from simulator.testbed.plan import check
from simulator.testbed.replay import RealRunError

ASKED: dict[str, Any] = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 14}
THINKING = ASKED | {"think_s": 0.05}
LOSSY = {"kind": "bernoulli", "probability": 0.3}
CLOUD = {"batching": "continuous", "latency": {"kind": "affine", "base_s": 0.01, "per_token_s": 0.001}}
K_SQS = {"kind": "k_sqs", "k": 4, "max_drafts": 3}


def lossy(bps: float, **fields: Any) -> dict[str, Any]:
    """A link that loses packets and acknowledgements, and cuts letters into some packets."""
    arq = {"kind": "selective_repeat", "timeout_s": 0.15, "ack_loss": LOSSY}
    return link(bps, loss=LOSSY, mtu_bits=480) | {"arq": arq | fields}


def crowded(scheme: dict[str, Any], seed: int = 0, **fields: Any) -> Cell:
    """Three devices, one link and one server."""
    made = cell(
        scheme, seed=seed, **{"workload": THINKING, "cloud": CLOUD, "uplink": lossy(2e4), "downlink": lossy(1e5)} | fields
    )
    check(made)
    return made


CELLS = {
    "lossy": crowded(K_SQS),
    "dense": crowded({"kind": "dense", "max_drafts": 2}, uplink=link(1e5), downlink=link(1e6)),
    "cloud_only": crowded({"kind": "cloud_only"}),
    "colocated": crowded({"kind": "colocated"}),
    "ahead": crowded(K_SQS | {"depth": 1}, seed=1),
    "far_ahead": crowded(K_SQS | {"depth": 2}, seed=2, uplink=link(3e4), downlink=link(1e5)),
    "acknowledged": crowded(K_SQS, uplink=lossy(3e4, ack_bits=320, ack_loss="none")),
    "acknowledged_ahead": crowded(
        K_SQS | {"depth": 1},
        uplink=lossy(3e4, ack_bits=320, ack_loss="none"),
        downlink=lossy(3e4, ack_bits=320, ack_loss="none"),
    ),
    "forgetful": crowded(K_SQS, cloud=CLOUD | {"kv_tokens": 40}),
    "unasked": crowded(K_SQS, workload=ASKED | {"kind": "poisson", "rate_per_s": 2.0}),
}


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """The same rows: times to a nanosecond, all else exactly."""
    for name in one.columns:
        if name.endswith("_s"):
            np.testing.assert_allclose(other[name], one[name], rtol=0, atol=1e-9, err_msg=name)
        else:
            assert one[name].equals(other[name]), name


@pytest.mark.parametrize("name", CELLS)
def test_a_run_that_does_what_the_simulator_does_has_its_tables(name: str, tmp_path: Path) -> None:
    expected, _ = simulated(CELLS[name], tmp_path)
    real = tables(CELLS[name], tmp_path, Memory())
    same(expected.requests, real.requests)
    same(expected.rounds, real.rounds)
    assert list(real.summary) == list(expected.summary)
    for metric, value in expected.summary.items():
        assert real.summary[metric] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), metric
