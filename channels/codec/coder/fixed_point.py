"""Integer logarithms and powers of two: what the code's distributions are computed with, alike on every machine.

Q32 means a fixed-point number with 32 fractional bits in an int64. `LOG[i]` is log2(1 + i / 4096) and `EXP[i]` is
2^(-i / 4096), both Q32, rounded to nearest, i = 0..4096; in between, both functions are linear, rounded down. No table
entry lies near a rounding tie, so any libm gives the same integers (a test pins them).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from channels.codec.coder.compiled import compiled, leading_zeros, leaf
from kinds.arrays import Ints

ONE = 1 << 32
STEPS = 12
_POINTS = np.arange((1 << STEPS) + 1) / (1 << STEPS)
LOG = np.rint(np.log2(1.0 + _POINTS) * ONE).astype(np.int64)  # [4097]
EXP = np.rint(np.exp2(-_POINTS) * ONE).astype(np.int64)  # [4097]


@leaf
def bit_length(x: int) -> int:
    """Bits of x >= 0: 0 for 0."""
    return int(64 - leading_zeros(x))


@leaf
def log2(x: int) -> int:
    """log2 x as Q32, 1 <= x < 2^62; never falls as x rises."""
    x = int(x)  # which may be an int32
    exponent = bit_length(x) - 1
    fraction = (x << (62 - exponent)) & ((1 << 62) - 1)  # 62 bits below the leading one
    index, rest = fraction >> 50, (fraction >> 30) & 0xFFFFF
    low, high = LOG[index], LOG[index + 1]
    return int((exponent << 32) + low + ((high - low) * rest >> 20))


@leaf
def exp2(y: int) -> int:
    """2^-y as Q32 for y >= 0 in Q32; never rises as y rises; 0 from 2^-33 on."""
    exponent = y >> 32
    if exponent > 33:
        return 0
    index, rest = (y >> 20) & 0xFFF, y & 0xFFFFF
    high, low = EXP[index], EXP[index + 1]
    return int((high - ((high - low) * rest >> 20)) >> exponent)


@lru_cache(maxsize=1 << 14)
def cached_log2(x: int) -> int:
    """`log2` for Python: there a call of compiled code costs more than what it computes."""
    return log2(x)


@compiled
def log2_factorials(size: int) -> Ints:
    """log2 n! as Q32 for n = 0..size - 1, sums of `log2`. int64 [size]."""
    table = np.zeros(size, dtype=np.int64)
    for n in range(2, size):
        table[n] = table[n - 1] + log2(n)
    return table
