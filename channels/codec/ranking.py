"""Ranks of subsets and compositions: bijections onto 0..C(n, k) - 1, exact, any size.

The rank of the ascending positions c_1 < ... < c_k is sum of C(c_i, i) (the combinatorial number system); of a subset
with more than half of the n positions, the rank of its complement. A composition is ranked by where its parts end.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from channels.codec.draft import Ids

binomial = lru_cache(maxsize=1 << 12)(math.comb)


def rank_subset(positions: Ids, n: int) -> int:
    """Rank of ascending positions, int64 [k] within 0..n - 1, among the C(n, k) subsets of that size."""
    if 2 * positions.size > n:
        positions = complement(positions, n)
    return sum(math.comb(position, i) for i, position in enumerate(positions.tolist(), 1))


def unrank_subset(rank: int, n: int, k: int) -> Ids:
    """The ascending positions, int64 [k], whose rank among the k-subsets of n is `rank`, 0 <= rank < C(n, k)."""
    if 2 * k > n:
        return complement(unrank_subset(rank, n, n - k), n)
    positions = np.empty(k, dtype=np.int64)
    above = n
    for i in range(k, 0, -1):
        above, value = _largest_position(rank, i, above)
        positions[i - 1] = above
        rank -= value
    return positions


def rank_composition(counts: Ids, total: int) -> int:
    """Rank of counts, int64 [K], non-negative with sum `total`, among the C(total + K - 1, K - 1) such vectors."""
    return rank_subset(np.cumsum(counts[:-1] + 1) - 1, total + counts.size - 1)


def unrank_composition(rank: int, size: int, total: int) -> Ids:
    """The counts, int64 [size], non-negative with sum `total`, whose rank is `rank`."""
    bars = unrank_subset(rank, total + size - 1, size - 1)
    return np.diff(bars, prepend=-1, append=total + size - 1) - 1


def complement(positions: Ids, n: int) -> Ids:
    """The positions below n that are not among `positions`, ascending."""
    free = np.ones(n, dtype=bool)
    free[positions] = False
    return np.flatnonzero(free)


def _largest_position(rank: int, i: int, above: int) -> tuple[int, int]:
    """The largest c < above with C(c, i) <= rank, and that binomial. The float estimate only says where to start."""
    low, high = i - 1, above
    target = math.log(rank) if rank else -1.0
    while high - low > 1:
        middle = (low + high) // 2
        guess = math.lgamma(middle + 1) - math.lgamma(i + 1) - math.lgamma(middle - i + 1)
        low, high = (middle, high) if guess <= target else (low, middle)
    value = math.comb(low, i)
    while value > rank:
        value = value * (low - i) // low
        low -= 1
    while low + 1 < above and (larger := math.comb(low + 1, i)) <= rank:
        low, value = low + 1, larger
    return low, value
