"""What is reported of fronts, on a table of three loads whose answer is known, and of the scenario that asks it."""

from typing import Final

import pandas as pd
import pytest

from models.power import PRICES
from scenarios.pareto import (
    budget_pays,
    fronts,
    on_front,
    on_front_apart,
    prices_matter,
    printed_fronts,
    several_are_fastest,
    smallest_is_fastest,
    two_cost_least,
    undominated,
    watts_stand,
)
from simulator.results.pareto_fronts import PAYING

LOAD: Final = "workload.devices"
COSTS: Final = {
    "cloud_only": (0.030, 0.0, 40.0), "colocated": (0.010, 0.0, 12.0), "k_sqs": (0.020, 0.5, 8.0),
    "edge_only": (0.005, 0.9, 0.0),
}  # fmt: skip
"""Seconds, and joules of the device's processor and of the cloud's passes; with 16 devices K-SQS takes more than
co-located speculation."""


def cells() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "curve": kind, "scheme.kind": kind, LOAD: load, "seed": seed, "lossy": kind == "edge_only",
            "cloud.usd_per_gpu_hour": "a100_specialist_2026", "edge.power.busy_w": 60.0, "edge.power.standing": "limit",
            "edge.power.least_share": 0.2, "cloud.power.busy_w": 11.9, "cloud.power.standing": "measured",
            "uplink.power_w": "lte", "latency_per_token_s": seconds * (1 + 0.01 * seed),
            "edge_j_per_token": edge, "radio_j_per_token": 0.2, "busy_usd_per_million_tokens": cloud / load,
            "held_usd_per_million_tokens": 4 * cloud / load, "cloud_busy": 0.25,
            "cloud_busy_j_per_token": (20.0 if load > 1 and kind == "k_sqs" else cloud * (1 + 0.002 * seed)) / load,
        }
        for kind, (seconds, edge, cloud) in COSTS.items()
        for load in (1, 16)
        for seed in range(8)
    )  # fmt: skip


def test_the_answer_names_who_is_on_the_front_at_each_load_perhaps_by_means_alone():
    table = cells()
    table.loc[(table[LOAD] == 16) & (table["scheme.kind"] == "k_sqs"), "busy_usd_per_million_tokens"] = 2.0
    assert on_front.report(table, LOAD) == (
        "at 1 device K-SQS takes 33.3% less cloud energy than co-located speculation; on the front at 16 devices: "
        "co-located speculation"
    )
    assert on_front_apart.report(table, LOAD) == (
        "where the cloud may not draft, undominated, over devices: at 1 and 16 cloud only and K-SQS"
    )
    table = cells()
    colocated = table["scheme.kind"] == "colocated"
    table.loc[colocated, "latency_per_token_s"] = 0.029 * table["seed"].map(lambda seed: 1.3 if seed % 2 else 0.7)
    assert undominated("undominated", table[table["scheme.kind"] != "k_sqs"]) == (
        "undominated, over devices: at 1 and 16 co-located speculation (perhaps cloud only)"
    )


def test_prices_that_move_no_front_and_prices_that_do_are_reported():
    """A rent that is no multiple of the cloud's joules, as of other GPUs: then energy can cost more than it saves."""
    assert prices_matter.report(cells(), LOAD) == (
        "The front at a100_specialist_2026 and grid_home_2025 is the same at the other 3 prices, at every load"
    )
    table = cells()[lambda rows: rows["scheme.kind"].isin(["colocated", "k_sqs"])]
    table = table.assign(latency_per_token_s=1.0, cloud_busy_j_per_token=1.0, edge_j_per_token=0.0)
    table.loc[table["scheme.kind"] == "k_sqs", "radio_j_per_token"] = 0.7
    table["busy_usd_per_million_tokens"] = 1.0
    table.loc[table["scheme.kind"] == "k_sqs", "busy_usd_per_million_tokens"] = 0.5
    line = prices_matter.report(table, LOAD)
    assert "1 at a100_specialist_2026 and phone_battery_2025 without K-SQS" in line


def test_dollars_of_passes_alone_stand_beside_those_of_gpus_held_at_a_load():
    """By hand: held for four times the passes, the joules of the device apart, at the price that the passes have."""
    row = fronts(cells()).set_index([LOAD, "curve"]).loc[(1, "k_sqs")]
    rent = 8.0 * PRICES[PAYING[-1].gpu].usd / PRICES["a100_specialist_2026"].usd
    held, busy = (row[f"most_{name}usd_per_million_tokens"] for name in ("held_", ""))
    assert held - busy == pytest.approx(3 * rent) and row["cloud_busy"] == 0.25
    printed = printed_fronts(cells())
    assert printed.columns[4:7] == ["USD busy", "held", "at load"]
    assert {line[1][6].value for line in printed.groups[0].rows} == {"25%"}
    bare = printed_fronts(cells().assign(held_usd_per_million_tokens=float("nan")))
    assert {line[1][5].value for line in bare.groups[0].rows} == {"-"}


def of_three_drafters(policy_ms: float, policy_j: float) -> pd.DataFrame:
    """Cells without a price, of drafters of three sizes: milliseconds and the device's joules by drafts a round. The
    middle drafter is the fastest, with two drafts; beside its lengths a policy."""
    known = {
        ("10k", 1): (60, 0.2), ("10k", 2): (61, 0.4), ("100k", 1): (52, 0.3), ("100k", 2): (48, 0.5),
        ("100k", 8): (64, 1.5), ("1m", 1): (64, 1.2), ("1m", 2): (70, 2.0), ("100k", 0): (policy_ms, policy_j),
    }  # fmt: skip
    return pd.DataFrame(
        {
            "curve": f"{'k_sqs' if drafts else 'composed'} {drafts} {drafter}", LOAD: 1, "seed": seed,
            "scheme.kind": "k_sqs" if drafts else "composed", "models.pair.drafter": drafter,
            "scheme.max_drafts": drafts or 8, "scheme.policy.kind": None if drafts else "entropy_exit",
            "latency_per_token_s": 1e-3 * ms * (1 + 0.01 * seed + 0.001 * (seed % 3) * drafts),
            "edge_j_per_token": joules * (1 + 0.001 * (seed % 3) * drafts),
            "radio_j_per_token": 0.0, "cloud_busy_j_per_token": 20.0 * (1 + 0.01 * seed),
        }
        for (drafter, drafts), (ms, joules) in known.items()
        for seed in range(8)
    )  # fmt: skip


def test_claims_on_size_and_length_are_ruled_by_the_best_of_each_side():
    table = pd.concat([cells(), of_three_drafters(50, 0.4)])
    line = smallest_is_fastest.report(table, LOAD)
    assert line.startswith("does not hold: ") and "k sqs 1 10k against k sqs 2 100k 24.89% higher" in line
    line = several_are_fastest.report(table, LOAD)
    assert line.startswith("does not hold: lower at 1, higher at 2 of 3 places") and "drafter 1m" in line
    assert fronts(table).equals(fronts(cells())), "without a price there is no place on a front"


@pytest.mark.parametrize(
    ("ms", "joules", "ruling"), [(25, 0.2, "holds"), (50, 0.2, "does not hold"), (25, 0.4, "does not hold")]
)
def test_the_budget_holds_where_time_and_joules_fall_as_far_as_claimed(ms, joules, ruling):
    line = budget_pays.report(of_three_drafters(ms, joules), LOAD)
    assert line.startswith(f"{ruling}: device joules {100 - 200 * joules:.0f}.")
    assert "than the fastest fixed length; device joules" in line and line.endswith("than 8 drafts")


def test_two_drafts_are_the_cheapest_where_no_length_takes_less_in_joules_or_rent():
    table = cells()[lambda rows: rows["scheme.kind"] == "k_sqs"].assign(**{"scheme.max_drafts": 2})
    dearer = table.assign(
        curve="k_sqs 4", busy_usd_per_million_tokens=9.0, cloud_busy_j_per_token=30.0, **{"scheme.max_drafts": 4}
    )
    assert two_cost_least.report(pd.concat([table, dearer]), LOAD).startswith("holds: lower at 4, higher at 0 of 4")
    swapped = pd.concat([table.assign(**{"scheme.max_drafts": 4}), dearer.assign(**{"scheme.max_drafts": 2})])
    assert two_cost_least.report(swapped, LOAD).startswith("does not hold: lower at 0, higher at 4 of 4")


def test_each_watt_says_how_it_stands():
    assert watts_stand.report(cells(), LOAD) == (
        "Watts at work: edge 12 to 60 W (a data sheet's limit); cloud 11.9 W (measured); radio lte (unverified); idle "
        "processors count nothing"
    )


def test_the_table_has_a_row_a_setting_and_load_and_prints_who_dominates():
    table = cells()
    rows = fronts(table)
    assert len(rows) == len(COSTS) * 2
    row = rows[(rows[LOAD] == 1) & (rows["curve"] == "k_sqs")].iloc[0]
    assert row["device_least_j_per_token"] == pytest.approx(0.2 * 0.5 + 0.2)
    assert row["device_j_per_token"] == pytest.approx(0.7)
    assert row["least_usd_per_million_tokens"] < row["most_usd_per_million_tokens"]
    printed = printed_fronts(table).text().splitlines()
    assert max(map(len, printed)) <= 100
    assert any(line.startswith("cloud_only") and line.endswith("no, colocated") for line in printed)
    assert any(line.startswith("edge_only") and line.endswith("lossy") for line in printed)


@pytest.mark.parametrize(
    "asked",
    [on_front, prices_matter, watts_stand, smallest_is_fastest, several_are_fastest, two_cost_least, budget_pays],
)
def test_without_watts_nothing_is_reported(asked):
    bare = cells()[["curve", "scheme.kind", LOAD, "seed", "latency_per_token_s"]]
    assert asked.report(bare, LOAD) == "" and printed_fronts(bare) is None
