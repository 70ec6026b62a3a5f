"""What is reported of trees beside a chain, on a table whose answers are known."""

from __future__ import annotations

import re

import pandas as pd

from scenarios.trees import DISTANCE as BY
from scenarios.trees import RATE as AXIS
from scenarios.trees import gains, gains_table, printed_gains, trees_pay, trees_pay_where

RATES = (1e3, 1e5)
TREE = {0.1: (1.44, 1.1), 0.4: (1.25, 0.8)}
"""Times of the tree over the chain's at both rates: the second crosses in the middle of their logarithms."""


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {"curve": f"{kind} distance={tv}", "scheme.kind": kind, "seed": seed, AXIS: rate, BY: tv,
         "acceptance_rate": 1 - tv, "latency_per_token_s": (1 + seed) * (times if kind == "tree" else 1.0)}
        for kind in ("k_sqs", "tree")
        for tv, both in TREE.items()
        for rate, times in zip(RATES, both, strict=True)
        for seed in range(3)
    )  # fmt: skip


def test_a_tree_pays_from_the_rate_at_which_it_crosses_the_chain_and_the_answer_counts_the_places():
    assert trees_pay.report(table(), AXIS) == (
        "latency per token below that of k_sqs, over uplink rate, by the chain's acceptance, acceptance 0.90: tree "
        "nowhere | acceptance 0.60: tree from 10 kbit/s on"
    )
    assert trees_pay.report(table().drop(columns=BY), AXIS) == ""
    assert trees_pay_where.report(table(), AXIS) == (
        "the best tree is below k_sqs by latency per token at 1 of 4 rates and acceptances; most at 100 kbit/s and "
        "acceptance 0.60, tree: 20% lower (the same in every seed)"
    )
    noisy = table()
    noisy.loc[(noisy["scheme.kind"] == "tree") & (noisy["seed"] == 0), "latency_per_token_s"] *= 1.5
    assert "at 0 of 4 rates" in trees_pay_where.report(noisy, AXIS), "a gain that the seeds cannot tell is none"


def test_the_table_has_a_row_a_tree_and_acceptance_and_a_star_where_it_is_below():
    lines = printed_gains(table()).text().splitlines()
    assert [re.split("  +", line) for line in lines[-3:]] == [
        ["tree, by uplink rate", "1 kbit/s", "100 kbit/s"], ["a = 0.90, tree", "1.44", "1.10"],
        ["a = 0.60, tree", "1.25", "0.80*"],
    ]  # fmt: skip
    rows = gains_table(table())
    assert len(rows) == 4 and list(rows["over_chain"].round(2)) == [1.44, 1.1, 1.25, 0.8]
    assert [gain.less.lower for gain in gains(table())] == [False, False, False, True]
    chainless = table().query("`scheme.kind` != 'k_sqs'")
    assert trees_pay.report(chainless, AXIS) == trees_pay_where.report(chainless, AXIS) == ""
    assert printed_gains(chainless) is None


def test_a_run_that_has_nothing_to_draw_names_no_figures(done):
    alone = ["--grid=scheme=k_sqs", "--grid=uplink.rate.bps=1e4", "--grid=models.pair.distance=0.2", "--seeds=1"]
    small = [
        "--set=workload.output_tokens=2",
        "--set=models.pair.size=64",
        "--set=scheme.max_drafts=1",
        "--set=scheme.k=4",
    ]
    out = done("run", "trees", "--quick", "--quiet", "--workers=1", *alone, *small)
    assert "results/trees_quick   2 runs" in out and "Figures" not in out
