"""A search for the most devices, and a race for the best setting: what it leaves, and that it goes on where it was."""

import contextlib
import io
import json
import shutil

import pandas as pd
import pytest
from typed_command import ONE_MODE, SMALL

import simulator.run
import simulator.sweeps.sweep
import simulator.sweeps.worker_pools
from scenarios.command.cli import main
from scenarios.command.run import searching
from simulator.cell.cell import Cell
from simulator.run import simulate
from simulator.sweeps import worker

pytestmark = pytest.mark.usefixtures("undrawn")
CLOUD_ONLY = ("--set=scheme=cloud_only", "--set=cloud.token_budget=512")
"""A scheme that has nothing to choose for itself."""
LIMITS = ("--set=objective.ttft_s=100", "--set=objective.tpot_s=100", "--set=objective.tpot_p95_s=0.1")
"""That of the slowest tokens is met first."""
CAPACITY = (
    "capacity", "--quick", *CLOUD_ONLY, "--set=cloud.batching=none", *LIMITS, "--seeds=1", "--quiet",
    "--details", *SMALL,
)  # fmt: skip
BOTH = (*CAPACITY, "--grid=uplink.rate.bps=1e6,inf")
"""A search in two settings."""
TABLES = ("tried.csv", "capacity.csv", "cells.csv", "requests.parquet")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The search in both, which nothing interrupted: its folder, and what was printed of results in `found`."""
    folder, stdout = tmp_path_factory.mktemp("searched"), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(stdout), pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        patch.setattr("scenarios.command.run.finished_run.draw_all", lambda *_: iter(()))
        assert main((*BOTH, "--out=found")) == 0
    return folder / "found", stdout.getvalue()


def test_a_search_writes_what_it_found_and_tried_and_is_read_back(whole, typed, refused, tmp_path, monkeypatch):
    capacity, tried, swept = (pd.read_csv(whole[0] / f"{name}.csv") for name in ("capacity", "tried", "cells"))
    tried, relieved = tried[tried["relieved"].isna()], tried[tried["relieved"].notna()]
    for _, row in capacity.iterrows():
        mine = tried[tried["uplink.rate.bps"] == row["uplink.rate.bps"]].set_index("workload.devices")["tpot_p95_s"]
        assert row["bounded"] and mine[row["capacity"]] <= 0.1 < mine[mine.index > row["capacity"]].min()
        assert row["limited_by"] == "cloud"
        twice = relieved[relieved["relieved"] == "cloud"]["workload.devices"].max()
        assert twice == 2 * mine.index[mine > 0.1].min() and f"tpot_p95_s ({row['limited_by']})" in whole[1]
        assert f"{row['capacity']:.0f}" in whole[1]
    assert swept["workload.devices"].tolist() == capacity["capacity"].clip(lower=1).tolist()
    shutil.copytree(whole[0], tmp_path / "found")
    (tmp_path / "found" / "search.json").write_text("")
    assert typed(*BOTH, "--out=found") == (0, whole[1], "")  # what was emptied is found again
    monkeypatch.setattr(searching, "capacities", lambda missing, *_: iter(missing.items()))  # none are
    assert typed(*BOTH, "--out=found") == (0, whole[1], "")
    assert "--overwrite" in refused(*BOTH, "--out=found", "--set=objective.tpot_p99_s=0.2")


def test_an_interrupted_search_goes_on_where_it_was(whole, typed, tmp_path, monkeypatch):
    search, requested = searching.capacities, []

    def interrupted(settings, *others):
        requested.append(sorted(settings))
        yield next(iter(search(settings, *others)))
        if len(requested) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(searching, "capacities", interrupted)
    assert typed(*BOTH, "--out=found")[0] == 130
    status, out, err = typed(*(word for word in BOTH if word != "--quiet"), "--out=found")
    assert (status, out) == (0, whole[1]) and "resumed" in err
    assert requested == [[0, 1], [1]]
    assert (tmp_path / "found" / "tried.csv").read_text() == (whole[0] / "tried.csv").read_text()


def test_a_search_asks_its_cluster_for_the_settings_and_for_the_cells(typed, small, monkeypatch):
    requested: list[tuple[str, str]] = []

    class There:
        """Stands for a cluster."""

        def __init__(self, _workers, cluster):
            self._address = cluster

        def here(self, calls):
            return False

        def size(self):
            return 1

        def unordered(self, work):
            requested.append((self._address, work.call.__name__))
            yield from (work.call(*each) for each in work.arguments)

    for module in (simulator.sweeps.worker_pools, simulator.sweeps.sweep):
        monkeypatch.setattr(module, "pool_of", There)
    options = (*small, *CLOUD_ONLY, "--set=uplink.rate.bps=1e6", "--set=objective.tpot_p95_s=1e-6")
    status, out, err = typed(
        "capacity", "--quick", *options, "--seeds=1", "--quiet", "--details", "--cluster=tcp://there:1"
    )
    assert (status, requested) == (0, [("tcp://there:1", "_capacity"), ("tcp://there:1", "work")]), err
    text = " ".join(out.split())
    assert "cloud only supports none: with 1 device tpot_p95_s is " in text
    assert " times the limit of 1 µs" in text


TUNED = (
    "capacity", "--quick", "--grid=scheme=[cloud_only, {kind: k_sqs}]", "--set=cloud.token_budget=512",
    "--set=cloud.batching=none", *LIMITS, "--grid=uplink.rate.bps=1e6,inf", "--seeds=1",
)  # fmt: skip


def test_each_scheme_chooses_on_other_seeds_what_bears_most_and_both_settings_are_searched(done, small, tmp_path):
    out = done(*TUNED, *small, "--quiet", "--out=found", "--details")
    trials, tried = (pd.read_csv(tmp_path / "found" / part / "tried.csv") for part in ("tuning", ""))
    tried = tried[tried["relieved"].isna()]
    assert trials["cell"].is_unique and tried["cell"].is_unique and set(trials["seed"]).isdisjoint(tried["seed"])
    assert set(trials["scheme.kind"]) == {"k_sqs"} and set(trials["scheme.max_drafts"]) > {4}
    capacity = pd.read_csv(tmp_path / "found" / "capacity.csv")
    best = capacity[(capacity["setting"] == "chosen") & (capacity["scheme.kind"] == "k_sqs")]
    fields = ["scheme.max_drafts", "scheme.resolution", "scheme.k"]
    for rate, rows in trials.groupby("uplink.rate.bps"):
        held = rows[rows["tpot_p95_s"] <= 0.1].groupby(fields)["workload.devices"].max()
        (chosen,) = best.loc[best["uplink.rate.bps"] == rate, fields].itertuples(index=False, name=None)
        assert held[chosen] == held.max()
    for line in (
        "settings each, on 2 other seeds: K-SQS: L in {1, 2, 3, 4, 6, 8}, ℓ in {",
        "As the grid gives them, L = 4, ℓ = 100, acceptance rejection, K = 8",
    ):
        assert line in " ".join(out.split())
    assert set(capacity["first_limit"]) == {"tpot_p95_s"}


@pytest.mark.slow
def test_an_interrupted_search_keeps_what_schemes_chose(typed, refused, small, tmp_path, monkeypatch):
    whole = typed(*TUNED, *small, "--out=whole", "--quiet")[1]
    search, requested = searching.capacities, []

    def interrupted(places, *others):
        requested.append(len(places))
        if len(requested) == 2:
            raise KeyboardInterrupt
        yield from search(places, *others)

    monkeypatch.setattr(searching, "capacities", interrupted)
    assert typed(*TUNED, *small, "--out=found", "--quiet")[0] == 130
    status, out, _ = typed(*TUNED, *small, "--out=found", "--quiet")
    assert (status, out.replace("found/", "whole/")) == (0, whole)
    assert requested[0] == 2 and requested[2] == 0  # the trials are not made again
    assert "--overwrite" in refused(*TUNED, *small, "--out=found", "--quiet", "--set=objective.tpot_p99_s=0.2")


RECOMMEND = (
    "recommend", "--set=models.pair={kind: synthetic, size: 64, contexts: 8}", "--set=workload.requests=1",
    "--set=workload.output_tokens=6", "--set=workload.prompt_tokens=4", "--set=scheme.resolution=100",
    "--grid=scheme=cloud_only,k_sqs", "--grid=scheme.k=4,8", "--grid=scheme.max_drafts=3", "--seeds=3", "--workers=1",
    "--quiet", *ONE_MODE,
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
        return simulate(cell, *others, **named)


def test_a_search_goes_on_within_a_setting(whole, typed, tmp_path, monkeypatch):
    first, rest = Stopping(3, KeyboardInterrupt()), Stopping(-1, KeyboardInterrupt())
    monkeypatch.setattr(simulator.run, "simulate", first)
    status, _, err = typed(*BOTH, "--out=found")
    assert status == 130 and err.startswith("sqsim: interrupted; 0 of 2 settings are found and kept in found, so is ")
    monkeypatch.setattr(simulator.run, "simulate", rest)
    assert typed(*BOTH, "--out=found") == (0, whole[1], "")
    for name in TABLES:
        assert (tmp_path / "found" / name).read_bytes() == (whole[0] / name).read_bytes()
    assert len(first.ids) == 3 and not set(first.ids) & set(rest.ids)
    assert not (tmp_path / "found" / "searched").exists()


def test_a_setting_that_fails_takes_no_other_along(typed, tmp_path, monkeypatch):
    monkeypatch.setattr(simulator.run, "simulate", Stopping(0, ZeroDivisionError("by zero")))
    status, out, err = typed(*CAPACITY, "--set=uplink.rate.bps=1e6", "--out=alone")
    assert (status, out, err.count("\n")) == (1, "", 1) and "by zero (test_searching.py:" in err
    one = Stopping(4, ZeroDivisionError("by zero"))

    def once(cell, *others, **named):
        if len(one.ids) == 4:
            one.ids.append("failed")
            raise ZeroDivisionError("by zero")
        return one(cell, *others, **named)

    monkeypatch.setattr(simulator.run, "simulate", once)
    status, out, err = typed(*BOTH, "--out=found")
    assert status == 1 and not out
    failed, last = err.splitlines()
    (file,) = (tmp_path / "found" / "failed").iterdir()
    assert failed.startswith(f"sqsim: found/failed/{file.name} failed: ZeroDivisionError: by zero")
    assert last.startswith("sqsim: 1 of 2 settings failed (ZeroDivisionError: by zero") and "kept in found" in last
    assert len(json.loads((tmp_path / "found" / "search.json").read_text())["found"]) == 1
    assert typed(*BOTH, "--out=found")[0] == 0


def test_a_race_keeps_what_it_has_simulated(typed, monkeypatch):
    outcome, done = worker._outcome, list[str]()

    def interrupted(task, sent, *others):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(sent.id)
        return outcome(task, sent, *others)

    monkeypatch.setattr(worker, "_outcome", interrupted)
    status, _, err = typed(*RECOMMEND)
    assert status == 130 and err.count("\n") == 1 and "the same command goes on from there" in err
    before, again = set(done), list[str]()

    def noted(task, sent, *others):
        again.append(sent.id)
        return outcome(task, sent, *others)

    monkeypatch.setattr(worker, "_outcome", noted)
    assert typed(*RECOMMEND)[0] == 0 and again and not before & set(again)
