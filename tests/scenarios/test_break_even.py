"""What is reported of break-even on a table whose answers are known; and grids beside a scenario's own."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pandas as pd
import pytest

from scenarios import Also, Quick, Scenario
from scenarios.break_even import (
    Limit,
    break_even,
    cloud_time,
    limits,
    printed_break_even,
    sign_holds,
    standings,
    wins_below,
    wins_where,
)
from scenarios.command.registry import scenario
from scenarios.command.run.run_plan import Changes, plan_of
from simulator.results.columns import BREAKDOWN

AXIS = "uplink.delay.delay_s"
TRIPS = (0.01, 0.02, 0.04, 0.08)


def row(target_s: float, trip: float, kind: str, seed: int, accepted: float = 2.0) -> dict[str, object]:
    per_token_s = target_s if kind == "cloud_only" else (0.05 + trip) / (1 + accepted)
    return {
        "cell": f"{target_s} {trip} {kind} {seed}", "curve": f"{kind} base_s={target_s}", "seed": seed,
        "scheme.kind": kind, "scheme.max_drafts": 4.0, AXIS: trip / 2, "downlink.delay.delay_s": trip / 2,
        "uplink.rate.bps": 1e6, "models.pair.kind": "smollm2", "cloud.latency.kind": "affine",
        "cloud.latency.base_s": target_s, "accepted_per_round": accepted if kind == "k_sqs" else float("nan"),
        "tpot_s": per_token_s, "latency_per_token_s": per_token_s, "latency_s": 90 * per_token_s, "tail_tokens": 0.0,
        "cloud_s_per_token": 0.01, **dict.fromkeys(BREAKDOWN, 0.0), "verify_s": per_token_s,
    }  # fmt: skip


def table() -> pd.DataFrame:
    """Rounds of 50 ms and a round trip with 2 of their drafts accepted, against 30 and 40 ms a token: they break even
    at round trips of 40 and 70 ms."""
    places = itertools.product((0.03, 0.04), TRIPS, ("cloud_only", "k_sqs"), (0, 1))
    return pd.DataFrame([row(*place) for place in places])


def test_the_sentences_name_winners_and_the_round_trip_times_below_which_a_scheme_wins():
    assert sign_holds.report(table(), AXIS).startswith("The sign of A - x names the faster in all 8 settings")
    assert wins_below.report(table(), AXIS) == (
        "k_sqs is faster than the cloud alone below a round-trip time of, at 1 Mbit/s and T = 30 ms / 40 ms: "
        "smollm2 40 ms / 69 ms"
    )
    line = wins_where.report(table(), AXIS)
    assert "of 8 pairs, targets, rates and round-trip times: k_sqs 5, cloud_only 3" in line
    assert "with smollm2 at T = 40 ms and 1 Mbit/s (69 ms)" in line
    assert cloud_time.report(table(), AXIS) == ""  # no clock serves several numbers of devices
    swapped = table()
    drafts = swapped["scheme.kind"] == "k_sqs"
    swapped.loc[drafts, "tpot_s"] = swapped.loc[drafts, "cloud.latency.base_s"] ** 2 / swapped.loc[drafts, "tpot_s"]
    assert "all but 7 of 8 settings; of 1 within 0.1 of 0 it misses 0, of others 7" in sign_holds.report(swapped, AXIS)


def test_the_table_has_a_row_a_pair_target_and_rate_and_there_is_none_without_the_scheme():
    lines = printed_break_even(table()).text().splitlines()
    assert [line.split("  ")[0] for line in lines[4:6]] == [f"smollm2, {t} ms, 1 Mbit/s" for t in (30, 40)]
    assert lines[4].split("  ")[1:5] == ["2.00 > 1.00", "2.00 > 1.33", "2.00 ~ 2.00", "2.00 < 3.33"]
    assert lines[4].endswith(" 40 ms") and lines[5].endswith(" 69 ms")
    written = break_even(table())
    assert len(written) == 8 and written["wins_below_s"].between(0.039, 0.07).all()
    assert (written["faster"] == "yes").sum() == 5
    alone = table()[lambda rows: rows["scheme.kind"] == "cloud_only"]
    for question in (sign_holds, wins_below, wins_where, cloud_time):
        assert question.report(alone, AXIS) == ""
    assert printed_break_even(alone) is None and break_even(alone).empty and not limits(alone)


def at(accepted: float, seeds: int = 1) -> Limit:
    places = itertools.product((0.04,), TRIPS, ("cloud_only", "k_sqs"), range(seeds))
    (found,) = limits(pd.DataFrame([row(*place, accepted * (1 + place[3] / 100)) for place in places]))
    return found


def test_a_scheme_wins_below_the_round_trip_time_at_which_its_round_takes_a_plus_1_target_passes():
    assert at(2.0).at_s == pytest.approx(3 * 0.04 - 0.05, rel=0.03)  # logarithms are taken to be straight
    several = at(2.0, seeds=3)
    low, high = several.ends_s
    assert low < several.at_s < high and several.words(spread=True).startswith("70 ms (68 ms to ")


@pytest.mark.parametrize(("accepted", "at_s", "words"), [(0.2, 0.0, "none from 10 ms"), (9.0, math.inf, "over 80 ms")])
def test_a_scheme_that_wins_nowhere_or_everywhere_says_up_to_where_it_was_seen(accepted, at_s, words):
    assert (at(accepted).at_s, at(accepted).words()) == (at_s, words)


def test_the_cloud_s_time_is_asked_of_clocks_that_serve_several_numbers_of_devices():
    load = [
        {**row(0.04, 0.01, kind, 0), "workload.devices": devices, "cloud.latency.kind": "roofline",
         "cloud_s_per_token": seconds}
        for devices, alone, mine in ((1, 0.04, 0.02), (10, 0.01, 0.01), (100, 0.002, 0.004))
        for kind, seconds in (("cloud_only", alone), ("k_sqs", mine))
    ]  # fmt: skip
    both = pd.concat([table().assign(**{"workload.devices": 1}), pd.DataFrame(load)], ignore_index=True)
    assert cloud_time.report(both, AXIS).endswith(
        ", roofline: k_sqs up to 10 (A 2.00 against 0.50 at 1, A 2.00 against 5.00 at 100)"
    )
    assert len(standings(both)) == len(standings(table())), "they are no part of the map"


BESIDE = Scenario(
    name="beside",
    summary="",
    minutes=1,
    base={"models.pair": {"kind": "synthetic", "size": 32}, "workload.requests": 1},
    grid={"scheme": ["cloud_only", "k_sqs"], "uplink.rate.bps": [1e4, 1e6]},
    seeds=2,
    also=[
        Also({"workload.devices": [1, 5, 9]}, {"workload.requests": 2}, {"workload.devices": [5]}),
        Also({"seed": [7]}),
    ],
    quick=Quick(seeds=1),
)


def test_a_grid_beside_the_first_adds_its_cells_and_a_quick_run_has_those_that_say_so():
    cells = plan_of(BESIDE, Changes()).cells
    assert len(cells) == 2 * 2 * 2 + 3 * 2 + 1
    assert {(cell.workload.devices, cell.workload.requests) for cell in cells} == {(1, 1), (1, 2), (5, 2), (9, 2)}
    quick = plan_of(BESIDE, Changes(quick=True)).cells
    assert [(cell.workload.devices, cell.seed) for cell in quick[4:]] == [(5, 0)]


def test_a_users_change_holds_in_every_grid_and_one_that_cannot_take_it_is_left_out_aloud():
    mine = plan_of(replace(BESIDE, also=BESIDE.also[:1]), Changes(settings={"workload.output_tokens": 3}))
    assert {cell.workload.output_tokens for cell in mine.cells} == {3} and not mine.warnings
    dense = replace(BESIDE, also=[Also({"scheme": ["dense"], "workload.devices": [5]})])
    refused = plan_of(dense, Changes(settings={"scheme.k": 3}))
    assert len(refused.cells) == 8
    assert any("the grid over scheme, workload.devices is left out: scheme.k" in line for line in refused.warnings)


@pytest.mark.parametrize("quick", [False, True])
def test_the_scenario_leaves_none_of_its_grids_out(quick):
    plan = plan_of(scenario("break_even"), Changes(quick=quick, seeds=1, grid={"uplink.rate.bps": [1e6]}))
    assert not [line for line in plan.warnings if "left out" in line]
    assert {cell.workload.devices for cell in plan.cells} > {1}
