"""What is reported of rejections, on drafts that are made up one by one and pooled by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from scenarios.resampling import Rejections, beside_bound, how_often, how_often_and_why, martingale, slack
from simulator.results.intervals import interval

CURVES = ("dense", "k_sqs")
COLUMNS = (
    "resampling_per_draft", "tv_qhat", "tv_mismatch", "dropped_mass", "tv_quantization", "covering_bound",
    "tv_compression", "rejection_bound",
)  # fmt: skip


def drafts(curve: str, seed: int, position: int) -> np.ndarray:
    """Those of a cell at a position, rows in the order of COLUMNS; more at earlier positions, none at the last."""
    generator = np.random.default_rng([len(curve), seed, position])
    made = generator.uniform(0.1, 0.4, (9 * seed + 11 - 3 * position if position < 3 else 0, len(COLUMNS)))
    made[:, 0] = made[:, 0] > 0.2
    return made


def table() -> pd.DataFrame:
    rows = []
    for curve in CURVES:
        for seed in (1, 2, 3):
            pooled = np.concatenate([drafts(curve, seed, position) for position in (1, 2)])
            sd = math.sqrt((pooled[:, 1] * (1 - pooled[:, 1])).sum())
            z = (pooled[:, 0] - pooled[:, 1]).sum() / sd
            for position in (1, 2, 3):
                found = drafts(curve, seed, position)
                means = found.mean(axis=0) if len(found) else np.full(len(COLUMNS), np.nan)
                rows.append(
                    {"curve": curve, "cell": f"{curve}{seed}", "seed": seed, "position": position}
                    | {"verified_drafts": len(found), "rejections_z": z, "rejections_sd": sd}
                    | dict(zip(COLUMNS, means, strict=True))
                )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("curve", CURVES)
def test_a_curve_is_the_mean_over_all_its_drafts_whatever_their_cell_and_position(curve):
    rows = table()
    found = Rejections(rows[(rows["curve"] == curve) & (rows["verified_drafts"] > 0)])
    pooled = np.concatenate([drafts(curve, seed, position) for seed in (1, 2, 3) for position in (1, 2)])
    mean = dict(zip(COLUMNS, pooled.mean(axis=0), strict=True))
    assert found.drafts == len(pooled)
    assert found.measured == pytest.approx(mean["resampling_per_draft"])
    assert found.expected == pytest.approx(mean["tv_qhat"]) and found.bound == pytest.approx(mean["rejection_bound"])
    assert found.triangle == pytest.approx(mean["tv_mismatch"] + mean["tv_compression"] - mean["tv_qhat"])
    assert found.overlap == pytest.approx(mean["dropped_mass"] + mean["tv_quantization"] - mean["tv_compression"])
    assert found.covering == pytest.approx(mean["covering_bound"] - mean["tv_quantization"])
    off, variance = (pooled[:, 0] - pooled[:, 1]).sum(), (pooled[:, 1] * (1 - pooled[:, 1])).sum()
    assert found.deviations == pytest.approx(off / math.sqrt(variance))
    assert found.farthest == pytest.approx(rows.loc[rows["curve"] == curve, "rejections_z"].abs().max())


def test_the_parts_of_the_slack_add_up_to_it():
    """Where the bound is its three terms."""
    rows = table()
    rows["rejection_bound"] = rows["tv_mismatch"] + rows["dropped_mass"] + rows["covering_bound"]
    for curve in CURVES:
        found = Rejections(rows[(rows["curve"] == curve) & (rows["verified_drafts"] > 0)])
        assert found.triangle + found.overlap + found.covering == pytest.approx(found.bound - found.expected)


def test_what_is_reported_and_nothing_of_nothing():
    row = dict(zip(COLUMNS, (0.25, 0.3, 0.2, 0.5, 0.01, 122.0, 0.45, 122.7), strict=True))
    one = {"curve": "dense", "cell": "a", "verified_drafts": 1500, "rejections_z": -2.5, "rejections_sd": 3.0}
    rows = pd.DataFrame([row | one, row | one | {"cell": "b", "rejections_z": 0.5, "verified_drafts": 500}])
    assert beside_bound.report(rows, None).endswith("(1 where larger): dense lattice (Q-S) 0.25, 0.30, 1")
    assert slack.report(rows, None).endswith(": dense lattice (Q-S) 122 = 0.35 + 0.06 + 122")
    assert "at most 2.5 sd in each of 2 cells, 1.4 over all seeds of a curve" in martingale.report(rows, None)
    assert martingale.report(rows, None).endswith("asserted of 2,000 drafts")
    rows = table()[lambda rows: rows["position"] == 3]
    assert beside_bound.report(rows, None) == slack.report(rows, None) == martingale.report(rows, None) == ""


def test_an_answer_is_of_the_first_and_the_last_position_that_was_reached_and_of_the_loosest_term():
    reached = table().query("verified_drafts > 0")
    at_first = reached["position"] == 1
    first, last = ([Rejections(rows) for _, rows in at.groupby("curve")] for _, at in reached.groupby("position"))
    line = how_often.report(table(), None)
    low, high = (f"{end(each.expected for each in first):.2f}" for end in (min, max))
    half = max(interval(rows["tv_qhat"].to_numpy()).half_width for _, rows in reached[at_first].groupby("curve"))
    assert line.startswith(f"drafts are rejected with probability {low} to {high} (± {half:.2g}) at position 1, ")
    low, high = (f"{end(each.expected for each in last):.2f}" for end in (min, max))
    assert f" {low} to {high} at" in line and line.endswith(" at position 2")
    loose = table().assign(covering_bound=122.0)
    because = "the bound's loosest term: covering bound"
    assert how_often_and_why.report(loose, None) == f"{line}; {because}"
    assert how_often.report(table().iloc[:0], None) == how_often_and_why.report(table().iloc[:0], None) == ""
