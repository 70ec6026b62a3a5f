"""`sqsim calibrate`: two tables that a cell takes as they are, and mistakes on one line."""

import re
from pathlib import Path

import pytest
import yaml

from scenarios.command.cli import main
from simulator import Cell


def test_two_tables_come_out_and_a_cell_takes_what_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "here.csv"
    asked = ["--new", "1,16,64", "--cached", "0,128", "--quick", "--quiet"]
    assert main(["calibrate", "sotu", "--out", str(out), *asked, "--batch", "1,2"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "" and not out.exists()
    lines = re.findall(r"^  (edge|cloud)\.latency: (.*)$", printed.out, re.MULTILINE)
    assert [place for place, _ in lines] == ["edge"] * 3 + ["cloud"] * 3
    for place, text in lines:
        found = Cell().with_({f"{place}.latency": yaml.safe_load(text)})
        assert getattr(found, place).latency.pass_s([(1, 40)]) > 0
    assert re.findall(r"(affine|roofline) fitted to it: median error [\d.]+%, worst [+-]\d+% at", printed.out) == [
        "affine", "roofline", "affine", "roofline",
    ]  # fmt: skip
    assert (
        (tmp_path / "here.drafter.csv")
        .read_text()
        .startswith("batch,new_tokens,cached_tokens,seconds,provenance\n1,1,0,")
    )


def test_of_one_model_the_table_is_the_file_that_was_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "edge.csv"
    asked = ["--model", "drafter", "--new", "1,2", "--cached", "0", "--quiet"]
    assert main(["calibrate", "{kind: synthetic, size: 16}", "--out", str(out), *asked]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["edge.csv"]
    assert len(out.read_text().splitlines()) == 3 and "roofline" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing", "--out", "a.csv"], "pair.kind = 'nothing': kind must be one of"),
        (["sotu", "--out", "none/a.csv"], "out = none/a.csv: none is no folder"),
        (["sotu", "--out", "a.txt"], "out = a.txt: must end in .csv"),
        (["sotu", "--out", "a.csv", "--new", "1,x"], "new = '1,x': whole numbers from 1 with commas between them"),
        (["sotu", "--out", "a.csv", "--batch", "0"], "batch = '0': whole numbers from 1"),
        (["sotu", "--out", "a.csv", "--threads", "0"], "threads = 0: must be from 1 to 1024"),
        (
            ["sotu", "--out", "a.csv", "--device", "cuda"],
            "device = 'cuda': the models of sotu run where they always do",
        ),
        (["synthetic", "--out", "a.csv", "--batch", "2"], "batch = 2: this pair's models run 1 sequence at a time"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["calibrate", *arguments, "--quiet"]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_clocks_are_listed_with_what_was_cited_and_by_whom(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "clocks"]) == 0
    told = capsys.readouterr().out
    for words in ("pi5_qwen2_5_0_5b", "a100x4_70b", "25 27@64 33@128", "microsoft/vidur", "Licence: MIT", "derived"):
        assert words in told
