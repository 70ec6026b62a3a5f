"""An indexed source of uniforms for tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from luck import HashedUniforms

from channels.link.uniforms import Uniforms


@pytest.fixture(scope="session")
def seeded() -> Callable[[int], Uniforms]:
    return HashedUniforms


@pytest.fixture(scope="session")
def uniforms() -> Uniforms:
    return HashedUniforms(1)
