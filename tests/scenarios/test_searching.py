"""A search for the most devices: what it leaves, and that it goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pytest
from typed_command import Typed

import scenarios.command.running
import scenarios.command.searching
import simulator.sweeps.sweep
from simulator.sweeps.crews import Arguments, R


def test_a_search_writes_what_it_found_and_tried_and_is_read_back(
    typed: Typed, small: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (*small, "--set=scheme=cloud_only", "--set=cloud.batching=none", "--set=objective.ttft_s=100")
    command = ("run", "capacity", "--quick", *options, "--grid=uplink.rate.bps=1e6,inf", "--seeds=1", "--quiet")
    status, out, err = typed(*command, "--out=found")
    assert status == 0, err
    capacity = pd.read_csv(tmp_path / "found" / "capacity.csv")
    tried = pd.read_csv(tmp_path / "found" / "tried.csv")
    for _, row in capacity.iterrows():
        mine = tried[tried["uplink.rate.bps"] == row["uplink.rate.bps"]].set_index("workload.devices")["tpot_p95_s"]
        assert row["bounded"] and mine[row["capacity"]] <= 0.1 < mine[mine.index > row["capacity"]].min()
        assert f"{row['capacity']:.0f}" in out
    swept = pd.read_csv(tmp_path / "found" / "cells.csv")
    assert swept["workload.devices"].tolist() == capacity["capacity"].clip(lower=1).tolist()
    (tmp_path / "found" / "search.json").write_text("")
    assert typed(*command, "--out=found") == (0, out, "")  # what was emptied is found again
    monkeypatch.setattr(
        scenarios.command.searching, "capacities", lambda missing, *_: iter(missing.items())
    )  # none are
    assert typed(*command, "--out=found") == (0, out, "")
    status, out, err = typed(*command, "--out=found", "--set=objective.tpot_p95_s=0.2")
    assert (status, out, err.count("\n")) == (2, "", 1) and "--overwrite" in err


def test_an_interrupted_search_goes_on_where_it_was(
    typed: Typed, small: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (*small, "--set=scheme=cloud_only", "--set=cloud.batching=none", "--set=objective.ttft_s=100")
    command = ("run", "capacity", "--quick", *options, "--grid=uplink.rate.bps=1e6,inf", "--seeds=1", "--workers=1")
    whole = typed(*command, "--out=whole", "--quiet")[1]
    search, asked = scenarios.command.searching.capacities, []

    def interrupted(settings: Mapping[int, object], *others: object) -> Iterator[object]:
        asked.append(sorted(settings))
        yield next(iter(search(settings, *others)))  # type: ignore[arg-type]
        if len(asked) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(scenarios.command.searching, "capacities", interrupted)
    assert typed(*command, "--out=found", "--quiet")[0] == 130
    status, out, err = typed(*command, "--out=found")
    assert (status, out.replace("found/", "whole/")) == (0, whole) and "resumed" in err
    assert asked == [[0, 1], [1]]
    assert (tmp_path / "found" / "tried.csv").read_text() == (tmp_path / "whole" / "tried.csv").read_text()


def test_a_search_asks_its_cluster_for_the_settings_and_for_the_cells(
    typed: Typed, small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    class There:
        """Stands for a cluster."""

        def __init__(self, _workers: int, cluster: str) -> None:
            self._address = cluster

        def here(self, calls: int) -> bool:
            return False

        def unordered(self, call: Callable[..., R], arguments: Arguments) -> Iterator[R]:
            asked.append((self._address, call.__name__))
            yield from (call(*each) for each in arguments)

    for module in (scenarios.command.running, simulator.sweeps.sweep):
        monkeypatch.setattr(module, "crew_of", There)
    options = (*small, "--set=scheme=cloud_only", "--set=uplink.rate.bps=1e6", "--set=objective.tpot_p95_s=1e-6")
    status, out, err = typed("run", "capacity", "--quick", *options, "--seeds=1", "--quiet", "--cluster=tcp://there:1")
    assert (status, asked) == (0, [("tcp://there:1", "_capacity"), ("tcp://there:1", "_group")]), err
    told = " ".join(out.split())
    assert "cloud_only bears none: with 1 device tpot_p95_s is " in told
    assert " times the limit of 1 µs" in told
