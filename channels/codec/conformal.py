"""The conformal threshold of C-SQS: a cut-off that moves so that the dropped mass meets its target in the long run.

After each draft beta_{n+1} = beta_n - eta (alpha_n - alpha), clipped above at 1 and never below.

Long-run theorem. A draft is kept if no rollback undoes its update. The kept drafts, in order, are a run of this rule as
if no other had been made; of the others nothing is said. Over the first N of them, mean alpha_n <= alpha + max(0,
beta_1 + eta (1 - alpha)) / (eta N), whatever eta > 0 and the distributions. Proof: clipping only lowers beta, so the
sum of alpha_n - alpha is at most (beta_1 - beta_{N+1}) / eta. A threshold above 0 falls by at most eta (1 - alpha); at
or below 0 nothing is dropped and it does not fall; so beta_{N+1} >= min(beta_1, -eta (1 - alpha)). The papers' form, an
excess of at most (|beta_1| + 1 + eta alpha) / (eta N), follows where eta (1 - 2 alpha) <= 1, and not beyond: at eta =
3, alpha = 0 and beta_1 = .1 one draft may drop .9, the form allows .37. Clipped at 0 as well, both are false.

`Conformal` is the rule, without state, for callers in which every draft carries its own
threshold; `ConformalThreshold` is the same rule with the threshold kept inside. alpha_n is always the mass dropped by
the uncapped set {q >= beta_n}; `k_max` acts only on what is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from channels.codec.sparsify import at_least, most_probable
from kinds.arrays import Floats, Ints

Rollback = Literal["through_rejection", "accepted_only", "none"]


@dataclass(frozen=True)
class Conformal:
    """The threshold rule: target alpha, step eta, first threshold beta_1, and what a rejection undoes.

    `rollback` says which updates of a round survive its feedback (the sources are silent, so it is a switch):
    "through_rejection" keeps those of the accepted drafts and of the first rejected one, whose prefix was right;
    "accepted_only" keeps those of the accepted drafts; "none" keeps all.
    """

    target: float
    step: float
    initial: float
    rollback: Rollback = "through_rejection"
    k_max: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.target <= 1.0:
            raise ValueError(f"target = {self.target}: must be within 0 and 1")
        if not 0.0 < self.step < float("inf"):
            raise ValueError(f"step = {self.step}: must be positive and finite")
        if not -float("inf") < self.initial <= 1.0:
            raise ValueError(f"initial = {self.initial}: must be finite and at most 1")
        if self.rollback not in get_args(Rollback):
            raise ValueError(f"rollback = {self.rollback!r}: must be one of {', '.join(get_args(Rollback))}")
        if self.k_max is not None and self.k_max < 1:
            raise ValueError(f"k_max = {self.k_max}: must be at least 1")

    def support(self, q: Floats, beta: float) -> Ints:
        """The ids to send of q, float64 [V], at threshold beta: int64 [K], ascending, 1 <= K <= k_max."""
        kept = at_least(q, beta)
        if self.k_max is None or kept.size <= self.k_max:
            return kept
        return kept[most_probable(q[kept], self.k_max)]

    def dropped_mass(self, q: Floats, beta: float) -> float:
        """alpha_n: the mass of q outside the uncapped set at threshold beta, within 0 and 1."""
        return min(1.0, max(0.0, 1.0 - float(q[at_least(q, beta)].sum())))

    def next(self, beta: float, dropped_mass: float) -> float:
        """The threshold after a draft that was cut at beta and dropped `dropped_mass` (of the uncapped set).

        Raises ValueError unless the mass is within 0 and 1.
        """
        if not 0.0 <= dropped_mass <= 1.0:
            raise ValueError(f"dropped_mass = {dropped_mass}: must be within 0 and 1")
        return min(1.0, beta - self.step * (dropped_mass - self.target))

    def after_feedback(self, chain: Sequence[float], accepted: int, drafted: int) -> float:
        """The threshold before the next round's first draft.

        chain[n], n = 0..drafted, is the threshold after n drafts of the round: chain[0] cut draft 1, chain[drafted] is
        what would have cut draft drafted + 1. Later entries are ignored. Raises ValueError unless
        0 <= accepted <= drafted < len(chain).
        """
        if not 0 <= accepted <= drafted < len(chain):
            raise ValueError(f"accepted {accepted}, drafted {drafted}, chain of {len(chain)}: out of order")
        return chain[self.kept(accepted, drafted)]

    def kept(self, accepted: int, drafted: int) -> int:
        """Returns the number of a round's updates that outlive its feedback: those of its first drafts."""
        kept = {"through_rejection": min(accepted + 1, drafted), "accepted_only": accepted, "none": drafted}
        return kept[self.rollback]

    @property
    def most_excess(self) -> float:
        """The most by which the sum of alpha_n over kept drafts exceeds as many times the target, however many."""
        return max(0.0, self.initial + self.step * (1 - self.target)) / self.step

    @property
    def papers_excess(self) -> float:
        """The papers' form of it, which holds where `papers_excess_holds`."""
        return (abs(self.initial) + 1 + self.step * self.target) / self.step

    @property
    def papers_excess_holds(self) -> bool:
        """True if the step is small enough for the paper's bound."""
        return self.step * (1 - 2 * self.target) <= 1


class ConformalThreshold:
    """A C-SQS threshold with memory: `support` and `observe` for each draft, `feedback` once a round."""

    def __init__(
        self,
        target: float,
        step: float,
        initial: float,
        rollback: Rollback = "through_rejection",
        k_max: int | None = None,
    ) -> None:
        self.rule = Conformal(target, step, initial, rollback, k_max)
        self.chain = [initial]

    @property
    def beta(self) -> float:
        """The threshold that cuts the next draft."""
        return self.chain[-1]

    def support(self, q: Floats) -> Ints:
        """The ids to send of q, float64 [V], now: int64 [K], ascending. Changes nothing."""
        return self.rule.support(q, self.beta)

    def observe(self, dropped_mass: float) -> None:
        """Moves the threshold after a draft whose uncapped set dropped `dropped_mass`."""
        self.chain.append(self.rule.next(self.beta, dropped_mass))

    def feedback(self, accepted: int, drafted: int) -> None:
        """Ends the round, in which the first `accepted` of `drafted` drafts were; `rollback` undoes later updates."""
        self.chain = [self.rule.after_feedback(self.chain, accepted, drafted)]
