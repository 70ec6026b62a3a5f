"""Two calibrations of a cell as one: all their passes, each spell its own, and means of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from cells import cell

from kinds import ConfigError
from models.clocks.empirical import Empirical
from models.clocks.pass_table import TimedPass, csv_text, read_rows
from simulator import Cell, simulate
from simulator.testbed.calibration.cell_calibration import Calibration, calibrated
from simulator.testbed.calibration.merged_calibrations import merge

DELAYS = {"uplink": 1e-3, "downlink": 2e-3}


def made(folder: Path, seconds: float, spells: tuple[int | None, ...], judge_s: float = 0.1) -> Path:
    """A calibration of few passes, of so many seconds and more in each later spell."""
    folder.mkdir()
    points = [(batch, new, cached) for batch in (1, 4) for new in (1, 8) for cached in (0, 40)]
    rows = [
        TimedPass(*point, seconds * (1 + place), "measured", spell)
        for point in points
        for place, spell in enumerate(spells)
    ]
    file = folder / "cloud.csv"
    file.write_text(csv_text(sorted(rows)))
    clock = {"kind": "empirical", "file": str(file.resolve()), "beyond": "extend"}
    Calibration({"cloud.latency": clock, "cloud.judge_s": judge_s}, DELAYS).write(folder)
    return folder


def spells_of(cell: Cell) -> tuple[Path, dict[int | None, set[float]]]:
    assert isinstance(cell.cloud.latency, Empirical)
    found: dict[int | None, set[float]] = {}
    for _, row in read_rows(cell.cloud.latency.file):
        found.setdefault(row.spell, set()).add(row.seconds)
    return cell.cloud.latency.file, found


def test_passes_of_both_stand_in_spells_of_their_own(tmp_path: Path) -> None:
    first, second = made(tmp_path / "1", 0.01, (0, 1, 2)), made(tmp_path / "2", 0.05, (0, 3))
    merge(first, second, tmp_path / "new" / "both")
    found = calibrated(cell("cloud_only"), tmp_path / "new" / "both")
    file, spells = spells_of(found)
    assert file == (tmp_path / "new" / "both" / "cloud.csv").resolve()
    assert spells == {0: {0.01}, 1: {0.02}, 2: {0.03}, 3: {0.05}, 6: {0.1}}
    assert found.cloud.latency.pass_s([(1, 0)]) == pytest.approx(0.042, rel=1e-12)
    assert len(simulate(found).requests)


def test_a_table_without_spells_is_one_spell(tmp_path: Path) -> None:
    first, second = made(tmp_path / "1", 0.01, (None, None)), made(tmp_path / "2", 0.05, (None,))
    merge(first, second, tmp_path / "both")
    assert spells_of(calibrated(cell("cloud_only"), tmp_path / "both"))[1] == {0: {0.01, 0.02}, 1: {0.05}}


def test_other_settings_and_delays_are_means(tmp_path: Path) -> None:
    first, second = made(tmp_path / "1", 0.01, (0,), 0.1), made(tmp_path / "2", 0.01, (0,), 0.3)
    Calibration(Calibration.of(second).settings, {"uplink": 3e-3, "downlink": 0.0}).write(second)
    merge(first, second, tmp_path / "both")
    found = Calibration.of(tmp_path / "both")
    assert found.settings["cloud.judge_s"] == pytest.approx(0.2)
    assert found.delays == pytest.approx({"uplink": 2e-3, "downlink": 1e-3})


def test_a_folder_may_take_in_another(tmp_path: Path) -> None:
    first, second = made(tmp_path / "1", 0.01, (0, 1)), made(tmp_path / "2", 0.05, (0,))
    merge(first, second, first)
    assert spells_of(calibrated(cell("cloud_only"), first))[1] == {0: {0.01}, 1: {0.02}, 2: {0.05}}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"edge.encode_s_per_draft": 0.1}, "edge.encode_s_per_draft: must be calibrations of one cell"),
        ({"cloud.judge_s": "long"}, "cloud.judge_s = 0.1; 'long': must be numbers"),
        ({"cloud.latency": {"kind": "constant"}}, "must differ in nothing but file"),
    ],
)
def test_what_is_not_of_one_cell_is_told_on_one_line(tmp_path: Path, more: dict[str, object], words: str) -> None:
    first, second = made(tmp_path / "1", 0.01, (0,)), made(tmp_path / "2", 0.01, (0,))
    Calibration({**Calibration.of(second).settings, **more}, DELAYS).write(second)
    with pytest.raises(ConfigError, match=words) as error:
        merge(first, second, tmp_path / "both")
    assert "\n" not in str(error.value) and not (tmp_path / "both").exists()
