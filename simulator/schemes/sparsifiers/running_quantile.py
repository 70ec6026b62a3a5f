"""A threshold that follows the distributions just seen: a quantile of what each would have borne. Ours.

A distribution q bears a threshold beta where {q >= beta}, or its most probable token where that is empty, drops at most
`target`; c(q), within 0 and 1, is the largest that it bears. Draft n is cut at the ceil(level m)-th smallest of the
last m = min(n - 1, window) of c(q_1), ..., c(q_{n-1}), draft 1 at `initial`. So less than a share `level` of the
distributions in the window would have dropped more than the target. It has no step to choose, and no guarantee in the
long run.
"""

from __future__ import annotations

from math import ceil
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from channels.codec.sparsify import at_least
from kinds.arrays import Floats, Ints
from kinds.tunable import Tunable
from simulator.schemes.sparsifier import Sparsifier, State


class KeepRunningQuantile(Sparsifier):
    """Every token above a quantile of the thresholds that the last distributions would have borne.

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

    @property
    def carries(self) -> bool:
        return self.carry

    def entry(self, last: State | None) -> State:
        return last if self.carry and last is not None else ()

    def support(self, q: Floats, state: State) -> Ints:
        return at_least(q, sorted(state)[ceil(self.level * len(state)) - 1] if state else self.initial)

    def advance(self, q: Floats, state: State) -> State:
        return (*state, largest_borne(q, self.target))[-self.window :]


def largest_borne(q: Floats, target: float) -> float:
    """c(q) of a distribution q, float64 [V]: one of its probabilities, or 1 where its most probable token is enough."""
    ascending = np.sort(q)
    spared = int(np.searchsorted(np.cumsum(ascending), target, side="right"))
    return float(ascending[spared]) if spared < q.size - 1 else 1.0
