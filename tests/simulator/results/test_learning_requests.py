"""Requests that a device only learns from: served as all are, and in no metric of requests and rounds."""

from typing import Any

import pytest
from cells import cell

from kinds import ConfigError
from simulator import CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.results import METRICS

ASKED = {"kind": "closed", "devices": 2, "requests": 3, "prompt_tokens": 8, "output_tokens": 16}
MEMORY = Memory()


def ran(learning: int, **others: Any) -> CellResult:
    return simulate(cell(workload={**ASKED, "learning_requests": learning, **others}), memory=MEMORY)


def test_they_are_served_alike_and_not_counted() -> None:
    whole, learned = ran(0), ran(1)
    for mine, theirs in ((learned.requests, whole.requests), (learned.rounds, whole.rounds)):
        assert mine.drop(columns="cell").equals(theirs.drop(columns="cell"))
    requests, rounds = (rows[rows["request"] >= 1] for rows in (whole.requests, whole.rounds))
    summary = learned.summary
    assert summary["latency_s"] == pytest.approx(requests["latency_s"].mean())
    assert summary["latency_per_token_s"] == pytest.approx(
        requests["latency_s"].sum() / requests["output_tokens"].sum()
    )
    assert summary["payload_bits_per_token"] == pytest.approx(
        rounds["payload_bits"].sum() / requests["output_tokens"].sum()
    )
    assert summary["acceptance_rate"] == pytest.approx(rounds["accepted"].sum() / rounds["verified"].sum())
    assert summary["draft_length"] == pytest.approx(rounds["drafted"].mean())


def test_stations_know_no_such_difference() -> None:
    """Bits on the air and seconds of service are of all requests, and so are the tokens they are divided by."""
    whole, learned = ran(0).summary, ran(1).summary
    for name in ("uplink_bits_per_token", "downlink_bits_per_token", "cloud_s_per_token", "uplink_busy", "cloud_busy"):
        assert learned[name] == whole[name]


def test_what_stations_draw_and_cost_is_divided_by_the_tokens_of_all() -> None:
    """Their work is that of all requests, and devices and servers that are held are so for all of them."""
    figures: dict[str, object] = {
        "edge.power": {"busy_w": 10, "idle_w": 1},
        "uplink.radio": "lte_drx",
        "downlink.radio": "lte_drx",
        "cloud.power": {"busy_w": 100, "idle_w": 10},
        "cloud.usd_per_gpu_hour": 1,
    }
    priced = cell(workload=ASKED).with_(figures)
    summaries = [
        simulate(priced.with_({"workload.learning_requests": learning}), memory=MEMORY).summary for learning in (0, 2)
    ]
    named = [each for each in METRICS if {"j", "usd"} & {*each.split("_")}]
    assert len(named) == 10
    for name in named:
        assert summaries[0][name] == summaries[1][name] > 0


def test_some_must_be_left_to_count() -> None:
    with pytest.raises(ConfigError, match="must leave some to count, at most 2"):
        ran(3)
