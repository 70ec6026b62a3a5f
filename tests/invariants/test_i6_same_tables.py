"""I6: one cell, one result: whatever the workers, the cluster, a resume, the cells beside it, or the memory."""

import itertools
from pathlib import Path

import pandas as pd
import pytest
from cells import BY_IDS, SCHEMES, busy, cell
from plants import ran_once
from remembered import counted_passes

from simulator import Cell, simulate, sweep
from simulator.cell.dotted_names import flatten
from simulator.decoding.memory import Memory
from simulator.sweeps.parts import in_order


def test_i6_same_cell_same_tables_whatever_the_workers_or_a_resume(tmp_path: Path) -> None:
    """A scheme without a payload, one of a line, one with a state, one of a tree; that each decodes alike, live and
    remembered, is below."""
    schemes = ("cloud_only", "k_sqs", "c_sqs", "tree")
    cells = [cell(scheme, bps, seed=seed) for seed, scheme in enumerate(schemes) for bps in (1e4, 1e6)]
    sweep(cells, tmp_path / "one", 1)
    sweep(cells, tmp_path / "two", 2)

    def interrupt(done: int, total: int, label: str) -> None:
        if done >= total // 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sweep(cells, tmp_path / "resumed", 1, progress=interrupt)
    assert not (tmp_path / "resumed" / "cells.csv").exists()
    resumed: list[str] = []
    sweep(cells, tmp_path / "resumed", 1, progress=lambda done, total, label: resumed.append(label))
    assert "resumed" in resumed
    for name in ("cells.csv", "summary.csv", "rounds.parquet", "requests.parquet"):
        reference = (tmp_path / "one" / name).read_bytes()
        assert reference == (tmp_path / "two" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes()


def test_i6_parts_that_come_in_another_order_make_the_same_table() -> None:
    """Columns too: a kind's own fields stand where the first cell of that kind brings them in."""
    cells = [cell("cloud_only"), cell("k_sqs"), cell("c_sqs")]
    parts = [[{"cell": each.id, **flatten(each)}] for each in cells]
    table = in_order(cells, parts)
    assert table["cell"].tolist() == [each.id for each in cells]
    assert table.columns[: len(parts[0][0])].tolist() == [*parts[0][0]]
    for others in itertools.permutations(parts):
        pd.testing.assert_frame_equal(in_order(cells, others), table)


def test_i6_a_row_says_the_same_whatever_cells_are_beside_it(tmp_path: Path) -> None:
    """In the very characters of cells.csv, where another kind of scheme has no such field, or a fraction in it."""

    def row(folder: Path, of: Cell) -> dict[str, str]:
        table = pd.read_csv(folder / "cells.csv", dtype=str, keep_default_na=False)
        return {name: value for name, value in table.set_index("cell").loc[of.id].items() if value}

    one = cell({"kind": "k_sqs", "budget_bits": 300})
    sweep([one], tmp_path / "alone")
    sweep([cell("cloud_only"), one, cell({"kind": "half_dense", "budget_bits": None})], tmp_path / "beside")
    assert row(tmp_path / "alone", one) == row(tmp_path / "beside", one)


@pytest.mark.parametrize("scheme", [*SCHEMES, *BY_IDS, "s_q", "colocated", "edge_only"])
def test_i6_a_remembered_run_equals_a_live_one(scheme: str) -> None:
    memory, slow = Memory(), busy(scheme)
    fast = slow.model_copy(update={"uplink": slow.uplink.model_copy(update={"access_s": 0.1})})
    simulate(slow, memory=memory)
    with counted_passes() as again:
        remembered = simulate(fast, memory=memory)
    with counted_passes() as passes:
        live = simulate(fast, memory=Memory())
    assert len(again) < len(passes)
    assert remembered.rounds.equals(live.rounds) and remembered.requests.equals(live.requests)
    assert remembered.summary == pytest.approx(live.summary, rel=0, abs=0, nan_ok=True)


def test_i6_cells_that_differ_in_the_network_see_the_same_tokens() -> None:
    decoded = ["drafted", "accepted", "payload_bits", "support_size", "tv_qhat", "nll"]
    fast, slow = simulate(cell("c_sqs", 1e7), memory=Memory()), simulate(cell("c_sqs", 1e3), memory=Memory())
    assert fast.rounds[decoded].equals(slow.rounds[decoded])


def test_devices_draw_different_tokens() -> None:
    rounds = ran_once(busy()).result.rounds
    texts = {tuple(rows["nll"]) for _, rows in rounds.groupby(["device", "request"])}
    assert len(texts) == 6
