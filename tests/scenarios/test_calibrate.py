"""`sqsim calibrate`: two tables that a cell takes as they are, and mistakes on one line."""

import re
from pathlib import Path

import yaml
from cells import cell

from scenarios.command.cli import main
from simulator import Cell
from simulator.testbed.calibration import cell_calibration as calibration
from simulator.testbed.calibration.cell_calibration import calibrated
from simulator.testbed.calibration.process_times import ProcessTimes
from simulator.testbed.endpoints import timed_passes
from simulator.testbed.endpoints.timed_passes import time_passes


def test_two_tables_come_out_and_a_cell_takes_what_is_printed(tmp_path, capsys):
    out = tmp_path / "here.csv"
    requested = ["--new", "1,16,64", "--cached", "0,128", "--quick", "--quiet"]
    assert main(["calibrate", "sotu", "--out", str(out), *requested, "--batch", "1,2"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "" and not out.exists()
    lines = re.findall(r"^  (edge|cloud)\.latency: (.*)$", printed.out, re.MULTILINE)
    assert [place for place, _ in lines] == ["edge"] * 3 + ["cloud"] * 3
    for place, text in lines:
        found = Cell().with_({f"{place}.latency": yaml.safe_load(text)})
        assert getattr(found, place).latency.pass_s([(1, 40)]) > 0
    assert re.findall(r"(affine|roofline) fitted to it: median error [\d.]+%, worst [+-]\d+% at", printed.out) == [
        "affine", "roofline", "affine", "roofline",
    ]  # fmt: skip
    assert (
        (tmp_path / "here.drafter.csv")
        .read_text()
        .startswith("batch,new_tokens,cached_tokens,seconds,provenance\n1,1,0,")
    )


def test_of_one_model_the_table_is_the_file_that_was_named(tmp_path, capsys):
    out = tmp_path / "edge.csv"
    requested = ["--model", "drafter", "--new", "1,2", "--cached", "0", "--quiet"]
    assert main(["calibrate", "{kind: synthetic, size: 16}", "--out", str(out), *requested]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["edge.csv"]
    assert len(out.read_text().splitlines()) == 3 and "roofline" not in capsys.readouterr().out


def test_clocks_are_listed_with_what_was_cited_and_by_whom(capsys):
    assert main(["list", "clocks"]) == 0
    text = capsys.readouterr().out
    for words in ("pi5_qwen2_5_0_5b", "a100x4_70b", "25 27@64 33@128", "microsoft/vidur", "Licence: MIT", "derived"):
        assert words in text


def test_the_command_measures_a_cell(done, tmp_path, monkeypatch):
    monkeypatch.setattr(timed_passes, "SAMPLES", 6)

    def measured(of: Cell, folder: Path, budget_s: float) -> ProcessTimes:
        time_passes(of, "cloud", folder, budget_s)
        return ProcessTimes(0.0, 1e-3, 1e-3, 0.0, 1e-3, 1e-3)

    monkeypatch.setattr(calibration, "process_times", measured)
    file = tmp_path / "cell.yaml"
    file.write_text(cell("cloud_only").to_yaml())
    out = done("calibrate", "--cell", str(file), "--out", str(tmp_path / "here"), "--quiet")
    assert "cloud.latency: {kind: empirical" in out
    assert calibrated(Cell.from_yaml(file), tmp_path / "here").cloud.latency.kind == "empirical"
