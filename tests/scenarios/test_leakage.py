"""What is reported of a leak, on a table of made-up seeds; and the least information by Fano, beside its channel."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from scenarios.findings.question import ask_in_one_breath
from scenarios.leakage import alike, beyond_chance, fano_bits, leaks, leaks_most, printed, rows_of

CHANCE = 0.025
ACCURACY = {("k_sqs", 8): 0.02, ("k_sqs", 1024): 0.03, ("c_sqs", 8): 0.2, ("c_sqs", 512): 0.1, ("c_sqs", 1024): 0.04,
        ("cloud_only", 8): CHANCE}  # fmt: skip


def table() -> pd.DataFrame:
    """Four seeds .01 apart of each curve and padding, 40 prompts; of cloud_only all seeds alike."""
    return pd.DataFrame(
        {"curve": curve, "scheme.kind": curve, "seed": seed, "cell": f"{curve} {padded} {seed}",
         "padded_to_bits": padded,
         "prompt_accuracy": share + (0 if curve == "cloud_only" else 0.01 * (seed - 1.5)), "kind_accuracy": 2 * share,
         "prompts": 40, "prompt_chance": CHANCE, "kind_chance": 0.1,
         "round_sizes": 1 if padded == 1024 or curve == "cloud_only" else 30, "uplink_bits_per_token": 100.0 + padded,
         "latency_per_token_s": (0.1 + padded * 1e-4) * (1 + 0.1 * seed)}
        for (curve, padded), share in ACCURACY.items()
        for seed in range(4)
    )  # fmt: skip


def test_the_answer_names_who_tells_most_and_what_hiding_it_costs_in_forty_words():
    line = ask_in_one_breath(leaks_most, table(), "padded_to_bits")
    half = 3.182446 * np.std(0.01 * np.arange(4), ddof=1) / 2  # Student's t, 3 degrees of freedom
    ends = f"{100 * (0.2 - half):.2g}% to {100 * (0.2 + half):.2g}%"
    assert line == (
        f"C-SQS tells most: one of 40 prompts in 20% ({ends}) of requests, "
        "guessing 2.5%; at one size for all 4%, for 2 times the time a token"
    )
    assert len(line.split()) <= 40 and leaks_most.report(table().head(0), None) == ""


def test_only_paddings_that_leave_one_size_count_as_hidden():
    found = alike(table())
    assert {curve: leak.padded_to_bits for curve, leak in found.items()} == {"k_sqs": 1024, "c_sqs": 1024}
    assert beyond_chance.report(table(), None).endswith(
        "unpadded 1 of 3 (C-SQS 20%); at one size for all 0 of 2 (none)"
    )


def test_the_table_has_all_paddings_and_what_is_printed_the_first_and_the_one_that_hides():
    rows = rows_of(table())
    assert [*zip(rows["scheme"], rows["padded_to_bits"], strict=True)] == [
        ("k_sqs", 8), ("k_sqs", 1024), ("c_sqs", 8), ("c_sqs", 512), ("c_sqs", 1024), ("cloud_only", 8)
    ]  # fmt: skip
    assert rows["prompt_accuracy"].tolist() == pytest.approx([*ACCURACY.values()])
    last = rows.iloc[4]
    assert last["over_unpadded"] == pytest.approx((0.1 + 0.1024) / (0.1 + 8e-4))
    assert last["least_information_bits"] < 1e-9 < rows.iloc[2]["least_information_bits"]
    shown = printed(table())
    assert shown is not None
    names = [name for name, _ in shown.groups[0].rows]
    assert names == [
        "K-SQS, unpadded", "K-SQS, to 1024 bits", "C-SQS, unpadded", "C-SQS, to 1024 bits", "cloud only, unpadded"
    ]  # fmt: skip
    assert printed(table().head(0)) is None
    (alone,) = [leak for leak in leaks(table()) if leak.curve == "cloud_only"]
    assert alone.words == "2.5%" and alone.least_bits < 1e-9


@pytest.mark.parametrize("prompts", [2, 7, 42])
def test_fanos_bound_is_met_by_the_channel_that_errs_evenly(prompts):
    for accuracy in (1 / prompts, 0.5, 0.9, 1.0):
        joint = np.full((prompts, prompts), (1 - accuracy) / (prompts - 1) / prompts)
        np.fill_diagonal(joint, accuracy / prompts)
        information = sum(each * math.log2(each * prompts**2) for each in joint.ravel() if each > 0)
        assert fano_bits(accuracy, prompts) == pytest.approx(information, abs=1e-9)
    assert fano_bits(0.0, prompts) == pytest.approx(0.0, abs=1e-9)
