"""I12 by exact enumeration: the committed text follows the verifier's distribution, through the shipped edge, wire and
cloud, whatever the scheme, its budget, what its policy looks at, rounds under way and trees; and controls that bend it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import pytest
from cells import cell
from trees import ConformalTree

from models.interface import TokenTree
from models.verification import Verdict, correction, inverse_cdf
from simulator import simulate
from simulator.checking.exact import (
    FOUR_TOKENS,
    THREE_TOKENS,
    Chain,
    Enumeration,
    Q,
    TinyPair,
    distance,
    verifier_distribution,
)
from simulator.checking.exact_tree import TreeEnumeration
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import TreeNode
from simulator.schemes import (
    SQ,
    Composed,
    CSqs,
    Dense,
    DraftScheme,
    Dssd,
    EntropyExit,
    HalfDense,
    IdsOnlyGreedy,
    KSqs,
    PromptLookup,
    QsHeuristic,
    RemoteDrafter,
    Rungs,
    RunningAcceptance,
    TruncatedFp16,
    UcbSpecStop,
)
from simulator.schemes.acceptance import Block, Rejection
from simulator.schemes.draw import FromUnquantized
from simulator.schemes.policies.drafts_by_load import DraftsByLoad
from simulator.schemes.policies.goodput import Goodput
from simulator.schemes.policies.learned import Learned
from simulator.schemes.policies.running_estimates import Estimates
from simulator.schemes.policy import (
    DRAFT,
    SEND,
    Action,
    CloudDecodes,
    DraftOne,
    EdgeView,
    FixedLength,
    Policy,
    PolicyState,
    SeenCloud,
    SeenVerdict,
)
from simulator.schemes.quantizer import CubicQuantizer, DualQuantizer, LogarithmicQuantizer
from simulator.schemes.reply import DistributionReply
from simulator.schemes.rivals.tree import MultiCandidate, TreeDrafts, TreeScheme
from simulator.schemes.sparsifiers.by_count import KeepByEntropy
from simulator.schemes.sparsifiers.by_probability import KeepAbove, KeepMinP, KeepTopP
from simulator.schemes.sparsifiers.running_quantile import KeepRunningQuantile

TOKENS = 3


class WhileSure(Policy):
    """Drafts on while the last draft was likely, and every other round is long: looks at confidence and at the past."""

    kind: Literal["while_sure_in_tests"] = "while_sure_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        turn = int(state[0]) if state else 0
        if not view.drafts:
            return DRAFT, (1 - turn,)
        return (DRAFT if view.drafts[-1].confidence > 0.25 or not turn else SEND), state


class Turns(Policy):
    """After a rejection the cloud decodes; else rounds of every operating point in turn, looked at from the second
    draft on."""

    looks_at_law: ClassVar[bool] = True
    kind: Literal["turns_in_tests"] = "turns_in_tests"
    least: float = 0.36
    alone: int = 2

    def entry(self, last: PolicyState | None) -> PolicyState:
        return (0.0, 1.0)

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        rejected, turn = state
        if view.distribution is not None:
            return (DRAFT if view.distribution.max() >= self.least else SEND), state
        if view.drafts:
            return DRAFT, state
        if rejected:
            return CloudDecodes(min(self.alone, view.remaining_tokens)), (0.0, turn)
        return DraftOne(int(turn) % view.rungs), (0.0, turn + 1)

    def learn(self, result: SeenVerdict, state: PolicyState) -> PolicyState:
        return (float(result.accepted < result.drafted), state[1])


def taught(decode_s: float, bps: float) -> PolicyState:
    """All is known, and it is time to decide by gain: sharp distributions (bin 3) promise twice what flat ones do (bin
    2), and with as many bits a draft must promise something between to be drawn."""
    learned = Learned.empty(2)
    learned.decisions, learned.acceptance.expected = 1000.0, [100.0] * 8
    learned.acceptance.observed, learned.acceptance.looked = [70.0] * 3 + [140.0] * 5, [1.0] * 8
    for mean, value in ((learned.bits[0], 80.0), (learned.bits[1], 52.0), (learned.header, 100.0)):
        mean.observe(value, 1)
    learned.pass_s.observe(0.006, 1)
    learned.verify.observe(0.04, 1)
    learned.decode.observe(decode_s, 1)
    learned.link.observe(-1.0, 1e9, 0.04 + 1e9 / bps, False)
    learned.link.least_s, learned.link.mean, learned.link.last = 0.04, 1 / bps, 1 / bps
    return learned.floats()


class Taught(Goodput):
    """The policy of a device that has learned; what the cloud takes decides whether it is ever left to decode."""

    kind: Literal["taught_in_tests"] = "taught_in_tests"  # type: ignore[assignment]
    decode_s: float = 5.0
    bps: float = 1e3

    def entry(self, last: PolicyState | None) -> PolicyState:
        return taught(self.decode_s, self.bps)


class OfTheDrafter(DistributionReply):
    """Sends the drafter's own distribution, after the last token, in place of p."""

    kind: Literal["of_the_drafter_in_tests"] = "of_the_drafter_in_tests"  # type: ignore[assignment]

    def encode(self, result, p, packets, context):
        return super().encode(result, Q[context[-1]], packets, context)


class Experienced(RunningAcceptance):
    """Has seen rounds of three passes' time, and two drafts verified: length 2 pays where acceptance is above .64."""

    kind: Literal["experienced_in_tests"] = "experienced_in_tests"  # type: ignore[assignment]

    def entry(self, last: PolicyState | None) -> PolicyState:
        seen = Estimates(1.3, 2.0, rounds=1e6, drafted=1e6, bits=2e7, seconds=3e6, bits_squared=4e8, bits_seconds=6e7)
        return (*seen, -1.0, 1.0, 1e6, 1.0)


class InDebt(EntropyExit):
    """Each draft that was sent cost a joule, of a budget of a joule per token: a round whose drafts are rejected makes
    the next one choosier, and leaves some tokens to the cloud."""

    kind: Literal["in_debt_in_tests"] = "in_debt_in_tests"  # type: ignore[assignment]

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return super().next(view._replace(now_s=0.0, watts=1.0), state)

    def learn(self, result: SeenVerdict, state: PolicyState) -> PolicyState:
        return super().learn(result._replace(sent_s=float(result.drafted)), state)


class LoadedOnce(DraftsByLoad):
    """The cloud is loaded after the first round, and no more."""

    kind: Literal["loaded_once_in_tests"] = "loaded_once_in_tests"  # type: ignore[assignment]

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return super().next(view._replace(cloud=SeenCloud(batch=float(len(view.verdicts) == 1))), state)


class TriedBoth(UcbSpecStop):
    """Has tried both lengths: two drafts come first, one where none of them is accepted."""

    kind: Literal["tried_both_in_tests"] = "tried_both_in_tests"  # type: ignore[assignment]

    def entry(self, last: PolicyState | None) -> PolicyState:
        return (0.0, 0.0, 0.5, 0.4, 1.0, 1.0, 1.0, 1.0)


class ByItsOwnToken(Rejection):
    """Verifies a draft if the drafter was sure of that very token, not of its distribution."""

    kind: Literal["by_its_own_token_in_tests"] = "by_its_own_token_in_tests"  # type: ignore[assignment]

    def drafts_to_verify(self, received):
        chances = [row[token] for row, token in zip(received.qhat, received.drafts, strict=True)]
        return next(
            (n for n in range(len(chances)) if math.prod(chances[: n + 1]) < self.least_confidence), len(chances)
        )


def cut(least: float, kind: str = "rejection") -> dict[str, object]:
    """An acceptance that verifies the drafts that the drafter is sure of."""
    return {"kind": kind, "least_confidence": least}


SMALL: dict[str, Any] = {"resolution": 5, "max_drafts": 2}
BLOCK: dict[str, Any] = SMALL | {"acceptance": "block"}
C_SQS: dict[str, Any] = {"resolution": 5, "step": 0.3, "target": 0.1}
TOP_2 = {"kind": "top_k", "k": 2}
LATTICE_5 = {"kind": "lattice", "resolution": 5}
SPLIT = {
    "code": "scalars",
    "acceptance": "split_rejection",
    "reply": "law",
    "policy": {"kind": "entropy_exit", "threshold_bits": 1.9},
}


def composed(**fields: object) -> Composed:
    """Three of the four tokens on a lattice of 5, unless `fields` say otherwise."""
    return Composed.model_validate(
        {"sparsifier": {"kind": "top_k", "k": 3}, "quantizer": LATTICE_5, "max_drafts": 2} | fields
    )


def rungs(**others: object) -> Rungs:
    """Two tokens on a coarse lattice, or those above a threshold that moves, on a finer one."""
    settings = [
        {"sparsifier": {"kind": "top_k", "k": 2}, "quantizer": {"kind": "lattice", "resolution": 3}},
        {"sparsifier": {"kind": "conformal", "initial": 0.12, "step": 0.3, "target": 0.1}, "quantizer": LATTICE_5},
    ]
    return Rungs.model_validate({"settings": settings, "policy": Turns(alone=1), "max_drafts": 2} | others)


def enumeration(case: Case) -> Any:
    """The enumeration that suits the scheme."""
    kind = TreeEnumeration if isinstance(case.scheme, TreeScheme) else Enumeration
    return kind(case.scheme, case.tokens, pair=case.pair)


def gap(enumeration: Any) -> float:
    """How far the enumerated distribution, whose masses sum to 1, is from the verifier's, in total variation."""
    found = enumeration.distribution()
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-12)
    return distance(found, verifier_distribution((1, 2), enumeration.tokens, enumeration.pair.p))


@dataclass(frozen=True)
class Case:
    """A scheme, and what its enumeration must have met for the claim not to be empty."""

    scheme: DraftScheme
    met: Callable[[Any], object] = lambda _: True
    tokens: int = TOKENS
    slow: bool = False
    pair: TinyPair = FOUR_TOKENS
    off: float = 1e-12
    """How far it may be from the verifier's distribution, in total variation."""


def some_are_cut(met: Any) -> bool:
    """Whether the budget has ended some rounds, and others not."""
    return bool(0 < met.full < met.second_drafts)


def some_are_left_out(met: Any) -> bool:
    """Whether the cloud has left drafts of some rounds unverified, and of others not."""
    return bool(0 < met.short < met.sealed)


def some_have_no_draft(met: Any) -> bool:
    """Whether some rounds are sent without a draft, and some with two."""
    return bool(met.full > 0 < met.second_drafts)


def some_are_stopped(met: Any) -> bool:
    """Whether some distributions are looked at and not drawn from, and some are drawn from."""
    return bool(met.stopped > 0 < met.second_drafts)


def both_lengths(met: Any) -> bool:
    return bool(met.lengths == {1, 2})


def the_cloud_decodes(met: Any) -> bool:
    return bool(met.alone > 0 < met.second_drafts)


def branches(met: Any) -> bool:
    return bool(met.longest == 2 and met.younger > 0 == met.full)


def is_deep(met: Any) -> bool:
    return bool(met.longest == 2)


def trees_are_cut(met: Any) -> bool:
    return bool(0 < met.full < met.trees and met.longest == 2)


SHARP_OR_FINE = [
    {"sparsifier": {"kind": "top_k", "k": k}, "quantizer": {"kind": "lattice", "resolution": ell}}
    for k, ell in ((1, 1), (3, 5))
]


def drafted_under(policy: Goodput) -> Rungs:
    return Rungs.model_validate({"settings": SHARP_OR_FINE, "max_drafts": 2, "policy": policy})


def edge_corrects(scheme, met=lambda met: met.owed > 0, tokens=TOKENS, *, slow=False):
    """A scheme whose edge draws the corrections from p in single precision."""
    return Case(scheme, met, tokens, slow, off=tokens * 2.0**-24)


def goes_on(met: Any) -> bool:
    """Whether as many rounds are under way as may be, and some go on and others are void."""
    return bool(met.deepest == met.scheme.depth + 1 and met.accepted and met.flushed)


def pipelined(scheme: DraftScheme, *, slow: bool = True) -> dict[str, Case]:
    """A scheme with rounds under way, over four tokens unless that is slow, and over five."""
    return {"": Case(scheme, goes_on, 4, slow=slow), " longer": Case(scheme, goes_on, 5, slow=True)}


CASES: dict[str, Case] = {
    "dense": Case(Dense(**SMALL)),
    "k_sqs": Case(KSqs(k=2, **SMALL)),
    "k_sqs, first draft over budget": Case(KSqs(k=3, budget_bits=6, **SMALL), lambda met: met.shrunk > 0),
    "k_sqs, recoded": Case(KSqs(k=3, code="recoded", token="coded", **SMALL)),
    "c_sqs, recoded, budget binds": Case(
        CSqs(initial=0.12, step=0.3, code="recoded", token="coded", budget_bits=17, **SMALL)
    ),
    "half_dense": Case(HalfDense(max_drafts=2)),
    "block: k_sqs, three drafts": Case(KSqs(k=2, **BLOCK | {"max_drafts": 3}), tokens=3),
    "block: k_sqs, three drafts, certainties": Case(
        KSqs(k=3, **BLOCK | {"max_drafts": 3}), tokens=4, pair=THREE_TOKENS, slow=True
    ),
    "block: k_sqs, first draft over budget": Case(KSqs(k=3, budget_bits=6, **BLOCK), lambda met: met.shrunk > 0),
    "block: c_sqs, budget binds": Case(CSqs(**C_SQS | BLOCK, initial=0.12, budget_bits=17), some_are_cut),
    "block: c_sqs, rollback none": Case(CSqs(**C_SQS | BLOCK, initial=0.2, rollback="none")),
    "block: dense": Case(Dense(**BLOCK | {"resolution": 3})),
    "block: k_sqs in parts": Case(KSqs(k=2, **BLOCK, partial=True), lambda met: met.parts == 2),
    "block: half_dense": Case(HalfDense(max_drafts=2, acceptance="block")),
    "block: half_top_k": Case(TruncatedFp16(policy=FixedLength(), k=2, max_drafts=2, acceptance="block")),
    "block: entropy_exit, budget binds": Case(
        composed(policy=EntropyExit(threshold_bits=1.85), budget_bits=18, acceptance="block"),
        lambda met: some_are_stopped(met) and some_are_cut(met),
    ),
    "block: rungs, the cloud between": Case(
        rungs(acceptance="block"), lambda met: the_cloud_decodes(met) and met.rungs == {0, 1}
    ),
    "cut": Case(composed(acceptance=cut(0.25)), some_are_left_out),
    "cut, also first drafts": Case(composed(acceptance=cut(0.5)), some_are_left_out),
    "cut of blocks": Case(composed(acceptance=cut(0.25, "block")), some_are_left_out),
    "cut of blocks of three": Case(
        composed(acceptance=cut(0.2, "block"), max_drafts=3), some_are_left_out, 4, slow=True
    ),
    "cut, threshold that moves, budget binds": Case(
        composed(
            acceptance=cut(0.25), budget_bits=18,
            sparsifier={"kind": "conformal", "initial": 0.12, "step": 0.3, "target": 0.1},
        ),
        lambda met: some_are_left_out(met) and some_are_cut(met),
    ),
    "cut in parts, of which one may be lost": Case(
        composed(acceptance=cut(0.25), code={"kind": "recoded", "token": "flat"}, partial=True),
        lambda met: met.parts == 2 and some_are_left_out(met),
    ),
    "cut, the edge looks and learns": Case(
        composed(acceptance=cut(0.25), policy=Turns(least=0.36, alone=1)),
        lambda met: the_cloud_decodes(met) and some_are_left_out(met),
    ),
    "half_top_k": Case(TruncatedFp16(policy=FixedLength(), k=2, max_drafts=2)),
    "c_sqs": Case(CSqs(**C_SQS, max_drafts=2, initial=0.2)),
    "c_sqs, budget binds": Case(CSqs(**C_SQS, max_drafts=2, initial=0.12, budget_bits=17), some_are_cut),
    "c_sqs, rollback none": Case(CSqs(**C_SQS, max_drafts=2, initial=0.2, rollback="none")),
    "c_sqs, accepted only": Case(CSqs(**SMALL, initial=0.2, step=0.3, rollback="accepted_only")),
    "c_sqs, capped": Case(CSqs(**SMALL, initial=0.05, step=0.3, k_max=2)),
    "top_p": Case(composed(sparsifier=KeepTopP(mass=0.6))),
    "min_p": Case(composed(sparsifier=KeepMinP(ratio=0.4))),
    "threshold": Case(composed(sparsifier=KeepAbove(beta=0.2))),
    "entropy_k": Case(composed(sparsifier=KeepByEntropy(scale=0.7))),
    "running_quantile": Case(composed(sparsifier=KeepRunningQuantile(target=0.3, window=2, initial=0.2))),
    "dual": Case(composed(quantizer=DualQuantizer(resolution=3), code="enumerative")),
    "dual, recoded": Case(composed(quantizer=DualQuantizer(resolution=3), code="recoded")),
    "cubic": Case(composed(quantizer=CubicQuantizer(resolution=5), code="enumerative")),
    "logarithmic": Case(composed(quantizer=LogarithmicQuantizer(resolution=8), code="enumerative")),
    "ids_only_greedy": Case(IdsOnlyGreedy(max_drafts=2)),
    "ids_only_greedy, budget binds": Case(IdsOnlyGreedy(max_drafts=2, token="flat", budget_bits=4)),
    "prompt_lookup": Case(PromptLookup(max_drafts=2, token="flat"), some_have_no_draft, 4),
    "prompt_lookup, one round ahead": Case(
        PromptLookup(max_drafts=1, token="flat", depth=1), lambda met: goes_on(met) and met.full > 0, 5
    ),
    "a policy that looks at drafts": Case(
        composed(policy=WhileSure()), lambda met: 0 < met.second_drafts < second_drafts(composed())
    ),
    "entropy_exit": Case(composed(policy=EntropyExit(threshold_bits=1.85)), some_are_stopped),
    "entropy_exit, in debt": Case(
        composed(policy=InDebt(threshold_bits=1.85, joules_per_token=0.5, joules_per_bit=0.6)),
        lambda met: some_are_stopped(met) and the_cloud_decodes(met),
    ),
    "entropy_exit, budget binds": Case(
        composed(policy=EntropyExit(threshold_bits=1.85), budget_bits=18),
        lambda met: some_are_stopped(met) and some_are_cut(met),
    ),
    "qs_heuristic": Case(composed(policy=QsHeuristic(short=1, long=2))),
    "running_acceptance": Case(composed(policy=RunningAcceptance(first_length=1))),
    "drafts_by_load": Case(
        composed(policy=LoadedOnce(schedule=((1, 0),), tokens=1), sparsifier=TOP_2), the_cloud_decodes
    ),
    "drafts_by_load, shorter rounds": Case(
        composed(policy=LoadedOnce(schedule=((1, 1),)), sparsifier=TOP_2), both_lengths, 4
    ),
    "half_dense in parts": Case(HalfDense(max_drafts=2, partial=True), lambda met: met.parts == 2),
    "remote_drafter": Case(RemoteDrafter(max_drafts=1)),
    "ucb_specstop": Case(composed(policy=TriedBoth(longest=2), sparsifier=TOP_2), both_lengths, 4),
    "lengths by what was accepted": Case(
        composed(policy=Experienced(), sparsifier={"kind": "top_k", "k": 2}), both_lengths, 4
    ),
    "the cloud between": Case(composed(policy=Turns(least=0.42)), the_cloud_decodes),
    "rungs, the cloud between": Case(rungs(), lambda met: the_cloud_decodes(met) and met.rungs == {0, 1}),
    "rungs, budget binds": Case(rungs(budget_bits=26), lambda met: some_are_cut(met) and met.rungs == {0, 1}),
    "goodput while it learns": Case(drafted_under(Goodput(learning_rounds=1)), lambda met: met.rungs == {0, 1}),
    "goodput, distributions end rounds": Case(drafted_under(Taught()), some_are_stopped),
    "goodput, the cloud is left to itself": Case(drafted_under(Taught(decode_s=0.01)), lambda met: met.alone > 0),
    **{
        f"{name}{length}": case
        for name, slow, scheme in (
            ("k_sqs, one round ahead", False, KSqs(k=2, **SMALL, depth=1)),
            ("c_sqs, two rounds ahead", False, CSqs(**C_SQS, max_drafts=1, initial=0.2, depth=2)),
            ("block: k_sqs, one round ahead", False, KSqs(k=2, **SMALL, depth=1, acceptance="block")),
            ("block: c_sqs, two rounds ahead", True,
             CSqs(**C_SQS, max_drafts=1, initial=0.2, depth=2, acceptance="block")),
            ("block: c_sqs, ahead, budget binds", True,
             CSqs(**C_SQS, max_drafts=2, initial=0.12, budget_bits=17, depth=1, acceptance="block")),
            ("k_sqs, two rounds ahead", True, KSqs(k=2, resolution=5, max_drafts=1, depth=2)),
            ("half_top_k, two rounds ahead", True, TruncatedFp16(policy=FixedLength(), k=2, max_drafts=1, depth=2)),
            ("dense, one round ahead", True, Dense(**SMALL, depth=1)),
            ("c_sqs, ahead, budget binds", True, CSqs(**C_SQS, max_drafts=2, initial=0.12, budget_bits=17, depth=1)),
            ("c_sqs, ahead, rollback none", True, CSqs(**C_SQS, max_drafts=1, initial=0.2, rollback="none", depth=2)),
        )
        for length, case in pipelined(scheme, slow=slow).items()
    },
    "tree, one round ahead": Case(TreeDrafts(k=2, widths=(2,), **SMALL, depth=1), goes_on, 4, slow=True),
    "tree, one round ahead, budget binds": Case(
        TreeDrafts(k=2, widths=(2,), budget_bits=21, **SMALL, depth=1),
        lambda met: goes_on(met) and 0 < met.full < met.trees, 4,
    ),
    "tree, two rounds ahead": Case(TreeDrafts(k=2, widths=(2,), resolution=5, max_drafts=1, depth=2), goes_on, 4),
    "comb of 2, one round ahead": Case(MultiCandidate(k=2, candidates=2, **SMALL, depth=1), goes_on, 5, slow=True),
    "tree, threshold along the path, ahead": Case(
        ConformalTree(widths=(2, 2), max_drafts=1, resolution=4, initial=0.2, step=0.3, target=0.1, depth=1),
        goes_on,
    ),
    "dssd": edge_corrects(Dssd(k=2, **SMALL)),
    "dssd, all of V": edge_corrects(Dssd(k=None, **SMALL)),
    "dssd, not even a correction fits": edge_corrects(Dssd(k=2, budget_bits=7, **SMALL)),
    # A draft takes 5 bits and the correction 8: of 16 bits two drafts fit alone, and one behind a correction, which
    # first comes to bear in a text of four tokens.
    "dssd, budget binds behind a correction": edge_corrects(
        Dssd(k=2, budget_bits=16, **SMALL), lambda met: met.full > 0 < met.second_drafts, 4, slow=True
    ),
    "split_rejection, a policy that looks": edge_corrects(composed(**SPLIT)),
    "tree of width 2": Case(TreeDrafts(k=2, widths=(2,), token="flat", code="enumerative", **SMALL), branches),
    "tree of width 2, budget binds": Case(TreeDrafts(k=2, widths=(2,), budget_bits=21, **SMALL), trees_are_cut),
    "tree of width 2 over a pair of certainties": Case(
        TreeDrafts(k=3, widths=(2,), **SMALL), is_deep, pair=THREE_TOKENS
    ),
    "tree wider than its distributions": Case(TreeDrafts(k=2, widths=(3, 2), **SMALL), is_deep),
    "comb of 2": Case(MultiCandidate(k=2, candidates=2, **SMALL), branches),
    "comb of 3, first distribution over budget": Case(
        MultiCandidate(k=3, candidates=3, budget_bits=8, **SMALL), lambda met: 0 < met.full < met.trees
    ),
    "tree, threshold along the path": Case(
        ConformalTree(widths=(2, 2), max_drafts=2, resolution=4, initial=0.2, step=0.3, target=0.1), branches
    ),
    "tree, 3 at the root, 1 below": Case(TreeDrafts(k=3, widths=(3, 1), **SMALL), is_deep, slow=True),
    "comb of 3": Case(MultiCandidate(k=3, candidates=3, **SMALL), is_deep, slow=True),
    "tree of width 2 of 3": Case(TreeDrafts(k=3, widths=(2,), **SMALL), is_deep, slow=True),
    "tree of width 3, cut": Case(TreeDrafts(k=3, widths=(3,), budget_bits=40, **SMALL), trees_are_cut, slow=True),
}  # fmt: skip


def second_drafts(scheme: DraftScheme) -> int:
    every = Enumeration(scheme, TOKENS)
    every.distribution()
    return every.second_drafts


@pytest.mark.parametrize(
    "case", [pytest.param(each, id=name, marks=[pytest.mark.slow] * each.slow) for name, each in CASES.items()]
)
def test_i12_the_text_follows_the_verifiers_distribution(case: Case) -> None:
    enumerated = enumeration(case)
    assert gap(enumerated) < case.off
    assert enumerated.rounds + enumerated.alone >= 2 or case.scheme.depth
    assert case.met(enumerated), "the claim is empty"


def is_late(chain: Chain) -> bool:
    return len(chain) > 1 and chain[1].node.drafts[0].draft.token == 0


def without_children_of_0(tree: TreeNode) -> TreeNode:
    """The last distribution stays behind if its first child is token 0."""
    first = tree.tree.children(tree.tree.parents[-1])[0]
    if tree.tree.tokens[first] or not first:
        return tree
    kept = TokenTree(tree.tree.tokens[:first], tree.tree.parents[:first])
    return replace(tree, drafts=tree.drafts[:first], tree=kept)


def unsure(_: object, after: Any) -> bool:
    return bool(after.drafts[-1].confidence < 0.35)


class OfSingleDrafts(Block):
    """Accepts as a block, and corrects by what rejection leaves of p behind the last accepted draft."""

    kind: Literal["of_single_drafts_in_tests"] = "of_single_drafts_in_tests"  # type: ignore[assignment]

    def judge(self, distribution_after, received, uniforms):
        line, accepted = tuple(received.drafts.tolist()), super().judge(distribution_after, received, uniforms).accepted
        p, u = distribution_after(line[:accepted]), float(uniforms.verdict(len(line))[-1])
        full = accepted == len(line)
        return Verdict(accepted, inverse_cdf(p, u) if full else correction(p, received.qhat[accepted], u))


CONTROLS: dict[str, tuple[Callable[[], Any], float]] = {
    "it is drawn from q, and quantized after": (lambda: Enumeration(SQ(k=3, **SMALL), TOKENS), 0.04),
    "draft 2 is dropped where its own token is dear": (
        lambda: Enumeration(Dense(**SMALL), TOKENS, drop=lambda _, after: after.context()[-1] == 0), 0.04,
    ),
    "a draft is drawn, and not sent where it is unlikely": (
        lambda: Enumeration(composed(policy=EntropyExit(threshold_bits=64)), TOKENS, drop=unsure), 0.01,
    ),
    "whether a payload is there in time depends on its drafts": (
        lambda: Enumeration(Dense(resolution=5, max_drafts=1, depth=1), 4, late=is_late), 0.04,
    ),
    "a distribution is dropped for the children it drew": (
        lambda: TreeEnumeration(TreeDrafts(k=2, widths=(2,), **SMALL), TOKENS, prune=without_children_of_0), 1e-3,
    ),
    "a block is corrected as single drafts are": (
        lambda: Enumeration(composed(acceptance="of_single_drafts_in_tests"), TOKENS), 0.01,
    ),
    "the last draft of a block is dropped where its own token is dear": (
        lambda: Enumeration(Dense(**SMALL, acceptance="block"), TOKENS, drop=lambda _, after: after.context()[-1] == 0),
        0.02,
    ),
    "whether a draft is verified depends on its own token": (
        lambda: Enumeration(composed(acceptance=cut(0.35, "by_its_own_token_in_tests")), TOKENS), 0.01,
    ),
    "corrections are drawn from another distribution than the verifier's": (
        lambda: Enumeration(composed(**SPLIT | {"reply": "of_the_drafter_in_tests"}), TOKENS), 0.01,
    ),
}  # fmt: skip
"""Rules that no scheme may have, and how far they bend the distribution at least."""


@pytest.mark.parametrize("name", CONTROLS)
def test_the_distribution_is_bent_where(name: str) -> None:
    control, least = CONTROLS[name]
    assert gap(control()) > least


class Claimed(FromUnquantized):
    """Draws from q and claims to be lossless all the same."""

    lossless: ClassVar[bool] = True
    kind: Literal["claimed_in_tests"] = "claimed_in_tests"  # type: ignore[assignment]


def test_tv_output_is_measured_whatever_a_scheme_claims() -> None:
    claimed, honest, sound = (
        simulate(cell(composed(draw=draw).model_dump()), memory=Memory()).summary["tv_output"]
        for draw in ("claimed_in_tests", "unquantized", "counts")
    )
    assert claimed == honest > 1e-3 and sound == 0
