"""Two result directories, compared: silence where nothing changed, the setting and the size where something did."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest

from kinds.files import read_note, write_note
from simulator.results.result_directory import record

LATENCY = "latency_per_token_s"


@pytest.fixture
def edited(finished, mine):
    """A copy of a finished run whose table of cells is another."""

    def copy(edit):
        edit(pd.read_parquet(finished.out / "cells.parquet")).to_parquet(mine / "cells.parquet")
        record(mine, [mine / "cells.parquet"])
        return mine

    return copy


def is_k_sqs(table: pd.DataFrame) -> pd.Series:
    return (table["scheme.kind"] == "k_sqs") & (table["scheme.max_drafts"] == 4) & (table["uplink.rate.bps"] == 1e4)


def slower(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{LATENCY: table[LATENCY].where(~is_k_sqs(table), 1.25 * table[LATENCY])})


def test_a_run_compared_with_itself_has_not_changed(typed, finished):
    status, out, err = typed("compare", str(finished.out), str(finished.out))
    assert (status, err) == (0, "")
    assert "Versions, commit and host are the same." in out and "all are the same" in out
    assert ", 0 in A only, 0 in B only" in out and "latency_vs_bandwidth, " in out


def test_what_changed_is_reported_with_setting_metric_and_size_and_for_a_program_as_json(typed, finished, edited):
    status, out, err = typed("compare", str(finished.out), str(edited(slower)))
    assert (status, err) == (0, "") and "Changed beyond noise: 1, from A to B" in out
    (line,) = [line for line in out.splitlines() if line.startswith("k_sqs")]
    assert "10 kbit/s  latency per token" in line and "+25.0%" in line
    status, out, _ = typed("compare", str(finished.out), str(edited(slower)), "--json")
    found = json.loads(out)
    assert status == 0 and found["a"]["directory"] == str(finished.out)
    (change,) = found["changes"]
    assert (change["metric"], change["n"], change["paired"], change["beyond_noise"]) == (LATENCY, 2, True, True)
    assert change["relative"] and change["difference"] == pytest.approx(0.25)


def test_noise_is_no_change_though_every_value_differs(done, finished, edited):
    def noisy(table):
        sign = np.where(table["seed"] == table["seed"].min(), 1, -1)  # of two seeds: one up, one down
        return table.assign(**{LATENCY: table[LATENCY] + 0.01 * sign})

    out = done("compare", str(finished.out), str(edited(noisy)))
    assert (
        "Nothing changed beyond noise; of latency per token no difference up to tenfold would have been seen" in out
        and "0 have a 95% interval" in out
    )
    assert "Benjamini-Hochberg" in out


def test_settings_of_one_directory_alone_and_other_versions_are_named(done, finished, edited):
    other = edited(lambda table: table[~is_k_sqs(table)])
    manifest = read_note(other / "manifest.json")
    manifest |= {"commit": "0123456789abcdef", "libraries": {**manifest["libraries"], "numpy": "9.9"}}
    manifest |= {"deterministic": False}
    write_note(other / "manifest.json", manifest)
    out = done("compare", str(finished.out), str(other))
    assert ", 1 in A only, 0 in B only" in out
    (line,) = [line for line in out.splitlines() if line.startswith("In A only")]
    assert "k_sqs" in line and "10 kbit/s" in line
    assert "commit 0123456789ab" in out and "-> 9.9" in out
    both = [line for line in out.splitlines() if line.startswith(("A: ", "B: "))]
    assert ["real time" in line for line in both] == [False, True]


def test_one_seed_has_values_that_differ_and_no_noise_to_compare_with(done, finished, edited, tmp_path):
    first = tmp_path / "first"
    shutil.copytree(edited(lambda table: table[table["seed"] == 0]), first)
    out = done("compare", str(first), str(edited(lambda table: slower(table[table["seed"] == 0]))))
    assert "There is one seed to compare, so no interval" in out and "+" in out


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, "no manifest.json; give a result directory"),
        ("{", "manifest.json: not written by this program"),
        ("[]", "manifest.json: not written by this program"),
        ('{"identity": "a", "finished": true}', "manifest.json: of an earlier version, which lists no files"),
        ({"identity": "a", "finished": False}, "its run has not ended"),
        ({"identity": "a", "finished": True}, "cells.parquet: is no file of this directory's run"),
    ],
)
def test_what_is_no_finished_result_directory_is_refused_in_one_line(refused, finished, tmp_path, manifest, message):
    (tmp_path / "empty").mkdir()
    if isinstance(manifest, dict):
        write_note(tmp_path / "empty" / "manifest.json", manifest)
    elif manifest is not None:
        (tmp_path / "empty" / "manifest.json").write_text(manifest)
    for folders in ((str(finished.out), "empty"), ("empty", str(finished.out))):
        err = refused("compare", *folders)
        assert message in err and "empty" in err
    assert "nowhere: no such directory" in refused("compare", "nowhere", "empty")


@pytest.mark.parametrize("endless", ["/dev/zero", "pipe"])
@pytest.mark.parametrize("name", ["manifest.json", "cells.parquet", "scenario.json"])
def test_a_file_without_an_end_is_refused(endless, name, refused, finished, mine):
    (mine / name).unlink()
    if endless == "pipe":
        os.mkfifo(mine / name)
    else:
        (mine / name).symlink_to(endless)
    commands = [("compare", str(finished.out), "mine"), ("report", "mine"), ("plot", "mine")]
    for command in commands[: 2 if name == "cells.parquet" else 3]:  # which `plot` does not read
        assert name in refused(*command)


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("cells.parquet", "compare report"), ("scenario.json", "compare report plot"), ("findings.json", "report"),
        ("chosen_and_fixed.csv", "report plot"), ("figures/latency.svg", "report"),
    ],
)  # fmt: skip
def test_a_file_in_which_a_byte_is_another_is_named_before_it_is_read(name, commands, refused, finished, mine):
    whole = (mine / name).read_bytes()
    (mine / name).write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
    for command in commands.split():
        words = ("compare", str(finished.out), "mine") if command == "compare" else (command, "mine")
        assert f"mine/{name}: is not what was written there, its checksum is another" in refused(*words)
