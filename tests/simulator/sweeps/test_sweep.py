"""A sweep that adds cells by a rule, one that asks a study, and what a sweep says of what it cannot do."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from cells import cell

from simulator import Cell, ConfigError, sweep
from simulator.studies import SIMULATION
from simulator.studies.real_runs import RealAlone
from simulator.studies.study import StudyResult
from simulator.sweeps import meter as meter_file
from simulator.sweeps import worker
from simulator.sweeps.meter import CellProgress, Meter, ToFiles
from simulator.sweeps.parts import of_one_type
from simulator.sweeps.sweep import _Sweep
from simulator.sweeps.worker_pools import Processes

TABLES = ("cells.csv", "summary.csv", "cells.parquet")


@dataclass(frozen=True)
class UpTo:
    """One more seed each time, until there are that many."""

    seeds: int

    @property
    def rule(self) -> str:
        return f"{self.seeds} seeds"

    def more(self, table: pd.DataFrame) -> list[Cell]:
        last = int(table["seed"].max())
        return [] if last + 1 >= self.seeds else [cell(seed=last + 1), cell(seed=last + 1, scheme="dense")]


def start() -> list[Cell]:
    return [cell(seed=0), cell(seed=0, scheme="dense")]


def test_what_is_added_is_in_the_tables_like_what_was_there(tmp_path: Path) -> None:
    grown = sweep(start(), tmp_path / "grown", growth=UpTo(3))
    assert grown.groupby("scheme.kind")["seed"].apply(sorted).tolist() == [[0, 1, 2], [0, 1, 2]]
    every = [each for seed in range(3) for each in (cell(seed=seed), cell(seed=seed, scheme="dense"))]
    pd.testing.assert_frame_equal(grown, sweep(every))
    assert sorted(path.stem for path in (tmp_path / "grown" / "cells").iterdir()) == sorted(each.id for each in every)
    assert set(pd.read_parquet(tmp_path / "grown" / "requests.parquet")["cell"]) == {each.id for each in every}


def test_an_interrupted_growth_goes_on_and_ends_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep(start(), tmp_path / "whole", growth=UpTo(3))
    outcome, done = worker._outcome, list[str]()

    def interrupted(task: worker.Task, sent: worker.Sent, *others: object) -> worker.Outcome:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(sent.id)
        return outcome(task, sent, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "_outcome", interrupted)
    with pytest.raises(KeyboardInterrupt, match=r"^interrupted; 3 of 4 cells are done and kept in "):
        sweep(start(), tmp_path / "resumed", growth=UpTo(3))
    monkeypatch.setattr(worker, "_outcome", outcome)
    sweep(start(), tmp_path / "resumed", growth=UpTo(3))
    for name in TABLES:
        assert (tmp_path / "resumed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_results_by_another_rule_or_of_another_study_are_other_results(tmp_path: Path) -> None:
    sweep(start(), tmp_path / "out", growth=UpTo(2))
    with pytest.raises(ConfigError, match="holds other results"):
        sweep(start(), tmp_path / "out", growth=UpTo(3))
    with pytest.raises(ConfigError, match="holds other results"):
        sweep(start(), tmp_path / "out", asking="laws")


def test_a_study_leaves_its_own_columns_and_no_tables_of_what_was_not_simulated(tmp_path: Path) -> None:
    found = sweep(start(), tmp_path / "laws", asking="laws")
    assert {"tv_qhat", "coded_bits_per_draft"} <= set(found) and "latency_s" not in found
    assert not (tmp_path / "laws" / "requests.parquet").exists()
    alone = pd.concat([sweep([each], asking="laws") for each in reversed(start())][::-1], ignore_index=True)
    pd.testing.assert_frame_equal(found[alone.columns], alone, check_dtype=False)


def test_decodings_of_one_seed_are_one_task_as_far_as_workers_allow() -> None:
    """They begin with the same prompts, and share passes in one process only."""
    schemes = [{"kind": "k_sqs", "k": k} for k in range(1, 26)]
    groups = [[cell(scheme, seed=seed, models={"pair": "sotu"})] for scheme in schemes for seed in range(4)]

    def seeds_of_tasks(workers: int, seeds: int) -> list[set[int]]:
        run = _Sweep(SIMULATION, Processes(workers), *[lambda *_: None] * 3)
        tasks = run._bundles([group for group in groups if group[0].seed < seeds])
        assert sum(map(len, tasks)) == 25 * seeds and max(map(len, tasks)) - min(map(len, tasks)) <= 1
        return [{group[0].seed for group in task} for task in tasks]

    assert seeds_of_tasks(2, 4) == [{0}, {1}, {2}, {3}]
    assert seeds_of_tasks(2, 1) == [{0}, {0}]  # none is idle


def test_a_study_that_is_not_there_is_reported() -> None:
    with pytest.raises(ConfigError, match="study = 'dreams': must be one of simulation"):
        sweep(start(), asking="dreams")


def test_a_cluster_that_is_not_there_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^cluster = nonsense[^\n]*$"):
        sweep([cell()], tmp_path / "out", 1, "nonsense")
    assert not (tmp_path / "out").exists()


def test_a_field_may_be_a_number_in_one_cell_and_a_name_in_another(tmp_path: Path) -> None:
    cells = [cell().with_({"uplink.power_w": power_w}) for power_w in (0.5, "nb_iot", None)]
    kept, returned = sweep(cells, tmp_path / "out"), sweep(cells)
    for table in (kept, returned):
        assert table["uplink.power_w"].isna().tolist() == [False, False, True]
        assert table["uplink.power_w"][:2].tolist() == ["0.5", "nb_iot"]


def test_what_a_worker_writes_of_a_cell_is_passed_on_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cells, one three times the work of the other: a quarter of the work is half a cell."""
    monkeypatch.setattr(meter_file, "REPORT_S", 0.0)
    reports: list[tuple[float, int, str]] = []
    meter = Meter({"a": 1.0, "b": 3.0}, lambda done, total, label: reports.append((done, total, label)))
    meter.files = files = ToFiles(tmp_path)
    meter.look()
    assert not reports, "nothing is written yet"
    for share, cells in ((0.0, 0), (1 / 3, 0.5), (1.0, 1.5)):
        files("b", CellProgress(share, 0, "k_sqs"))
        meter.look()
        meter.look()
        assert reports.pop() == (cells, 2, "k_sqs") and not reports


def test_the_cells_of_a_task_are_reported_in_one_file_however_short_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, cells = ToFiles(tmp_path), [f"cell{number}" for number in range(100)]
    for each in cells:
        files(each, CellProgress(1.0, 2, "k_sqs"))
    assert [path.name for path in tmp_path.iterdir()] == cells[:1] and len(files.read()) == 1, "not again so soon"
    monkeypatch.setattr(meter_file, "REPORT_S", 0.0)
    files(cells[-1], CellProgress(1.0, 2, "k_sqs"))
    assert files.read() == dict.fromkeys(cells, CellProgress(1.0, 2, "k_sqs"))
    meter = Meter(dict.fromkeys(cells, 1.0), lambda *_: None)
    meter.files = files
    meter.ended(cells, "k_sqs")
    assert not [*tmp_path.iterdir()]


def test_a_field_that_is_a_number_in_one_cell_and_a_list_or_a_name_in_another_is_text_in_both() -> None:
    lists = [[1], [2, 3], [4]]
    found = of_one_type(pd.DataFrame({"list": [[1, 2], 3, None], "name": ["a", 5, None], "lists": lists}))
    assert found["list"].tolist()[:2] == ["[1, 2]", "3"] and found["name"].tolist()[:2] == ["a", "5"]
    assert found["lists"].tolist() == lists


def test_where_real_time_is_measured_a_cell_counts_as_much_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second has the first one's tokens, and is run all the same."""
    monkeypatch.setattr(RealAlone, "ask", lambda *_: StudyResult([{"latency_per_token_s": 1.0}]))
    done: list[float] = []
    cells = [cell().with_({"uplink.label": label}) for label in ("one", "other")]
    sweep(cells, asking="real_alone", progress=lambda cells, total, label: done.append(cells))
    assert {0.0, 1.0, 2.0} >= {*done} and done[-1] == 2.0 and 1.0 in done
