"""What a sweep says of what it cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest
from cells import cell

from simulator import ConfigError, sweep


def test_a_cluster_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^cluster = nonsense[^\n]*$"):
        sweep([cell()], tmp_path / "out", 1, "nonsense")
    assert not (tmp_path / "out").exists()
