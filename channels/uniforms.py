"""Randomness by index: the same question has the same answer, in whatever order events ask.

Nobody draws "the next" number. Each number has an address, such as (device, request, round, fragment, attempt), so that
two cells that differ only in their network see the same tokens, lose the same packets and meet the same fades wherever
they can, and any event order, worker count or resume gives the same results. The function is a keyed BLAKE2b, read as
53 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from statistics import NormalDist

import numpy as np

from kinds.arrays import Floats, Ints

_NORMAL = NormalDist()
WORD_BITS = 52
"""The bits in each word of a race; with half of the last bit added, a word is exactly a float64."""


@dataclass(frozen=True, slots=True)
class Uniforms:
    """The numbers of one purpose: a pure function of `key` and an index of integers. No state, no order."""

    key: bytes
    prefix: tuple[int, ...] = ()
    """Start of every index."""

    @classmethod
    def of(cls, seed: int, purpose: str) -> Uniforms:
        """The numbers of `purpose` under `seed`."""
        return cls(blake2b(f"{seed}/{purpose}".encode(), digest_size=32).digest())

    def uniform(self, *index: int) -> float:
        """The number at `index`: a float64 in [0, 1), a multiple of 2^-53."""
        return (int.from_bytes(self._digest(index, 8), "little") >> 11) * 2.0**-53

    def normal(self, *index: int) -> float:
        """The standard normal number that belongs to the uniform one at `index`."""
        return _NORMAL.inv_cdf(self.uniform(*index) or 2.0**-54)

    def words(self, size: int, *index: int) -> Ints:
        """`size` whole numbers of WORD_BITS bits at `index`, int64 [size]: word w stands for (w + 1/2) / 2^WORD_BITS.

        They are numpy's Philox, alike on every machine, under a key of their own: a vocabulary's worth costs one hash.
        The array is read-only: both ends of a race ask for the same words, and are given one.
        """
        return _words(self._digest(index, 16), size)

    def exponentials(self, size: int, *index: int) -> Floats:
        """The `size` exponentials of unit rate at `index`, float64 [size]: one race, whoever runs it; -ln of what the
        `words` there stand for. Read-only as these are."""
        return _exponentials(self._digest(index, 16), size)

    def under(self, *prefix: int) -> Uniforms:
        """Returns the numbers whose index starts with `prefix`: of a transmitter, a device, a part.
        `under(a).uniform(b)` is `uniform(a, b)`."""
        return Uniforms(self.key, self.prefix + prefix)

    def keyed(self, *index: int) -> Uniforms:
        """Numbers of their own for `index`, under a key of their own: where many are drawn, their addresses are short
        and cheap."""
        return Uniforms(self._digest(index, 32))

    def _digest(self, index: tuple[int, ...], size: int) -> bytes:
        index = self.prefix + index
        return blake2b(_packer(len(index))(*index), digest_size=size, key=self.key).digest()


@lru_cache(maxsize=16)
def _words(key: bytes, size: int) -> Ints:
    """`Uniforms.words` under a key, those of the last two rounds or so."""
    philox = np.random.Philox(key=np.frombuffer(key, dtype="<u8").astype(np.uint64))
    drawn: Ints = (philox.random_raw(size) >> np.uint64(64 - WORD_BITS)).view(np.int64)
    drawn.flags.writeable = False
    return drawn


@lru_cache(maxsize=16)
def _exponentials(key: bytes, size: int) -> Floats:
    drawn: Floats = np.ldexp(_words(key, size) + 0.5, -WORD_BITS)
    np.negative(np.log(drawn, out=drawn), out=drawn)
    drawn.flags.writeable = False
    return drawn


@cache
def _packer(length: int) -> Callable[..., bytes]:
    """Writes so many integers as int64, little-endian."""
    return struct.Struct(f"<{length}q").pack
