"""A cell's id: every field counts, files by their content, the place of a file does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from cells import cell

from simulator import Cell


def traced(path: Path) -> Cell:
    link: dict[str, Any] = {"rate": {"kind": "trace", "path": str(path)}}
    return cell(uplink=link)


def test_a_file_enters_the_id_by_its_content(tmp_path: Path) -> None:
    here, there = tmp_path / "a.csv", tmp_path / "b.csv"
    here.write_text("start_s,bps\n0,1000\n")
    there.write_text("start_s,bps\n0,1000\n")
    before = traced(here).id
    assert traced(there).id == before
    there.write_text("start_s,bps\n0,2000\n")
    assert traced(there).id != before


def test_network_fields_change_the_id_and_not_the_decoding() -> None:
    slow, fast, other = cell(bps=1e3), cell(bps=1e6), cell(seed=1)
    assert slow.id != fast.id
    assert slow.decoding_id == fast.decoding_id != other.decoding_id


def test_a_cell_written_out_reads_back_as_itself(tmp_path: Path) -> None:
    path = tmp_path / "cell.yaml"
    for each in (cell("c_sqs", float("inf")), Cell(), cell("half_top_k")):
        path.write_text(each.to_yaml())
        assert Cell.from_yaml(path) == each
        assert Cell.from_yaml(path).id == each.id


def test_a_cell_is_the_same_text_with_and_without_libyaml() -> None:
    fleet = [{"count": 1, "scheme": {"kind": "c_sqs"}}, {"count": 1, "uplink": {"label": "a: b, 'c' # d\n\ufeff"}}]
    for each in (Cell(), Cell().with_({"workload.devices": 2, "fleet": fleet, "uplink.rate.bps": float("inf")})):
        assert yaml.safe_dump(yaml.safe_load(each.to_yaml()), sort_keys=False) == each.to_yaml()
