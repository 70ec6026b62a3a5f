"""Draft length by the state of the uplink and recent acceptance, after Q-S (arXiv 2507.00605).

The paper compares fixed lengths, a heuristic and a learned policy: length and precision follow the channel and how sure
the pair is of the text. The rule of its heuristic is in neither its abstract nor its public code, which has fixed
lengths and the learned policy alone; so what is here is our own reading (I): the uplink is good where the last round
was away for no longer than rounds of its bits were before, and the text easy where that round was accepted.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kinds.tunable import Tunable
from simulator.schemes.policies.running_estimates import Estimates
from simulator.schemes.policy import Action, DraftRound, EdgeView, Policy, PolicyState, SeenVerdict

AS_LONG = 0.05
"""A round is away for no longer than others where it is by this share of their time."""
_PLACES = len(Estimates())
"""The number of estimates that the state begins with; then it holds whether the uplink is good, whether the last round
was accepted, and whether the open one is its request's first: 1 or 0."""


class QsHeuristic(Policy):
    """Long drafts on a good uplink in an easy text, short ones where neither is, in between else. Where the scheme has
    operating points, the last one, which is to be the finest, on a good uplink, and the first one on a bad one."""

    kind: Literal["qs_heuristic"] = "qs_heuristic"
    decides_rounds: ClassVar[bool] = True
    short: Annotated[int, Tunable(1, 2, 3)] = Field(
        2, ge=1, le=1024, description="drafts on a bad uplink after a rejection"
    )
    long: Annotated[int, Tunable(4, 6, 8)] = Field(
        6, ge=1, le=1024, description="drafts on a good uplink after a round that stood"
    )
    memory_rounds: float = Field(
        20.0, ge=1, allow_inf_nan=False, description="rounds after which one weighs 1/e of what the last one does"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.short > self.long:
            raise ValueError(f"short = {self.short}: must be at most long = {self.long}")
        return self

    def entry(self, last: PolicyState | None) -> PolicyState:
        return (*Estimates(), 1.0, 1.0, 1.0) if last is None else last

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        good, accepted, _ = state[_PLACES:]
        before = (*state[:-1], float(not view.verdicts))
        length = round(self.short + (self.long - self.short) * (good + accepted) / 2)
        return DraftRound(min(length, view.most_drafts), view.rungs - 1 if good else 0), before

    def learn(self, result: SeenVerdict, state: PolicyState) -> PolicyState:
        if not result.drafted:
            return state
        keep, known, (good, _, first) = 1.0 - 1.0 / self.memory_rounds, Estimates(*state[:_PLACES]), state[_PLACES:]
        if not first:
            away_s = result.answered_s - result.sent_s
            good = float(not known.rounds or away_s <= known.away_s(result.payload_bits) * (1 + AS_LONG))
            known = known.time(result, keep)
        return (*known, good, float(result.accepted == result.drafted), first)
