"""An indexed source of uniforms for tests."""

import pytest

from channels.uniforms import Uniforms


@pytest.fixture(scope="session")
def uniforms() -> Uniforms:
    return Uniforms.of(1, "test")
