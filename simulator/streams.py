"""Randomness by name and index: a uniform is a pure function of (seed, purpose, index), never drawn in event order.

Two cells that differ only in the network therefore see the same tokens, and any event order, worker count or resume
gives the same numbers. The function is a keyed BLAKE2b, read as 53 bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True)
class Source:
    """The uniforms of one purpose. Calling it twice with one index gives one number."""

    key: bytes

    def uniform(self, *index: int) -> float:
        """A float64 in [0, 1), a multiple of 2^-53, decided by `index` alone."""
        digest = blake2b(struct.pack(f"<{len(index)}q", *index), digest_size=8, key=self.key).digest()
        return float(int.from_bytes(digest, "little") >> 11) * 2.0**-53

    def within(self, *index: int) -> Source:
        """The source whose every index starts with `index`."""
        return Source(blake2b(struct.pack(f"<{len(index)}q", *index), digest_size=32, key=self.key).digest())


def source(seed: int, purpose: str) -> Source:
    """The uniforms of `purpose` under `seed`."""
    return Source(blake2b(f"{seed}/{purpose}".encode(), digest_size=32).digest())
