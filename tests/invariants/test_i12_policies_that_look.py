"""I12 whatever a policy looks at: laws before the draw, verdicts, rungs; and with the cloud decoding by itself between.

By exact enumeration through the shipped edge, wire and cloud.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest

from simulator.checking.exact import Enumeration, distance, verifier_law
from simulator.schemes import Composed, ConfidenceStop, DraftScheme, QsHeuristic, Rungs, RunningAcceptance
from simulator.schemes.policies.estimates import Estimates
from simulator.schemes.policy import (
    DRAFT,
    SEND,
    Action,
    CloudDecodes,
    DraftOne,
    EdgeView,
    Policy,
    PolicyState,
    SeenVerdict,
)

TOKENS = 3
EXACT = verifier_law((1, 2), TOKENS)


class Turns(Policy):
    """After a rejection the cloud decodes; else rounds of every rung in turn, looked at from the second draft on."""

    looks_at_law: ClassVar[bool] = True
    kind: Literal["turns_in_tests"] = "turns_in_tests"
    least: float = 0.36
    alone: int = 2

    def entry(self, last: PolicyState | None) -> PolicyState:
        return (0.0, 1.0)

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        rejected, turn = state
        if view.law is not None:
            return (DRAFT if view.law.max() >= self.least else SEND), state
        if view.drafts:
            return DRAFT, state
        if rejected:
            return CloudDecodes(min(self.alone, view.remaining_tokens)), (0.0, turn)
        return DraftOne(int(turn) % view.rungs), (0.0, turn + 1)

    def learn(self, verdict: SeenVerdict, state: PolicyState) -> PolicyState:
        return (float(verdict.accepted < verdict.drafted), state[1])


def fields(**others: object) -> dict[str, object]:
    kept = {"kind": "top_k", "k": 3}
    lattice = {"kind": "lattice", "resolution": 5}
    return {"sparsifier": kept, "quantizer": lattice, "max_drafts": 2} | others


def rungs(**others: object) -> Rungs:
    """Two tokens on a coarse lattice, or those above a threshold that moves, on a finer one."""
    settings = [
        {"sparsifier": {"kind": "top_k", "k": 2}, "quantizer": {"kind": "lattice", "resolution": 3}},
        {
            "sparsifier": {"kind": "conformal", "initial": 0.12, "step": 0.3, "target": 0.1},
            "quantizer": {"kind": "lattice", "resolution": 5},
        },
    ]
    return Rungs.model_validate({"settings": settings, "max_drafts": 2} | others)


LOOKING: dict[str, DraftScheme] = {
    "confidence_stop": Composed.model_validate(fields(policy=ConfidenceStop(threshold=0.38))),
    "confidence_stop by entropy": Composed.model_validate(
        fields(policy=ConfidenceStop(measure="entropy_bits", threshold=1.85))
    ),
    "confidence_stop, budget binds": Composed.model_validate(
        fields(policy=ConfidenceStop(threshold=0.38), budget_bits=18)
    ),
    "qs_heuristic": Composed.model_validate(fields(policy=QsHeuristic(short=1, long=2))),
    "running_acceptance": Composed.model_validate(fields(policy=RunningAcceptance(first_length=1))),
    "the cloud between": Composed.model_validate(fields(policy=Turns(least=0.42))),
    "rungs, the cloud between": rungs(policy=Turns(alone=1)),
    "rungs, budget binds": rungs(policy=Turns(alone=1), budget_bits=26),
}


@pytest.fixture(scope="module")
def enumerated() -> dict[str, tuple[Enumeration, float, float]]:
    """Of each scheme its enumeration, the total mass of it, and how far its law is from the verifier's."""
    found = {}
    for name, scheme in LOOKING.items():
        enumeration = Enumeration(scheme, TOKENS)
        law = enumeration.law()
        found[name] = enumeration, sum(law.values()), distance(law, EXACT)
    return found


@pytest.mark.parametrize("name", LOOKING)
def test_i12_whatever_a_policy_looks_at(name: str, enumerated: dict[str, tuple[Enumeration, float, float]]) -> None:
    enumeration, mass, gap = enumerated[name]
    assert enumeration.rounds >= 2
    assert mass == pytest.approx(1.0, abs=1e-12)
    assert gap < 1e-12


def test_the_enumerations_above_are_not_empty(enumerated: dict[str, tuple[Enumeration, float, float]]) -> None:
    """Some laws are stopped before and some are drawn from; the cloud decodes; every rung is used; budgets bind."""
    for name, (enumeration, *_) in enumerated.items():
        if name.startswith("confidence_stop"):
            assert enumeration.stopped > 0 < enumeration.second_drafts, name
        if "cloud" in name:
            assert enumeration.alone > 0 < enumeration.second_drafts, name
        if "rungs" in name:
            assert enumeration.rungs == {0, 1}, name
        if "budget" in name:
            assert 0 < enumeration.full < enumeration.second_drafts, name


class Experienced(RunningAcceptance):
    """Has seen rounds of three passes' time, and two drafts judged: length 2 pays where acceptance is above .64."""

    kind: Literal["experienced_in_tests"] = "experienced_in_tests"  # type: ignore[assignment]

    def entry(self, last: PolicyState | None) -> PolicyState:
        seen = Estimates(1.3, 2.0, rounds=1e6, drafted=1e6, bits=2e7, seconds=3e6, bits_squared=4e8, bits_seconds=6e7)
        return (*seen, -1.0, 1.0, 1e6)


def test_i12_where_the_length_follows_what_was_accepted() -> None:
    """Rounds of one draft and of two, as their text has gone so far."""
    kept = {"kind": "top_k", "k": 2}
    enumeration = Enumeration(Composed.model_validate(fields(policy=Experienced(), sparsifier=kept)), 4)
    law = enumeration.law()
    assert distance(law, verifier_law((1, 2), 4)) < 1e-12
    assert enumeration.lengths == {1, 2}


def test_a_stop_after_the_draw_bends_the_law() -> None:
    """As in assisted generation: the draft is drawn, and not sent where its own probability is low."""

    def unsure(before: object, after: object) -> bool:
        return bool(after.drafts[-1].confidence < 0.35)  # type: ignore[attr-defined]

    control = Enumeration(Composed.model_validate(fields(policy=ConfidenceStop(threshold=0.0))), TOKENS, drop=unsure)
    law = control.law()
    assert sum(law.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(law, EXACT) > 0.01
