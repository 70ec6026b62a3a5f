"""UCB-SpecStop: a bandit over draft lengths that minimises seconds a token (arXiv 2606.20591, algorithm 1).

The lengths k = 1..K are the arms. A round of k drafts takes N seconds and commits A tokens, its correction or bonus
included, and the cost of k is E[N] / E[A], estimated as S_N / S_A, sums over the rounds that k was chosen for (the mean
of N / A, of a naive bandit, is biased). Each arm is tried once, the shortest first; then comes the least

    S_N / S_A - beta sqrt(T_k ln t) / S_A,        T_k rounds of this arm, t rounds in all.

The paper proves that the best length does not fall as the delay grows, and that with acceptance a of every draft one
draft is best up to a one-way delay d (`phase_prediction.one_draft_up_to_s`). Its round is k c_d + 2 d + (k + 1) c_v;
here N is measured, from one verification result to the next, whatever it is made of. Read for this: the algorithm and
its constants in the authors' code (github.com/szpsunkk/UCB-SpecStop), and an earlier draft of the paper there. Left
out: the variant with arms by channel state.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kinds.tunable import Tunable
from simulator.schemes.policy import Action, DraftRound, EdgeView, Policy, PolicyState, SeenVerdict

_BEFORE = 2
"""The state begins with when the last verification result came, s, -1 before a request's first one, and the length that
was chosen last; then come S_N, S_A and T_k of each length."""


class UcbSpecStop(Policy):
    """The length with the lowest confidence bound of seconds a token. What it knows lives on between requests."""

    kind: Literal["ucb_specstop"] = "ucb_specstop"
    decides_rounds: ClassVar[bool] = True
    longest: int = Field(10, ge=1, le=128, description="K, the longest round that is tried")
    exploration_s: Annotated[float, Tunable(1e-3, 1e-2, 1e-1)] = Field(
        1e-3, ge=0, allow_inf_nan=False, description="beta, seconds; the paper's is 1, of times in milliseconds"
    )

    def entry(self, last: PolicyState | None) -> PolicyState:
        return (-1.0, 0.0, *([0.0] * (3 * self.longest))) if last is None else (-1.0, *last[1:])

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        length = self.chosen(state, view.most_drafts)
        return DraftRound(length), (state[0], float(length), *state[_BEFORE:])

    def learn(self, result: SeenVerdict, state: PolicyState) -> PolicyState:
        """A request's first round teaches nothing: it may have waited for the prompt. What the cloud decoded by itself
        is no round."""
        before_s, length, *sums = state
        if result.drafted and before_s >= 0:
            arm = int(length) - 1
            for place, more in enumerate((result.answered_s - before_s, result.accepted + 1.0, 1.0)):
                sums[place * self.longest + arm] += more
        return (result.answered_s, length, *sums)

    def chosen(self, state: PolicyState, most: int) -> int:
        """1..most, the shortest of equals."""
        seconds, tokens, rounds = (state[_BEFORE + n * self.longest :][: self.longest] for n in range(3))
        log_t = log(sum(rounds) + 1.0)

        def order(arm: int) -> tuple[bool, float]:
            if not rounds[arm]:
                return False, 0.0
            return True, (seconds[arm] - self.exploration_s * sqrt(rounds[arm] * log_t)) / tokens[arm]

        return 1 + min(range(min(self.longest, most)), key=order)
