"""A cell from a file with a user's own kinds: what is typed beside it counts, and nothing runs that is not typed."""

import json
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

import scenarios.command.run.finished_run
from kinds.files import read_note
from simulator.sweeps import worker

CELL = """models: {pair: {kind: synthetic, size: 64, contexts: 8}}
workload: {kind: closed, requests: 1, prompt_tokens: 4, output_tokens: 6}
scheme: own_in_tests
"""
MINE = """from pathlib import Path
from typing import Literal
from simulator.schemes.k_sqs import KSqs

Path(__file__).with_name("it_ran").touch()

class Mine(KSqs):
    kind: Literal["own_in_tests"] = "own_in_tests"
    k: int = NUMBER
"""
RUN = ("run", "--config=cell.yaml", "--out=out", "--quiet")


@pytest.fixture
def folder(typed, tmp_path):
    """The working folder, with a user's file and a cell of its kind."""
    (tmp_path / "mine.py").write_text(MINE.replace("NUMBER", "3"))
    (tmp_path / "cell.yaml").write_text(CELL)
    return tmp_path


def support_of(folder: Path) -> list[float]:
    return [float(size) for size in pd.read_csv(folder / "out" / "cells.csv")["support_size"]]


def written_cell(folder: Path) -> Path:
    (path,) = (folder / "out" / "cells").glob("*.yaml")
    return path


@pytest.mark.usefixtures("undrawn")
def test_what_is_imported_beside_a_cells_file_is_in_the_cell_and_an_edit_of_it_is_another_cell(folder, typed, refused):
    run = (*RUN, "--import=mine.py", "--workers=1")
    assert typed(*run)[0] == 0 and support_of(folder) == [3.0]
    assert yaml.safe_load(written_cell(folder).read_text())["imports"] == [str(folder / "mine.py")]
    assert read_note(folder / "out" / "manifest.json")["imports"] == [str(folder / "mine.py")]
    (folder / "mine.py").write_text(MINE.replace("NUMBER", "13"))
    assert "holds other results" in refused(*run) and support_of(folder) == [3.0]
    assert typed(*run, "--overwrite")[0] == 0 and support_of(folder) == [13.0]


@pytest.mark.slow
def test_workers_load_what_is_imported_beside_a_cells_file(folder, typed):
    status, _, err = typed(*RUN, "--import=mine.py", "--workers=2", "--grid=uplink.rate.bps=1e4,1e5", "--seeds=2")
    assert (status, err) == (0, "") and support_of(folder) == [3.0] * 4


@pytest.mark.usefixtures("undrawn")
def test_overwrite_runs_a_whole_sweep_again_and_without_it_nothing_is_run(folder, typed, monkeypatch):
    outcome, done = worker._outcome, list[str]()

    def noted(task, sent, *others):
        done.append(sent.id)
        return outcome(task, sent, *others)

    monkeypatch.setattr(worker, "_outcome", noted)
    run = (*RUN, "--import=mine.py", "--workers=1")
    first = typed(*run)
    assert len(done) == 1 and typed(*run) == first and len(done) == 1
    (folder / "out" / "notes.txt").write_text("mine")
    assert typed(*run, "--overwrite") == first and len(done) == 2
    assert (folder / "out" / "notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("one_drawn")
def test_a_finished_directory_is_not_touched_and_tells_no_path_that_was_typed(
    folder, typed, monkeypatch, written_figures
):
    (folder / "cell.yaml").write_text(CELL.replace("own_in_tests", "k_sqs"))
    run = ("run", "--config=cell.yaml", "--quiet", "--grid=uplink.rate.bps=1e4,1e5", "--workers=1")

    def files():
        paths = [path for path in (folder / "out").rglob("*") if path.is_file()]
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}

    assert typed(*run, "--out=out")[0] == 0
    before = files()
    assert {"latency.png", "findings.json", "scenario.json", "summary.csv", "manifest.json"} <= {*before}
    (folder / "elsewhere").mkdir()
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 2.0)  # a date has whole seconds
    assert typed(*run, "--out=elsewhere/../out")[0] == 0
    assert [name for name, found in files().items() if before.get(name) != found] == []


def test_a_cells_file_runs_what_is_trusted_or_typed_under_the_same_name_from_another_place(folder, typed):
    (folder / "sent.yaml").write_text(CELL + f"imports: [{folder / 'mine.py'}]\n")
    assert typed("explain", "sent.yaml", "--trust")[0] == 0
    (folder / "sent.yaml").write_text(CELL + "imports: [/somebody/elses/mine.py]\n")
    assert typed("explain", "sent.yaml", "--trust")[0] == 2
    assert typed("explain", "sent.yaml", "--import=mine.py")[0] == 0


def test_the_manifests_wall_time_is_the_whole_commands_and_one_that_only_reads_leaves_it(folder, typed, monkeypatch):
    def slowly(*_):
        time.sleep(0.1)
        return iter(())

    monkeypatch.setattr(scenarios.command.run.finished_run, "draw_all", slowly)
    before_s = time.time()
    run = (*RUN, "--import=mine.py", "--workers=1")
    assert typed(*run)[0] == 0
    whole = json.loads((folder / "out" / "manifest.json").read_text())
    assert 0.1 <= whole["wall_s"] <= time.time() - before_s
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 2.0)  # a date has whole seconds
    assert typed(*run)[0] == 0
    again = json.loads((folder / "out" / "manifest.json").read_text())
    assert (again["wall_s"], again["date"]) == (whole["wall_s"], whole["date"])
    assert 0 < whole["cpu_s"] == again["cpu_s"]


@pytest.mark.usefixtures("undrawn")
def test_relative_paths_of_a_cells_file_begin_at_it_for_commands_too(folder, typed, monkeypatch):
    """Recordings and imports; what is typed begins where it is typed."""
    (folder / "rate.csv").write_text("start_s,bps\n0,12345\n")
    (folder / "cell.yaml").write_text(CELL + "uplink: {rate: {kind: trace, path: rate.csv}}\nimports: [mine.py]\n")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    (folder / "elsewhere" / "rate.csv").write_text("start_s,bps\n0,1\n")
    run = ("run", "--config=../cell.yaml", "--out=../out", "--quiet", "--workers=1")
    assert typed(*run, "--trust")[0] == 0 and support_of(folder) == [3.0]
    kept = yaml.safe_load(written_cell(folder).read_text())
    assert (kept["imports"], kept["uplink"]["rate"]["path"]) == ([str(folder / "mine.py")], str(folder / "rate.csv"))
    assert typed(*run, "--import=../mine.py")[0] == 0


def test_verbose_says_where_a_mistake_was_found(typed):
    status, out, err = typed("run", "latency_vs_bandwidth", "--quick", "-v", "--set=scheme=ksqs")
    assert (status, out) == (2, "") and "Traceback" in err
    assert err.splitlines()[-1].startswith("sqsim: scheme.kind = 'ksqs'")
