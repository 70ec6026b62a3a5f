"""What the scenario `adaptive` is to show, at its ends and on one fading link, with one device."""

from __future__ import annotations

import numpy as np
import pytest

from scenarios.adaptive import FADES, KEPT, RATES, SCENARIO
from scenarios.command.run.run_plan import Changes, plan_of
from simulator import Cell, simulate
from simulator.decoding.memory import Memory

SEEDS = 3
GOODPUT = {"kind": "rungs", "settings": KEPT, "policy": "goodput"}
RIVALS = ["cloud_only", *({"kind": "k_sqs", "k": 32, "max_drafts": drafts} for drafts in (1, 2, 4, 8))]


def base() -> Cell:
    return plan_of(SCENARIO, Changes(settings={"workload.devices": 1})).cells[0]


def mean_s(scheme: object, rate: object) -> float:
    cells = base().grid({"scheme": [scheme], "uplink.rate": [rate], "seed": range(SEEDS)})
    return float(np.mean([simulate(each, memory=Memory()).summary["latency_per_token_s"] for each in cells]))


@pytest.mark.slow
@pytest.mark.parametrize("rate", [RATES[0], RATES[-1]], ids=["slow", "fast"])
def test_where_the_link_stays_it_is_within_three_percent_of_the_better(rate: object) -> None:
    assert mean_s(GOODPUT, rate) < 1.03 * min(mean_s(rival, rate) for rival in RIVALS)


@pytest.mark.slow
def test_where_the_link_fades_it_is_better_than_any_one_setting() -> None:
    assert mean_s(GOODPUT, FADES[1]) < 0.97 * min(mean_s(rival, FADES[1]) for rival in RIVALS)
