"""A race of many settings on the same seeds: those clearly worse than another are told at each look, long before all
are measured well.

At each look every setting is compared with every other by a one-sided t test of ln(cost), paired by seed. With n
settings and `looks` looks each test has (1 - confidence) / (looks (n - 1)) of the false alarms (Bonferroni). The only
comparisons by which the best setting b could be told worse are the n - 1 of b with another, at each look; so, as far as
the differences of ln(cost) are normal, b is still there at the end with at least that confidence. In the same event
`behind` holds: how much more than b the leader costs at most. Racing is Maron and Moore's (1994) word for it; they
bound by Hoeffding's inequality, which needs a known range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinds.arrays import Floats, Ints
from simulator.results.intervals import CONFIDENCE, ROUNDING

Flags = npt.NDArray[np.bool_]


class Standing(NamedTuple):
    """How a race stands after a look at some of its settings [n]."""

    leader: int
    """The least geometric mean."""
    worse: Flags
    """[n]: clearly worse than another."""
    than: Ints
    """[n]: the one than which it is most clearly so; itself where it is not."""
    behind: float
    """The share by which the leader costs more, at most, than the best of those that are not clearly worse; inf of one
    seed."""


@dataclass(frozen=True)
class Race:
    """`settings` that start, all `looks` together at one `confidence`."""

    settings: int
    looks: int
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        if self.settings < 1 or self.looks < 1 or not 0 < self.confidence < 1:
            raise ValueError(f"{self}: at least one setting and one look, and a confidence between 0 and 1")

    @property
    def false_alarms(self) -> float:
        """Of one test."""
        return (1 - self.confidence) / (self.looks * max(1, self.settings - 1))

    def look(self, costs: Floats) -> Standing:
        """The standing of those still in the race, `costs` [n, seeds], the same seeds of all.

        Raises ValueError where a cost is no positive number.
        """
        if costs.ndim != 2 or not costs.size or not (np.isfinite(costs) & (costs > 0)).all():
            raise ValueError(f"costs {costs.shape}: [n, seeds] of positive numbers are needed")
        logs = np.log(costs)
        means = logs.mean(axis=1)
        difference = means[:, None] - means[None, :]  # [n, n]
        difference[np.abs(difference) <= ROUNDING] = 0.0
        half = self._half_widths(logs)
        least = difference - half
        leader = int(np.argmin(means))
        worse = (least > 0).any(axis=1)
        behind = float(np.expm1((difference[leader] + half[leader])[~worse].max()))
        return Standing(leader, worse, least.argmax(axis=1), max(0.0, behind))

    def _half_widths(self, logs: Floats) -> Floats:
        """Of the difference of each two [n, n]: t sqrt(var / seeds); inf of one seed, 0 of each with itself."""
        from scipy.special import stdtrit  # here: it costs a quarter of a second that a plain `--help` should not pay

        n, seeds = logs.shape
        if seeds == 1:
            half = np.full((n, n), np.inf)
            np.fill_diagonal(half, 0.0)
            return half
        covariance = np.atleast_2d(np.cov(logs))
        own = np.diag(covariance)
        variance = np.maximum(own[:, None] + own[None, :] - 2 * covariance, 0.0)
        variance[variance <= ROUNDING**2] = 0.0
        found: Floats = float(stdtrit(seeds - 1, 1 - self.false_alarms)) * np.sqrt(variance / seeds)
        return found
