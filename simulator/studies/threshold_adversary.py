"""The most that a conformal threshold lets through: laws chosen by one who sees it, each to drop all it can.

On V tokens a law drops everything but its most probable token where the threshold is above 1/V: the uniform one. Below,
V - 1 tokens just under the threshold are dropped; at or below 0 nothing can be.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate

import numpy as np

from channels.codec.conformal import Conformal
from kinds.arrays import Floats


@lru_cache(maxsize=8)
def most_dropped(rule: Conformal, vocabulary: int, drafts: int) -> Floats:
    """Sums of the dropped mass of 0, 1, ..., `drafts` drafts, float64 [drafts + 1], none of them undone."""
    dropped, beta = [], rule.initial
    for _ in range(drafts):
        dropped.append(rule.dropped_mass(against(beta, vocabulary), beta))
        beta = rule.next(beta, dropped[-1])
    return np.array([*accumulate(dropped, initial=0.0)])


def against(beta: float, vocabulary: int) -> Floats:
    """The law, float64 [V], of which the threshold beta drops most."""
    uniform = 1 / vocabulary
    below = min(uniform, float(np.nextafter(max(beta, 0.0), -1.0)))
    law = np.full(vocabulary, max(0.0, below))
    law[0] = 1 - law[1:].sum()
    return law
