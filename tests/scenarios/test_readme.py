"""The README keeps its word: its tables are the code's, its commands run, its scheme works."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
from typed_command import Typed

from scenarios.command import running
from scenarios.command.drawing import draw_all
from scenarios.command.readme_tables import README, filled, tables
from simulator.results.columns import BREAKDOWN
from simulator.results.metrics import METRICS

TEXT = README.read_text()
TOUR = TEXT[TEXT.index("## Five minutes") : TEXT.index("## Scenarios")]


def tour_commands() -> list[list[str]]:
    """The `sqsim` command lines of the tour, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", TOUR, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("sqsim ")]


def scheme_code() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", TOUR, re.DOTALL)
    return code


def only_latency(summary: pd.DataFrame, axis: str | None, figures: Sequence[str], folder: Path) -> Iterator[Path]:
    """One figure of four: the others have tests of their own and cost a second each run."""
    return draw_all(summary, axis, [name for name in figures if name == "latency"], folder)


def without_pair(command: Sequence[str], options: Sequence[str]) -> list[str]:
    """The command without its own pair, where the options bring one: a field is set once."""
    brought = any(option.startswith("--set=models.pair") for option in options)
    own = [place for place, word in enumerate(command) if word == "models.pair=sotu"] if brought else []
    return [word for place, word in enumerate(command) if place not in own and place + 1 not in own]


def run_tour(typed: Typed, folder: Path, options: tuple[str, ...]) -> None:
    (folder / "my_scheme.py").write_text(scheme_code())
    for command in tour_commands():
        status, out, err = typed(*without_pair(command, options), *options, "--quiet")
        assert status == 0, err
        assert "latency per token" in out


def test_the_tables_of_metrics_are_the_codes() -> None:
    assert filled(TEXT) == TEXT, "run python -m scenarios.command.readme_tables"
    for name in (*METRICS, *BREAKDOWN):
        assert f"| `{name}` |" in "".join(tables().values())


def test_the_tour_has_the_commands_it_promises() -> None:
    commands = tour_commands()
    assert len(commands) >= 4 and any("--import" in command for command in commands)
    assert len([line for line in scheme_code().splitlines() if line.strip()]) <= 12


def test_the_tour_runs_and_ends_with_the_readers_own_curve(
    typed: Typed, small: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "draw_all", only_latency)
    run_tour(typed, tmp_path, (*small, "--seeds=1"))
    mine = pd.read_csv(tmp_path / "results" / "mine" / "summary.csv")
    assert list(dict.fromkeys(mine["scheme.kind"])) == ["dense", "k_sqs", "c_sqs", "min_p"]
    assert (tmp_path / "results" / "mine" / "figures" / "latency.svg").is_file()
    greedy = pd.read_csv(tmp_path / "results" / "greedy" / "summary.csv")
    assert set(greedy["models.temperature"]) == {0} and set(greedy["uplink.loss.kind"]) == {"bernoulli"}
    assert set(pd.read_csv(tmp_path / "results" / "k" / "summary.csv")["scheme.k"]) == {2, 4, 8, 16}


def section(title: str) -> tuple[list[list[str]], list[str]]:
    """The `sqsim` command lines of a section, and its Python blocks."""
    (text,) = re.findall(rf"## {title}\n(.*?)\n## ", TEXT, re.DOTALL)
    blocks = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", "").splitlines()
    commands = [shlex.split(line)[1:] for line in blocks if line.startswith("sqsim ")]
    return commands, re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_the_codec_commands_run_and_bytes_come_back(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "law.txt").write_text("0.5\n0.3\n0.15\n0.05\n")
    said = []
    for command in section("One distribution on the wire")[0]:
        status, out, err = typed(*command)
        assert status == 0, err
        said.append(out)
    assert "V = 4" in said[0] and "0*" in said[2] and "0.63" in said[2]


def test_the_loss_of_the_readers_own_loses_what_it_says(
    typed: Typed, small: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((command,), (code,)) = section("A loss model of your own")
    (tmp_path / "my_loss.py").write_text(code)
    monkeypatch.setattr(running, "draw_all", only_latency)
    status, out, err = typed(*without_pair(command, small), *small, "--seeds=1", "--quiet")
    assert status == 0, err
    assert "k_sqs loss=oven" in out
    cells = pd.read_csv(tmp_path / "results" / "oven" / "cells.csv").groupby("uplink.loss.kind")
    bits = cells["uplink_bits_per_token"].mean()
    assert bits["oven"] > 1.05 * bits["none"]


@pytest.mark.slow
def test_the_tour_runs_to_the_letter(typed: Typed, tmp_path: Path) -> None:
    run_tour(typed, tmp_path, ())
