"""A part of a user's own in a file of its own, through every command: run, then plot, report and compare."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from typed_command import Typed

import plots
from simulator.results import metrics
from simulator.results.result_directory import record

FIGURE = """import plots
from plots.bits_figure import draw

plots.register("mine", "bits once more", draw)
"""
COLUMN = """from simulator.results.metrics import Metric, register

register(Metric("busiest_s", "the longest answer", lambda run: float(run.answered["latency_s"].max())))
"""
ACCEPTANCE = """from typing import Literal

from simulator.schemes.acceptance import Rejection


class Mine(Rejection):
    kind: Literal["mine"] = "mine"
"""
BOTH_RATES = "--grid=uplink.rate.bps=1e4,1e6"


def shows_the_figure(out: Path) -> bool:
    note = json.loads((out / "scenario.json").read_text())
    return "mine" in note["figures"] and (out / "figures" / "mine.svg").is_file()


def shows_the_column(out: Path) -> bool:
    summary = pd.read_csv(out / "summary.csv")
    longest = summary["busiest_s"].to_numpy()
    page = (out / "report.html").read_text(encoding="utf-8")
    return bool((longest >= summary["latency_s"] - 1e-9).all()) and "the longest answer" in page


def shows_the_acceptance(out: Path) -> bool:
    return "mine" in set(pd.read_csv(out / "cells.csv")["scheme.acceptance.kind"].dropna())


@dataclass(frozen=True)
class Own:
    """A file of a user's, what is typed beside it, and what must show that it was used."""

    text: str
    shown: Callable[[Path], bool]
    grid: str = "--grid=scheme=k_sqs"
    figures: tuple[str, ...] = ()


OWN = {
    "figure": Own(FIGURE, shows_the_figure, figures=("mine",)),
    "column": Own(COLUMN, shows_the_column),
    "acceptance": Own(ACCEPTANCE, shows_the_acceptance, "--grid=scheme=k_sqs,{kind: composed, acceptance: mine}"),
}


@pytest.fixture(autouse=True)
def registered_by_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures and columns that a test's file registers go with it."""
    for owner, name in ((plots, "FIGURES"), (plots, "_OWN"), (metrics, "METRICS")):
        registry = getattr(owner, name)
        for key, value in dict(registry).items():
            monkeypatch.setitem(registry, key, value)
        monkeypatch.setitem(registry, "mine", None)
        monkeypatch.delitem(registry, "mine")


@pytest.mark.parametrize("part", OWN)
def test_a_part_in_a_file_of_its_own_goes_through_every_command(
    part: str, typed: Typed, small: tuple[str, ...], tmp_path: Path
) -> None:
    own = OWN[part]
    (tmp_path / "own.py").write_text(own.text)
    run = ("run", "latency_vs_bandwidth", "--quick", "--quiet", *small, BOTH_RATES, own.grid, "--seeds=1", "--out=out")
    status, _, err = typed(*run, "--import=own.py")
    assert status == 0, err
    out = tmp_path / "out"
    if own.figures:
        note = json.loads((out / "scenario.json").read_text())
        (out / "scenario.json").write_text(json.dumps({**note, "figures": [*own.figures, *note["figures"]]}))
        record(out, [out / "scenario.json"])
    for words in (("plot", "out"), ("report", "out"), ("compare", "out", "out")):
        status, _, err = typed(*words, "--import=own.py")
        assert status == 0 and not err, (words, err)
    assert own.shown(out)


def test_a_column_of_ones_own_may_not_take_the_name_of_ours(
    typed: Typed, small: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(COLUMN.replace("busiest_s", "latency_s"))
    status, _, err = typed("run", "latency_vs_bandwidth", "--quick", *small, "--import=own.py")
    assert status == 2 and err.count("\n") == 1 and "latency_s: there is a column of this name" in err
