"""Parts of a user's own in a file of their own, through every command: run, then plot, report and compare."""

import json
import sys

import pandas as pd
import pytest
from typed_command import noted

import plots
from simulator.protocols import PROTOCOLS
from simulator.results import metrics

FIGURE = """import plots
from plots.bar_figures import draw_bits

plots.register("mine", "bits once more", draw_bits)
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


class MineOneByOne(KSqs):
    kind: Literal["mine"] = "mine"

    @property
    def protocol(self):
        return "mine"
"""
CELL = """models: {pair: {kind: synthetic, size: 64, contexts: 8}}
workload: {kind: closed, requests: 1, prompt_tokens: 4, output_tokens: 12}
"""


OWN = "".join((FIGURE, COLUMN, ACCEPTANCE, PROTOCOL))
SCHEMES = "--grid=scheme=[{kind: composed, acceptance: mine}, {kind: mine, max_drafts: 8}]"


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


@pytest.mark.usefixtures("undrawn")
def test_parts_in_a_file_of_their_own_go_through_every_command(typed, tmp_path, forget):
    """The manifest names the file, which was typed on this machine: later commands load it by themselves."""
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "cell.yaml").write_text(CELL)
    run = ("run", "--config=cell.yaml", "--workers=1", "--quiet", "--out=out", SCHEMES, "--import=own.py")
    status, _, err = typed(*run)
    assert status == 0, err
    out = tmp_path / "out"
    noted(out, figures=["mine"])
    for words in (("plot", "out"), ("report", "out"), ("compare", "out", "out")):
        forget()
        status, _, err = typed(*words)
        assert status == 0 and not err, (words, err)
    assert "mine" in json.loads((out / "scenario.json").read_text())["figures"]
    assert (out / "figures" / "mine.svg").is_file()
    summary, cells = pd.read_csv(out / "summary.csv"), pd.read_csv(out / "cells.csv")
    assert (summary["busiest_s"] >= summary["latency_s"] - 1e-9).all()
    assert "the longest answer" in (out / "report.html").read_text(encoding="utf-8")
    assert set(cells["scheme.acceptance.kind"].dropna()) == {"mine"}
    one_by_one = cells[cells["scheme.kind"] == "mine"]
    assert (one_by_one["draft_length"] == 1).all() and (one_by_one["scheme.max_drafts"] == 8).all()


def test_a_column_of_ones_own_may_not_take_the_name_of_ours(typed, tmp_path):
    (tmp_path / "own.py").write_text(COLUMN.replace("busiest_s", "latency_s"))
    (tmp_path / "cell.yaml").write_text(CELL)
    status, _, err = typed("run", "--config=cell.yaml", "--import=own.py")
    assert status == 2 and err.count("\n") == 1 and "latency_s: there is a column of this name" in err
