"""Sparsification: which tokens of a draft distribution cross the air (the kept set X_n of K-SQS, C-SQS and relatives).

Every rule maps q, float64 [V], to the kept token ids, int64 [K], ascending, never empty. Where probabilities tie, the
lowest ids are kept. A rule is a frozen value without state; thresholds that move are in `conformal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kinds.arrays import Floats, Ints

_BLOCK = 128
"""Entries of a distribution of which the largest is found at once."""


@dataclass(frozen=True)
class TopK:
    """Keeps the k most probable tokens (K-SQS)."""

    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k = {self.k}: must be at least 1")

    def support(self, q: Floats) -> Ints:
        """int64 [k]. Raises ValueError when k exceeds the vocabulary."""
        if self.k > q.size:
            raise ValueError(f"k = {self.k}: must be at most the vocabulary, {q.size}")
        return most_probable(q, self.k)


@dataclass(frozen=True)
class Threshold:
    """Keeps every token with q >= beta; the most probable one where none is (C-SQS with a threshold that stays)."""

    beta: float

    def __post_init__(self) -> None:
        if not self.beta <= 1.0:
            raise ValueError(f"beta = {self.beta}: must be a number, at most 1")

    def support(self, q: Floats) -> Ints:
        """Returns the ids of probability at least beta, int64 [K], ascending."""
        return at_least(q, self.beta)


@dataclass(frozen=True)
class TopP:
    """Keeps the fewest most probable tokens that hold at least `mass` (nucleus)."""

    mass: float

    def __post_init__(self) -> None:
        if not 0.0 < self.mass <= 1.0:
            raise ValueError(f"mass = {self.mass}: must be above 0 and at most 1")

    def support(self, q: Floats) -> Ints:
        """int64 [K]. All of V where rounding keeps the sum below `mass`."""
        held = np.cumsum(-np.sort(-q))
        return most_probable(q, min(int(np.searchsorted(held, self.mass)) + 1, q.size))


@dataclass(frozen=True)
class MinP:
    """Keeps every token with q >= ratio * max q."""

    ratio: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.ratio <= 1.0:
            raise ValueError(f"ratio = {self.ratio}: must be within 0 and 1")

    def support(self, q: Floats) -> Ints:
        """Returns the ids of probability at least `ratio` of the largest, int64 [K], ascending."""
        return at_least(q, self.ratio * float(q.max()))


@dataclass(frozen=True)
class EntropyK:
    """Keeps the K most probable tokens, K = scale * 2^H(q) rounded, at least 1 and at most V; H is the entropy in bits.

    2^H(q), the perplexity, is how many equally likely tokens have that entropy (the effective number of order 1 of
    Hill 1973); to keep a multiple of it is ours.
    """

    scale: float

    def __post_init__(self) -> None:
        if not 0.0 < self.scale < float("inf"):
            raise ValueError(f"scale = {self.scale}: must be positive and finite")

    def support(self, q: Floats) -> Ints:
        """Returns the most probable ids, as many as the scaled perplexity of q, int64 [K], ascending."""
        positive = q[q > 0]
        perplexity = 2.0 ** -float((positive * np.log2(positive)).sum())
        return most_probable(q, max(1, round(min(self.scale * perplexity, q.size))))


@dataclass(frozen=True)
class All:
    """Keeps the whole vocabulary (dense)."""

    def support(self, q: Floats) -> Ints:
        """Returns all ids, int64 [V]."""
        return _everything(q.size)


@lru_cache(maxsize=4)
def _everything(size: int) -> Ints:
    """The ids below `size`, read-only."""
    ids = np.arange(size, dtype=np.int64)
    ids.flags.writeable = False
    return ids


def at_least(q: Floats, beta: float) -> Ints:
    """The ids with q >= beta, ascending; the lowest-id argmax where there is none. int64 [K]."""
    kept = np.flatnonzero(q >= beta)
    return kept if kept.size else np.array([q.argmax()], dtype=np.int64)


def most_probable(q: Floats, k: int) -> Ints:
    """The k most probable ids, ascending; the lowest ids among equals. int64 [k], 1 <= k <= V."""
    blocks = q.size // _BLOCK
    if k <= blocks // 2:
        # k entries at least are as large as the k-th largest of the blocks' maxima: only their blocks are looked at
        maxima = q[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
        least = np.partition(maxima, blocks - k)[blocks - k]
        if least > 0:
            near = np.flatnonzero(maxima >= least)[:, None] * _BLOCK + np.arange(_BLOCK)
            ids = np.append(near, np.arange(blocks * _BLOCK, q.size))
            within: Ints = ids[q[ids] >= least]
            return within[_largest_of(q[within], k)]
    positive = q > 0
    if k <= np.count_nonzero(positive) < q.size:  # many equal entries, as of a cut vocabulary, make the partition slow
        kept = np.flatnonzero(positive)
        return kept[_largest_of(q[kept], k)]
    return _largest_of(q, k)


def _largest_of(q: Floats, k: int) -> Ints:
    least = np.partition(q, q.size - k)[q.size - k]
    kept = np.flatnonzero(q >= least)
    if kept.size == k:
        return kept
    above = np.flatnonzero(q > least)
    level = kept[q[kept] == least][: k - above.size]
    return np.sort(np.concatenate([above, level]))
