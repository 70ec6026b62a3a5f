"""Requests are served here when BLIS and Vidur serve them, where the latency model is the same."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from tools.other_simulators import LOADS, SMALL, Against, scheduled

TICK_S = 1e-6
"""The clock of BLIS; what Vidur said is rounded to it."""


def farthest_s(run: Against) -> float:
    """The most that a first or last token of any request is off."""
    ours, theirs = run.ours(), run.theirs()
    assert (ours.tokens == theirs.tokens).all() and np.abs(ours.arrival_s - theirs.arrival_s).max() < 1e-9
    return float(max(np.abs(ours.first_s - theirs.first_s).max(), np.abs(ours.last_s - theirs.last_s).max()))


@pytest.mark.parametrize("run", scheduled("tight", **SMALL), ids=lambda run: run.simulator)
def test_each_token_of_a_full_server_comes_when_another_simulator_says(run: Against) -> None:
    assert farthest_s(run) <= TICK_S


@pytest.mark.parametrize(
    "changed", [{"token_budget": 63}, {"batching": {"kind": "continuous", "cap": 9}}, {"batching": {"kind": "waiting"}}]
)
def test_another_budget_cap_or_batching_would_be_seen(changed: Mapping[str, object]) -> None:
    blis, _ = scheduled("tight", **SMALL | changed)
    assert farthest_s(blis) > 1e4 * TICK_S


@pytest.mark.slow
@pytest.mark.parametrize("load", LOADS)
def test_each_token_comes_when_other_simulators_say(load: str) -> None:
    for run in scheduled(load):
        assert farthest_s(run) <= TICK_S
