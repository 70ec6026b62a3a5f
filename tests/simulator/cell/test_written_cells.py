"""Cells as people write them, with dotted names and units; back as a call or as a file; and their ids."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from cells import cell as small

from simulator import Cell, ConfigError

MINE: dict[str, Any] = {
    "scheme": {"kind": "c_sqs", "initial": "20%"},
    "uplink.rate.bps": "10 kbit/s",
    "uplink": {"mtu_bits": "1500 B", "delay.delay_s": "50ms"},
    "fleet": [{"count": 1, "uplink": {"rate": {"kind": "constant", "bps": "1M"}}}],
}


def test_a_file_may_have_dotted_names_and_units_and_is_written_out_in_plain_numbers(tmp_path: Path) -> None:
    path = tmp_path / "cell.yaml"
    path.write_text(
        "scheme: {kind: c_sqs, initial: 20%}\nuplink.rate.bps: 10 kbit/s\n"
        "uplink: {mtu_bits: 1500 B, delay.delay_s: 50ms}\n"
        "fleet: [{count: 1, uplink: {rate: {kind: constant, bps: 1M}}}]\n"
    )
    cell = Cell.from_yaml(str(path))
    assert cell == Cell.from_fields(MINE)
    assert (cell.uplink.mtu_bits, cell.uplink.delay.mean_s) == (12_000, 0.05)
    assert "bps: 10000.0" in cell.to_yaml() and "kbit" not in cell.to_yaml()
    path.write_text(cell.to_yaml())
    assert Cell.from_yaml(path).id == cell.id


def test_a_cell_is_written_field_by_field_as_it_would_be_in_one_piece() -> None:
    for cell in (Cell(), Cell.from_fields(MINE), Cell().with_({"uplink.rate.bps": np.inf, "scheme": "c_sqs"})):
        assert cell.to_yaml() == yaml.safe_dump(cell.to_fields("json"), sort_keys=False)


def test_with_changes_what_it_names_and_leaves_the_rest() -> None:
    cell = Cell().with_({"uplink.rate.bps": "10k", "uplink.header_bits": "40 B"})
    assert cell.uplink.header_bits == 320 and cell.with_({"uplink.rate.bps": 1e5}) == Cell() == Cell().with_({})
    assert cell.with_({"scheme.k": 4, "scheme": "k_sqs"}).scheme == cell.with_({"scheme.k": 4}).scheme


def test_a_grid_takes_lists_ranges_and_arrays() -> None:
    grid = Cell().grid({"uplink.rate.bps": ["10k", 1e6], "seed": range(2), "scheme.k": np.array([2, 4])})
    assert [cell.seed for cell in grid[:4]] == [0, 0, 1, 1] and len(grid) == 2 * 2 * 2
    for axes in ({"scheme": "dense"}, {"seed": 3}, 5):
        with pytest.raises(ConfigError, match=r"= .*: (an axis is a list of values|must be a mapping)"):
            Cell().grid(axes)  # type: ignore[arg-type]


def test_a_cell_shows_itself_as_the_call_that_makes_it() -> None:
    assert repr(Cell()) == "Cell()"
    changed = Cell().with_({"uplink.rate.bps": "10k", "scheme": "c_sqs", "edge.latency.device": "rtx_4090"})
    assert repr(changed) == (
        "Cell().with_({'scheme': 'c_sqs', 'edge.latency.device': 'rtx_4090', 'uplink.rate.bps': 10000.0})"
    )
    device = {"name": "mine", "flops_per_s": "10T", "bytes_per_s": "68 GB/s"}
    for cell in (changed, Cell.from_fields(MINE), Cell().with_({"edge.latency.device": device})):
        assert eval(repr(cell)) == cell


def test_the_links_of_a_cell_hold_no_streamed_token_back() -> None:
    assert Cell().uplink.arq.kind == Cell().downlink.arq.kind == "selective_repeat"
    assert Cell.from_fields({"uplink": {"header_bits": 0}}).uplink.arq.kind == "selective_repeat"


FILES = {
    "uplink.rate": ("trace", "path", "start_s,bps\n0,4e5\n"),
    "downlink.rate": ("mahimahi", "path", "10\n20\n"),
    "uplink.loss": ("trace", "path", "time_s,lost\n0,0\n5,1\n6,0\n"),
    "workload": ("arrivals", "path", "arrival_s,prompt_tokens,output_tokens\n0,8,4\n"),
    "cloud.latency": (
        "profile",
        "file",
        "batch,new_tokens,cached_tokens,seconds\n1,1,0,0.02\n1,1,4096,0.02\n1,512,0,0.02\n1,512,4096,0.02\n64,1,0,0.02\n64,1,4096,0.02\n64,512,0,0.02\n64,512,4096,0.02\n",
    ),
}


@pytest.mark.parametrize("field", FILES)
def test_a_path_in_a_cells_file_begins_at_the_file_and_not_where_the_command_is_typed(field, tmp_path, monkeypatch):
    """The id is that of the content, and what is written from there is read again from anywhere."""
    kind, name, text = FILES[field]
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "mine" / "data" / "f").write_text(text)
    (tmp_path / "other").mkdir()
    config = tmp_path / "mine" / "cell.yaml"
    chosen = {"kind": kind, name: "data/f"} | ({"beyond": "extend"} if kind == "profile" else {})
    given = {"scheme": "coupled", field: chosen}
    config.write_text(yaml.safe_dump(given))
    monkeypatch.chdir(tmp_path / "mine")
    here = Cell.from_yaml("cell.yaml")
    typed = Cell().with_(given)
    monkeypatch.chdir(tmp_path / "other")
    there = Cell.from_yaml("../mine/cell.yaml")
    assert there.id == here.id and there == here
    Path("again.yaml").write_text(there.to_yaml())
    assert Cell.from_yaml("again.yaml").id == here.id
    assert "data/f" in typed.to_yaml()
    with pytest.raises(ConfigError, match=r"data/f: cannot be read"):
        Cell().with_(given)


RARE: dict[str, tuple[object, object]] = {
    "workload.slo_tpot_s": (None, "50 ms"), "workload.slo_ttft_s": (None, 1.0),
    "edge.drafts_per_pass": (1, 15), "cloud.drafts_per_pass": (1, 3),
    "cloud.step_s": (0.0, 0.1), "cloud.judge_s": (0.0, 0.1), "cloud.decode_s_per_draft": (0.0, 0.1),
    "uplink.idle_access_s": (0.0, 1.0), "uplink.idle_after_s": (None, 1.0), "uplink.overhead_s": (0.0, 0.1),
    "uplink.label": (None, "LoRa"), "uplink.part_header_bits": (None, 16),
    "downlink.listens": ("always", None),
    "uplink.half_duplex": (None, None),
}  # fmt: skip
"""Fields with what they are in a cell that has none of it, and what else they may be alone."""


@pytest.mark.parametrize("field", RARE)
def test_what_few_cells_have_is_part_of_a_cell_only_where_it_is(field: str) -> None:
    """So that the ids, tables and remembered rounds of cells without it are what they were."""
    (part, name), (usual, other) = field.split("."), RARE[field]
    assert name not in Cell().model_dump()[part] and Cell().with_({field: usual}).id == Cell().id
    if other is not None:
        given = Cell().with_({field: other})
        assert given.id != Cell().id and name in given.model_dump()[part]
        assert given.with_({field: usual}).id == Cell().id


def traced(path: Path) -> Cell:
    link: dict[str, Any] = {"rate": {"kind": "trace", "path": str(path)}}
    return small(uplink=link)


def test_a_file_enters_the_id_by_its_content(tmp_path: Path) -> None:
    here, there = tmp_path / "a.csv", tmp_path / "b.csv"
    here.write_text("start_s,bps\n0,1000\n")
    there.write_text("start_s,bps\n0,1000\n")
    before = traced(here).id
    assert traced(there).id == before
    there.write_text("start_s,bps\n0,2000\n")
    assert traced(there).id != before


def test_network_fields_change_the_id_and_not_the_decoding() -> None:
    slow, fast, other = small(bps=1e3), small(bps=1e6), small(seed=1)
    assert slow.id != fast.id
    assert slow.decoding_id == fast.decoding_id != other.decoding_id


def test_a_cell_written_out_reads_back_as_itself(tmp_path: Path) -> None:
    path = tmp_path / "cell.yaml"
    for each in (small("c_sqs", float("inf")), Cell(), small("half_top_k")):
        path.write_text(each.to_yaml())
        assert Cell.from_yaml(path) == each
        assert Cell.from_yaml(path).id == each.id


def test_a_cell_is_the_same_text_with_and_without_libyaml() -> None:
    fleet = [{"count": 1, "scheme": {"kind": "c_sqs"}}, {"count": 1, "uplink": {"label": "a: b, 'c' # d\n\ufeff"}}]
    for each in (Cell(), Cell().with_({"workload.devices": 2, "fleet": fleet, "uplink.rate.bps": float("inf")})):
        assert yaml.safe_dump(yaml.safe_load(each.to_yaml()), sort_keys=False) == each.to_yaml()
