"""Whether texts can share passes here: on some processors a row of a matrix product is rounded by its company, whatever
MKL is told, and every pass is made alone."""

from functools import cache

import pytest

from models.packed_passes import SharedNetwork, packs
from tests.models import tiny


@cache
def packs_here() -> bool:
    """Whether a small network's passes do."""
    return packs(SharedNetwork(tiny.network("llama")))


def require_packing() -> None:
    """Skips a test that has nothing to check where they do not."""
    if not packs_here():
        pytest.skip("this processor rounds a row of a product by its company: passes are made one by one")
