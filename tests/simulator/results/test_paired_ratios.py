"""Ratios to a rival are paired by seed, and cells find the curves of the summary's rows that they are averaged in."""

import math

import numpy as np
import pandas as pd
import pytest

from simulator.results.intervals import interval, paired, summarise_curves
from simulator.results.paired_ratios import HIGH, LOW, RATIO, ratios, with_curves_of

METRIC, RATE = "latency_per_token_s", "uplink.rate.bps"


def cells() -> pd.DataFrame:
    """Two schemes at two rates over four seeds."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"scheme.kind": kind, "curve": kind, RATE: rate, "seed": seed, METRIC: float(rng.uniform(1, 2))}
        for kind in ("k_sqs", "dense")
        for rate in (1e3, 1e6)
        for seed in range(4)
    )


def test_a_ratio_is_the_exponential_of_the_mean_of_logarithms_over_the_seeds_that_both_have() -> None:
    table = cells().drop(index=[0])  # a seed that the rival alone has
    found = ratios(table, METRIC, table["scheme.kind"] == "dense", [RATE]).set_index(["curve", RATE])
    for rate, seeds in ((1e3, [1, 2, 3]), (1e6, [0, 1, 2, 3])):
        here = table[table[RATE] == rate].pivot(index="seed", columns="curve", values=METRIC).loc[seeds]
        wanted = interval(np.log(here["k_sqs"] / here["dense"]).to_numpy())
        row = found.loc[("k_sqs", rate)]
        assert row[RATIO] == pytest.approx(math.exp(wanted.mean))
        assert row[HIGH] == pytest.approx(math.exp(wanted.mean + wanted.half_width))
        assert row[LOW] == pytest.approx(math.exp(wanted.mean - wanted.half_width))
        assert found.loc[("dense", rate), RATIO] == 1


def test_the_interval_of_a_chosen_setting_has_the_error_of_the_choice_as_its_comparison_with_the_rival_has() -> None:
    table = cells().assign(**{f"{METRIC}_choice_sd": lambda rows: 0.2 * (rows["curve"] == "k_sqs")})
    table["scheme.kind"] = table["scheme.kind"].replace("dense", "cloud_only")
    mine, alone = (table["curve"] == kind for kind in ("k_sqs", "dense"))
    found, rows = ratios(table, METRIC, alone, [RATE]).set_index(["curve", RATE]), summarise_curves(table)
    for rate in (1e3, 1e6):
        at = table[RATE] == rate
        less, row = (
            paired(table, METRIC, mine & at, alone & at),
            rows[(rows["curve"] == "k_sqs") & (rows[RATE] == rate)],
        )
        assert found.loc[("k_sqs", rate), LOW] == pytest.approx(1 + less.low)
        assert row["speedup_high"].item() == pytest.approx(1 / (1 + less.low))
        narrow = paired(cells(), METRIC, mine & at, alone & at)
        assert less.low < narrow.low and less.high > narrow.high


def test_a_place_without_the_rival_or_with_two_of_it_is_left_out() -> None:
    table = cells()
    without = table[(table["scheme.kind"] != "dense") | (table[RATE] > 1e3)]
    assert set(ratios(without, METRIC, without["scheme.kind"] == "dense", [RATE])[RATE]) == {1e6}
    twice = pd.concat([table, table[table["scheme.kind"] == "dense"]], ignore_index=True)
    assert ratios(twice, METRIC, twice["scheme.kind"] == "dense", [RATE]).empty


def test_cells_have_the_curves_of_the_rows_that_they_are_averaged_in_also_of_two() -> None:
    bare = cells().drop(columns="curve").assign(**{"scheme.k": lambda rows: np.where(rows["seed"] < 0, 1.0, np.nan)})
    summary = summarise_curves(bare.assign(curve=bare["scheme.kind"], setting="chosen"))
    both = pd.concat([summary, summary.assign(setting="fixed", curve=summary["curve"] + " k=8")], ignore_index=True)
    found = with_curves_of(both, bare.assign(**{RATE: bare[RATE].astype(int)}))
    assert len(found) == 2 * len(bare)
    chosen = found[found["setting"] == "chosen"].sort_values(
        ["scheme.kind", RATE, "seed"], ascending=[False, True, True]
    )
    assert list(chosen[METRIC]) == list(bare[METRIC]) and list(chosen["curve"]) == list(bare["scheme.kind"])
    assert set(found.loc[found["setting"] == "fixed", "curve"]) == {"k_sqs k=8", "dense k=8"}
