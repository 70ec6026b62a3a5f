"""I12: the committed text follows the verifier's law, by exact enumeration through the shipped edge, wire and cloud."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from cells import cell
from exact import Enumeration, distance, verifier_law

from simulator import simulate
from simulator.decoding.memory import Memory
from simulator.schemes import SQ, CSqs, Dense, HalfDense, HalfTopK, KSqs
from simulator.schemes.draft_scheme import DraftScheme, Proposal

TOKENS = 3
EXACT = verifier_law((1, 2), TOKENS)
LOSSLESS: dict[str, DraftScheme] = {
    "dense": Dense(resolution=5, max_drafts=2),
    "k_sqs": KSqs(k=2, resolution=5, max_drafts=2),
    "k_sqs, first draft over budget": KSqs(k=3, resolution=5, max_drafts=2, budget_bits=6),
    "k_sqs, recoded": KSqs(k=3, resolution=5, max_drafts=2, code="recoded", token="coded"),
    "c_sqs, recoded, budget binds": CSqs(
        resolution=5, max_drafts=2, initial=0.12, step=0.3, code="recoded", token="coded", budget_bits=19
    ),
    "half_dense": HalfDense(max_drafts=2),
    "half_top_k": HalfTopK(k=2, max_drafts=2),
    "c_sqs": CSqs(resolution=5, max_drafts=2, initial=0.2, step=0.3, target=0.1),
    "c_sqs, budget binds": CSqs(resolution=5, max_drafts=2, initial=0.12, step=0.3, target=0.1, budget_bits=19),
    "c_sqs, rollback none": CSqs(resolution=5, max_drafts=2, initial=0.2, step=0.3, target=0.1, rollback="none"),
    "c_sqs, accepted only": CSqs(resolution=5, max_drafts=2, initial=0.2, step=0.3, rollback="accepted_only"),
    "c_sqs, capped": CSqs(resolution=5, max_drafts=2, initial=0.05, step=0.3, k_max=2),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_i12_output_law_is_the_verifiers(name: str) -> None:
    enumeration = Enumeration(LOSSLESS[name], TOKENS)
    law = enumeration.law()
    assert enumeration.rounds >= 2
    assert sum(law.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(law, EXACT) < 1e-12


def test_budget_binds_in_the_enumerations_above() -> None:
    """The claim is empty where no round is cut: some are, some are not, and some first drafts lose tokens."""
    cut = Enumeration(LOSSLESS["c_sqs, budget binds"], TOKENS)
    cut.law()
    assert 0 < cut.full < cut.second_drafts
    shrunk = Enumeration(LOSSLESS["k_sqs, first draft over budget"], TOKENS)
    shrunk.law()
    assert shrunk.shrunk > 0


def test_drawing_from_q_and_quantizing_after_bends_the_law() -> None:
    law = Enumeration(SQ(k=3, resolution=5, max_drafts=2), TOKENS).law()
    assert sum(law.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(law, EXACT) > 0.04


class Mislabelled(KSqs):
    """Draws from q and claims to be lossless all the same."""

    kind: Literal["mislabelled_in_tests"] = "mislabelled_in_tests"  # type: ignore[assignment]

    def drawn_from(self, proposal: Proposal, q: np.ndarray) -> np.ndarray:
        return np.where(proposal.counts > 0, q[proposal.ids], 0.0)


def test_tv_output_is_measured_whatever_a_scheme_claims() -> None:
    fields = {"k": 3, "resolution": 5, "max_drafts": 2}
    claimed, honest, sound = (
        simulate(cell({"kind": kind, **fields}), memory=Memory()).summary
        for kind in ("mislabelled_in_tests", "s_q", "k_sqs")
    )
    assert claimed["tv_output"] == honest["tv_output"] > 1e-3
    assert sound["tv_output"] == 0


def test_a_budget_that_looks_at_the_draft_bends_the_law() -> None:
    """Draft 2 is dropped where its own token is dear: the forbidden rule of REFERENCE, "The protocol"."""
    control = Enumeration(Dense(resolution=5, max_drafts=2), TOKENS, drop=lambda _, after: after.context()[-1] == 0)
    law = control.law()
    assert sum(law.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(law, EXACT) > 0.04
