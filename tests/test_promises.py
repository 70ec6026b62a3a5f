"""What `make bench` reports: one table and one file of the ratios, kept or not, and of what was not measured."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from promises import Ratio

HERE = Path(__file__).parent
BENCH = """
import pytest

def test_kept(ratio):
    ratio("twelve / one", 1.1, at_most=1.15, meaning="CPU time")
    ratio("one / two workers", 1.5, at_least=1.7, meaning="wall time")

def test_reported_only(ratio):
    ratio("floor / run", 0.25, meaning="CPU time")

def test_elsewhere(ratio):
    pytest.skip("no accelerator here")

def test_broken(ratio):
    raise ValueError("a pass went wrong")
"""


@pytest.mark.parametrize(
    ("value", "at_most", "at_least", "met"),
    [
        (1.15, 1.15, None, True), (1.16, 1.15, None, False), (1.7, None, 1.7, True), (1.69, None, 1.7, False),
        (math.nan, 1.15, None, False), (math.nan, None, 1.7, False), (1.0, 1.2, 0.8, True), (9.0, None, None, None),
    ],
)  # fmt: skip
def test_a_promise_is_kept_up_to_its_bound(value, at_most, at_least, met):
    assert Ratio("a / b", value, at_most, at_least, "", "bench").met is met


def ran(folder: Path, bench: str) -> tuple[int, str]:
    """The exit status of a session of one file of benches, through pytest itself, and what it printed."""
    shutil.copy(HERE / "benchmarks" / "conftest.py", folder)
    (folder / "bench_small.py").write_text(bench)
    (folder / "pytest.ini").write_text(f"[pytest]\npython_files = bench_*.py\npythonpath = {HERE / 'helpers'}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_a_session_of_benches_ends_with_its_ratios_and_the_machine(tmp_path: Path):
    """A promise that is not kept fails no bench: all are measured."""
    status, said = ran(tmp_path, BENCH)
    assert status == 1 and "1 failed, 2 passed, 1 skipped" in said
    assert said.splitlines()[-1] == "not kept: one / two workers is 1.5, promised >= 1.7"
    assert "not measured: bench_small.py::test_elsewhere: no accelerator here" in said
    message = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert {one["name"]: one["met"] for one in message["ratios"]} == {
        "twelve / one": True, "one / two workers": False, "floor / run": None,
    }  # fmt: skip
    assert [one["bench"].partition("::")[2] for one in message["not_measured"]] == ["test_broken", "test_elsewhere"]
    assert message["not_measured"][0]["reason"] == "ValueError: a pass went wrong"
    assert (
        message["machine"]["cores"] >= 1 and message["machine"]["numpy"] and message["machine"]["python"] in sys.version
    )
