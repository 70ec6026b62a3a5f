"""Answers that one scenario alone gives, from tables whose winners are known."""

from __future__ import annotations

import pandas as pd

from scenarios.base_station import SCENARIO, slowed


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
