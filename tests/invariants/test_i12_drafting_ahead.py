"""I12 with rounds drafted ahead of their verdicts: by exact enumeration, with as many under way as there may be."""

from __future__ import annotations

import pytest

from simulator.checking.exact import distance, verifier_law
from simulator.checking.exact_ahead import AheadEnumeration, Chain
from simulator.schemes import CSqs, Dense, DraftScheme, KSqs, TruncatedFp16
from simulator.schemes.policy import FixedLength

TOKENS = 4
C_SQS = {"resolution": 5, "step": 0.3, "target": 0.1}
LOSSLESS: dict[str, DraftScheme] = {
    "k_sqs, one round ahead": KSqs(k=2, resolution=5, max_drafts=2, depth=1),
    "c_sqs, two rounds ahead": CSqs(**C_SQS, max_drafts=1, initial=0.2, depth=2),
}
MORE: dict[str, DraftScheme] = {
    "k_sqs, two rounds ahead": KSqs(k=2, resolution=5, max_drafts=1, depth=2),
    "half_top_k, two rounds ahead": TruncatedFp16(policy=FixedLength(), k=2, max_drafts=1, depth=2),
    "dense, one round ahead": Dense(resolution=5, max_drafts=2, depth=1),
    "c_sqs, one round ahead, budget binds": CSqs(**C_SQS, max_drafts=2, initial=0.12, budget_bits=17, depth=1),
    "c_sqs, two rounds ahead, rollback none": CSqs(**C_SQS, max_drafts=1, initial=0.2, rollback="none", depth=2),
}


def check_law(scheme: DraftScheme, tokens: int) -> None:
    enumeration = AheadEnumeration(scheme, tokens)
    law = enumeration.law()
    assert enumeration.deepest == scheme.depth + 1 and enumeration.stood and enumeration.flushed
    assert sum(law.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(law, verifier_law((1, 2), tokens)) < 1e-12


@pytest.mark.parametrize("name", LOSSLESS)
def test_i12_the_law_is_the_verifiers_with_rounds_ahead(name: str) -> None:
    check_law(LOSSLESS[name], TOKENS)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSLESS | MORE)
def test_i12_the_law_is_the_verifiers_with_rounds_ahead_over_longer_answers(name: str) -> None:
    check_law((LOSSLESS | MORE)[name], TOKENS + 1)


def test_a_bonus_token_where_the_next_round_comes_late_bends_the_law() -> None:
    """The control: whether a payload is there in time depends on its length, and so on the drafts in it."""

    def late(chain: Chain) -> bool:
        return len(chain) > 1 and chain[1].drafts[0].draft.token == 0

    control = AheadEnumeration(Dense(resolution=5, max_drafts=1, depth=1), TOKENS, late=late)
    law = control.law()
    assert sum(law.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(law, verifier_law((1, 2), TOKENS)) > 0.04
