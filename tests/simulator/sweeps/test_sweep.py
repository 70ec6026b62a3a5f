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


def test_a_field_may_be_a_number_in_one_cell_and_a_name_in_another(tmp_path: Path) -> None:
    cells = [cell().with_({"uplink.power_w": power_w}) for power_w in (0.5, "nb_iot", None)]
    kept, told = sweep(cells, tmp_path / "out"), sweep(cells)
    for table in (kept, told):
        assert table["uplink.power_w"].isna().tolist() == [False, False, True]
        assert table["uplink.power_w"][:2].tolist() == ["0.5", "nb_iot"]
