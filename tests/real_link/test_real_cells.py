"""Cells run as real processes: they answer what the simulator answers, whatever is lost meanwhile.

Slow (real time passes), and skipped with a reason where network namespaces are not permitted.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from plants import ran
from process_world import Texts

from models.latency.empirical import read_samples
from simulator import Cell
from simulator.decoding.memory import Memory
from simulator.results.column_names import BREAKDOWN
from simulator.studies.real_runs import RealRun
from simulator.testbed.journal import RequestEnded, read
from simulator.testbed.supervisor import note, real

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("namespaces")]

DELAY = {"kind": "constant", "delay_s": 0.01}
BASE = {
    "models.pair": "sotu", "workload.requests": 2, "workload.output_tokens": 12, "uplink.rate.bps": 20e3,
    "uplink.delay": DELAY, "downlink.delay": DELAY, "uplink.mtu_bits": 4000,
}  # fmt: skip
SYNTHETIC = {"models.pair": {"kind": "synthetic", "size": 64}}
LOST = {"kind": "bernoulli", "probability": 0.15}
LOST_BOTH_WAYS = {"uplink.loss": LOST, "downlink.loss": LOST}
BUCKET = {"uplink.rate": {"kind": "token_bucket", "bps": 20e3, "burst_bits": 4000}}
ACKNOWLEDGED = {"uplink.arq.ack_bits": 320, "downlink.arq.ack_bits": 320}
AHEAD = {"kind": "k_sqs", "max_drafts": 4, "depth": 1}
CELLS: dict[str, dict[str, Any]] = {
    "cloud_only": {"scheme": "cloud_only", **LOST_BOTH_WAYS},
    "dense": {"scheme": {"kind": "dense", "max_drafts": 3}, **BUCKET, "uplink.loss": LOST},
    "k_sqs": {"scheme": "k_sqs", **LOST_BOTH_WAYS, **ACKNOWLEDGED},
    "c_sqs": {"scheme": {"kind": "c_sqs", "max_drafts": 4}, "workload.devices": 3, **BUCKET, "uplink.loss": LOST},
    "coupled": {"scheme": {"kind": "coupled", "max_drafts": 4}, "workload.devices": 3, **LOST_BOTH_WAYS},
    "ahead": {"scheme": AHEAD, "uplink.rate.bps": 100e3},
    "ahead, lossy": {"scheme": AHEAD, **LOST_BOTH_WAYS, **SYNTHETIC},
    "tree": {"scheme": "tree", **SYNTHETIC, **ACKNOWLEDGED},
    "colocated": {"scheme": "colocated", "workload.devices": 3, "downlink.loss": LOST},
    "corrections at the edge": {"scheme": {"kind": "dssd", "max_drafts": 3}, **SYNTHETIC, **LOST_BOTH_WAYS,
                                **ACKNOWLEDGED},
    "cloud first": {"scheme": {"kind": "coupled", "max_drafts": 3, "cloud_first": True}, "workload.devices": 3,
                    "workload.output_tokens": 40, **LOST_BOTH_WAYS},
    "both buckets": {"scheme": "k_sqs", **SYNTHETIC, **BUCKET, **LOST_BOTH_WAYS,
                     "downlink.rate": {"kind": "token_bucket", "bps": 1e5, "burst_bits": 12_000},
                     "downlink.mtu_bits": 12_000},
}  # fmt: skip


def of(fields: dict[str, Any]) -> Cell:
    return Cell().with_(BASE | fields)


def answers(folder: Path) -> Texts:
    ends = [event for path in folder.glob("edge_*.jsonl") for event in read(path) if isinstance(event, RequestEnded)]
    assert len({(each.device, each.request) for each in ends}) == len(ends), "an answer ends once"
    return {(each.device, each.request): each.tokens for each in ends}


def expected(cell: Cell) -> Texts:
    return {(each.device, each.number): tuple(each.tokens) for each in ran(cell).requests}


def complete(cell: Cell, requests: pd.DataFrame) -> None:
    """Each request is in the table, and each instant of it is charged once."""
    assert len(requests) == cell.workload.total
    gap_s = requests[list(BREAKDOWN)].sum(axis=1) - requests["latency_s"]
    assert gap_s.abs().max() < 1e-6
    assert (requests[list(BREAKDOWN)] >= -1e-9).all(axis=None)


@pytest.mark.parametrize("name", CELLS)
def test_real_processes_answer_what_the_simulator_answers(name: str, tmp_path: Path) -> None:
    cell = of(CELLS[name])
    result = real(cell, journals=tmp_path / "journals")
    assert answers(tmp_path / "journals") == expected(cell)
    complete(cell, result.requests)
    assert result.summary["latency_per_token_s"] > 0
    if cell.uplink.loss.kind == "bernoulli" and name != "dense":
        assert result.summary["retransmit_s"] + result.summary["timeout_wait_s"] > 0


@pytest.mark.parametrize("name", ["k_sqs", "dense"])
def test_a_link_of_its_own_that_tells_its_senders_nothing_changes_no_token(name: str, tmp_path: Path) -> None:
    cell = of(CELLS[name] | SYNTHETIC)
    result = real(cell, journals=tmp_path / "journals", independent=True)
    assert answers(tmp_path / "journals") == expected(cell)
    complete(cell, result.requests)


def test_a_run_takes_as_long_as_the_simulated_run_beside_it() -> None:
    row = RealRun().ask(of({"scheme": "k_sqs", **SYNTHETIC}), Memory(), None, None).rows[0]
    assert row["other_answers"] == 0
    assert row["latency_per_token_s"] == pytest.approx(row["simulated_latency_per_token_s"], rel=0.15)


def test_the_processes_of_a_small_run_time_their_passes_just_before_it(tmp_path: Path) -> None:
    cell, passes = of(CELLS["k_sqs"] | SYNTHETIC), tmp_path / "passes"
    passes.mkdir()
    note(cell, tmp_path / "journals", 0.2, passes, 0.2)
    assert answers(tmp_path / "journals").items() <= expected(cell).items()
    assert {path.name for path in passes.iterdir()} == {"edge.csv", "cloud.csv"}
    assert read_samples(passes / "edge.csv").levels[0].at((1, 1, 40)) > 0
    assert not [path for path in (tmp_path / "journals").iterdir() if path.is_dir()]
