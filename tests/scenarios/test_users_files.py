"""A part of a user's own in a file of its own, through every command: run, then plot, report and compare."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from typed_command import noted

import plots
from simulator.protocols import PROTOCOLS
from simulator.results import metrics

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
PROTOCOL = """from typing import Literal

from simulator.protocols import PROTOCOLS, Protocol, machine
from simulator.protocols.machine import Order
from simulator.protocols.speculate import DraftingEdge, SpeculateCloud
from simulator.schemes import KSqs


class OneByOne(DraftingEdge):
    def _serve(self):
        self._send_prompt()
        node = self._session.start
        while self._answer.remaining:
            number = node.round
            self.commands += (machine.BeginRound(number), machine.DraftAll(number, self._session, node, 1))
            drafted = yield
            self._send_drafts(drafted.node)
            reply = yield
            node, tokens = self._session.resolve(drafted.node, reply.parts[0])
            self._answer.take(tokens)
            self.commands += (Order.SETTLED, machine.CloseRound(number, tokens))


PROTOCOLS["mine"] = Protocol(OneByOne, SpeculateCloud)


class Mine(KSqs):
    kind: Literal["mine"] = "mine"

    @property
    def protocol(self):
        return "mine"
"""
CELL = """models: {pair: {kind: synthetic, size: 64, contexts: 8}}
workload: {kind: closed, requests: 1, prompt_tokens: 4, output_tokens: 12}
"""


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


def shows_the_protocol(out: Path) -> bool:
    """Its rounds have one draft, where those of its scheme have up to eight."""
    cells = pd.read_csv(out / "cells.csv")
    return bool((cells["draft_length"] == 1).all() and (cells["scheme.max_drafts"] == 8).all())


@dataclass(frozen=True)
class Own:
    """A file of a user's, what is typed beside it, and what must show that it was used."""

    text: str
    shown: Callable[[Path], bool]
    scheme: str = "k_sqs"
    figures: tuple[str, ...] = ()


OWN = {
    "figure": Own(FIGURE, shows_the_figure, figures=("mine",)),
    "column": Own(COLUMN, shows_the_column),
    "acceptance": Own(ACCEPTANCE, shows_the_acceptance, "{kind: composed, acceptance: mine}"),
    "protocol": Own(PROTOCOL, shows_the_protocol, "{kind: mine, max_drafts: 8}"),
}


@pytest.fixture
def forget():
    """Forgets what imported files have registered but kinds, as a new process would; called once more at the end."""
    registries = plots.FIGURES, plots._OWN, metrics.METRICS, PROTOCOLS
    before = [dict(registry) for registry in registries]

    def forgotten():
        for registry, kept in zip(registries, before, strict=True):
            registry.clear()
            registry.update(kept)
        for name in [name for name in sys.modules if name.startswith("sqsim_import_")]:
            del sys.modules[name]

    yield forgotten
    forgotten()


@pytest.mark.parametrize("part", OWN)
def test_a_part_in_a_file_of_its_own_goes_through_every_command(part, typed, tmp_path, forget):
    """The manifest names the file, which was typed on this machine: later commands load it by themselves."""
    own = OWN[part]
    (tmp_path / "own.py").write_text(own.text)
    (tmp_path / "cell.yaml").write_text(CELL)
    run = ("run", "--config=cell.yaml", "--workers=1", "--quiet", "--out=out", f"--set=scheme={own.scheme}")
    status, _, err = typed(*run, "--import=own.py")
    assert status == 0, err
    out = tmp_path / "out"
    if own.figures:
        noted(out, figures=[*own.figures, *json.loads((out / "scenario.json").read_text())["figures"]])
    for words in (("plot", "out"), ("report", "out"), ("compare", "out", "out")):
        forget()
        status, _, err = typed(*words)
        assert status == 0 and not err, (words, err)
    assert own.shown(out)


def test_a_column_of_ones_own_may_not_take_the_name_of_ours(typed, tmp_path):
    (tmp_path / "own.py").write_text(COLUMN.replace("busiest_s", "latency_s"))
    (tmp_path / "cell.yaml").write_text(CELL)
    status, _, err = typed("run", "--config=cell.yaml", "--import=own.py")
    assert status == 2 and err.count("\n") == 1 and "latency_s: there is a column of this name" in err
