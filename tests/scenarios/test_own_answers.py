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
        "with 128 devices against 1, a token takes at most 1.5 times as long (in turn); 1.25 (proportional), 1.2 (own "
        "blocks)"
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
        "with 64 devices continuous (cap 64) takes 87.5% less than none (cap 1); drafts by load a further 40% less"
    )
    assert "64 devices: cloud only 50% lower (the same in every seed), " in relief.report(
        pd.DataFrame(rows), SCENARIO.axis
    )
