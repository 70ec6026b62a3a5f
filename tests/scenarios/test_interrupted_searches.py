"""A search for the most devices, or for the best setting, loses next to nothing where it ends too soon."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typed_command import Typed

import simulator.run
from scenarios.command.recommend import recommend, recommending
from simulator.cell.cell import Cell
from simulator.run import simulate
from simulator.sweeps import worker

CAPACITY = (
    "run", "capacity", "--quick", "--set=scheme=cloud_only", "--set=cloud.token_budget=512",
    "--set=cloud.batching=none", "--set=objective.ttft_s=100", "--seeds=1", "--quiet",
)  # fmt: skip
TWO = "--grid=uplink.rate.bps=1e6,inf"
RECOMMEND = (
    "recommend", "--set=models.pair={kind: synthetic, size: 64, contexts: 8}", "--set=workload.requests=1",
    "--set=workload.output_tokens=6", "--set=workload.prompt_tokens=4", "--set=scheme.resolution=100",
    "--grid=scheme=cloud_only,k_sqs", "--grid=scheme.k=4,8", "--grid=scheme.max_drafts=3", "--seeds=3", "--workers=1",
    "--quiet",
)  # fmt: skip


class Stopping:
    """Simulates, but for the cell of one number, of which it raises an error instead."""

    def __init__(self, at: int, error: BaseException) -> None:
        self._at, self._error = at, error
        self.ids = list[str]()

    def __call__(self, cell: Cell, *others: object, **named: object) -> object:
        if len(self.ids) == self._at:
            raise self._error
        self.ids.append(cell.id)
        return simulate(cell, *others, **named)  # type: ignore[arg-type]


def test_a_search_goes_on_within_a_setting(
    typed: Typed, small: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = typed(*CAPACITY, *small, TWO, "--out=whole")[1]
    first, rest = Stopping(3, KeyboardInterrupt()), Stopping(-1, KeyboardInterrupt())
    monkeypatch.setattr(simulator.run, "simulate", first)
    status, _, err = typed(*CAPACITY, *small, TWO, "--out=found")
    assert status == 130 and err.startswith("sqsim: interrupted; 0 of 2 settings are found and kept in found, so is ")
    assert "goes on from what was simulated" in typed(*CAPACITY, *small, TWO, "--out=found", "--dry-run")[1]
    monkeypatch.setattr(simulator.run, "simulate", rest)
    status, out, _ = typed(*CAPACITY, *small, TWO, "--out=found")
    assert (status, out.replace("found/", "whole/")) == (0, whole)
    for name in ("tried.csv", "capacity.csv", "cells.csv", "requests.parquet"):
        assert (tmp_path / "found" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert len(first.ids) == 3 and not set(first.ids) & set(rest.ids)
    assert not (tmp_path / "found" / "searched").exists()


def test_a_setting_that_fails_takes_no_other_along(
    typed: Typed, small: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator.run, "simulate", Stopping(0, ZeroDivisionError("by zero")))
    status, out, err = typed(*CAPACITY, *small, "--set=uplink.rate.bps=1e6", "--out=alone")
    assert (status, out, err.count("\n")) == (1, "", 1) and "by zero (test_interrupted_searches.py:" in err
    one = Stopping(4, ZeroDivisionError("by zero"))

    def once(cell: Cell, *others: object, **named: object) -> object:
        if len(one.ids) == 4:
            one.ids.append("failed")
            raise ZeroDivisionError("by zero")
        return one(cell, *others, **named)

    monkeypatch.setattr(simulator.run, "simulate", once)
    status, out, err = typed(*CAPACITY, *small, TWO, "--out=found")
    assert status == 1 and not out
    failed, last = err.splitlines()
    (file,) = (tmp_path / "found" / "failed").iterdir()
    assert failed.startswith(f"sqsim: found/failed/{file.name} failed: ZeroDivisionError: by zero")
    assert last.startswith("sqsim: 1 of 2 settings failed (ZeroDivisionError: by zero") and "kept in found" in last
    assert len(json.loads((tmp_path / "found" / "search.json").read_text())["found"]) == 1
    assert typed(*CAPACITY, *small, TWO, "--out=found")[0] == 0


def test_a_race_keeps_what_it_has_simulated(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommend, "LOOKS", (3, 5))
    monkeypatch.setattr(recommending, "KEEP_S", 0.0)
    outcome, done = worker._outcome, list[str]()

    def interrupted(task: worker.Task, sent: worker.Sent, *others: object) -> worker.Outcome:
        if len(done) == 4:
            kept = json.loads(Path("results/recommend/search.json").read_text())["tried"]
            assert set(kept) >= set(done[:3])  # as it would be left by a kill
            raise KeyboardInterrupt
        done.append(sent[0])
        return outcome(task, sent, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "_outcome", interrupted)
    status, _, err = typed(*RECOMMEND)
    assert status == 130 and err.count("\n") == 1 and "the same command goes on from there" in err
    assert set(json.loads(Path("results/recommend/search.json").read_text())["tried"]) == set(done)
    before, again = set(done), list[str]()

    def noted(task: worker.Task, sent: worker.Sent, *others: object) -> worker.Outcome:
        again.append(sent[0])
        return outcome(task, sent, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "_outcome", noted)
    assert typed(*RECOMMEND)[0] == 0 and not before & set(again)
    assert len(pd.read_csv("results/recommend/tried.csv")) >= 2
