"""What the tests of the real system need of the machine."""

import pytest

from kinds import ConfigError
from simulator import Cell
from simulator.testbed.network.namespaces import Namespaces


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Skips where they are not permitted, and says why."""
    try:
        Namespaces(Cell()).close()
    except ConfigError as error:
        pytest.skip(str(error))
