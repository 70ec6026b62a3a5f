"""Studies that measure real time have the machine for themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import pytest
from cells import cell

from kinds import ConfigError
from simulator import Cell, sweep
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.studies import study
from simulator.studies.study import Study, StudyResult
from simulator.sweeps import sweep as sweeps
from simulator.sweeps import worker


class Asked(Study):
    deterministic: ClassVar[bool] = False
    alone: ClassVar[bool] = True

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        return StudyResult([{"latency_per_token_s": float(os.getpid())}])


@pytest.mark.parametrize("name", ["real", "validation"])
def test_the_real_system_is_run_alone_and_is_not_deterministic(name: str) -> None:
    assert study(name).alone and not study(name).deterministic


def test_cells_take_turns_whatever_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "study", lambda _: Asked())
    monkeypatch.setattr(worker, "study", lambda _: Asked())
    table = sweep([cell(seed=seed) for seed in range(3)], workers=4, asking="real")
    assert set(table["latency_per_token_s"]) == {float(os.getpid())}


def test_a_cluster_is_refused_in_one_line_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        sweep([cell()], tmp_path / "out", cluster="tcp://127.0.0.1:1", asking="real")
    assert str(caught.value).startswith("cluster = 'tcp://127.0.0.1:1': must be left out where real time is measured")
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()
