"""`sqsim calibrate --cell`."""

from __future__ import annotations

from pathlib import Path

import pytest
from cells import cell
from typed_command import Typed

from simulator import Cell
from simulator.testbed.calibration import cell_calibration as calibration
from simulator.testbed.calibration.cell_calibration import calibrated
from simulator.testbed.calibration.process_times import PathTimes


def test_the_command_measures_a_cell(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SAMPLES", 6)
    monkeypatch.setattr(calibration, "PAUSE_S", 1e-4)
    monkeypatch.setattr(calibration, "path_times", lambda: PathTimes(1e-3, 1e-3))
    file = tmp_path / "cell.yaml"
    file.write_text(cell("cloud_only").to_yaml())
    status, out, _ = typed("calibrate", "--cell", str(file), "--out", str(tmp_path / "here"), "--quiet")
    assert status == 0 and "cloud.latency: {kind: empirical" in out
    assert calibrated(Cell.from_yaml(file), tmp_path / "here").cloud.latency.kind == "empirical"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "x"], "pair: a PAIR must be given, or --cell FILE.yaml"),
        (["sotu", "--cell", "c.yaml", "--out", "x"], "pair = sotu: is of a pair; leave it out beside --cell"),
        (["--cell", "c.yaml", "--new", "1", "--out", "x"], "new = 1: is of a pair"),
        (["--cell", "c.yaml", "--out", "x.csv"], "out = x.csv: must be a folder"),
        (["--cell", "none.yaml", "--out", "x"], "none.yaml"),
    ],
)
def test_a_wrong_command_is_told_on_one_line(typed: Typed, words: list[str], told: str) -> None:
    status, _, error = typed("calibrate", *words)
    assert status == 2 and told in error and error.count("\n") == 1
