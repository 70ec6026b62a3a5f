"""Numbers as bits of a fixed width each, most significant first: prompts, and the ids of half-precision packets.

`pack` ends them with a single 1 bit and zeros up to a whole byte, so that their number needs no header.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

import numpy as np

from kinds.arrays import Bytes, Ints


def pack(numbers: Sequence[int], width: int) -> bytes:
    """Any number of them, none included."""
    return np.packbits(np.append(to_bits(numbers, width), np.uint8(1))).tobytes()


def unpack(payload: bytes, width: int) -> Ints | None:
    """Returns the packed numbers, int64 [n], or None if `pack` cannot have written this payload."""
    bits = np.unpackbits(np.frombuffer(payload, dtype=np.uint8))
    last = bits[-8:].nonzero()[0]  # the single 1 is in the last byte
    size, rest = divmod(bits.size - 8 + int(last[-1]), width) if last.size else (0, 1)
    return None if rest else from_bits(bits, width, size)


def to_bits(numbers: Sequence[int], width: int) -> Bytes:
    """The bits, uint8 [n width] of 0 and 1, of numbers below 2^width; `numpy.packbits` makes them bytes."""
    whole = np.fromiter(map(index, numbers), dtype=np.int64, count=len(numbers))
    bits: Bytes = (whole[:, None] >> np.arange(width - 1, -1, -1) & 1).astype(np.uint8)
    return bits.reshape(-1)


def from_bits(bits: Bytes, width: int, count: int) -> Ints:
    """The first `count` numbers, int64 [count]."""
    numbers: Ints = bits[: count * width].reshape(count, width) @ (1 << np.arange(width - 1, -1, -1))
    return numbers
