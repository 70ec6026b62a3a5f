"""What all studies have in common: what they refuse, who has the machine alone, and rows that are remembered."""

import json
import os
from pathlib import Path
from typing import ClassVar

import pytest
from cells import cell

from kinds import ConfigError
from simulator import Cell, sweep
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.studies import STUDIES, study
from simulator.studies.study import Study, StudyResult
from simulator.sweeps import sweep as sweeps
from simulator.sweeps import worker


class Asked(Study):
    deterministic: ClassVar[bool] = False
    alone: ClassVar[bool] = True

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        return StudyResult([{"latency_per_token_s": float(os.getpid())}])


UNSENT = "scheme = '{}': has no distribution that is sent and drawn from"


@pytest.mark.parametrize(
    ("name", "scheme", "refusal"),
    [
        *(("laws", kind, UNSENT) for kind in ("cloud_only", "edge_only", "colocated", "coupled", "s_q", "dssd")),
        *((name, "dssd", UNSENT) for name in ("positions", "rates")),
        ("convergence", "cloud_only", "scheme = 'cloud_only': sends no distribution"),
        ("convergence", "c_sqs", "scheme.budget_bits = 5000: must be null, or it cuts what the rule keeps"),
        ("convergence", {"kind": "c_sqs", "budget_bits": None, "k_max": 4},
         "scheme.k_max = 4: must be null, or it cuts what the rule keeps"),
    ],
)  # fmt: skip
def test_a_scheme_that_a_study_cannot_be_asked_of_is_refused(name: str, scheme: object, refusal: str) -> None:
    with pytest.raises(ConfigError) as caught:
        study(name).ask(cell(scheme), Memory(), None, None)
    assert str(caught.value) == refusal.format(scheme)


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("laws", "fleet: a study is of one scheme; leave the fleet out"),
        ("rates", "fleet: a study is of one scheme; leave the fleet out"),
        ("convergence", "fleet: convergence is followed of one scheme; give scheme alone"),
        ("positions", "fleet: positions are counted of one scheme; give scheme alone"),
    ],
)
def test_a_fleet_is_refused(name: str, refusal: str) -> None:
    with pytest.raises(ConfigError, match=f"^{refusal}$"):
        study(name).ask(cell(fleet=[{"count": 1}]), Memory(), None, None)


@pytest.mark.parametrize(
    ("name", "column", "values"), [("convergence", "tokens", [16, 32, 16, 32]), ("positions", "position", [1, 2, 1, 2])]
)
def test_a_sweep_asks_it_and_rows_are_the_same_live_and_remembered(name: str, column: str, values: list[int]) -> None:
    schemes = [{"kind": kind, "budget_bits": None, "max_drafts": 2} for kind in ("dense", "c_sqs")]
    made = [cell(scheme) for scheme in schemes]
    table, memory = sweep(made, asking=name), Memory()
    assert table[column].tolist() == values and table["cell"].nunique() == 2
    live, remembered = (study(name).ask(made[1], memory, None, None).rows for _ in range(2))
    assert repr(live) == repr(remembered) == repr(study(name).ask(made[1], Memory(), None, None).rows)


@pytest.mark.parametrize("asking", [Asked(), study("positions")])
def test_results_say_whether_equal_cells_have_equal_answers(
    asking: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "study", lambda _: asking)
    monkeypatch.setattr(worker, "study", lambda _: asking)
    sweep([cell("k_sqs")], tmp_path / "out", asking="positions")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["deterministic"] is asking.deterministic


@pytest.mark.parametrize("name", STUDIES)
def test_what_measures_real_processes_is_run_alone_and_what_measures_real_time_is_not_deterministic(name: str) -> None:
    real = ("real", "real_independent", "real_alone", "validation")
    assert study(name).alone == (name in real)
    assert study(name).deterministic == (name not in real)


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
