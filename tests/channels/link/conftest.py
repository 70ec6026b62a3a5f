"""An indexed source of uniforms for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from channels.link.uniforms import Uniforms


class HashedUniforms:
    """Uniforms from a hash of seed and index."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def uniform(self, *index: int) -> float:
        digest = hashlib.blake2b(repr((self._seed, *index)).encode(), digest_size=8).digest()
        return (int.from_bytes(digest) >> 11) * 2.0**-53


@pytest.fixture(scope="session")
def seeded() -> Callable[[int], Uniforms]:
    return HashedUniforms


@pytest.fixture(scope="session")
def uniforms() -> Uniforms:
    return HashedUniforms(1)
