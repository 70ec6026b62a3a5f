"""What is reported of answers that the cloud begins, on a table whose times are known."""

import pandas as pd
import pytest

from scenarios.cloud_first import (
    FIRST,
    PLAIN,
    border,
    borders,
    first_pays,
    first_tokens,
    gains,
    never_far_behind,
    predictor_holds,
    printed_gains,
    with_decodings,
)
from simulator.results.break_even_plane import RTT
from simulator.results.columns import CURVE

AXIS = "workload.prompt_tokens"
TRIPS = (0.01, 0.1)
SCHEMES = {
    "cloud_only": ("cloud_only", None), "edge": ("coupled", None), "first": ("coupled", True),
    "goodput": ("composed", True), "colocated": ("colocated", None),
}  # fmt: skip


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """The cloud alone takes 1 s. An edge that the cloud begins for takes .5 s more for ten times the round trip, from
    .75 s on: it breaks even half way, at 32 ms; one that reads first takes a ms more a token of the prompt, and with
    prompts of 64 a little less far; with 512 nowhere. The policy takes the lesser of both."""
    rows = []
    for name, (kind, begun) in SCHEMES.items():
        for prompt in (64, 512):
            for trip in TRIPS:
                for seed in range(8):
                    first = 0.75 + 0.5 * (trip == TRIPS[1])
                    seconds = {"cloud_only": 1.0, "colocated": 0.3, "first": first, "goodput": min(1.0, first)}
                    latency_s = seconds.get(name, first + prompt / 1e3)
                    rows.append({
                        CURVE: name, "scheme.kind": kind, "scheme.cloud_first": begun, AXIS: prompt, "seed": seed,
                        "uplink.delay.delay_s": trip / 2, "downlink.delay.delay_s": trip / 2,
                        "uplink.delay.kind": "constant", "downlink.delay.kind": "constant",
                        "latency_s": latency_s * (1 + 1e-4 * (seed % 3) * (name != "cloud_only")),
                        "ttft_s": trip + (0.04 if name != "edge" else 4e-3 * prompt),
                    })  # fmt: skip
    return pd.DataFrame(rows)


def test_the_way_of_an_answer_is_who_begins_it(table: pd.DataFrame) -> None:
    rows = with_decodings(table)
    found = dict(zip(rows[CURVE], rows["way"], strict=True))
    assert found == {
        "cloud_only": "cloud_only", "colocated": "colocated", "edge": PLAIN, "first": FIRST,
        "goodput": "cloud first, goodput",
    }  # fmt: skip
    assert set(rows[RTT]) == set(TRIPS)


def test_break_even_is_where_it_is_with_and_without_the_cloud_beginning(table: pd.DataFrame) -> None:
    rows = with_decodings(table)
    short = rows[rows[AXIS] == 64]
    first, plain = border(short, FIRST), border(short, PLAIN)
    assert first is not None and plain is not None and 0.01 < plain.at < first.at < 0.1
    assert first.at == pytest.approx(0.037, rel=0.1)
    line = borders.report(table, AXIS)
    assert "prompt of 512: edge no distance, cloud first 3" in line and "prompt of 64: edge 2" in line


def test_the_answer_counts_places_and_has_at_most_40_words(table: pd.DataFrame) -> None:
    line = first_pays.report(table, AXIS)
    assert line.startswith("seen faster than cloud only: edge at 1, cloud first at 2 of 4 places. Means, prompt of 512")
    assert "edge no distance, cloud first 37 ms (37 ms to 37 ms)" in line
    assert len(line.split()) <= 40


def test_a_policy_that_leaves_all_to_the_cloud_is_measured_by_gain_and_regret_and_has_no_border(
    table: pd.DataFrame,
) -> None:
    assert "goodput" not in borders.report(table, AXIS)
    line = never_far_behind.report(table, AXIS)
    assert "at 2 of 4 prompts and round trips, in the mean by 25.0% at best, and behind it by 0.0% at worst" in line
    assert never_far_behind.report(table[table[CURVE] != "goodput"], AXIS) == ""


def test_the_first_token_is_compared_by_prompt(table: pd.DataFrame) -> None:
    line = first_tokens.report(table, AXIS)
    assert "first token at a round trip of 10 ms / 100 ms" in line
    assert "prompt of 512: cloud only 50 ms / 140 ms, cloud first 50 ms / 140 ms, edge 2.1 s / 2.1 s" in line


def test_the_table_has_ratios_over_cloud_only_decoding_by_begin(table: pd.DataFrame) -> None:
    found = gains(table)
    one = found[(found[AXIS] == 512) & (found[RTT] == 0.01)].set_index("way")["over_alone"]
    assert one[FIRST] == pytest.approx(0.75, rel=1e-3) and one["colocated"] == pytest.approx(0.3, rel=1e-3)
    printed = printed_gains(table)
    assert printed is not None and "512, cloud first, goodput  0.75*    1.00" in printed.text()


def test_without_cloud_only_decoding_nothing_is_reported(table: pd.DataFrame) -> None:
    alone = table[table["scheme.kind"] != "cloud_only"]
    for question in (first_pays, borders, never_far_behind, first_tokens, predictor_holds):
        assert question.report(alone, AXIS) == ""
    assert printed_gains(alone) is None and gains(alone).empty
