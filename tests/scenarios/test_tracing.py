"""`sqsim run --trace`: a trace of every cell, also of those that were simulated before without one."""

from pathlib import Path

import pytest
from cells import busy
from trace_reader import read_trace

from scenarios.command.options import RunOptions
from scenarios.command.run import running
from simulator import Cell, sweep
from simulator.results import trace

CELLS = [busy(), busy("cloud_only"), busy(seed=1)]
TABLES = ("cells.parquet", "requests.parquet", "rounds.parquet")


def traces(out: Path) -> dict[str, bytes]:
    """By cell."""
    suffix = trace.SUFFIX
    return {path.name.removesuffix(suffix): path.read_bytes() for path in (out / "cells").glob(f"*{suffix}")}


def complete(cells: list[Cell], out: Path) -> None:
    running.complete_traces(cells, RunOptions(out, 1, trace=True), lambda *_: None)


def test_each_cell_leaves_a_trace_also_where_it_was_simulated_before_without_one(tmp_path, capsys):
    at_once, later = tmp_path / "at_once", tmp_path / "later"
    sweep(CELLS, at_once, trace=True)
    complete(CELLS, at_once)
    assert not capsys.readouterr().err and set(traces(at_once)) == {cell.id for cell in CELLS}
    for cell in CELLS:
        assert read_trace(at_once / "cells" / f"{cell.id}.trace.json").about["cell"] == cell.id

    sweep(CELLS, later)
    tables = {name: (later / name).read_bytes() for name in TABLES}
    assert not traces(later)
    complete(CELLS, later)
    (line,) = capsys.readouterr().err.splitlines()
    assert "3 of 3 cells have no whole trace" in line
    (later / "cells" / f"{CELLS[1].id}.trace.json").unlink()
    sweep(CELLS, later, trace=True)
    complete(CELLS, later)
    assert "1 of 3" in capsys.readouterr().err
    assert traces(later) == traces(at_once)
    for name in TABLES:
        assert (later / name).read_bytes() == tables[name] == (at_once / name).read_bytes()


def test_a_trace_that_is_damaged_is_made_again(tmp_path, capsys):
    sweep(CELLS, tmp_path, trace=True)
    whole, options = traces(tmp_path), RunOptions(tmp_path, 1, trace=True)
    for damaged in (
        "",
        '{"otherData":3,\n"traceEvents":[\n]}\n',
        '{"otherData":{"cut_at_s":null,"scheme":"K-SQS"},\n"traceEvents":[\n{}',
        '{"otherData":{"cut_at_s":null},\n"traceEvents":[\n\n]}\n',  # of an older version
    ):
        done_of = list[tuple[float, int]]()
        (tmp_path / "cells" / f"{CELLS[1].id}.trace.json").write_text(damaged)
        running.complete_traces(CELLS, options, lambda done, total, _, calls=done_of: calls.append((done, total)))
        assert "1 of 3" in capsys.readouterr().err and traces(tmp_path) == whole and done_of == [(0, 1), (1, 1)]


def test_a_trace_that_is_cut_is_reported(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(trace, "MOST_EVENTS", 40)
    monkeypatch.setattr(running, "MOST_EVENTS", 40)
    sweep(CELLS, tmp_path / "out", trace=True)
    complete(CELLS, tmp_path / "out")
    (line,) = capsys.readouterr().err.splitlines()
    assert "cut: cells/" in line and line.endswith(" s, after 40 spans, packets and passes; so are 2 others")
    assert all(read_trace(path).about["cut_at_s"] > 0 for path in (tmp_path / "out" / "cells").glob("*.trace.json"))


@pytest.mark.usefixtures("undrawn")
def test_the_command_traces_the_cells_it_runs_but_no_study_without_requests_in_time(typed, tmp_path):
    (tmp_path / "cell.yaml").write_text(CELLS[0].to_yaml())
    status, out, err = typed("run", "--config", "cell.yaml", "--trace", "--out=out", "--workers=1", "--quiet")
    assert status == 0 and "traces: out/cells/ID.trace.json; as a moving picture: sqsim play out" in out
    assert err == ""
    assert set(traces(tmp_path / "out")) == {CELLS[0].id}
    status, _, err = typed("run", "conformal", "--quick", "--trace", "--out=none")
    assert status == 2 and err.startswith("sqsim: trace: ") and "'convergence'" in err
    assert not (tmp_path / "none").exists()
