"""Sentences about languages and the like: each group by itself, schemes paired within it."""

from __future__ import annotations

import itertools

import pandas as pd

from simulator.results.groups import differences, groups, levels, sentence, summed_up

BY = "models.pair.prompts"
FILES = {"/home/me/french.jsonl": 2.0, "/home/me/english.jsonl": 1.0}


def table(seeds: int = 3) -> pd.DataFrame:
    """A seed shifts all schemes of a language alike; k_sqs is a tenth below dense in one, above it in the other."""
    rows = []
    for (file, level), kind, seed in itertools.product(FILES.items(), ("dense", "k_sqs"), range(seeds)):
        factor = 1.0 if kind == "dense" else 0.9 if level == 1 else 1.1
        value = level * (1 + 0.5 * (seed - 1)) * factor
        rows.append({BY: file, "scheme.kind": kind, "curve": kind, "seed": seed, "latency_per_token_s": value})
    return pd.DataFrame(rows)


def test_groups_come_in_order_of_appearance_by_the_name_of_their_file() -> None:
    assert [name for name, _ in groups(table(), BY)] == ["french", "english"]


def test_a_mean_has_the_interval_of_its_own_group() -> None:
    told = levels(table(), BY, "dense", "latency_per_token_s")
    assert told == "french 2 s ± 2.5 s, english 1 s ± 1.2 s"  # t = 4.303, sd 1 and 0.5, over the root of 3
    assert levels(table(1), BY, "dense", "latency_per_token_s") == "french 1 s, english 500 ms"
    assert levels(table(), BY, "nothing", "latency_per_token_s") == ""


def test_over_all_groups_a_seed_counts_once() -> None:
    assert levels(table(), None, "dense", "latency_per_token_s") == "1.5 s ± 1.9 s"


def test_schemes_are_compared_seed_by_seed_within_a_group() -> None:
    told = differences(table(), BY, "k_sqs", "dense", "latency_per_token_s")
    assert told == "french 10% higher (the same in every seed), english 10% lower (the same in every seed)"
    assert differences(table(), BY, "k_sqs", "nothing", "latency_per_token_s") == ""


def test_a_metric_that_a_scheme_has_not_is_left_out() -> None:
    cells = table()
    cells.loc[cells["scheme.kind"] == "k_sqs", "latency_per_token_s"] = float("nan")
    assert differences(cells, BY, "k_sqs", "dense", "latency_per_token_s") == ""
    assert sentence("latency_per_token_s", "") == ""
    assert sentence("latency_per_token_s", "dense: a 1 s") == "latency per token, dense: a 1 s"


def test_differences_are_summed_up_by_their_sign() -> None:
    metric = "latency_per_token_s"
    assert summed_up(table(), BY, "k_sqs", "dense", metric) == "10% lower in english, 10% higher in french"
    apart = table()
    apart.loc[apart["scheme.kind"] == "k_sqs", metric] *= 0.1
    assert summed_up(apart, BY, "k_sqs", "dense", metric) == "89% to 91% lower in all 2"
    noisy = table().assign(**{metric: lambda rows: rows[metric] * (1 + rows["seed"] * (rows["curve"] == "dense"))})
    assert "not distinguishable in" in summed_up(noisy, BY, "k_sqs", "dense", metric)
