"""What a conformal threshold lets through at worst, or nearly: laws chosen by one who sees it.

Of a law on V tokens everything but its first can be dropped where the threshold is above 1/V, V - 1 times the threshold
below, nothing at or below 0. What has been dropped is as much as the threshold has fallen, so the adversary lands just
above 1/V before it drops everything once more; further below 1/V it waits for the threshold to rise where that pays.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from typing import Final

import numpy as np

from channels.codec.conformal import Conformal
from kinds.arrays import Floats

NEAR: Final = 1e-6
"""Relative distance from 1/V within which a threshold is just above it."""


@lru_cache(maxsize=8)
def dropped_at_worst(rule: Conformal, vocabulary: int, drafts: int) -> Floats:
    """Sums of the dropped mass of 0, 1, ..., `drafts` drafts, float64 [drafts + 1], none of them undone."""
    dropped, beta = [], rule.initial
    for _ in range(drafts):
        dropped.append(rule.dropped_mass(against(rule, beta, vocabulary), beta))
        beta = rule.next(beta, dropped[-1])
    return np.array([*accumulate(dropped, initial=0.0)])


def against(rule: Conformal, beta: float, vocabulary: int) -> Floats:
    """The law, float64 [V], that the adversary chooses at the threshold beta."""
    mass = _aim(rule, beta, vocabulary)
    law = np.full(vocabulary, mass / (vocabulary - 1))
    law[0] = 1 - mass
    return law


def _aim(rule: Conformal, beta: float, vocabulary: int) -> float:
    """The mass that it wants dropped."""
    edge, everything = 1 / vocabulary, 1 - 1 / vocabulary
    fall = rule.step * (everything - rule.target)
    if beta <= 0:
        return 0.0
    if beta <= edge:
        return 0.0 if fall > 2 * edge else (vocabulary - 1) * beta * (1 - NEAR)
    if beta - fall > edge or beta <= edge * (1 + NEAR):
        return everything
    return min(everything, rule.target + (beta - edge * (1 + NEAR / 2)) / rule.step)
