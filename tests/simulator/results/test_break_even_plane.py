"""The plane of x and A: on tables whose rounds are known, and on cells whose stages have closed forms."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from cells import cell

from simulator import simulate
from simulator.cell.dotted_names import flatten
from simulator.results.break_even_plane import (
    ACCEPTED,
    CLOUD_X,
    DEVICES,
    OPPONENT,
    PAIR,
    PAYLOAD,
    PREDICTED,
    ROUND,
    RTT,
    STAGES,
    TARGET,
    TIME,
    X,
    map_and_load,
    pairs,
    plane,
)
from simulator.results.columns import BREAKDOWN

AXIS = "uplink.delay.delay_s"
T, C, A, TOKENS = 0.04, 0.05, 2.0, 300
TRIPS = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16)


def row(kind: str, accepted: float, rtt_s: float, seed: int, target_s: float = T, **fields: Any) -> dict[str, object]:
    """Cloud-only decoding at T a token, or rounds of C and a round trip, with a prompt that no round pays."""
    alone = kind == OPPONENT
    rounds = TOKENS / (1 + accepted)
    per_token_s = target_s if alone else (C + rtt_s) * rounds / TOKENS
    parts = dict.fromkeys(BREAKDOWN, 0.0) | {"prompt_uplink_s": 0.7, "prefill_s": 0.9}
    parts |= {"cloud_decode_s": T} if alone else {
        "draft_s": 0.6 * C * rounds / TOKENS, "verify_s": 0.4 * C * rounds / TOKENS,
        "propagation_s": rtt_s * rounds / TOKENS,
    }  # fmt: skip
    return {
        "cell": f"{kind} {rtt_s} {seed}", "curve": kind, "scheme.kind": kind, "seed": seed, AXIS: rtt_s / 2,
        "downlink.delay.delay_s": rtt_s / 2, "uplink.rate.bps": 1e6, "models.pair.kind": "synthetic",
        "cloud.latency.kind": "affine", "cloud.latency.base_s": target_s, "workload.devices": 1, "answered": 1.0,
        "scheme.max_drafts": math.nan if alone else 4.0, ACCEPTED: math.nan if alone else accepted,
        TIME: per_token_s, "latency_per_token_s": per_token_s, "latency_s": per_token_s * TOKENS,
        "tail_tokens": 0.0, "cloud_s_per_token": target_s if alone else target_s * rounds / TOKENS, **parts, **fields,
    }  # fmt: skip


def table(accepted: float = A, seeds: int = 3, target_s: float = T) -> pd.DataFrame:
    """Seeds differ a little in what they accept."""
    return pd.DataFrame(
        [
            row(kind, accepted * (1 + seed / 100), trip, seed, target_s)
            for kind in (OPPONENT, "k_sqs")
            for trip in TRIPS
            for seed in range(seeds)
        ]
    )


def test_x_is_what_a_round_takes_in_target_passes_less_one_and_the_prompt_is_no_part_of_it() -> None:
    found = plane(table(seeds=1))
    assert len(found) == len(TRIPS) and set(found["scheme.kind"]) == {"k_sqs"}
    assert found[ROUND].tolist() == pytest.approx([C + trip for trip in TRIPS])
    assert found[X].tolist() == pytest.approx([(C + trip) / T - 1 for trip in TRIPS])
    assert found[RTT].tolist() == pytest.approx(TRIPS) and found[TARGET].tolist() == [T] * len(TRIPS)
    assert found[PREDICTED].tolist() == pytest.approx(found[TIME].tolist())


def test_tokens_cut_at_the_end_of_answers_are_no_shorter_rounds() -> None:
    cut = table(seeds=1).assign(tail_tokens=30.0)  # 330 tokens committed by as many rounds as 300 were told of
    assert plane(cut)[ROUND].tolist() == pytest.approx([(C + trip) / 1.1 for trip in TRIPS])


def test_clocks_that_serve_several_numbers_of_devices_are_no_part_of_the_map() -> None:
    load = pd.DataFrame(
        [
            row(kind, A, 0.01, 0, **{DEVICES: devices, "cloud.latency.kind": "roofline", "cloud_s_per_token": seconds})
            for devices, alone, mine in ((1, 0.04, 0.02), (10, 0.01, 0.01), (100, 0.002, 0.004))
            for kind, seconds in ((OPPONENT, alone), ("k_sqs", mine))
        ]
    )
    other = table(target_s=2 * T).assign(**{"models.pair.kind": "published", "models.pair.name": "llama_1b_70b"})
    assert list(dict.fromkeys(pairs(pd.concat([table(), other], ignore_index=True)))) == ["synthetic", "llama_1b_70b"]
    on_map, shared = map_and_load(pd.concat([table(), load], ignore_index=True))
    assert len(on_map) == len(table()) and len(shared) == len(load)
    x_gpu = plane(shared)[CLOUD_X].tolist()
    assert x_gpu == pytest.approx([3 * 0.5 - 1, 3 * 1.0 - 1, 3 * 2.0 - 1])


def test_rounds_that_cross_no_air_are_no_part_of_the_map() -> None:
    sent = table().assign(**{PAYLOAD: 50.0})
    inside = sent[sent["scheme.kind"] == "k_sqs"].assign(**{"scheme.kind": "colocated", PAYLOAD: 0.0})
    on_map, shared = map_and_load(pd.concat([sent, inside], ignore_index=True))
    assert set(on_map["scheme.kind"]) == {OPPONENT, "k_sqs"} and len(on_map) == len(sent) and shared.empty


def test_a_clock_that_both_have_leaves_the_map_a_map_and_the_load_a_load() -> None:
    """As `--set cloud.latency=...` pins it."""
    load = [
        row(kind, A, 0.01, 0, **{DEVICES: devices, "workload.distinct": 8.0})
        for kind in (OPPONENT, "k_sqs")
        for devices in (1, 10)
    ]
    mixed = pd.concat([table().assign(**{"workload.distinct": math.nan}), pd.DataFrame(load)], ignore_index=True)
    on_map, shared = map_and_load(mixed)
    assert (len(on_map), len(shared)) == (len(table()), len(load))


@pytest.mark.parametrize("without", [OPPONENT, "k_sqs"])
def test_without_one_of_the_two_there_is_nothing_to_say(without: str) -> None:
    rest = table()[lambda rows: rows["scheme.kind"] != without]
    assert plane(rest).empty
    assert plane(table().drop(columns=TIME)).empty


def test_x_of_simulated_rounds_is_their_draft_airtime_round_trip_and_verification() -> None:
    draft_s, verify_s, delay_s, bps, drafts = 0.006, 0.04, 0.015, 1e5, 3
    clocks = {"edge": draft_s, "cloud": verify_s}
    fields = {f"{end}.latency": {"kind": "affine", "base_s": s, "per_token_s": 0.0} for end, s in clocks.items()}
    fields |= {f"{way}.delay": {"kind": "constant", "delay_s": delay_s} for way in ("uplink", "downlink")}
    fields |= {"workload.output_tokens": 120, "workload.requests": 2, "workload.prompt_at_cloud": True}
    fields |= {f"{way}.arq": "selective_repeat" for way in ("uplink", "downlink")}
    runs = [simulated(kind, bps, fields) for kind in (OPPONENT, {"kind": "k_sqs", "k": 8, "max_drafts": drafts})]
    (found,) = plane(pd.DataFrame(runs)).to_dict("records")
    up_s = (found["payload_bits_per_draft"] * found["draft_length"] + 320) / bps
    stages_s = found["draft_length"] * (draft_s + 1e-4) + up_s + 2 * delay_s + verify_s
    assert found[TARGET] == pytest.approx(verify_s, rel=1e-3)
    assert found[X] == pytest.approx(stages_s / verify_s - 1, rel=0.01)  # the reply's bits are left out
    assert found[PREDICTED] == pytest.approx(found[TIME], rel=0.04)
    assert (found[ACCEPTED] > found[X]) == (found[TIME] < found[TARGET])
    assert found[PAIR] == "synthetic" and set(STAGES) < set(BREAKDOWN)


def simulated(scheme: object, bps: float, fields: dict[str, Any]) -> dict[str, object]:
    """A row of a table of cells."""
    given = cell(scheme, bps, **fields)
    return {**flatten(given), **simulate(given).summary}
