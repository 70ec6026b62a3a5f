"""The rule by which the cloud judges drafts (`models.verification`). It asks for the target distribution after a prefix
of the round, so that a line of drafts, a coupled line and a tree are the same call. What it leaves of the verifier's
distribution it states, or that is found by enumeration, or not known."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
from pydantic import Field

from channels.codec import wire
from kinds import Choice
from kinds.arrays import Floats, Ints, read_only
from kinds.mistakes import Rule
from kinds.tunable import Tunable
from models.interface import TokenTree
from models.verification import (
    AnyDistribution,
    DistributionAfter,
    DistributionAtNode,
    SparseDistribution,
    TreeVerdict,
    Verdict,
    block_along,
    chances_of,
    dense,
    output_distribution,
    race_along,
    race_tree,
    reject_along,
    stop_along,
    verify_tree,
)
from simulator.schemes import answers
from simulator.schemes.draw import RoundUniforms

BY_QHAT: Final = Tunable("rejection", "block")
"""The acceptances of drafts that carry all of qhat."""
AcceptanceByQhat = Annotated[
    Literal["rejection", "block"],
    BY_QHAT,
    Field(description="how the cloud verifies: draft by draft, or as a block, which accepts more of the same drafts"),
]
"""The field of a preset whose drafts carry all of qhat."""
FEW: Final = 8
"""A sparse distribution has at most this part of the vocabulary, 1 / FEW: of more ids, whole rows are faster."""


@dataclass(frozen=True, eq=False)
class Received:
    """Contents of a round as the cloud knows them once the payload is decoded."""

    drafts: Ints  # [L]
    distributions: Sequence[AnyDistribution]
    """[L], the rows of qhat; 0 where nothing was sent of it."""
    vocabulary: int
    shape: int = 0
    """Number of the tree's shape among those that its packet may have."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "drafts", read_only(self.drafts))

    def first(self, drafts: int) -> Received:
        """Contents of the round if it had only this many drafts."""
        if drafts == len(self.drafts):
            return self
        return replace(self, drafts=self.drafts[:drafts], distributions=self.distributions[:drafts])

    @cached_property
    def qhat(self) -> Floats:
        """The rows as one array [L, V]."""
        rows = np.empty((len(self.drafts), self.vocabulary))
        for row, distribution in zip(rows, self.distributions, strict=True):
            row[:] = dense(distribution)
        return read_only(rows)


def received(drafts: Sequence[wire.Draft], vocabulary: int, resolution: int | None = None) -> Received:
    """Decoded drafts as the arrays that verification takes. `resolution`: the denominator of counts that are sent of
    the drafted ids alone; else they are over their sum."""
    tokens = np.array([draft.token for draft in drafts], dtype=np.int64)
    return Received(tokens, [on_support(draft, vocabulary, resolution) for draft in drafts], vocabulary)


def on_support(draft: wire.Draft, vocabulary: int, resolution: int | None = None) -> AnyDistribution:
    """The distribution that a draft was sent with: sparse, unless it has a good part of the vocabulary."""
    probabilities = read_only(draft.counts / (resolution or draft.counts.sum()))
    found = SparseDistribution(vocabulary, draft.support, probabilities)
    return read_only(dense(found)) if draft.support.size > vocabulary // FEW else found


class Acceptance(Choice, family=True):
    """Rule by which drafts are verified."""

    lossless: ClassVar[bool | None] = None
    """True if the committed text follows the target distribution, given that each draft follows the distribution by
    which it is verified. None: the class does not say, and its text counts as the verifier's only where its output
    distribution shows it."""
    method_rules: ClassVar[Mapping[str, Rule]] = {
        "judge": lambda result, _distribution_after, received, *_: _verification_result(result, received),
        "output_distribution": answers.distributions,
    }

    races: ClassVar[bool] = False
    """True if it is a race with the random numbers of the edge's own."""
    edge_corrects: ClassVar[bool] = False
    """True if it uses qhat(d) alone and leaves the correction to the edge, which has all of qhat."""
    in_blocks: ClassVar[bool] = False
    """True if whether a draft is accepted depends on the drafts behind it as well."""

    @property
    def cuts(self) -> bool:
        """True if it may leave drafts that it has received unverified."""
        return False

    def drafts_to_verify(self, received: Received) -> int:
        """Returns the number of leading drafts of a round that are verified; no pass is made over the others, and the
        token behind the last one verified is the verifier's own. It may depend on d_1..d_{n-1} and qhat_1..qhat_n if
        draft n is among them, never on d_n."""
        return len(received.drafts)

    @abstractmethod
    def judge(self, distribution_after: DistributionAfter, received: Received, uniforms: RoundUniforms) -> Verdict:
        """The verification result. distribution_after(prefix): p [V] after the committed text and these drafts of the
        round."""

    def judge_tree(
        self, distribution_at: DistributionAtNode, tree: TokenTree, received: Received, uniforms: RoundUniforms
    ) -> TreeVerdict:
        """The result of verifying drafts that branch; distribution_at(node): p [V] after the path to it, -1: after the
        text."""
        raise AssertionError(f"acceptance {self.kind} is defined for lines alone")

    def output_distribution(
        self, p: Floats, qhat: Floats, drawn: Floats, corrected: Floats | None = None
    ) -> Floats | None:
        """The distribution of the token that a position commits, given that it is reached, rows [n, V] like those of
        all arguments: p the target, qhat what its draft is verified by, drawn what the draft is drawn from, corrected
        what an edge that corrects has in place of p (None: p). Rows of qhat and drawn are 0 where no draft is left, so
        that the bonus token is asked for. None: not stated; `judge` is enumerated where the vocabulary is small.
        """
        return None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """A class that judges otherwise than the one it inherits from inherits no statement of what that leaves."""
        super().__pydantic_init_subclass__(**kwargs)
        if "judge" in cls.__dict__:
            if "output_distribution" not in cls.__dict__:
                cls.output_distribution = Acceptance.output_distribution  # type: ignore[method-assign]
            if "lossless" not in cls.__dict__:
                cls.lossless = None

    def rejection_bound(self, mismatch: Floats, slack: Floats) -> Floats:
        """No draft is rejected with more than this probability, [n], from TV(q, p) and alpha + covering bound, [n]."""
        return mismatch + slack


class ConfidenceCut(Acceptance):
    """Base of the acceptances that verify the leading drafts of a round alone, by the drafter's confidence in them.

    After DSpark (arXiv 2607.05147), whose verifier leaves out drafts that are unlikely to be accepted. Draft n is
    verified iff qhat_1(d_1) ... qhat_{n-1}(d_{n-1}) max qhat_n is at least the threshold: its own confidence
    qhat_n(d_n) is not asked for, as a rule that looks at d_n bends the output distribution.
    """

    least_confidence: Annotated[float, Tunable(0.0, 0.03, 0.1, 0.3)] = Field(
        0.0,
        ge=0,
        le=1,
        description="the least chance, as the drafter sees it, that a draft and all before it are right for the draft "
        "to be verified; 0: all are",
    )

    @property
    def cuts(self) -> bool:
        return self.least_confidence > 0

    def drafts_to_verify(self, received: Received) -> int:
        if not self.cuts:
            return len(received.drafts)
        chances, before = chances_of(received.drafts, received.distributions).tolist(), 1.0
        for n, (chance, distribution) in enumerate(zip(chances, received.distributions, strict=True)):
            if before * likeliest(distribution) < self.least_confidence:
                return n
            before *= chance
        return len(chances)


def likeliest(distribution: AnyDistribution) -> float:
    """Returns the largest probability of a distribution."""
    return float((distribution.probabilities if isinstance(distribution, SparseDistribution) else distribution).max())


class Rejection(ConfidenceCut):
    """Speculative decoding: accept with probability min(1, p / qhat), correct from the residual (Leviathan et al.)."""

    lossless: ClassVar[bool | None] = True
    kind: Annotated[Literal["rejection"], BY_QHAT] = "rejection"

    def judge(self, distribution_after: DistributionAfter, received: Received, uniforms: RoundUniforms) -> Verdict:
        numbers = uniforms.verdict(len(received.drafts))
        return reject_along(distribution_after, received.drafts, received.distributions, numbers)

    def judge_tree(
        self, distribution_at: DistributionAtNode, tree: TokenTree, received: Received, uniforms: RoundUniforms
    ) -> TreeVerdict:
        numbers = uniforms.verdict(len(received.drafts))
        return verify_tree(distribution_at, tree, lambda at: received.qhat[tree.children(at)[0]], numbers)

    def output_distribution(
        self, p: Floats, qhat: Floats, drawn: Floats, corrected: Floats | None = None
    ) -> Floats | None:
        return output_distribution(p, qhat, drawn, corrected)


class Block(ConfidenceCut):
    """Block verification (arXiv 2403.10444, Algorithm 2): accepts more of the same drafts than `rejection`.

    Needs a line of drafts that are drawn from qhat, and all of qhat. Its gain grows with the length of a round and with
    what is sent of q.
    """

    lossless: ClassVar[bool | None] = True
    in_blocks: ClassVar[bool] = True
    kind: Annotated[Literal["block"], BY_QHAT] = "block"

    def judge(self, distribution_after: DistributionAfter, received: Received, uniforms: RoundUniforms) -> Verdict:
        numbers = uniforms.verdict(len(received.drafts))
        return block_along(distribution_after, received.drafts, received.distributions, numbers)

    def output_distribution(
        self, p: Floats, qhat: Floats, drawn: Floats, corrected: Floats | None = None
    ) -> Floats | None:
        return p if corrected is None and np.array_equal(drawn, qhat) else None


class SplitRejection(Acceptance):
    """`rejection` in two halves: the cloud accepts by the scalars qhat(d), the edge draws the correction (DSSD,
    arXiv 2507.12000). Both take the numbers that the cloud would have taken by itself."""

    lossless: ClassVar[bool | None] = True
    edge_corrects: ClassVar[bool] = True
    kind: Literal["split_rejection"] = "split_rejection"

    def judge(self, distribution_after: DistributionAfter, received: Received, uniforms: RoundUniforms) -> Verdict:
        chances = chances_of(received.drafts, received.distributions)
        return stop_along(distribution_after, received.drafts, chances, uniforms.verdict(len(received.drafts)))

    def output_distribution(
        self, p: Floats, qhat: Floats, drawn: Floats, corrected: Floats | None = None
    ) -> Floats | None:
        return output_distribution(p, qhat, drawn, corrected)


class Coupling(Acceptance):
    """A draft is accepted iff it wins the verifier's race too, run with the same exponentials as the edge's.

    The committed text is the verifier's own race, whatever is drafted (Daliri, Musco, Suresh, arXiv 2408.07978).
    """

    lossless: ClassVar[bool | None] = True
    races: ClassVar[bool] = True
    kind: Literal["coupling"] = "coupling"

    def judge(self, distribution_after: DistributionAfter, received: Received, uniforms: RoundUniforms) -> Verdict:
        return race_along(distribution_after, received.drafts, uniforms.winner)

    def judge_tree(
        self, distribution_at: DistributionAtNode, tree: TokenTree, received: Received, uniforms: RoundUniforms
    ) -> TreeVerdict:
        return race_tree(distribution_at, tree, uniforms.winner)

    def output_distribution(
        self, p: Floats, qhat: Floats, drawn: Floats, corrected: Floats | None = None
    ) -> Floats | None:
        return p

    def rejection_bound(self, mismatch: Floats, slack: Floats) -> Floats:
        """A race of distributions TV apart has one winner with probability (1 - TV) / (1 + TV) at least."""
        distance = np.minimum(1.0, mismatch + slack)
        bound: Floats = 2 * distance / (1 + distance)
        return bound


def _verification_result(answer: object, received: Received) -> object:
    """The answer of `judge`, which may leave the correction undrawn."""
    if isinstance(answer, Verdict) and not answer.drawn and 0 <= answer.accepted < len(received.drafts):
        return answer
    return answers.verification_result(answer, received.drafts.tolist(), received.vocabulary)
