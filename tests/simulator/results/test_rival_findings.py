"""Many schemes on one link, from a table whose outcome is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from simulator.results.intervals import Difference, Interval
from simulator.results.rival_findings import AIR, TimeShare, named_without, on_air, shares

AXIS, METRIC = "uplink.rate.bps", "latency_per_token_s"
SECONDS = {"paper": (4.0, 1.0), "coupled": (1.0, 0.6), "dense": (3.0, 0.8), "edge": (0.1, 0.1)}


def table() -> pd.DataFrame:
    """Three seeds; of `coupled` at 1 kbit/s each has another share of the paper's, .25 on average."""
    return pd.DataFrame(
        {"curve": curve, "scheme.kind": curve, AXIS: rate, "seed": seed, "lossy": curve == "edge",
         METRIC: (seconds + 0.4 * (seed - 1) * ((curve, rate) == ("coupled", 1e3))) * (1 + 0.5 * seed)}
        for curve, both in SECONDS.items()
        for rate, seconds in zip((1e3, 1e4), both, strict=True)
        for seed in range(3)
    )  # fmt: skip


def test_the_best_lossless_is_a_share_of_its_rival_seed_by_seed() -> None:
    slow, fast = shares(table(), AXIS, [1e3, 1e4, 1e5], "paper", METRIC)
    assert (slow.at, slow.curve, fast.at, fast.curve) == (1e3, "coupled", 1e4, "coupled")
    logs = np.log([0.15, 0.25, 0.35])
    half = 4.3027 * logs.std(ddof=1) / 3**0.5
    assert slow.less.size == pytest.approx(np.expm1(logs.mean()))
    assert [slow.less.low, slow.less.high] == pytest.approx(
        [*np.expm1(logs.mean() + np.array([-half, half]))], rel=1e-4
    )
    assert 1 + fast.less.size == pytest.approx(0.6) and fast.less.same
    assert not list(shares(table(), AXIS, [1e3], "nobody", METRIC))


def test_a_rival_that_is_the_best_takes_all_of_its_own_time() -> None:
    (alone,) = shares(table()[lambda rows: rows["curve"].isin(["paper", "edge"])], AXIS, [1e3], "paper", METRIC)
    assert alone.curve == "paper" and alone.less.size == 0


@pytest.mark.parametrize(("mean", "half", "found"), [(0.4, 0.08, True), (0.6, 0.09, False), (0.45, 0.09, None)])
def test_a_share_is_within_a_limit_that_its_interval_leaves_out(mean: float, half: float, found: bool | None) -> None:
    assert TimeShare(1e3, "a", Difference(METRIC, Interval(math.log(mean), half / mean, 3))).within(0.5) is found


def test_a_share_that_all_seeds_agree_on_may_be_the_limit() -> None:
    assert TimeShare(1e3, "a", Difference(METRIC, Interval(math.log(0.5), math.nan, 3))).within(0.5) is True


def test_a_name_loses_one_field_and_keeps_the_others() -> None:
    up, loss = "uplink.delay.delay_s", "uplink.loss.kind"
    curves = ["dense delay_s=0.05", "k_sqs code=recoded delay_s=0.3 loss=none delay_s=0.1"]
    named = pd.DataFrame({"curve": curves, up: [0.05, 0.3], loss: ["none", "none"]})
    assert list(named_without(named, up)["curve"]) == ["dense", "k_sqs code=recoded loss=none delay_s=0.1"]
    assert list(named_without(named, loss)["curve"]) == curves


def test_what_is_on_the_air_is_a_mean_over_seeds_at_each_place() -> None:
    cells = table().assign(**dict.fromkeys(AIR, 1.0))
    cells[AIR[0]] = 10.0 * (1 + cells["seed"])
    found = on_air(cells, [AXIS, "not.there"])
    assert len(found) == 8 and set(found[AIR[0]]) == {20.0} and list(found["curve"].unique()) == list(SECONDS)
