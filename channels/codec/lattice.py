"""Lattice quantization of a distribution to counts with a given sum (Reznik 2011; the type lattice, scaled A_{K-1}).

b'_i = floor(ell p_i + 1/2), then the surplus or deficit is taken from the entries that were rounded farthest. The rule
runs on integers (p is first rounded to multiples of 2^-40), so that every machine gives the same counts. The result is
the nearest lattice point in L2 and in total variation.
"""

from __future__ import annotations

import math

import numpy as np

from channels.codec.sparsify import most_probable
from kinds.arrays import Floats, Ints

GRID_BITS = 40
LARGEST_RESOLUTION = (1 << 62 - GRID_BITS) - 1
"""2 ell g + 2^40 stays below 2^63 for g <= 2^40."""
LARGEST_WORK = 1 << GRID_BITS
"""K * ell may not exceed this: the grid's own rounding then never asks a zero count to give."""


def quantize(probabilities: Floats, resolution: int) -> Ints:
    """Counts b, int64 [K], non-negative, sum == resolution, nearest to resolution * probabilities / their sum.

    probabilities: float64 [K], non-negative, finite, positive sum; they need not sum to 1. Raises ValueError otherwise,
    and when the resolution is outside 1..LARGEST_RESOLUTION or K * resolution exceeds LARGEST_WORK.
    """
    total = total_mass(probabilities)
    if not 1 <= resolution <= min(LARGEST_RESOLUTION, LARGEST_WORK // probabilities.size):
        raise ValueError(f"resolution = {resolution}: must be at least 1 and at most {LARGEST_RESOLUTION}")
    if probabilities.size < _FEW * resolution:
        return _quantize(probabilities, total, resolution)
    # At most 2 ell counts are positive before the deficit, at most ell, is shared out: by the largest of the others.
    least = probabilities[most_probable(probabilities, 3 * resolution + 2)].min()
    able = np.flatnonzero(probabilities >= least - total * 2.0 ** (1 - GRID_BITS))  # all of one multiple of 2^-40
    counts = np.zeros(probabilities.size, dtype=np.int64)
    counts[able] = _quantize(probabilities[able], total, resolution)
    return counts


_FEW = 16
"""Number of probabilities over ell from which on those that can have a count are found first."""


def _quantize(probabilities: Floats, total: float, resolution: int) -> Ints:
    grid = np.rint(probabilities / total * (1 << GRID_BITS)).astype(np.int64)  # [K], sums to about 2^40
    counts: Ints = (2 * resolution * grid + (1 << GRID_BITS)) >> (GRID_BITS + 1)
    missing = resolution - int(counts.sum())
    if missing:
        excess = (counts << GRID_BITS) - resolution * grid  # [K], zeta in units of 2^-40
        counts[_extreme(excess, missing)] += 1 if missing > 0 else -1
    return counts


def total_mass(probabilities: Floats) -> float:
    """Returns the sum of the probabilities. Raises ValueError unless they are a vector of non-negative numbers with a
    positive, finite sum."""
    total = float(probabilities.sum()) if probabilities.ndim == 1 else math.nan
    if not 0.0 < total < math.inf or probabilities.min() < 0.0:
        raise ValueError("probabilities: must be a vector of non-negative numbers with a positive, finite sum")
    return total


def _extreme(excess: Ints, missing: int) -> Ints:
    """Indices of the `missing` first entries in the order (excess, index), or the -`missing` last where negative."""
    if missing < 0:
        return excess.size - 1 - _extreme(-excess[::-1], -missing)
    level = np.partition(excess, missing - 1)[missing - 1]
    below = np.flatnonzero(excess < level)
    return np.concatenate([below, np.flatnonzero(excess == level)[: missing - below.size]])


def covering_bound(size: int, resolution: int) -> float:
    """Largest total variation between a distribution on `size` tokens and its counts: floor(K/2) ceil(K/2) / (K
    ell)."""
    return (size // 2) * ((size + 1) // 2) / (size * resolution)


def codewords(size: int, resolution: int) -> int:
    """Returns the number of count vectors of `size` entries that sum to `resolution`: C(ell + K - 1, K - 1), exact."""
    return math.comb(resolution + size - 1, size - 1)
