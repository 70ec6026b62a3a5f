"""The tables are the same whether a run's rounds are kept, come in pieces or go to a file; and what is in flight."""

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from accounted_cells import BASE, CELLS, account, asked
from cells import cell

from simulator import Cell, run, simulate
from simulator.decoding.memory import Memory
from simulator.results import recorder
from simulator.results.column_names import BREAKDOWN


@pytest.mark.parametrize("cell", ["impatient", "fleet"])
@pytest.mark.parametrize("chunk_rows", [4, 50_000])
@pytest.mark.parametrize("to_file", [False, True])
def test_rounds_in_pieces_or_in_a_file_are_the_same_rounds(
    cell: str, chunk_rows: int, to_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = account(cell).result
    monkeypatch.setattr(recorder, "CHUNK_ROWS", chunk_rows)
    path = tmp_path / "rounds.arrows" if to_file else None
    again = simulate(account(cell).cell, memory=Memory(), rounds_to=path)
    rounds = again.rounds if path is None else pa.ipc.open_stream(path.read_bytes()).read_pandas()
    assert list(again.rounds.columns) == list(whole.rounds.columns) and (path is None or again.rounds.empty)
    pd.testing.assert_frame_equal(rounds, whole.rounds)
    pd.testing.assert_frame_equal(again.requests, whole.requests)
    assert again.summary == pytest.approx(whole.summary, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize(("chunk_rows", "pieces"), [(1, 2), (6, 1)])
def test_a_piece_is_written_once_it_is_full(
    chunk_rows: int, pieces: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the request that filled it: here the first of five rounds, or the second of six."""
    monkeypatch.setattr(recorder, "CHUNK_ROWS", chunk_rows)
    simulate(cell(), memory=Memory(), rounds_to=tmp_path / "rounds.arrows")
    written = list(pa.ipc.open_stream((tmp_path / "rounds.arrows").read_bytes()))
    assert [number for each in written for number in each["request"].to_pylist()] == [0] * 5 + [1] * 6
    assert len(written) == pieces


def test_a_run_that_is_cut_off_keeps_what_is_in_flight_out_of_its_latencies() -> None:
    """Where the first request of each device is answered and the second is not, both count as arrived."""
    fields = BASE | CELLS["lossy"]
    uncut = simulate(Cell.from_fields(fields), memory=Memory()).requests
    horizon_s = float(uncut.groupby("request")["finish_s"].agg(["min", "max"]).to_numpy()[[0, 1], [1, 0]].mean())
    cut = simulate(
        Cell.from_fields(fields | {"workload": asked(3, think_s=0.05, horizon_s=horizon_s)}), memory=Memory()
    )
    assert cut.requests["outcome"].value_counts().to_dict() == {"answered": 3, "in_flight": 3}
    first, second = (cut.requests[cut.requests["request"] == number] for number in (0, 1))
    pd.testing.assert_frame_equal(
        first.drop(columns="cell").reset_index(drop=True),
        uncut[uncut["request"] == 0].drop(columns="cell").reset_index(drop=True),
    )
    assert second[["finish_s", "latency_s", "tpot_s"]].isna().all(axis=None)
    spent_s = second[list(BREAKDOWN)].sum(axis=1)
    assert (spent_s > 0).all() and (spent_s <= horizon_s - second["arrival_s"]).all()
    assert cut.summary["answered"] == 0.5
    assert cut.summary["latency_s"] == pytest.approx(first["latency_s"].mean())
    assert cut.summary["latency_per_token_s"] == pytest.approx(first["latency_s"].sum() / first["output_tokens"].sum())
    assert second["output_tokens"].sum() > 0
    span_s = horizon_s - cut.requests["arrival_s"].min()
    assert cut.summary["tokens_per_s"] == pytest.approx(cut.requests["output_tokens"].sum() / span_s)
    bits = cut.rounds["payload_bits"].sum() / cut.requests["output_tokens"].sum()
    assert cut.summary["payload_bits_per_token"] == pytest.approx(bits)
    last = cut.rounds.groupby(["device", "request"]).tail(1)
    assert last["answered_s"].isna().sum() == 3 and set(last.loc[last["answered_s"].isna(), "request"]) == {1}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
@pytest.mark.parametrize("fails", [False, True])
def test_no_run_leaves_its_file_open(fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever works through thousands of cells would run out of open files, and a full disk would stay full."""
    path, kept = tmp_path / "rounds.arrows", list[object]()
    monkeypatch.setattr(recorder, "CHUNK_ROWS", 4)
    monkeypatch.setattr(
        run, "recorder_of", lambda *given, make=run.recorder_of: kept.append(made := make(*given)) or made
    )
    if fails:
        monkeypatch.setattr(run, "result_of", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            simulate(account("fleet").cell, memory=Memory(), rounds_to=path)
    else:
        simulate(account("fleet").cell, memory=Memory(), rounds_to=path)
    assert kept and path.stat().st_size
    assert str(path) not in [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.exists()]
