"""Progress goes to stderr: a line per tenth, a bar where there is a terminal, nothing when quiet."""

from __future__ import annotations

import sys

import pytest

from scenarios.command.progress import Progress
from simulator import Cell, sweep


def run(quiet: bool) -> None:
    with Progress(quiet) as progress:
        for done in range(201):
            progress(done, 200, "k_sqs")


def test_without_a_terminal_it_is_a_line_a_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    run(quiet=False)
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert said.out == "" and len(lines) == 11
    assert lines[0].startswith("  0%  0 of 200") and lines[-1] == "100%  200 of 200  k_sqs"
    assert " s left" in lines[5]


def test_on_a_terminal_it_is_one_bar_with_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run(quiet=False)
    said = capsys.readouterr().err
    assert "\n" not in said.strip("\n") and "k_sqs" in said and "200/200" in said and "<" in said


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    run(quiet=True)
    assert capsys.readouterr().err == ""


def test_a_single_long_cell_shows_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    cell = Cell.from_fields(
        {"models": {"pair": "synthetic"}, "workload": {"kind": "closed", "requests": 20, "output_tokens": 4}}
    )
    with Progress(quiet=False) as progress:
        sweep([cell], progress=progress)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11 and lines[3].startswith(" 30%  0.3 of 1, about ")
