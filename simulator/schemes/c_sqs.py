"""C-SQS: keep the tokens above a threshold that online conformal prediction moves (SQS-SD, section III-B).

The state is (beta_n,). It moves with alpha_n of the uncapped set; `k_max` and the budget act on what is sent only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

from pydantic import Field

from channels.codec.conformal import Conformal, Rollback
from simulator.schemes.draft_scheme import Floats, Ids, LatticeScheme, State


class CSqs(LatticeScheme):
    """A support of varying size, so that the mass it drops meets `target` in the long run."""

    kind: Literal["c_sqs"] = "c_sqs"
    target: float = Field(5e-4, ge=0, le=1, description="alpha, long-run dropped mass aimed at")
    step: float = Field(1e-3, gt=0, allow_inf_nan=False, description="eta, step of the threshold per draft")
    initial: float = Field(0.1, le=1, allow_inf_nan=False, description="beta_1, the first threshold")
    rollback: Rollback = Field("through_rejection", description="which updates of a round outlive its feedback")
    k_max: int | None = Field(None, ge=1, description="most tokens sent of a distribution; null for no cap")

    carry: bool = Field(False, description="a device's next request goes on from the threshold of its last")

    @cached_property
    def rule(self) -> Conformal:
        """The threshold's law of motion."""
        return Conformal(self.target, self.step, self.initial, self.rollback, self.k_max)

    def entry(self, last: State | None) -> State:
        return last if self.carry and last is not None else (self.initial,)

    def support(self, q: Floats, state: State) -> Ids:
        return self.rule.support(q, state[0])

    def advance(self, q: Floats, state: State) -> State:
        return (self.rule.next(state[0], self.rule.dropped_mass(q, state[0])),)

    def settle(self, chain: Sequence[State], accepted: int) -> State:
        return (self.rule.after_feedback([beta for (beta,) in chain], accepted, len(chain) - 1),)
