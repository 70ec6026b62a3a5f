"""What is reported of many schemes on one link, on a table whose answers are known."""

import re

import pandas as pd

from scenarios.rivals import AIR, HEADER, on_air, printed_on_air, who_wins, winners
from simulator.results.column_names import CHOSEN, FIXED

AXIS, DELAY = "uplink.rate.bps", "uplink.delay.delay_s"
SECONDS = {"cloud_only": (0.3, 0.2), "k_sqs": (4.0, 1.0), "coupled": (1.0, 0.6), "edge_only": (0.1, 0.1)}


def table() -> pd.DataFrame:
    """Two rates and two delays; the longer adds a second to all but `edge_only`, in which lies no link."""
    return pd.DataFrame(
        {"curve": f"{kind} delay_s={delay:g}" + (" L=4" if setting == FIXED else ""), "scheme.kind": kind, "seed": seed,
         "scheme.code": "enumerative" if kind == "k_sqs" else None, AXIS: rate, DELAY: delay, "setting": setting,
         "latency_per_token_s": (seconds + (delay > 0.1 and kind != "edge_only")) * (1 + seed),
         "lossy": kind == "edge_only", HEADER: 320,
         "payload_bits_per_token": 0.0 if "only" in kind else 100 * seconds, "reply_bits_per_token": 10.0,
         "uplink_bits_per_token": 1000.0 + rate, "downlink_bits_per_token": 200.0}
        for kind, both in SECONDS.items()
        for rate, seconds in zip((1e3, 1e4), both, strict=True)
        for delay in (0.005, 0.3)
        for setting in (CHOSEN, FIXED)
        for seed in range(2)
    )  # fmt: skip


def test_the_answer_says_who_wins_and_what_the_edge_gains_over_the_papers_scheme():
    assert who_wins.report(table(), AXIS) == (
        "cloud only is fastest of the lossless at all 4 links; coupled (ids only): at best 75% less than published "
        "K-SQS"
    )


def test_the_table_of_winners_has_a_row_a_rate_and_a_column_a_delay_and_marks_what_is_not_clear():
    lines = winners("winners").printed(table()).text().splitlines()
    assert re.split("  +", lines[-3]) == ["uplink rate", "uplink delay 5 ms", "uplink delay 300 ms"]
    assert re.split("  +", lines[-2]) == ["1 kbit/s", "cloud only 450 ms, 70%", "cloud only 1,950 ms, 35%"]
    rows = winners("winners", ["cloud_only"]).rows(table())
    assert list(rows["lowest"]) == ["coupled"] * 4 and list(rows["next"]) == ["k_sqs"] * 4
    assert winners("winners").printed(table().drop(columns=DELAY)) is None
    cells = table()
    cells.loc[(cells[AXIS] == 1e3) & (cells[DELAY] < 0.1), "latency_per_token_s"] = float("nan")
    first, second = winners("winners").printed(cells).text().splitlines()[-2:]
    assert re.split("  +", first) == ["1 kbit/s", "-", "cloud only 1,950 ms, 35%"]
    assert re.split("  +", second)[:2] == ["10 kbit/s", "cloud only 300 ms, 67%"]
    cells = table()
    close = (cells["scheme.kind"] == "cloud_only") & (cells["seed"] == 1)
    cells.loc[close, "latency_per_token_s"] *= 3.5
    assert winners("winners").printed(cells).text().splitlines()[-2].count("~") == 2
    assert "coupled" in winners("winners").rows(cells)["not_distinguishable"].iloc[0]


def test_bits_both_ways_are_reported_from_the_least_to_the_most_over_links():
    lines = printed_on_air(table()).text().splitlines()
    (of_coupled,) = (line for line in lines if line.startswith("coupled"))
    assert of_coupled.split()[-4:] == ["60.0..100", "10.0", "2,000..11,000", "200"]
    assert any(line.startswith("edge only (lossy)") for line in lines) and len(lines) == 3 + len(SECONDS)
    assert len(on_air(table())) == len(SECONDS) * 4
    assert on_air(table().drop(columns=DELAY))[AIR[1]].eq(10.0).all()
