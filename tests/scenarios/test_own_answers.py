"""Answers that one scenario alone gives, from tables whose winners are known."""

import pandas as pd

from scenarios.base_station import SCENARIO, slowed
from scenarios.batching import fastest_of_many, relief


def test_the_answer_has_what_a_token_takes_alone_and_among_all_by_each_way_to_give_out_slots() -> None:
    ways = {"in turn": (0.04, 0.06), "proportional": (0.04, 0.05), "own blocks": (0.05, 0.06)}
    rows = [
        {"seed": seed, "curve": f"k_sqs label={way}", SCENARIO.axis: devices, "latency_per_token_s": time_s}
        for way, times_s in ways.items()
        for seed in range(2)
        for devices, time_s in zip((1, 128), times_s, strict=True)
    ]
    assert slowed.report(pd.DataFrame(rows), SCENARIO.axis) == (
        "time a token, 1 to 128 devices: in turn 40 to 60 ms, 1.5 times; proportional 40 to 50 ms, 1.25 times; "
        "own blocks 50 to 60 ms, 1.2 times"
    )


def test_what_relieves_a_loaded_gpu_is_held_against_the_best_way_to_batch_rounds_of_one_length() -> None:
    times_s = {
        ("k_sqs", "k_sqs batching=none cap=1"): (0.05, 0.8),
        ("k_sqs", "k_sqs batching=continuous cap=64"): (0.05, 0.1),
        ("cloud_only", "cloud_only batching=continuous cap=64"): (0.02, 0.05),
        ("composed", "drafts by load batching=continuous cap=64"): (0.05, 0.06),
        ("composed", "cut by confidence batching=continuous cap=64"): (0.05, 0.12),
    }
    rows = [
        {"seed": seed, "scheme.kind": kind, "curve": curve, SCENARIO.axis: devices, "latency_per_token_s": time_s}
        for (kind, curve), times in times_s.items()
        for seed in range(2)
        for devices, time_s in zip((1, 64), times, strict=True)
    ]
    assert fastest_of_many.report(pd.DataFrame(rows), SCENARIO.axis) == (
        "with 64 devices continuous (cap 64) takes 100 ms a token, 87.5% lower (the same in every seed) than none (cap "
        "1); against that cloud only 50% less, drafts by load 40% less and cut by confidence 20% more"
    )
    assert "64 devices: cloud only 50% lower (the same in every seed), " in relief.report(
        pd.DataFrame(rows), SCENARIO.axis
    )
