"""What scenarios say of factorials, groups and thin links: computed from tables whose answer is known."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest
from typed_command import Typed

from scenarios import Beating, BestMoves, Differences, Fastest, Levels, OneSetting, Reading, Shares, Variance

RATE, TEMPERATURE, SETTING = "uplink.rate.bps", "models.temperature", ("scheme.k", "scheme.resolution")
VARIANCE = Variance((TEMPERATURE, *SETTING), by=RATE)
LINK, KIND = "uplink.label", "downlink.label"


def factorial(seeds: int = 3) -> pd.DataFrame:
    """Temperature alone matters on the fast link; on the thin one K and ell together as well. A row more a setting is
    what the grid gave, which no question is about."""
    rows = []
    for rate, t, k, ell, seed in itertools.product((1e3, 1e6), (0.5, 1.5), (2, 8), (10, 100), range(seeds)):
        sign = (1 if k == 2 else -1) * (1 if ell == 10 else -1)
        latency = t + (0.3 * sign if rate < 1e4 else 0) + 0.001 * ((k + ell + seed) % 3)
        for setting in ("chosen", "fixed"):
            row = {RATE: rate, TEMPERATURE: t, "scheme.k": k, "scheme.resolution": ell, "scheme.max_drafts": 4}
            worse = 10.0 * seed if setting == "fixed" else 0.0
            rows.append({**row, "seed": seed, "setting": setting, "latency_per_token_s": latency + worse})
    return pd.DataFrame(rows)


def links() -> pd.DataFrame:
    """Coupled beats cloud_only on both thin links of one kind, and nothing does on the other."""
    seconds = {
        ("thin", 50.0): {"cloud_only": 1.0, "coupled": 0.5, "edge_only": 0.01},
        ("thin", 1e4): {"cloud_only": 0.15, "coupled": 0.1, "edge_only": 0.01},
        ("GEO", 1e3): {"cloud_only": 0.5, "coupled": 0.9, "edge_only": 0.01},
    }
    rows = [
        {KIND: kind, LINK: f"{kind} {bps:g}", RATE: bps, "scheme.kind": scheme, "curve": scheme, "seed": seed,
         "latency_per_token_s": value * (1 + 0.1 * seed), "tv_output": 0.3 if scheme == "edge_only" else 0.0}
        for ((kind, bps), values), seed in itertools.product(seconds.items(), range(2))
        for scheme, value in values.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_shares_of_a_factorial_are_those_of_what_was_put_in() -> None:
    told = Shares(VARIANCE).told(factorial(), None)
    assert told.startswith(
        "Share of the variance of latency per token (p < 0.05): 1 kbit/s: temperature 74%, K x ell 26%"
    )
    assert "; 1 Mbit/s: temperature 100%, " in told and "fixed" not in told


def test_the_table_of_variance_has_a_row_an_effect_and_reads_as_one() -> None:
    table = VARIANCE.rows(factorial())
    assert list(table.columns) == [RATE, "effect", "degrees", "sum_of_squares", "share", "F", "p"]
    assert len(table) == 2 * (7 + 2) and set(table["effect"]) >= {"temperature", "K x ell", "seed", "residual"}
    assert table.groupby(RATE)["share"].sum().tolist() == pytest.approx([1, 1])
    text = VARIANCE.printed(factorial())
    assert all(len(line) <= 100 for line in text.splitlines())
    (row,) = [line.split() for line in text.splitlines() if line.startswith("temperature  ")]
    assert row[1] == "1" and row[2].startswith("73.5") and row[4] == "<1e-6"
    (row,) = [line.split() for line in text.splitlines() if line.startswith("residual")]
    assert row[-2:] == ["-", "-"]


def test_where_the_best_setting_lies_is_told_with_what_it_carries_along() -> None:
    told = BestMoves(SETTING, (RATE, TEMPERATURE), also=("scheme.max_drafts",)).told(factorial(), None)
    assert told.startswith("Best (K, ell, L), and how many others cannot be told from it: 1 kbit/s temperature 0.5 (")
    assert told.count(";") == 3 and ", 4), 1 tied; 1 kbit/s temperature 1.5 (" in told  # (2, 100) and (8, 10) are alike


def test_one_setting_for_all_is_told_with_what_it_costs_at_each_place() -> None:
    told = OneSetting(SETTING, (RATE, TEMPERATURE)).told(factorial(), None)
    assert told.startswith("One setting for all (K ") and told.count("% ± ") + told.count(" 0% at ") == 4
    assert "at 1 Mbit/s temperature 1.5" in told


@pytest.mark.parametrize("question", [Shares(VARIANCE), BestMoves(SETTING, (RATE,)), OneSetting(SETTING, (RATE,))])
def test_a_table_without_the_factors_has_no_answer(question: Shares | BestMoves | OneSetting) -> None:
    lacking = factorial().drop(columns=["scheme.k", TEMPERATURE, RATE])
    assert question.told(lacking, None) == ""
    hole = factorial().iloc[1:]
    assert Shares(VARIANCE).told(hole, None).count("bit/s: ") == 1  # the other rate is whole


def test_groups_are_told_one_after_another() -> None:
    table = links()
    told = Levels("edge_only", "tv_output", note="lossy").told(table, LINK)
    assert told == "TV output, edge_only: 0.3 in every seed (lossy)"
    told = Differences(("coupled",), ("cloud_only", "edge_only"), "latency_per_token_s", LINK).told(table, LINK)
    assert told.startswith(
        "latency per token, coupled against cloud_only: thin 50 50% lower (the same in every seed), thin 10000 33"
    )
    assert "; coupled against edge_only: thin 50 4,900% higher (the same in every seed)" in told
    for lacking in (Levels("dense", "tv_output", by=LINK), Differences(("dense",), ("k_sqs",), "tv_output", LINK)):
        assert lacking.told(table, LINK) == "" == lacking.told(table.drop(columns=LINK), None)


def test_thin_links_are_told_by_their_kind() -> None:
    table = links()
    assert Reading(RATE, by=KIND).told(table, LINK) == (
        "Within 200 ms a token (reading speed): thin: cloud_only and coupled at 10 kbit/s; edge_only everywhere"
        " | GEO: edge_only everywhere; not cloud_only and coupled (at least 525 ms)"
    )
    assert Beating("cloud_only", RATE, by=KIND, without=("edge_only",)).told(table, LINK) == (
        "Below cloud_only: thin: coupled everywhere (33% to 50%) | GEO: none"
    )
    assert Fastest(RATE, by=KIND, without=("edge_only",)).told(table, LINK) == (
        "Fastest without edge_only: thin: coupled everywhere (525 ms to 105 ms) | GEO: cloud_only everywhere (525 ms)"
    )
    one = table[table[KIND] == "GEO"].drop(columns=[KIND])
    assert Fastest(RATE, by=KIND).told(one, LINK) == "Fastest: cloud_only everywhere (525 ms)"
    lossy = one[one["scheme.kind"] == "edge_only"]
    assert Fastest(RATE, by=KIND).told(lossy, LINK) == "Fastest: edge_only everywhere (10.5 ms)"


def test_an_analysis_is_printed_and_written_beside_the_results(typed: Typed, small: tuple[str, ...]) -> None:
    options = (*small, "--seeds=2", "--grid=scheme.k=2,8", "--set=scheme.max_drafts=1", "--quiet", "--out=here")
    status, out, err = typed("run", "interactions", "--quick", *options)
    assert status == 0, err
    assert "Analysis of variance of latency per token" in out and "here/variance.csv" in out
    assert len(pd.read_csv("here/variance.csv")) == 2 * 9 and "drafts, accepted" not in out
