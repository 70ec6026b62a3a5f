"""A distribution as IEEE floats, most significant byte first: what comes down where the edge corrects (arXiv
2507.12000).

Single precision takes 32 V bits, and each number is off by 2^-24 of itself at most; half precision takes 16 V bits, and
over their sum its numbers are off by `fp16.covering_bound(V)` at most, in total variation.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from channels.codec.draft import CodecError
from kinds.arrays import Floats

Precision = Literal["single", "half"]
_FLOATS = {"single": ">f4", "half": ">f2"}
_ONES = {"single": (">u4", 0x3F800000), "half": (">u2", 0x3C00)}
"""The integer that reads as 1.0; above it are numbers above 1, infinities, nan, and all with a sign."""


def encode(distribution: Floats, precision: Precision) -> bytes:
    """A distribution, float64 [V], of any positive sum. Raises CodecError where a number is outside 0 to 1, or none is
    left."""
    with np.errstate(over="ignore", invalid="ignore"):
        content = (distribution + 0.0).astype(_FLOATS[precision]).tobytes()  # -0.0 becomes 0.0
    _check(content, distribution.size, precision)
    return content


def decode(content: bytes, vocabulary: int, precision: Precision) -> Floats:
    """The numbers as they were rounded, float64 [V]; their sum is near 1. Raises CodecError on every byte string that
    `encode` cannot have produced."""
    _check(content, vocabulary, precision)
    return np.frombuffer(content, dtype=_FLOATS[precision]).astype(np.float64)


def _check(content: bytes, vocabulary: int, precision: Precision) -> None:
    integers, one = _ONES[precision]
    if len(content) != vocabulary * np.dtype(integers).itemsize:
        raise CodecError(f"distribution of {len(content)} bytes: not {vocabulary} numbers of {precision} precision")
    found = np.frombuffer(content, dtype=integers)
    if found.max() > one or not found.any():
        raise CodecError("distribution: holds a number outside 0 to 1, or nothing but zeros")
