"""Rounds that go to a file as they come are those that stay in memory, whatever the size of a piece."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from cells import cell

from simulator import simulate
from simulator.results import recorder


@pytest.mark.parametrize(("rows", "pieces"), [(1, 2), (6, 1), (50_000, 1)])
def test_rounds_in_a_file_are_the_rounds_in_memory(
    rows: int, pieces: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two requests of five and six rounds. A piece is written once it is full, with the request that filled it."""
    path = tmp_path / "rounds.parquet"
    kept = simulate(cell())
    monkeypatch.setattr(recorder, "CHUNK_ROWS", rows)
    written = simulate(cell(), rounds_to=path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), kept.rounds)
    assert written.rounds.empty and list(written.rounds.columns) == list(kept.rounds.columns)
    assert written.summary == pytest.approx(kept.summary, nan_ok=True)
    assert kept.rounds.groupby("request").size().tolist() == [5, 6]
    assert pq.ParquetFile(path).metadata.num_row_groups == pieces
