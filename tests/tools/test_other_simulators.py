"""Requests are served here when BLIS and Vidur serve them, where the latency model is the same."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simulator.cell.workload import requests_in
from tools.other_simulators import (
    LOADS,
    SERVED,
    SMALL,
    Against,
    answers_of,
    read_answers,
    scheduled,
    write_runs,
)

TICK_S = 1e-6
"""The clock of BLIS; what Vidur said is rounded to it."""


def farthest_s(run: Against) -> float:
    """The most that a first or last token of any request is off."""
    ours, theirs = run.ours(), run.theirs()
    assert (ours.tokens == theirs.tokens).all() and np.abs(ours.arrival_s - theirs.arrival_s).max() < 1e-9
    return float(max(np.abs(ours.first_s - theirs.first_s).max(), np.abs(ours.last_s - theirs.last_s).max()))


@pytest.mark.parametrize("run", scheduled("tight", **SMALL), ids=lambda run: run.simulator)
def test_each_token_of_a_full_server_comes_when_another_simulator_says(run: Against) -> None:
    assert farthest_s(run) <= TICK_S


@pytest.mark.parametrize(
    "changed", [{"token_budget": 63}, {"batching": {"kind": "continuous", "cap": 9}}, {"batching": {"kind": "waiting"}}]
)
def test_another_budget_cap_or_batching_would_be_seen(changed: Mapping[str, object]) -> None:
    blis, _ = scheduled("tight", **SMALL | changed)
    assert farthest_s(blis) > 1e4 * TICK_S


@pytest.mark.slow
@pytest.mark.parametrize("load", LOADS)
def test_each_token_comes_when_other_simulators_say(load: str) -> None:
    for run in scheduled(load):
        assert farthest_s(run) <= TICK_S


def say_what_is_committed(folder: Path, load: str) -> None:
    """Leaves what each program would leave had it served the load as the committed file says."""
    table = pd.read_csv(SERVED / f"{load}.csv")
    for answers in answers_of(load):
        first_us, last_us = table[f"{answers}_ttft_us"], table[f"{answers}_e2e_us"]
        if answers.startswith("vidur"):
            out = folder / f"{load}.{answers}" / "2026-12-02_10-36-27-000000"
            out.mkdir(parents=True)
            said = pd.DataFrame(
                {"Request Id": table.index, "prefill_e2e_time": first_us / 1e6, "request_e2e_time": last_us / 1e6}
            )
            said[::-1].to_csv(out / "request_metrics.csv", index=False)
        else:
            said = pd.DataFrame({"request_id": table.index, "ttft_us": first_us, "e2e_us": last_us})
            (folder / f"{load}.{answers}.json").write_text(json.dumps(said[::-1].to_dict("records")))


def test_answers_read_from_what_the_programs_leave_are_the_committed_files(tmp_path: Path) -> None:
    for path in SERVED.glob("*.csv"):
        say_what_is_committed(tmp_path, path.stem)
    read_answers(tmp_path)
    for path in SERVED.glob("*.csv"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_an_answer_that_is_missing_is_named(tmp_path: Path) -> None:
    for path in SERVED.glob("*.csv"):
        say_what_is_committed(tmp_path, path.stem)
    (tmp_path / "tight.blis.json").write_text("[]")
    with pytest.raises(SystemExit, match=r"tight\.blis\.json: 0 answers to 60 requests"):
        read_answers(tmp_path)


def test_both_programs_are_asked_what_is_served_here(tmp_path: Path) -> None:
    commands = write_runs(tmp_path)
    for path in SERVED.glob("*.csv"):
        ours = requests_in(path)
        assert requests_in(tmp_path / f"{path.stem}.requests.blis.csv") == ours
        for mine, its in zip(ours, requests_in(tmp_path / f"{path.stem}.requests.vidur.csv"), strict=True):
            assert its == replace(mine, at_s=pytest.approx(mine.at_s, rel=1e-15))
        for answers in answers_of(path.stem):
            asked = [line for line in commands.splitlines() if re.search(rf"/{path.stem}\.{answers}( |\.json)", line)]
            assert len(asked) == 1
