"""ProgressBar goes to stderr: a line each half minute, a bar where there is a terminal, nothing when quiet."""

import sys
from collections.abc import Iterator

import pytest
from cells import cell

from scenarios.command.progress_bar import ProgressBar
from simulator import sweep
from simulator.sweeps.meter import CellProgress, Meter, works


def run(quiet: bool, clock: Iterator[float] | None = None) -> None:
    with ProgressBar(quiet, lambda: 0.0 if clock is None else next(clock)) as progress:
        for done in range(201):
            progress(done, 200, "k_sqs")


def test_without_a_terminal_it_is_a_line_each_half_minute(capsys):
    seconds = map(float, range(201))
    run(quiet=False, clock=seconds)
    text = capsys.readouterr()
    assert text.out == "" and text.err.splitlines() == [
        "  0%  0 of 200  k_sqs",
        *(f"{share / 2:3.0f}%  {share} of 200, about {200 - share} s left  k_sqs" for share in (30, 60, 90)),
        *(f"{share / 2:3.0f}%  {share} of 200, about {200 - share} s left  k_sqs" for share in (120, 150, 180)),
        "100%  200 of 200  k_sqs",
    ]


def test_of_next_to_nothing_that_is_done_no_time_left_is_shown(capsys):
    """In the first minute of a run are the passes that many of its cells share."""
    now = [0.0]
    with ProgressBar(quiet=False, clock=lambda: now[0]) as progress:
        for now[0], done in ((0.0, 0), (60.0, 1.5), (100.0, 4)):
            progress(done, 100, "k_sqs")
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:] == ["  1%  1 of 100  k_sqs", "  4%  4 of 100, about 40 min left  k_sqs"]


def test_the_time_left_is_estimated_from_what_was_done_in_this_run(capsys):
    times = iter([0.0, 1.0, 41.0])
    with ProgressBar(quiet=False, clock=lambda: next(times)) as progress:
        progress(0, 100, "")
        progress(50, 100, "resumed")
        progress(60, 100, "k_sqs")
    assert capsys.readouterr().err.splitlines()[-1] == " 60%  60 of 100, about 160 s left  k_sqs"


def test_the_end_is_shown_once_and_a_count_is_whole_and_in_full(capsys):
    """The last cell's own word, and then its task's, each say that all is done. What nobody announced has no share."""
    with ProgressBar(quiet=False, clock=lambda: 0.0) as progress:
        for done, total in ((12345.678, 20000), (20000, 20000), (20000, 20000), (0, 4), (4, 4), (4, 4)):
            progress(done, total, "k_sqs")
    text = capsys.readouterr().err.splitlines()
    assert text == [
        " 61%  12345 of 20000  k_sqs",
        "100%  20000 of 20000  k_sqs",
        *(f"{each} of 4  k_sqs" for each in (0, 4)),
    ]


def test_what_begins_after_something_else_counts_its_own_time(capsys):
    """A sweep behind a search, traces behind a sweep."""
    times = iter([0.0, 600.0, 600.0, 640.0, 700.0, 700.0, 700.0])
    with ProgressBar(quiet=False, clock=lambda: next(times)) as progress:
        for done, total in ((0, 10), (10, 10), (0, 100), (20, 100)):
            progress(done, total, "k_sqs")
        tracing = progress.part("tracing")
        for done in (0, 5, 5):
            tracing(done, 5, "")
    assert [line.split("  ")[-2:] for line in capsys.readouterr().err.splitlines()] == [
        ["0 of 10", "k_sqs"],
        ["10 of 10", "k_sqs"],
        ["0 of 100", "k_sqs"],
        ["20 of 100, about 160 s left", "k_sqs"],
        ["tracing 0 of 5"],
        ["tracing 5 of 5"],
    ]


def test_on_a_terminal_it_is_one_bar_with_the_time_left(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run(quiet=False)
    text = capsys.readouterr().err
    assert "\n" not in text.strip("\n") and "200 of 200  k_sqs" in text and "100% |" in text


def test_quiet_is_quiet_but_for_a_cell_that_fails(capsys):
    run(quiet=True)
    assert capsys.readouterr().err == ""
    with ProgressBar(quiet=True) as progress:
        progress.failed("a.yaml failed:\nwhy")
    assert capsys.readouterr().err == "sqsim: a.yaml failed: why\n"


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_from_within_a_cell_its_progress_is_shown(workers, monkeypatch):
    """With one process and with two some words come between whole cells, with the rounds that were closed a second."""
    monkeypatch.setattr("simulator.sweeps.worker_pools.LOOK_S", 0.01)
    monkeypatch.setattr("simulator.sweeps.meter.REPORT_S", 0.02)  # in this process
    lines = list[tuple[float, str]]()
    requested = {"kind": "closed", "requests": 30 if workers == 1 else 100, "prompt_tokens": 8, "output_tokens": 16}
    cells = [cell(seed=seed, workload=requested) for seed in (0, 1)]
    sweep(cells, workers=workers, progress=lambda done, total, label: lines.append((done, label)))
    within = [(done, label) for done, label in lines if done % 1]
    assert within and all(0 < done < 2 for done, _ in within) and lines[-1][0] == 2
    assert [done for done, _ in lines] == sorted(done for done, _ in lines)
    assert any("k_sqs, " in label and label.endswith(" rounds/s") for _, label in within)


def test_share_and_time_left_are_those_of_all_stages(capsys):
    now = [0.0]
    with ProgressBar(quiet=False, clock=lambda: now[0]) as progress:
        progress.then("trials", 3.0)
        tuning = progress.part("trials")
        tuning(0, 40, "")
        now[0] = 40.0
        tuning(10, 40, "k_sqs")
        now[0] = 160.0
        tuning(40, 40, "k_sqs")
        runs = progress.part("runs")
        runs(0, 10, "")
        now[0] = 400.0
        runs(5, 10, "k_sqs")
        progress.part("tables and figures")(0, 1, "")
    assert capsys.readouterr().err.splitlines()[1:] == [
        "  6%  trials 10 of 40, about 10 min left  k_sqs",
        " 25%  trials 40 of 40, about 480 s left  k_sqs",
        " 25%  runs 0 of 10",
        " 62%  runs 5 of 10, about 240 s left  k_sqs",
        "tables and figures",
    ]


def test_a_share_never_falls_when_more_is_to_be_done_and_stages_of_unknown_length_have_none(capsys):
    now = iter(map(float, range(0, 400, 40)))
    with ProgressBar(quiet=False, clock=lambda: next(now)) as progress:
        for done, total in ((0, 100), (50, 100), (60, 300)):
            progress(done, total, "")
    with ProgressBar(quiet=False, clock=lambda: next(now)) as progress:
        progress.part("look 1 of at most 5")(7.9, 258, "k_sqs")
    shares = [line.partition(" of ")[0] for line in capsys.readouterr().err.splitlines()]
    assert shares == ["  0%  0", " 50%  50", " 50%  60", "look 1"]


def test_a_cell_counts_by_its_work(capsys):
    """A short cell, one nine times as long, and one of the same tokens, timed only."""
    short, long = (cell("k_sqs", workload={"kind": "closed", "requests": n, "output_tokens": 4}) for n in (1, 9))
    again = long.with_({"uplink.rate.bps": 1e5})
    assert works([short, long, again]) == {short.id: 4 * 1.02, long.id: 36 * 1.02, again.id: 36 * 0.02}
    lines: list[float] = []
    meter = Meter(works([short, long]), lambda done, total, label: lines.append(done))
    meter.ended([short.id], "")
    meter.report(long.id, CellProgress(0.5))
    meter.ended([long.id], "")
    assert lines == pytest.approx([0.2, 1.1, 2.0])


def test_a_share_that_is_estimated_lower_than_before_begins_nothing_anew(capsys):
    seconds = iter(float(each) for each in (0, 50, 51, 100))
    with ProgressBar(quiet=False, clock=lambda: next(seconds)) as progress:
        progress.then("", 2.0)
        for done in (0, 50.0, 49.5, 100):
            progress(done, 100, "k_sqs")
    assert capsys.readouterr().err.splitlines()[-1] == " 33%  100 of 100, about 200 s left  k_sqs"
