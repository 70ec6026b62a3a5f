"""The page on speed says of each promise whether it is kept, and draws each curve."""

import json

import pytest

from kinds import ConfigError
from tools.performance_page import write

BENCH = {
    "machine": {"cpu": "A CPU", "cores_allowed": 2, "date": "2026-01-02T03:04:05"},
    "ratios": [
        {"name": "kept", "value": 1.03, "at_most": 1.1, "at_least": None, "meaning": "CPU time", "met": True},
        {"name": "not kept", "value": 0.4, "at_most": None, "at_least": 0.5, "meaning": "wall time", "met": False},
        {"name": "told", "value": 7.0, "at_most": None, "at_least": None, "meaning": "bits", "met": None},
    ],
    "curves": [
        {"name": "a run", "of_what": "devices", "sizes": [10, 100], "cpu_s": [0.1, 1.0], "exponent": 1.0},
        {"name": "a sweep", "of_what": "cells", "sizes": [10, 100], "cpu_s": [1.0, 5.0], "exponent": 0.7},
    ],
    "not_measured": [{"bench": "tests/b.py::test_gpu", "reason": "no GPU here"}],
}


def test_the_page_is_made_from_what_was_measured(tmp_path):
    bench, docs = tmp_path / "bench.json", tmp_path / "docs"
    docs.mkdir()
    (docs / "performance.md").write_text("# Head\n<!-- measured -->old<!-- /measured -->\nfoot\n")
    bench.write_text(json.dumps(BENCH))
    write(bench, docs)
    lines = (docs / "performance.md").read_text().splitlines()
    assert "Measured on A CPU, 2 cores, 2026-01-02." in lines and "old" not in lines
    assert "| kept | 1.03 | ≤ 1.1 | yes | CPU time |" in lines
    assert "| not kept | 0.4 | ≥ 0.5 | **no** | wall time |" in lines
    assert "| told | 7 |  |  | bits |" in lines
    assert "| test_gpu | not measured | | | no GPU here |" in lines
    assert (lines[0], lines[-1]) == ("# Head", "foot")
    assert (docs / "figures" / "growth.svg").stat().st_size > 5_000


def test_without_a_measurement_there_is_no_page(tmp_path):
    with pytest.raises(ConfigError, match=r"bench\.json: is no file; type make bench first"):
        write(tmp_path / "bench.json", tmp_path)


def test_of_a_part_of_the_benchmarks_there_is_no_page(tmp_path):
    bench = tmp_path / "bench.json"
    bench.write_text(json.dumps(BENCH | {"curves": []}))
    with pytest.raises(ConfigError, match=r"bench\.json: has no curves, as only some of the benchmarks ran"):
        write(bench, tmp_path)
