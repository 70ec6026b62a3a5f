"""Answers that one scenario alone gives, from tables whose winners are known."""

import pandas as pd

from scenarios.base_station import SCENARIO, slowed
from scenarios.batching import fastest_of_many, relief
from scenarios.features import PLACE, RATE, SENT, beats_the_cloud, border_rows, pays_from, printed_borders
from scenarios.findings.wording import MOST_WORDS


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


def test_features_pay_from_the_rate_at_which_the_curves_of_most_seeds_cross() -> None:
    """What is sent takes 10 ms a token and its own bits, from 0.1 to 1 Mbit a token; the rival of the edge takes 20."""
    megabits = dict(zip(SENT, (1.0, 0.3, 0.1), strict=True))
    times_s = {
        "1.7B at the edge": lambda _: 0.02, "cloud_only": lambda _: 0.03, "EAGLE-3 in the cloud": lambda _: 0.005,
        **{label: lambda rate, each=each: 0.01 + 1e6 * each / rate for label, each in megabits.items()},
    }  # fmt: skip
    rows = [
        {
            "seed": seed,
            "curve": curve,
            PLACE: "round trip 5 ms",
            RATE: rate,
            "latency_per_token_s": time_s(rate / (1 + 0.01 * seed)),
        }
        for rate in (1e6, 1e7, 1e8, 1e9)
        for seed in range(2)
        for curve, time_s in times_s.items()
    ]
    table = pd.DataFrame(rows)
    line = pays_from.report(table, RATE)
    start = "EAGLE-3 fed one 4-bit vector beats the edge's 1.7B from 10 Mbit/s on ("
    assert line.startswith(start) and line.endswith(" at round trip 5 ms"), line
    assert len(line.split()) <= MOST_WORDS
    assert beats_the_cloud.report(table, RATE) == "EAGLE-3 at the edge beats EAGLE-3 in the cloud at 0 of 12 places"
    found = border_rows(table).set_index(["sent", "against"])["from_bps"]
    assert found[:, "1.7B at the edge"].is_monotonic_decreasing and found[:, "EAGLE-3 in the cloud"].isna().all()
    printed = printed_borders(table)
    assert printed is not None and len(printed.groups[0].rows) == 3
    assert pays_from.report(table.iloc[:0], RATE) == beats_the_cloud.report(table.iloc[:0], RATE) == ""
