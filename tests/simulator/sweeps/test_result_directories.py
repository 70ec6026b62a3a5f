"""A result directory: one run at a time writes there, what was damaged in it is noticed and made again, and it
remembers how it was asked for and when, and where the files of its cells are."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from cells import cell

from kinds.files import read_note, write_note
from models.bundled.sotu import Sotu
from models.interface import Pair
from simulator import Cell, ConfigError, sweep
from simulator.sweeps import sweep as sweeping
from simulator.sweeps.lock import LOCK, only_writer

ASKED = {"kind": "closed", "requests": 1, "prompt_tokens": 4, "output_tokens": 3}
CELLS = [cell("cloud_only", seed=seed, workload=ASKED) for seed in (0, 1)]
TABLES = ("cells.parquet", "requests.parquet", "rounds.parquet", "cells.csv", "summary.csv")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep, to be copied."""
    out = tmp_path_factory.mktemp("finished") / "out"
    sweep(CELLS, out)
    return out


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A finished sweep."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


def damage(path: Path, how: str) -> bytes:
    """A file's bytes before it is gone, emptied, cut off, or one of its bits is flipped, in the middle."""
    whole = path.read_bytes()
    at = len(whole) // 2
    flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    path.write_bytes({"emptied": b"", "cut off": whole[:-9], "flipped": flipped}.get(how, b""))
    if how == "gone":
        path.unlink()
    return whole


def reported_again(done: Path) -> list[str]:
    """What the same sweep says of the directory."""
    lines = list[str]()
    assert len(sweep(CELLS, done, failed=lines.append)) == len(CELLS)
    return lines


@pytest.mark.parametrize("how", ["gone", "cut off"])
def test_a_table_that_is_not_what_was_written_is_made_again_and_named(how: str, done: Path) -> None:
    for name in TABLES:
        whole = damage(done / name, how)
        assert reported_again(done) == [f"{done / name} is gone or not what was written; it is made again"]
        assert (done / name).read_bytes() == whole and not reported_again(done)
        assert read_note(done / "manifest.json")["finished"]


def test_the_rows_of_many_cells_are_one_row_group_and_none_is_larger_than_it_must(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pq.ParquetFile(done / "rounds.parquet").metadata.num_row_groups == 1
    monkeypatch.setattr("simulator.sweeps.store.CHUNK_ROWS", 1)
    sweep(CELLS, tmp_path / "small")
    for name in ("rounds.parquet", "requests.parquet"):
        assert pq.ParquetFile(tmp_path / "small" / name).metadata.num_row_groups == len(CELLS)
        assert pq.read_table(tmp_path / "small" / name).equals(pq.read_table(done / name))


def test_whole_tables_are_read_and_not_made_again(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_Sweep", lambda *_: None)
    assert len(sweep(CELLS, done)) == len(CELLS)


@pytest.mark.parametrize("how", ["emptied", "flipped"])
def test_a_part_that_was_damaged_is_made_again_on_resume(
    how: str, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as at_the_end:
        at_the_end.setattr("simulator.sweeps.store.Store.finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sweep(CELLS, tmp_path / "again")
    parts = sorted((tmp_path / "again" / "parts").iterdir())
    damage(parts[0], how)
    labels = list[str]()
    sweep(CELLS, tmp_path / "again", progress=lambda done, total, label: labels.append(label))
    assert labels.count("resumed") == 1 and labels.count("cloud_only") >= 1
    for name in TABLES:
        assert (tmp_path / "again" / name).read_bytes() == (done / name).read_bytes(), name


def test_a_directory_in_use_is_refused_and_one_whose_writer_has_died_is_taken_over(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = (
        "import os, sys; from pathlib import Path; from simulator.sweeps.lock import only_writer\n"
        "with only_writer(Path(sys.argv[1])):\n"
        "    print(os.getpid(), flush=True)\n"
        "    sys.stdin.readline()\n"
        "    os._exit(1)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None and other.stdout is not None
        number = other.stdout.readline().strip()
        with pytest.raises(ConfigError, match=f"^out = [^\n]*/out: in use by another run, process {number} on [^\n]*$"):
            sweep(CELLS, out)
        other.stdin.write("\n")
    assert (out / LOCK).is_file()
    assert len(sweep(CELLS, out)) == len(CELLS)
    assert not (out / LOCK).exists()


def test_a_directory_made_for_nothing_goes_with_its_lock(tmp_path: Path) -> None:
    with only_writer(tmp_path / "a" / "b"), only_writer(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / LOCK).is_file()
    assert not list(tmp_path.iterdir())


def test_a_file_where_a_directory_should_be_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match=rf"^out = {out}: [^\n]*$"):
            sweep(CELLS, out)


@pytest.mark.parametrize("change", ["edited", "gone"])
def test_a_cells_file_that_is_edited_or_gone_is_made_again_and_named(
    change: str, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_Sweep", lambda *_: None)
    file = done / "cells" / f"{CELLS[0].id}.yaml"
    whole = file.read_text()
    if change == "gone":
        file.unlink()
    else:
        file.write_text(whole.replace("seed: 0", "seed: 7"))
    assert len(reported_again(done)) == 1 and file.read_text() == whole


def test_a_number_edited_in_the_manifest_makes_it_nobodys(done: Path) -> None:
    manifest = done / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"deterministic": true', '"deterministic": null'))
    with pytest.raises(ConfigError, match=r"its manifest.json is not written by .*, and stays as it is"):
        sweep(CELLS, done)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("manifest", ['{"name": "an extension", "finished": false}', "", '{"checksum": "0"}', "[]"])
def test_nothing_is_removed_of_a_folder_with_a_manifest_of_another_program(
    manifest: str, overwrite: bool, tmp_path: Path
) -> None:
    for name, text in {
        "src/main.c": "int main",
        "failed/0123456789abcdef.yaml": "a",
        "manifest.json": manifest,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=r"^out = [^\n]*, and stays as it is; name another directory$"):
        sweep(CELLS, tmp_path, overwrite=overwrite)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_without_a_manifest_is_refused_whatever_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match=r"notes\.txt in it is not ours, and stays as it is"):
            sweep(CELLS, tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_what_a_user_keeps_among_results_stays_where_they_are_overwritten(done: Path, tmp_path: Path) -> None:
    """Also what a list made to attack names outside, or behind a link."""
    for name in ("notes.txt", "cells/mine.yaml", "parts/mine.txt", "paper/main.tex"):
        (done / name).parent.mkdir(exist_ok=True)
        (done / name).write_text("mine")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept.txt").write_text("mine")
    (done / "link").symlink_to(tmp_path / "outside")
    manifest = read_note(done / "manifest.json")
    forged = {"../outside/kept.txt": "", "link/kept.txt": "", str(tmp_path / "outside" / "kept.txt"): "", "paper": ""}
    write_note(done / "manifest.json", {**manifest, "files": {**manifest["files"], **forged}})
    sweep(CELLS[:1], done, overwrite=True)
    for name in ("notes.txt", "cells/mine.yaml", "parts/mine.txt", "paper/main.tex", "link/kept.txt"):
        assert (done / name).read_text() == "mine"
    assert len(pd.read_csv(done / "cells.csv")) == 1 and not (done / "cells" / f"{CELLS[1].id}.yaml").exists()


def test_a_folder_of_results_that_is_a_link_is_not_written_through(done: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(done / "cells")
    (done / "cells").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"cells: is a link to [^\n]*, through which nothing is written; remove it$"):
        sweep(CELLS, done)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize(
    ("started", "command"),
    [
        (["/somewhere/bin/sqsim", "run", "paper", "--set", "scheme={kind: dense}"],
         "sqsim run paper --set 'scheme={kind: dense}'"),
        (["/somewhere/scenarios/paper.py", "--quick"], "python -m scenarios.paper --quick"),
    ],
)  # fmt: skip
def test_the_manifest_has_the_command_line_and_the_date(
    started: list[str], command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", started)
    monkeypatch.setattr(sys, "orig_argv", ["/somewhere/bin/python3", "-m", "scenarios.paper", "--quick"])
    sweep(CELLS[:1], tmp_path / "out")
    manifest = read_note(tmp_path / "out" / "manifest.json")
    assert manifest["command"] == command
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
