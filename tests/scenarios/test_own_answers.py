"""Answers that one scenario alone gives, from tables whose winners are known."""

from __future__ import annotations

import re

import pandas as pd

from scenarios import hand_over
from scenarios.base_station import SCENARIO, slowed
from scenarios.hand_over import BACKHAUL, fastest_relocation


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


def test_the_answer_has_the_fastest_way_on_by_backhaul_and_prompt_and_the_least_that_it_gains() -> None:
    """Kept is twice as fast behind the longer prompt on both backhauls, and as fast as moved behind the shorter."""
    rows = [
        {
            "seed": seed, "curve": f"coupled relocation={way} backhaul_bps={rate:g}", BACKHAUL: rate,
            hand_over.SCENARIO.axis: prompt, "tpot_s": 0.02 * slower + 0.001 * (seed if slower > 1 else 3 - seed),
        }
        for way in ("kept", "moved") for rate in (1e9, 1e10) for prompt in (1024, 8192) for seed in range(4)
        for slower in [2 if (way, prompt) == ("moved", 8192) else 1]
    ]  # fmt: skip
    text = fastest_relocation.report(pd.DataFrame(rows), hand_over.SCENARIO.axis)
    assert text.startswith("prompts of 1,024 and 8,192 tokens, fastest by backhaul: 1 Gbit/s and 10 Gbit/s ~kept, kept")
    assert re.search(r"; TPOT at least 4[0-9.]+% lower \(.* to .*\) than the next$", text)
