"""README, pages and examples keep their word: tables are the code's, commands run, parts of the reader's own work."""

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
from typed_command import only_latency

from scenarios.command.run import finished_run
from simulator.results.column_names import BREAKDOWN
from simulator.results.metrics import METRICS
from tools.readme_tables import PAGES, README, ROOT, filled, tables

TEXT = README.read_text()
TOUR = TEXT[TEXT.index("## Five minutes") : TEXT.index("## Where to read on")]
CODEC = (ROOT / "docs" / "how_it_works.md").read_text()
OWN_PARTS = (ROOT / "docs" / "own_parts.md").read_text()


def python_of(text: str, with_: str = "") -> str:
    """The one Python block of a text, or the one with a word in it."""
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if with_ in block)
    return code


def run_tour(done, folder: Path, small: tuple[str, ...], *more: str) -> None:
    (folder / "my_scheme.py").write_text(python_of(TOUR))
    for command in commands(TOUR):
        axes = {"rate": "--grid=uplink.rate.bps=1e4,1e6", "scheme": "--grid=scheme=dense,k_sqs"} if small else {}
        fewer = [option for axis, option in axes.items() if not any(axis in word for word in command)]
        if small:
            fewer += ["--set=scheme.max_drafts=4", "--set=scheme.resolution=100", "--set=scheme.acceptance=rejection"]
            fewer += ["--set=scheme.k=8"] * (not any("scheme.k=" in word for word in command))
        assert "per token" in done(*made_small(command, small), *fewer, *more, "--quiet")


@pytest.mark.parametrize("page", PAGES)
def test_the_tables_of_a_page_are_the_codes(page):
    text = (ROOT / page).read_text()
    assert filled(page, text) == text, "run python -m tools.readme_tables"


def test_every_metric_is_defined_and_the_headlines_first():
    made = tables()
    for name in (*METRICS, *BREAKDOWN):
        assert f"| `{name}` |" in made["metrics"] + made["breakdown"]
    assert "| `latency_per_token_s` | s |" in made["headline"] and len(made["headline"].splitlines()) <= 12


def test_the_readme_its_tour_and_examples_are_short():
    assert len(TEXT.splitlines()) < 120
    before, picture, after = TEXT.partition("![")
    assert picture and len(before.split()) <= 130 and after.index("make run") < after.index("## Five minutes")
    typed = commands(TOUR)
    assert len(typed) >= 4 and any("--import" in command for command in typed)
    assert len([line for line in python_of(TOUR).splitlines() if line.strip()]) <= 12
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 70, path.name
        assert not re.search(r"results/(?!own_|python)", path.read_text()), f"{path.name} writes where scenarios do"


def test_the_tour_runs_and_ends_with_the_readers_own_curve(done, small, tmp_path, monkeypatch):
    def only_of_the_last(summary, axis, names, folder, *more):
        return only_latency(summary, axis, names, folder, *more) if "mine" in folder.parts else iter(())

    monkeypatch.setattr(finished_run, "draw_all", only_of_the_last)
    run_tour(done, tmp_path, small, "--seeds=1")
    mine = pd.read_csv(tmp_path / "results" / "mine" / "summary.csv")
    assert list(dict.fromkeys(mine["scheme.kind"])) == ["dense", "k_sqs", "c_sqs", "min_p"]
    assert (tmp_path / "results" / "mine" / "figures" / "latency.svg").is_file()
    greedy = pd.read_csv(tmp_path / "results" / "greedy" / "summary.csv")
    assert set(greedy["models.temperature"]) == {0} and set(greedy["uplink.loss.kind"]) == {"bernoulli"}
    assert set(pd.read_csv(tmp_path / "results" / "k" / "summary.csv")["scheme.k"]) == {2, 4, 8, 16}


def test_the_codec_commands_run_and_bytes_come_back(done, tmp_path):
    (tmp_path / "law.txt").write_text("0.5\n0.3\n0.15\n0.05\n")
    printed = [done(*command) for command in commands(CODEC)]
    assert "V = 4" in printed[0] and "0*" in printed[2] and "0.63" in printed[2]


@pytest.mark.usefixtures("one_drawn")
def test_the_loss_of_the_readers_own_loses_what_it_says(done, untuned, tmp_path):
    (command,) = (command for command in commands(OWN_PARTS) if "my_loss.py" in command)
    (tmp_path / "my_loss.py").write_text(python_of(OWN_PARTS, "class Oven"))
    out = done(*made_small(command, untuned), "--grid=uplink.rate.bps=1e4", "--seeds=1", "--quiet")
    assert "loss oven" in out
    cells = pd.read_csv(tmp_path / "results" / "oven" / "cells.csv").groupby("uplink.loss.kind")
    bits = cells["uplink_bits_per_token"].mean()
    assert bits["oven"] > 1.05 * bits["none"]


@pytest.mark.usefixtures("undrawn")
def test_a_composed_scheme_has_the_parts_it_was_given(done, untuned, tmp_path):
    (command,) = (command for command in commands(OWN_PARTS) if "results/composed" in command)
    done(*made_small(command, untuned), "--grid=uplink.rate.bps=1e5", "--seeds=1", "--quiet")
    cells = pd.read_csv(tmp_path / "results" / "composed" / "cells.csv")
    assert set(cells.loc[cells["scheme.kind"] == "composed", "scheme.quantizer.kind"]) == {"dual"}


@pytest.mark.slow
def test_the_tour_runs_to_the_letter(done, tmp_path):
    run_tour(done, tmp_path, ())


EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = ("own_trace", "recorded_losses", "own_pair", "fleet", "arrivals", "python_use")
IMPORTED = {
    "own_sparsifier": "largest_gap", "own_quantizer": "none_lost", "own_policy": "while_sure", "own_loss": "radar",
    "markov_rate": "two_state", "pipesd": "pipesd",
}  # fmt: skip
NOTEBOOK = json.loads((EXAMPLES / "first_steps.ipynb").read_text())


def heading_of(name: str) -> str:
    """What an example says of itself: its docstring, or the comment at its head."""
    text = (EXAMPLES / name).read_text()
    return text if name.endswith(".yaml") else ast.get_docstring(ast.parse(text)) or ""


def type_(done, name: str, small: tuple[str, ...]) -> tuple[Path, str]:
    """Types the command that the example names; the result directory, and what was printed."""
    (command,) = commands(heading_of(name), fence=False)
    here = [word.replace("examples/", f"{EXAMPLES}/") for word in command]
    out = done(*made_small(here, small), "--seeds=1", "--quiet")
    return Path(here[here.index("--out") + 1]), out


def test_there_is_no_example_that_no_test_runs():
    tried = {*(f"{name}.py" for name in (*PROGRAMS, *IMPORTED)), "cell.yaml", "first_steps.ipynb"}
    data = {"train_ride.csv", "tunnel_losses.csv", "arrivals.csv", "my_prompts.jsonl"}
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == tried | data


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_by_the_command_it_names(name, tmp_path, monkeypatch, capsys):
    assert f"\n    python examples/{name}.py\n" in heading_of(f"{name}.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"{name}.py"])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 3 and not any("nan" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "kind"),
    [  # `sqsim check` runs the others in the fast tests
        pytest.param(*each, marks=[pytest.mark.slow] * (each[0] in ("own_policy", "own_loss", "pipesd")))
        for each in IMPORTED.items()
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_a_part_of_the_readers_own_runs_beside_ours(name, kind, done, untuned):
    out, printed = type_(done, f"{name}.py", untuned)
    cells = pd.read_csv(out / "cells.csv", dtype=str)
    assert kind in cells.to_numpy() and "k_sqs" in set(cells["scheme.kind"])
    assert "per token" in printed


@pytest.mark.usefixtures("undrawn")
def test_a_cell_from_a_file_runs_with_an_axis(done, small):
    out, _ = type_(done, "cell.yaml", small)
    cells = pd.read_csv(out / "cells.csv")
    assert list(cells["scheme.kind"]) == ["cloud_only", "dense", "k_sqs"]
    assert set(cells["uplink.header_bits"]) == {32} and set(cells["uplink.rate.bps"]) == {16_900}


def test_the_notebook_runs_cell_by_cell_and_keeps_no_outputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("first_steps")
    monkeypatch.setitem(sys.modules, "first_steps", module)
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), module.__dict__)
    assert len(module.summary) == 6 and module.figure.axes
    assert module.mine["support_size"] >= 1
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert code and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
