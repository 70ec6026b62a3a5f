"""A result directory: one run at a time writes there, and what was damaged in it is noticed and made again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from cells import cell

from simulator import ConfigError, sweep
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


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("kept", [0.0, 0.7], ids=["emptied", "cut off"])
def test_a_table_that_was_damaged_is_made_again_on_resume(name: str, kept: float, done: Path) -> None:
    whole = (done / name).read_bytes()
    (done / name).write_bytes(whole[: int(kept * len(whole))])
    sweep(CELLS, done)
    assert (done / name).read_bytes() == whole
    assert json.loads((done / "manifest.json").read_text())["finished"]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_is_gone_is_made_again_on_resume(name: str, done: Path) -> None:
    whole = (done / name).read_bytes()
    (done / name).unlink()
    sweep(CELLS, done)
    assert (done / name).read_bytes() == whole


def test_whole_tables_are_read_and_not_made_again(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_Sweep", lambda *_: None)
    assert len(sweep(CELLS, done)) == len(CELLS)


@pytest.mark.parametrize("damaged", ["cells.parquet", "requests.parquet", "rounds.parquet"])
def test_a_part_that_was_damaged_is_made_again_on_resume(
    damaged: str, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as at_the_end:
        at_the_end.setattr("simulator.sweeps.store.Store.finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sweep(CELLS, tmp_path / "again")
    parts = sorted((tmp_path / "again" / "parts").iterdir())
    (file,) = parts[0].glob(damaged)
    file.write_bytes(file.read_bytes()[:-9])
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


def test_a_file_where_a_directory_should_be_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match=rf"^out = {out}: [^\n]*$"):
            sweep(CELLS, out)


def test_a_manifest_that_was_emptied_is_not_taken_for_another_sweeps(done: Path) -> None:
    (done / "manifest.json").write_text("")
    with pytest.raises(ConfigError, match=r"manifest.json is damaged; [^\n]*--overwrite$"):
        sweep(CELLS, done)
    sweep(CELLS, done, overwrite=True)
    assert len(pd.read_csv(done / "cells.csv")) == len(CELLS)
    assert os.listdir(done)
