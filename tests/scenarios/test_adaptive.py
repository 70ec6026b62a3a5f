"""What the scenario `adaptive` is to show, at its ends and on one fading link; and its findings, of known means."""

import numpy as np
import pandas as pd
import pytest

from scenarios.adaptive import FADES, KEPT, SCENARIO, against_better
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
@pytest.mark.parametrize("bps", [3e3, 1e6])
def test_where_the_link_stays_it_is_within_three_percent_of_the_better(bps):
    rate = {"kind": "constant", "bps": bps}
    assert mean_s(GOODPUT, rate) < 1.03 * min(mean_s(rival, rate) for rival in RIVALS)


@pytest.mark.slow
def test_where_the_link_fades_it_is_better_than_any_one_setting():
    assert mean_s(GOODPUT, FADES[0]) < 0.97 * min(mean_s(rival, FADES[0]) for rival in RIVALS)


MEANS = {"cloud_only": (40.0, 40.0), "k_sqs": (80.0, 30.0), "goodput": (41.0, 27.0)}


def table() -> pd.DataFrame:
    """Two rates that stay and the same two that fade, where the policy is better by a half."""
    return pd.DataFrame(
        {"curve": name, "scheme.kind": "rungs" if name == "goodput" else name, "bps": bps, "seed": seed,
         "scheme.policy.kind": name if name == "goodput" else "fixed_length",
         "uplink.rate.kind": "rayleigh" if fading else "constant",
         "latency_per_token_s": mean * (0.9 + 0.1 * seed) * (0.5 if fading and name == "goodput" else 1.0)}
        for name, means in MEANS.items() for fading in (False, True)
        for bps, mean in zip((1e4, 1e6), means, strict=True) for seed in range(3)
    )  # fmt: skip


def test_the_better_rival_is_found_at_each_rate():
    stays, fades = against_better.report(table(), "bps").split("; ")
    assert "2.5% higher" in stays and "(cloud only)" in stays and "10% lower" in stays and "(K-SQS)" in stays
    assert "48.7% lower" in fades and "55% lower" in fades


def test_without_the_policy_or_a_rival_there_is_nothing_to_report():
    rows = table()
    assert against_better.report(rows[rows["curve"] != "goodput"], "bps") == ""
    assert against_better.report(rows[rows["curve"] == "goodput"], "bps") == ""
    assert against_better.report(rows.drop(columns="scheme.policy.kind"), "bps") == ""
