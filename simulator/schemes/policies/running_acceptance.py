"""Draft length by delay and running acceptance: the length that yields most tokens a second, as the edge estimates it.

A round of g drafts commits (1 - a^{g+1}) / (1 - a) tokens where each draft that is verified is accepted with
probability a (Leviathan et al. 2023), and takes g passes of the drafter (g / n, rounded up, where one makes n drafts)
and the time it is away, which grows with its bits: g t_d + g b / R + RTT + T_v. What lengthens delay lengthens the
drafts; what lowers acceptance or rate shortens them.
"""

from __future__ import annotations

from math import ceil
from typing import ClassVar, Literal

from pydantic import Field

from simulator.schemes.policies.running_estimates import Estimates
from simulator.schemes.policy import Action, DraftRound, EdgeView, Policy, PolicyState, SeenVerdict

_PLACES = len(Estimates())
"""The number of estimates that the state begins with; then it holds when the round began, s, or -1 where it tells
nothing; then t_d, s, and its weight; then how many drafts a pass makes."""


class RunningAcceptance(Policy):
    """Decides at the start of a round; all that it knows it has seen itself. Its state lives on between requests."""

    kind: Literal["running_acceptance"] = "running_acceptance"
    decides_rounds: ClassVar[bool] = True
    first_length: int = Field(4, ge=1, le=1024, description="drafts of the first round, before anything is known")
    memory_rounds: float = Field(
        20.0, ge=1, allow_inf_nan=False, description="rounds after which one weighs 1/e of what the last one does"
    )
    prior_acceptance: float = Field(
        0.7, ge=0, lt=1, description="acceptance that counts as much as one verified draft of the past"
    )

    def entry(self, last: PolicyState | None) -> PolicyState:
        return (*Estimates(), -1.0, 0.0, 0.0, 1.0) if last is None else last

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        known, (_, pass_s, weight, _) = Estimates(*state[:_PLACES]), state[_PLACES:]
        begun_s = view.now_s if view.verdicts else -1.0  # a request's first round has the prompt before it
        length = self.best_length(known, pass_s, view.most_drafts, view.drafts_per_pass)
        return DraftRound(length), (*known, begun_s, pass_s, weight, float(view.drafts_per_pass))

    def learn(self, result: SeenVerdict, state: PolicyState) -> PolicyState:
        if not result.drafted:
            return state
        keep = 1.0 - 1.0 / self.memory_rounds
        known, (begun_s, pass_s, weight, block) = Estimates(*state[:_PLACES]), state[_PLACES:]
        if begun_s >= 0:
            known, weight = known.time(result, keep), keep * weight + 1.0
            pass_s += ((result.sent_s - begun_s) / ceil(result.drafted / block) - pass_s) / weight
        return (*known.with_acceptance(result, keep), -1.0, pass_s, weight, block)

    def best_length(self, known: Estimates, pass_s: float, most: int, drafts_per_pass: int = 1) -> int:
        """1..most, the shortest of equals."""
        if not known.rounds:
            return min(self.first_length, most)
        a, bits = known.acceptance(self.prior_acceptance), known.bits_per_draft

        def tokens_per_s(length: int) -> float:
            tokens = sum(a**n for n in range(length + 1))
            return tokens / max(1e-9, ceil(length / drafts_per_pass) * pass_s + known.away_s(length * bits))

        return max(range(1, most + 1), key=tokens_per_s)
