"""Which station limits a cell is found by removing it, not by where most jobs are."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from cells import link

from scenarios.command.run.printed_tables import fullest
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.sweeps.search import (
    STATIONS,
    Capacity,
    Evaluations,
    Objective,
    Search,
    SearchedSetting,
    capacities,
    relieved,
    stations,
)
from simulator.sweeps.worker_pools import Processes

WORK = {
    "kind": "closed", "requests": 1, "prompt_tokens": 2, "output_tokens": 8, "prompt_at_cloud": True, "distinct": 1,
}  # fmt: skip
PAIR = {"kind": "synthetic", "size": 32, "contexts": 4}


def made(
    scheme: object, pass_s: float = 0.0, draft_s: float = 0.0, bps: float = float("inf"), **fields: object
) -> Cell:
    """Delays are none: what a token takes is the work of stations alone."""
    return Cell.from_fields(
        {
            "models": {"pair": PAIR}, "workload": WORK, "scheme": scheme, "uplink": link(bps, 0.0),
            "downlink": link(float("inf"), 0.0),
            "edge": {"latency": {"kind": "constant", "per_pass_s": draft_s}, "encode_s_per_draft": 0.0},
            "cloud": {"batching": "none", "latency": {"kind": "constant", "per_pass_s": pass_s}},
            **fields,
        }
    )  # fmt: skip


def found(cell: Cell, limit_s: float, high: int = 64, metric: str = "tpot_p95_s") -> Capacity:
    objective = Objective({metric: limit_s}, high=high, within=0.0)
    ((_, capacity),) = capacities({0: Search([[cell]], relieved=True)}, objective, Processes(1))
    assert isinstance(capacity, Capacity)
    return capacity


def test_the_only_work_there_is_limits() -> None:
    """n devices take turns at passes of 10 ms; relieved, none waits for another, up to twice 8."""
    of = found(made("cloud_only", pass_s=0.01), 0.075)
    assert (of.value, of.relief) == (7, {"cloud": 16})
    assert of.limited_by == ("cloud",)


def test_the_station_that_is_always_busy_and_has_most_jobs_need_not_limit() -> None:
    """A cloud that takes all who wait into one pass is busy as long as anybody asks, and bears any number."""
    for pass_s, bps, limit_s in ((0.05, 2e4, 0.1), (0.1, 5e4, 0.12)):
        batching = {"batching": "waiting", "latency": {"kind": "constant", "per_pass_s": pass_s}}
        of = made({"kind": "k_sqs", "max_drafts": 4}, bps=bps, cloud=batching)
        capacity = found(of, limit_s)
        there = pd.Series(simulate(of.with_({"workload.devices": capacity.value})).summary)
        assert fullest(there) == "cloud" and capacity.limited_by == ("uplink",)
        assert capacity.relief["uplink"] > 1.4 * capacity.value > capacity.relief["cloud"]
    assert there["cloud_queue"] > there["uplink_queue"]


def test_two_stations_each_of_which_holds_up_the_other_are_no_limit_alone() -> None:
    """A token waits for the device's drafts and for the cloud's pass: within less than either, nobody is served."""
    of = made({"kind": "k_sqs", "max_drafts": 1}, pass_s=0.02, draft_s=0.02)
    capacity = found(of, 0.004)
    assert (capacity.value, capacity.limits, capacity.limited_by) == (0, ("tpot_p95_s",), ())


def test_stations_within_a_tenth_of_the_most_are_named_and_none_that_serves_no_more() -> None:
    capacity = Capacity(8, True, (), (8,), 0, 8, (), {"uplink": 12, "cloud": 12, "edge": 8})
    assert capacity.limited_by == ("uplink", "cloud")
    assert replace(capacity, relief={"uplink": 8, "cloud": 8}).limited_by == ()
    assert replace(capacity, relief={}).limited_by == ()
    assert replace(capacity, relief={"uplink": 20, "cloud": 18}).limited_by == ("uplink",)


def test_where_none_is_served_and_where_nothing_fails() -> None:
    none = found(made("cloud_only", pass_s=0.01), 0.007)
    assert (none.value, none.limited_by) == (0, ("cloud",))
    assert found(made("cloud_only"), 1.0, high=4).relief == {}


def test_memory_is_relieved_apart_from_the_servers_work() -> None:
    """A server that holds one request at a time keeps the others waiting for their first token."""
    of = made("cloud_only", pass_s=0.001, cloud={
        "batching": "waiting", "latency": {"kind": "constant", "per_pass_s": 0.001}, "kv_tokens": 11,
    })  # fmt: skip
    capacity = found(of, 0.02, metric="ttft_s")
    assert set(capacity.relief) >= {"cloud", "cloud memory"}
    assert capacity.relief["cloud memory"] > capacity.value


@pytest.mark.parametrize(
    ("scheme", "passed"),
    [
        ("edge_only", ["edge"]),
        ("cloud_only", ["uplink", "cloud", "cloud memory", "downlink"]),
        ("k_sqs", list(STATIONS)),
    ],
)
def test_only_stations_that_requests_pass_are_relieved_and_one_at_a_time(scheme: str, passed: list[str]) -> None:
    fields = {"loss": {"kind": "bernoulli", "probability": 0.1}, "rate": {"kind": "constant", "bps": 1e4}}
    fleet = [{"count": 1}, {"count": 1, "edge": {"latency": "constant"}, "uplink": fields}]
    cell = Cell.from_fields({"scheme": scheme, "workload": WORK | {"devices": 2}, "fleet": fleet})
    assert stations(cell) == passed
    for station in passed:
        other = relieved(cell, station)
        assert other.decoding_id == cell.decoding_id or station in ("edge", "uplink", "downlink")
        changed = {"edge": ("edge",), "uplink": ("uplink",), "downlink": ("downlink",)}.get(station, ("cloud",))
        for part in ("edge", "uplink", "downlink", "cloud"):
            assert (getattr(other, part) != getattr(cell, part)) == (part in changed)
        assert (other.kv_tokens is None) == (station == "cloud memory")
    if "uplink" in passed:
        second = relieved(cell, "uplink").classes[1].uplink
        assert second.loss.kind == "none" and second.rate.fastest_bps == float("inf")


def test_where_no_relief_serves_more_each_serves_what_was_served_before() -> None:
    """Numbers between what is served and the least that failed were never asked for, and count for nobody."""

    class AsMany(Evaluations):
        def summary(self, cell: Cell, relieved: str = "") -> dict[str, float]:
            return {"answered": 1.0, "tpot_p95_s": float(cell.workload.devices)}

    memory = Memory()
    setting = SearchedSetting([made("cloud_only")], Objective({"tpot_p95_s": 1000.0}), AsMany(memory, None, []))
    assert setting.holds(990) and not setting.holds(1008)
    assert set(setting.relief().values()) == {990} and setting.relief().keys() == {*stations(made("cloud_only"))}
