"""The threshold of C-SQS: where it starts, how it moves, what a rejection takes back (rule: `codec.conformal`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from channels.codec.conformal import Conformal, Rollback
from kinds import Part
from kinds.arrays import Floats, Ints
from kinds.tunable import Tunable
from simulator.schemes.sparsifier import Sparsifier, State


class ConformalFields(Part):
    """Fields of a threshold that online conformal prediction moves."""

    target: Annotated[float, Tunable(5e-4, 5e-3, 5e-2)] = Field(
        5e-4, ge=0, le=1, description="alpha, long-run dropped mass aimed at"
    )
    step: Annotated[float, Tunable(1e-3, 1e-2)] = Field(
        1e-3, gt=0, allow_inf_nan=False, description="eta, step of the threshold per draft"
    )
    initial: Annotated[float, Tunable(0.3, 0.1, 0.03, 0.01)] = Field(
        0.1, le=1, allow_inf_nan=False, description="beta_1, the first threshold"
    )
    rollback: Rollback = Field("through_rejection", description="which updates of a round outlive its feedback")
    k_max: int | None = Field(None, ge=1, description="most tokens sent of a distribution; null for no cap")
    carry: bool = Field(True, description="a device's next request goes on from the threshold of its last")


class KeepConformal(ConformalFields, Sparsifier):
    """Every token above a threshold that online conformal prediction moves (SQS-SD, section III-B).

    The state is (beta_n,). It moves with alpha_n of the uncapped set; `k_max` and the budget act on what is sent only.
    """

    kind: Literal["conformal"] = "conformal"

    @cached_property
    def rule(self) -> Conformal:
        """Rule by which the threshold moves."""
        return Conformal(self.target, self.step, self.initial, self.rollback, self.k_max)

    @property
    def carries(self) -> bool:
        return self.carry

    def entry(self, last: State | None) -> State:
        return last if self.carry and last is not None else (self.initial,)

    def support(self, q: Floats, state: State) -> Ints:
        return self.rule.support(q, state[0])

    def advance(self, q: Floats, state: State) -> State:
        return (self.rule.next(state[0], self.rule.dropped_mass(q, state[0])),)

    def settle(self, chain: Sequence[State], accepted: int) -> State:
        return (self.rule.after_feedback([beta for (beta,) in chain], accepted, len(chain) - 1),)
