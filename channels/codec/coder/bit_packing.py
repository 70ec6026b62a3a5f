"""Numbers as bits of a fixed width each, most significant first: prompts, and the ids of half-precision packets."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

import numpy as np

from kinds.arrays import Bytes, Ints


def to_bits(numbers: Sequence[int], width: int) -> Bytes:
    """The bits, uint8 [n width] of 0 and 1, of numbers below 2^width; `numpy.packbits` makes them bytes."""
    whole = np.fromiter(map(index, numbers), dtype=np.int64, count=len(numbers))
    bits: Bytes = (whole[:, None] >> np.arange(width - 1, -1, -1) & 1).astype(np.uint8)
    return bits.reshape(-1)


def from_bits(bits: Bytes, width: int, count: int) -> Ints:
    """The first `count` numbers, int64 [count]."""
    numbers: Ints = bits[: count * width].reshape(count, width) @ (1 << np.arange(width - 1, -1, -1))
    return numbers
