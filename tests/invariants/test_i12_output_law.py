"""I12: the committed text follows the verifier's law, by exact enumeration through the shipped edge, wire and cloud."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import pytest
from cells import cell

from models.verification import Verdict
from simulator import simulate
from simulator.checking.exact import Enumeration, distance, verifier_law
from simulator.decoding.memory import Memory
from simulator.schemes import SQ, Composed, CSqs, Dense, DraftScheme, HalfDense, IdsOnlyGreedy, KSqs, TruncatedFp16
from simulator.schemes.acceptance import LawAfter, Received, Rejection
from simulator.schemes.draw import FromUnquantized, RequestUniforms
from simulator.schemes.policy import DRAFT, SEND, Action, EdgeView, FixedLength, Policy, PolicyState
from simulator.schemes.quantizer import CubicQuantizer, DualQuantizer, LogarithmicQuantizer
from simulator.schemes.sparsifier import KeepAbove, KeepByEntropy, KeepMinP, KeepRunningQuantile, KeepTopP


class WhileSure(Policy):
    """Drafts on while the last draft was likely, and every other round is long: looks at confidence and at the past."""

    kind: Literal["while_sure_in_tests"] = "while_sure_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        turn = int(state[0]) if state else 0
        if not view.drafts:
            return DRAFT, (1 - turn,)
        return (DRAFT if view.drafts[-1].confidence > 0.25 or not turn else SEND), state


def composed(**fields: object) -> Composed:
    """Three of the four tokens on a lattice of 5, unless told otherwise."""
    kept = {"kind": "top_k", "k": 3}
    lattice = {"kind": "lattice", "resolution": 5}
    return Composed.model_validate({"sparsifier": kept, "quantizer": lattice, "max_drafts": 2} | fields)


TOKENS = 3
EXACT = verifier_law((1, 2), TOKENS)
LOSSLESS: dict[str, DraftScheme] = {
    "dense": Dense(resolution=5, max_drafts=2),
    "k_sqs": KSqs(k=2, resolution=5, max_drafts=2),
    "k_sqs, first draft over budget": KSqs(k=3, resolution=5, max_drafts=2, budget_bits=6),
    "k_sqs, recoded": KSqs(k=3, resolution=5, max_drafts=2, code="recoded", token="coded"),
    "c_sqs, recoded, budget binds": CSqs(
        resolution=5, max_drafts=2, initial=0.12, step=0.3, code="recoded", token="coded", budget_bits=17
    ),
    "half_dense": HalfDense(max_drafts=2),
    "half_top_k": TruncatedFp16(policy=FixedLength(), k=2, max_drafts=2),
    "c_sqs": CSqs(resolution=5, max_drafts=2, initial=0.2, step=0.3, target=0.1),
    "c_sqs, budget binds": CSqs(resolution=5, max_drafts=2, initial=0.12, step=0.3, target=0.1, budget_bits=17),
    "c_sqs, rollback none": CSqs(resolution=5, max_drafts=2, initial=0.2, step=0.3, target=0.1, rollback="none"),
    "c_sqs, accepted only": CSqs(resolution=5, max_drafts=2, initial=0.2, step=0.3, rollback="accepted_only"),
    "c_sqs, capped": CSqs(resolution=5, max_drafts=2, initial=0.05, step=0.3, k_max=2),
    "top_p": composed(sparsifier=KeepTopP(mass=0.6)),
    "min_p": composed(sparsifier=KeepMinP(ratio=0.4)),
    "threshold": composed(sparsifier=KeepAbove(beta=0.2)),
    "entropy_k": composed(sparsifier=KeepByEntropy(scale=0.7)),
    "running_quantile": composed(sparsifier=KeepRunningQuantile(target=0.3, window=2, initial=0.2)),
    "dual": composed(quantizer=DualQuantizer(resolution=3), code="enumerative"),
    "dual, recoded": composed(quantizer=DualQuantizer(resolution=3), code="recoded"),
    "cubic": composed(quantizer=CubicQuantizer(resolution=5), code="enumerative"),
    "logarithmic": composed(quantizer=LogarithmicQuantizer(resolution=8), code="enumerative"),
    "a policy that looks": composed(policy=WhileSure()),
    "ids_only_greedy": IdsOnlyGreedy(max_drafts=2),
    "ids_only_greedy, budget binds": IdsOnlyGreedy(max_drafts=2, token="flat", budget_bits=4),
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


def test_a_policy_that_looks_at_a_draft_stops_before_the_next_one_only() -> None:
    """The last case above is empty unless the policy sends some rounds with one draft and some with two."""
    looking = Enumeration(LOSSLESS["a policy that looks"], TOKENS)
    looking.law()
    always = Enumeration(composed(), TOKENS)
    always.law()
    assert 0 < looking.second_drafts < always.second_drafts


class OneUniform(Rejection):
    """The control: judges draft n with the number that drew it."""

    kind: Literal["one_uniform_in_tests"] = "one_uniform_in_tests"  # type: ignore[assignment]

    def judge(
        self, law_after: LawAfter, received: Received, uniforms: RequestUniforms, round_number: int, position: int
    ) -> Verdict:
        one = RequestUniforms(uniforms.draft, uniforms.draft, uniforms.shared)
        return super().judge(law_after, received, one, round_number, position)


@pytest.mark.slow
def test_drawing_and_judging_with_one_number_bends_the_law() -> None:
    """The enumeration tells the two numbers apart, so by simulation, in rounds of one draft: rejections minus summed
    TV(qhat, p) are a martingale, within 5 sd of 0 unless one number does both."""
    for acceptance, sound in (("one_uniform_in_tests", False), ("rejection", True)):
        scheme = composed(max_drafts=1, sparsifier={"kind": "top_k", "k": 4}, acceptance=acceptance)
        made = cell(
            scheme.model_dump(),
            models={"pair": {"kind": "synthetic", "size": 4, "entropy_bits": 1.5, "distance": 0.4}},
            workload={"kind": "closed", "requests": 100, "prompt_tokens": 8, "output_tokens": 40},
        )
        rounds = simulate(made, memory=Memory()).rounds
        expected, rejected = rounds["tv_qhat"], rounds["verified"] - rounds["accepted"]
        sd = np.sqrt((expected * (1 - expected)).sum())
        assert (abs(rejected.sum() - expected.sum()) < 5 * sd) == sound


def test_drawing_from_q_and_quantizing_after_bends_the_law() -> None:
    law = Enumeration(SQ(k=3, resolution=5, max_drafts=2), TOKENS).law()
    assert sum(law.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(law, EXACT) > 0.04


class Claimed(FromUnquantized):
    """Draws from q and claims to be lossless all the same."""

    lossless: ClassVar[bool] = True
    kind: Literal["claimed_in_tests"] = "claimed_in_tests"  # type: ignore[assignment]


def test_tv_output_is_measured_whatever_a_scheme_claims() -> None:
    fields = {
        "kind": "composed",
        "sparsifier": {"kind": "top_k", "k": 3},
        "quantizer": {"kind": "lattice", "resolution": 5},
        "max_drafts": 2,
    }
    claimed, honest, sound = (
        simulate(cell(fields | {"draw": draw}), memory=Memory()).summary
        for draw in ("claimed_in_tests", "unquantized", "counts")
    )
    assert claimed["tv_output"] == honest["tv_output"] > 1e-3
    assert sound["tv_output"] == 0


def test_a_budget_that_looks_at_the_draft_bends_the_law() -> None:
    """Draft 2 is dropped where its own token is dear: the forbidden rule of REFERENCE, "The protocol"."""
    control = Enumeration(Dense(resolution=5, max_drafts=2), TOKENS, drop=lambda _, after: after.context()[-1] == 0)
    law = control.law()
    assert sum(law.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(law, EXACT) > 0.04
