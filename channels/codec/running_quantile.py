"""A threshold that follows the laws just seen: a quantile of what each of them would have borne. Ours.

A law q bears a threshold beta where {q >= beta}, or its most probable token where that is empty, drops at most
`target`; c(q), within 0 and 1, is the largest that it bears. Draft n is cut at the ceil(level m)-th smallest of the
last m = min(n - 1, window) of c(q_1), ..., c(q_{n-1}), draft 1 at `initial`. So less than a share `level` of the laws
in the window would have dropped more than the target. It has no step to choose, and no guarantee in the long run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from channels.codec.sparsify import at_least
from kinds.arrays import Floats, Ints


@dataclass(frozen=True)
class RunningQuantile:
    """The threshold rule, without state: what it has seen, the c(q_i) of the window, oldest first, is handed in."""

    target: float
    initial: float
    window: int = 32
    level: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.target <= 1.0:
            raise ValueError(f"target = {self.target}: must be within 0 and 1")
        if not self.initial <= 1.0:
            raise ValueError(f"initial = {self.initial}: must be a number, at most 1")
        if self.window < 1:
            raise ValueError(f"window = {self.window}: must be at least 1")
        if not 0.0 < self.level <= 1.0:
            raise ValueError(f"level = {self.level}: must be above 0 and at most 1")

    def threshold(self, seen: Sequence[float]) -> float:
        """What cuts the next law."""
        return sorted(seen)[math.ceil(self.level * len(seen)) - 1] if seen else self.initial

    def support(self, q: Floats, seen: Sequence[float]) -> Ints:
        """The ids kept of q, float64 [V]: int64 [K], ascending, K >= 1."""
        return at_least(q, self.threshold(seen))

    def largest_borne(self, q: Floats) -> float:
        """c(q) of a law q, float64 [V]: one of its probabilities, or 1 where its most probable token is enough."""
        ascending = np.sort(q)
        spared = int(np.searchsorted(np.cumsum(ascending), self.target, side="right"))
        return float(ascending[spared]) if spared < q.size - 1 else 1.0

    def next(self, seen: Sequence[float], q: Floats) -> tuple[float, ...]:
        """What has been seen after one more law."""
        return (*seen, self.largest_borne(q))[-self.window :]
