"""`sqsim sites`: what is typed becomes sites, and their summary is printed and kept."""

from __future__ import annotations

import pandas as pd
import pytest
from typed_command import SMALL

from scenarios.command.cell_file import read_cell

SETTINGS = SMALL[:-1]
VARY = ("--vary=workload.devices={kind: uniform, low: 1, high: 3}", "--vary=uplink.rate.bps=10k,1M")


def test_the_summary_is_printed_with_what_is_assumed_and_read_back(typed, tmp_path, monkeypatch, cluster):
    command = ("sites", "5", *SETTINGS, *VARY, f"--cluster={cluster}", "--quiet")
    status, text, errors = typed(*command)
    assert (status, errors) == (0, "")
    devices = pd.concat([pd.read_parquet(path) for path in tmp_path.glob("results/sites/partitions/*/cells.parquet")])
    assert text.startswith(f"5 sites of {devices['devices'].sum():.0f} devices in all\n")
    for words in ("over requests", "over sites", "latency per token", "uplink rate", "Pair synthetic"):
        assert words in text.replace("\n", " ")
    again = typed(*command[:-2], "--cluster=tcp://127.0.0.1:9", "--quiet")  # where nobody is
    assert again == (0, text, "")
    status, table, _ = typed(*command, "--format=csv")
    assert status == 0 and table.splitlines()[0].startswith("group,,mean") and "over sites,latency per token," in table
    monkeypatch.setenv("COLUMNS", "60")
    assert "columns; the others: summary.csv" in typed(*command)[1].replace("\n", " ")


def test_a_site_is_printed_as_a_cell_that_any_command_reads(typed, tmp_path):
    status, text, _ = typed("sites", "5", *SETTINGS, *VARY, "--cell=3")
    (tmp_path / "site.yaml").write_text(text)
    site = read_cell(tmp_path / "site.yaml")
    assert status == 0 and site.seed == 3 and 1 <= site.workload.devices <= 3
    assert site.uplink.rate.bps in (1e4, 1e6)
    (tmp_path / "base.yaml").write_text(text)
    status, other, _ = typed("sites", "5", "--config=base.yaml", "--set=seed=7", "--cell=0")
    assert status == 0 and "seed: 7000000" in other
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("0",), "sites = 0: must be a whole number from 1 to 1,000,000"),
        (("5", "--cell=5"), "site = 5: must be from 0 to 4, there are 5"),
        (("5", "--vary=uplink.rate=1"), "uplink.rate.kind = 1: kind must be one of"),
        (("5", "--vary=scheme.k=4", "--vary=scheme.k=8"), "scheme.k: two --vary give it; give one"),
        (("5", "--vary=workload.devices={kind: unifrom}"), "vary workload.devices: kind = 'unifrom'"),
        (("5", "--config=none.yaml"), "none.yaml: cannot be read"),
        (("5", "--partition=0"), "partition = 0: must be at least 1"),
        (("5", "--workers=0"), "workers = 0: should be greater than or equal to 1"),
        (("5", "--cluster=tcp://127.0.0.1:9"), "cluster = tcp://127.0.0.1:9: "),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(typed, tmp_path, monkeypatch, arguments, line):
    monkeypatch.setattr("simulator.sweeps.worker_pools.ANSWER_S", 0.2)
    status, text, errors = typed("sites", *arguments, *SETTINGS, "--quiet")
    assert status == 2 and text == "" and errors.startswith(f"sqsim: {line}") and errors.count("\n") == 1
    assert not (tmp_path / "results").exists()
