"""What a result directory remembers: how it was asked for and when, and where the files of its cells are."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cells import cell

from models.bundled.sotu import Sotu
from models.interface import Pair
from simulator import Cell, sweep

WORKLOAD = {"kind": "closed", "requests": 1, "prompt_tokens": 4, "output_tokens": 4}


@pytest.mark.parametrize(
    ("started", "told"),
    [
        (["/somewhere/bin/sqsim", "run", "paper", "--set", "scheme={kind: dense}"],
         "sqsim run paper --set 'scheme={kind: dense}'"),
        (["/somewhere/scenarios/paper.py", "--quick"], "python -m scenarios.paper --quick"),
    ],
)  # fmt: skip
def test_the_manifest_has_the_command_line_and_the_date(
    started: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", started)
    monkeypatch.setattr(sys, "orig_argv", ["/somewhere/bin/python3", "-m", "scenarios.paper", "--quick"])
    sweep([cell(workload=WORKLOAD)], tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["command"] == told
    age = datetime.now(UTC) - datetime.fromisoformat(manifest["date"])
    assert timedelta(seconds=-1) <= age < timedelta(minutes=5)


def test_a_cells_file_finds_traces_prompts_and_arrivals_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths typed in one folder lead to the same files from another, and to the same id."""
    files = {
        "rate.csv": "start_s,bps\n0,1000\n",
        "mine.up": "1\n",
        "asked.csv": "arrival_s,prompt_tokens,output_tokens\n0,8,4\n",
        "mine.jsonl": '{"name": "a", "kind": "news", "text": "My fellow citizens"}\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    written = Cell.from_fields(
        {
            "models": {"pair": {"kind": "sotu", "prompts": "mine.jsonl"}},
            "workload": {"kind": "arrivals", "path": "asked.csv"},
            "uplink": {"rate": {"kind": "trace", "path": "rate.csv"}},
            "downlink": {"rate": {"kind": "mahimahi", "path": "mine.up"}},
        }
    )
    (tmp_path / "cell.yaml").write_text(written.to_yaml())
    before = written.id
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    read = Cell.from_yaml(tmp_path / "cell.yaml")
    assert read.id == before
    assert isinstance(read.models.pair, Sotu) and read.models.pair.prompt_file == tmp_path / "mine.jsonl"
    assert read.to_yaml() == (tmp_path / "cell.yaml").read_text()


def test_a_folder_of_weights_is_the_same_from_any_folder_and_a_hub_id_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    pair = Pair.of({"kind": "huggingface", "drafter": "tiny", "verifier": "someone/large"}).model_dump()
    assert (pair["drafter"], pair["verifier"]) == (str(tmp_path / "tiny"), "someone/large")
