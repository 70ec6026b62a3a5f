"""Drafting ahead in closed form: with i.i.d. acceptance a and rounds of g drafts, a token takes
(1 - a) [C + s a^g / (1 - a^g)] seconds, C a lone round, s the slowest of the stages edge, uplink and cloud.

Between two rejections 1 / (1 - a) tokens are committed: the first round of them takes C, and each that stands in full,
a^g / (1 - a^g) of them, makes the pipe longer by s.
"""

from __future__ import annotations

import pytest
from cells import cell, link

from simulator import Cell, simulate
from simulator.decoding.memory import Memory

DRAFTS, DRAFT_S, VERIFY_S, DISTANCE = 4, 0.006, 0.043, 0.15
BPS = 1e5
MEMORY = Memory()
"""The tokens of all delays are the same."""


def one_long_answer(delay_s: float) -> Cell:
    """Over a pair whose distributions are as far apart everywhere, with rounds enough ahead to fill any pipe."""
    patient = {"arq": {"kind": "selective_repeat", "timeout_s": 1.0}}
    return cell(
        {"kind": "half_dense", "max_drafts": DRAFTS, "depth": 16},
        models={"pair": {"kind": "synthetic", "size": 16, "distance": DISTANCE, "entropy_bits": 3, "context": 2048}},
        workload={"kind": "closed", "requests": 1, "prompt_tokens": 1, "output_tokens": 1000, "prompt_at_cloud": True},
        edge={"latency": {"kind": "constant", "per_pass_s": DRAFT_S}},
        cloud={"batching": "none", "latency": {"kind": "constant", "per_pass_s": VERIFY_S}},
        uplink=link(BPS, delay_s) | patient,
        downlink=link(float("inf"), delay_s) | patient,
    )


@pytest.mark.parametrize("delay_s", [0.005, pytest.param(0.05, marks=pytest.mark.slow), 0.3])
def test_seconds_a_token_of_drafting_ahead(delay_s: float) -> None:
    """Within 3%. The share of drafts that were accepted stands for a, so that the chance of 150 rejections is none."""
    result = simulate(one_long_answer(delay_s), memory=MEMORY)
    summary, rounds = result.summary, result.rounds
    a = summary["acceptance_rate"]
    assert 1 - a == pytest.approx(DISTANCE, abs=5 * (DISTANCE * (1 - DISTANCE) / rounds["verified"].sum()) ** 0.5)
    on_air_s = float(rounds["uplink_bits"].max()) / BPS
    lone_s = DRAFTS * DRAFT_S + on_air_s + 2 * delay_s + VERIFY_S
    slowest_s = max(DRAFTS * DRAFT_S, on_air_s, VERIFY_S)
    expected_s = (1 - a) * (lone_s + slowest_s * a**DRAFTS / (1 - a**DRAFTS))
    assert summary["latency_per_token_s"] == pytest.approx(expected_s, rel=0.03)
