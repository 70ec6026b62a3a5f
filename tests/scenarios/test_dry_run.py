"""What a run would do is printed without doing it, and again from what it left behind."""

import re

import pandas as pd
from typed_command import RUN, SMALL

from scenarios.command.registry import scenario


def test_a_dry_run_counts_cells_and_trials_states_a_time_and_leaves_nothing(typed, tmp_path, finished):
    status, out, err = typed(*RUN, "--dry-run")
    assert (status, err) == (0, "") and not list(tmp_path.iterdir())
    text = "Cells: 20, 10 settings x 2 seeds, and up to 12 more at what schemes choose; 10 to be decoded, the rest"
    assert text in out
    assert "Before them: 36 trials to begin with, by which each scheme chooses:\n  dense fp16: L in {1, 2, 3, 4" in out
    assert "\n  dense lattice (Q-S): L in {1, 2, 3, 4, 6, 8}, ell in {3, 5, 10, " in out
    assert "Remembered: nothing in results/latency_vs_bandwidth_quick" in out
    stated = f"from the {scenario('latency_vs_bandwidth').minutes} min that the scenario states"
    assert f"with 1 worker, {stated}, which are of another model pair" in out
    own, more = (int(each) for each in re.findall(r"Cells: (\d+), .* up to (\d+) more", out)[0])
    assert own < len(pd.read_parquet(finished.out / "cells.parquet")) <= own + more


def test_a_dry_run_tells_what_is_there_already(done, finished):
    out = done(*RUN, f"--out={finished.out}", "--dry-run")
    assert out.count("all of it, in ") == 2
    assert "nothing is run again" in out
    out = done(*RUN, "--set=seed=5", f"--out={finished.out}", "--dry-run")
    assert "holds other results: name another --out or add --overwrite" in out


def test_a_search_and_a_cell_from_a_file_say_what_they_can(done, finished):
    out = done("capacity", "--quick", *SMALL, "--dry-run")
    assert "a search for workload.devices from 1 to " in out and "x 1 seed, " in out
    file = next((finished.out / "cells").iterdir())
    assert "Time: of a cell from a file nothing is known beforehand" in done("run", f"--config={file}", "--dry-run")


def test_verbose_tells_the_same_on_stderr_and_where_a_mistake_was_found(typed):
    status, out, err = typed(*RUN[:3], *SMALL, "-v", "--set=scheme=ksqs")
    assert (status, out) == (2, "") and "Traceback" in err
    assert err.splitlines()[-1].startswith("sqsim: scheme.kind = 'ksqs'")


def test_no_more_hands_are_counted_on_than_the_machine_has_cores(typed, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    def time_of(workers):
        return typed(*RUN, f"--workers={workers}", "--dry-run")[1].split("Time: ")[1]

    few, many = time_of(2), time_of(999)
    assert many == few.replace("2 workers", "999 workers on 2 cores")
