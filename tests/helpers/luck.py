"""Indexed uniforms of the tests' own."""

from __future__ import annotations

import hashlib


class HashedUniforms:
    """Uniforms from a hash of seed and index."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def uniform(self, *index: int) -> float:
        digest = hashlib.blake2b(repr((self._seed, *index)).encode(), digest_size=8).digest()
        return (int.from_bytes(digest) >> 11) * 2.0**-53
