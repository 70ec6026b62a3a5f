"""The idealized payload counts that the papers plot. Nothing is encoded here; `wire` has the real lengths.

SQS-SD (arXiv 2510.09942): log2 C(V, K) for the subset, log2 C(ell + K - 1, K - 1) for the lattice point, and for C-SQS
ceil(log2 V) for K itself. Q-S (arXiv 2507.00605) sends the dense lattice, log2 C(ell + V - 1, V - 1).
"""

from __future__ import annotations

import math
from functools import lru_cache


def subset_bits(vocabulary: int, size: int) -> float:
    """Returns the bits that name a subset, log2 C(V, K)."""
    return log2_binomial(vocabulary, size)


def lattice_bits(size: int, resolution: int) -> float:
    """log2 C(ell + K - 1, K - 1)."""
    return log2_binomial(resolution + size - 1, size - 1)


def size_bits(vocabulary: int) -> int:
    """ceil(log2 V): what C-SQS adds to say K_n."""
    return (vocabulary - 1).bit_length()


def paper_bits(vocabulary: int, size: int, resolution: int, varies: bool = False) -> float:
    """The paper's count of one draft without the drafted id; `varies` adds K_n (C-SQS)."""
    return subset_bits(vocabulary, size) + lattice_bits(size, resolution) + (size_bits(vocabulary) if varies else 0)


def dense_bits(vocabulary: int, resolution: int) -> float:
    """The paper's count of one draft over the whole vocabulary, without the drafted id."""
    return lattice_bits(vocabulary, resolution)


@lru_cache(maxsize=1 << 14)
def log2_binomial(n: int, k: int) -> float:
    """log2 C(n, k), exact up to the final rounding; raises ValueError unless 0 <= k <= n."""
    if not 0 <= k <= n:
        raise ValueError(f"C({n}, {k}): must have 0 <= k <= n")
    return math.log2(math.comb(n, k))
