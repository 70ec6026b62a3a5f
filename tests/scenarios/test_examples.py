"""Every file of examples/ runs by the command that it names, and shows what it says."""

from __future__ import annotations

import ast
import json
import re
import runpy
import sys
import types
from pathlib import Path

import pandas as pd
import pytest
from typed_blocks import commands, made_small

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = ("own_trace", "recorded_losses", "own_pair", "fleet", "arrivals", "python_use")
IMPORTED = {
    "own_sparsifier": "largest_gap", "own_quantizer": "none_lost", "own_policy": "while_sure", "own_loss": "radar"
}  # fmt: skip
NOTEBOOK = json.loads((EXAMPLES / "first_steps.ipynb").read_text())


def said_by(name: str) -> str:
    """What an example says of itself: its docstring, or the comment at its head."""
    text = (EXAMPLES / name).read_text()
    return text if name.endswith(".yaml") else ast.get_docstring(ast.parse(text)) or ""


def type_(done, name: str, small: tuple[str, ...]) -> tuple[Path, str]:
    """Types the command that the example names; the result directory, and what was printed."""
    (command,) = commands(said_by(name), fence=False)
    here = [word.replace("examples/", f"{EXAMPLES}/") for word in command]
    out = done(*made_small(here, small), "--seeds=1", "--quiet")
    return Path(here[here.index("--out") + 1]), out


def test_there_is_no_example_that_no_test_runs():
    tried = {*(f"{name}.py" for name in (*PROGRAMS, *IMPORTED)), "cell.yaml", "first_steps.ipynb"}
    data = {"train_ride.csv", "tunnel_losses.csv", "arrivals.csv", "my_prompts.jsonl"}
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == tried | data


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_by_the_command_it_names(name, tmp_path, monkeypatch, capsys):
    assert f"\n    python examples/{name}.py\n" in said_by(f"{name}.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"{name}.py"])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 3 and not any("nan" in line for line in lines)


@pytest.mark.parametrize(("name", "kind"), IMPORTED.items())
@pytest.mark.usefixtures("undrawn")
def test_a_part_of_the_readers_own_runs_beside_ours(name, kind, typed, untuned):
    out, printed = type_(typed, f"{name}.py", untuned)
    cells = pd.read_csv(out / "cells.csv", dtype=str)
    assert kind in cells.to_numpy() and "k_sqs" in set(cells["scheme.kind"])
    assert "latency per token" in printed


@pytest.mark.usefixtures("undrawn")
def test_a_cell_from_a_file_runs_with_an_axis(typed, small):
    out, _ = type_(typed, "cell.yaml", small)
    cells = pd.read_csv(out / "cells.csv")
    assert list(cells["scheme.kind"]) == ["cloud_only", "dense", "k_sqs"]
    assert set(cells["uplink.header_bits"]) == {32} and set(cells["uplink.rate.bps"]) == {16_900}


def test_the_notebook_runs_cell_by_cell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("first_steps")
    monkeypatch.setitem(sys.modules, "first_steps", module)
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), module.__dict__)
    assert len(module.summary) == 6 and module.figure.axes
    assert module.mine["support_size"] >= 1


def test_the_notebook_keeps_no_outputs():
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert code and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_examples_are_short():
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 70, path.name
        assert not re.search(r"results/(?!own_|python)", path.read_text()), f"{path.name} writes where scenarios do"
