"""What is reported of a full factorial, computed from a table whose answer is known."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from scenarios.interactions import (
    RATE,
    TEMPERATURE,
    best_moves,
    best_settings,
    one_for_all,
    one_setting,
    printed_variance,
    shares,
    variance_table,
)


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


def test_the_shares_of_a_factorial_are_those_of_what_was_put_in():
    line = shares.report(factorial(), None)
    assert line.startswith(
        "Share of the variance of latency per token (p < 0.05): 1 kbit/s: temperature 74%, K x ell 26%"
    )
    assert "; 1 Mbit/s: temperature 100%, " in line and "fixed" not in line


def test_the_table_of_variance_has_a_row_an_effect_and_reads_as_one():
    table = variance_table(factorial())
    assert list(table.columns) == [RATE, "effect", "degrees", "sum_of_squares", "share", "F", "p"]
    assert len(table) == 2 * (7 + 2) and set(table["effect"]) >= {"temperature", "K x ell", "seed", "residual"}
    assert table.groupby(RATE)["share"].sum().tolist() == pytest.approx([1, 1])
    text = printed_variance(factorial()).text()
    assert all(len(line) <= 100 for line in text.splitlines())
    (row,) = [line.split() for line in text.splitlines() if line.startswith("temperature  ")]
    assert row[1] == "1" and row[2].startswith("73.5") and row[4] == "<1e-6"
    (row,) = [line.split() for line in text.splitlines() if line.startswith("residual")]
    assert row[-2:] == ["-", "-"]


def test_where_the_best_setting_lies_and_what_one_for_all_costs_is_reported():
    line = best_moves.report(factorial(), None)
    assert line.startswith(
        "Best (K, ell, L), and how many others cannot be distinguished from it: 1 kbit/s temperature 0.5 ("
    )
    assert line.count(";") == 3 and ", 4), 1 tied; 1 kbit/s temperature 1.5 (" in line  # (2, 100) and (8, 10) are alike
    line = one_setting.report(factorial(), None)
    assert line.startswith("One setting for all (K ") and line.count("% ± ") + line.count(" 0% at ") == 4
    assert "at 1 Mbit/s temperature 1.5" in line


@pytest.mark.parametrize("question", [shares, best_moves, one_setting])
def test_a_table_without_the_factors_has_no_answer(question):
    lacking = factorial().drop(columns=["scheme.k", TEMPERATURE, RATE])
    assert question.report(lacking, None) == ""
    hole = factorial().iloc[1:]
    assert shares.report(hole, None).count("bit/s: ") == 1  # the other rate is whole


SECONDS = {1e3: {(2, 10): 1.0, (2, 100): 2.0, (8, 10): 1.4, (8, 100): 3.0},
           1e6: {(2, 10): 0.4, (2, 100): 0.3, (8, 10): 0.2, (8, 100): 0.1}}  # fmt: skip
"""Best at (2, 10), then at (8, 100); in the middle (8, 10): 1.4 times the best, then twice as much."""


def settings(noise: float = 0.0, seeds: int = 3) -> pd.DataFrame:
    """Each value scaled by what its seed shifts everywhere, and by noise that is its own."""
    return pd.DataFrame(
        {"scheme.k": k, "scheme.resolution": ell, RATE: rate, TEMPERATURE: 1.0, "seed": seed,
         "latency_per_token_s": value * (1 + 0.2 * seed + noise * ((place + seed) % 3 - 1))}
        for (rate, each), seed in itertools.product(SECONDS.items(), range(seeds))
        for place, ((k, ell), value) in enumerate(each.items())
    ).sample(frac=1, random_state=1, ignore_index=True)  # fmt: skip


def test_the_best_of_each_place_is_found_and_the_one_of_least_summed_ln_ratio_for_all():
    found = best_settings(settings(), (RATE,))
    # what a seed shifts everywhere hides nothing: settings are paired
    assert [(each.at, each.setting, each.tied) for each in found] == [((1e3,), (2, 10), 0), ((1e6,), (8, 100), 0)]
    # the first setting and the last have the same noise, so nothing hides their difference
    assert [each.tied for each in best_settings(settings(noise=0.5), (RATE,))] == [2, 2]
    assert [each.tied for each in best_settings(settings(seeds=1), (RATE,))] == [3, 3]
    found = one_for_all(settings())
    assert found is not None and found[0] == (8, 10)  # ln of 1.4 x 2, against 1 x 4, 2 x 3 and 3 x 1
    assert [each.size for each in found[1].values()] == pytest.approx([0.4, 1.0]) and found[1][(1e3, 1.0)].same


@pytest.mark.usefixtures("undrawn")
def test_an_analysis_is_printed_and_written_beside_the_results(done, small):
    options = (*small, "--seeds=2", "--grid=scheme.k=2,8", "--set=scheme.max_drafts=1", "--quiet", "--out=here")
    out = done("run", "interactions", "--quick", *options, "--details")
    assert "Analysis of variance of latency per token" in out and "variance.csv" in out
    assert len(pd.read_csv("here/variance.csv")) == 2 * 9 and "drafts, accepted" not in out
