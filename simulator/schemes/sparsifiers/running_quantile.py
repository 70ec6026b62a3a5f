"""A threshold that follows the distributions just seen (rule: `codec.conformal`)."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from channels.codec.conformal import RunningQuantile
from kinds.arrays import Floats, Ints
from kinds.tunable import Tunable
from simulator.schemes.sparsifier import Sparsifier, State


class KeepRunningQuantile(Sparsifier):
    """Every token above a quantile of the thresholds that the last distributions would have borne (`codec.conformal`).

    The state is those thresholds, oldest first: of accepted drafts only, a rejected one takes its own along.
    """

    kind: Literal["running_quantile"] = "running_quantile"
    target: Annotated[float, Tunable(0.02, 0.05, 0.1, 0.2, 0.4)] = Field(
        0.1, ge=0, le=1, description="the most mass that a distribution may drop to bear a threshold"
    )
    initial: float = Field(0.05, le=1, allow_inf_nan=False, description="the first draft's threshold")
    window: int = Field(32, ge=1, le=1024, description="distributions that it looks back on")
    level: float = Field(0.5, gt=0, le=1, description="which quantile over the window: 0.5 is the median")
    carry: bool = Field(True, description="a device's next request goes on from the window of its last")

    @cached_property
    def rule(self) -> RunningQuantile:
        """Rule by which the threshold follows the quantile."""
        return RunningQuantile(self.target, self.initial, self.window, self.level)

    @property
    def carries(self) -> bool:
        return self.carry

    def entry(self, last: State | None) -> State:
        return last if self.carry and last is not None else ()

    def support(self, q: Floats, state: State) -> Ints:
        return self.rule.support(q, state)

    def advance(self, q: Floats, state: State) -> State:
        return self.rule.next(state, q)
