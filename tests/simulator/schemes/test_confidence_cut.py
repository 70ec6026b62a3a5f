"""The cut of a round by the drafter's confidence: which drafts are verified, by hand, and what a cloud is spared."""

import numpy as np
import pytest
from cells import cell

from models.verification import SparseDistribution
from simulator import simulate
from simulator.decoding.memory import Memory
from simulator.schemes.acceptance import Block, Received, Rejection

QHAT = [
    SparseDistribution(9, np.array([1, 4]), np.array([0.8, 0.2])),
    SparseDistribution(9, np.array([0, 5]), np.array([0.5, 0.5])),
    SparseDistribution(9, np.array([2]), np.array([1.0])),
]
LIKELY, UNLIKELY = Received(np.array([1, 0, 2]), QHAT, 9), Received(np.array([4, 0, 2]), QHAT, 9)


@pytest.mark.parametrize("kind", [Rejection, Block])
@pytest.mark.parametrize(
    ("received", "least", "verified"),
    [
        (LIKELY, 0.0, 3), (LIKELY, 0.4, 3), (LIKELY, 0.41, 1), (LIKELY, 0.81, 0),
        (UNLIKELY, 0.1, 3), (UNLIKELY, 0.11, 1), (UNLIKELY, 0.8, 1),
    ],
)  # fmt: skip
def test_a_draft_is_verified_by_those_before_it_and_the_top_of_its_own_distribution(kind, received, least, verified):
    assert kind(least_confidence=least).drafts_to_verify(received) == verified


def test_what_is_cut_costs_no_pass_and_the_bits_are_spent():
    fields = {"workload.output_tokens": 32, "cloud.latency": {"kind": "affine", "base_s": 0.0, "per_token_s": 0.01}}
    scheme = {"kind": "composed", "max_drafts": 4, "sparsifier": {"kind": "top_k", "k": 8}}
    whole, cut = (
        simulate(
            cell(scheme | {"acceptance": {"kind": "rejection", "least_confidence": least}}).with_(fields),
            memory=Memory(),
        )
        for least in (0.0, 0.3)
    )
    assert whole.summary["checked_per_round"] == whole.summary["draft_length"]
    assert cut.summary["checked_per_round"] < cut.summary["draft_length"] == pytest.approx(4, abs=0.5)
    assert (cut.rounds["accepted"] <= cut.rounds["checked"]).all() and cut.summary["tv_output"] == 0
    assert cut.summary["cloud_s_per_token"] < whole.summary["cloud_s_per_token"]
    assert cut.summary["payload_bits_per_token"] > whole.summary["payload_bits_per_token"]
