"""Where each scheme is of use, from tables whose crossings are known."""

from __future__ import annotations

import itertools

import pandas as pd

from simulator.results.usefulness import Reach, below, fastest, first_within, reach_words, reaches

AXIS, METRIC = "uplink.rate.bps", "latency_per_token_s"
RATES = (50.0, 200.0, 1e3, 1e4)
SECONDS = {
    "cloud_only": (1.0, 0.5, 0.3, 0.1),
    "coupled": (0.8, 0.45, 0.35, 0.2),
    "k_sqs": (0.9, 0.6, 0.25, 0.15),
    "dense": (9.0, 4.0, 1.0, 0.4),
}


def table(noise: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(
        {"curve": kind, "scheme.kind": kind, AXIS: rate, "seed": seed, METRIC: value * (1 + 0.3 * seed)
         + (noise * (seed - 1) if kind != "cloud_only" else 0)}
        for (kind, values), seed in itertools.product(SECONDS.items(), range(3))
        for rate, value in zip(RATES, values, strict=True)
    )  # fmt: skip


def test_a_scheme_reaches_from_where_it_stays_within_the_limit() -> None:
    found = reaches(table(), AXIS, METRIC, 0.4)  # a seed adds 30% of the mean on average
    assert [(reach.curve, reach.start) for reach in found] == [
        ("cloud_only", 1e3), ("coupled", 1e4), ("k_sqs", 1e3), ("dense", None),
    ]  # fmt: skip
    assert found[3].lowest == 0.4 * 1.3
    dip = table().assign(**{METRIC: [0.1, 0.5, 0.1, 0.1] * 12})
    assert {reach.start for reach in reaches(dip, AXIS, METRIC, 0.4)} == {1e3}


def test_reaches_are_told_together_where_they_are_the_same() -> None:
    found = [Reach("a", 50.0, 0.1), Reach("b", 1e3, 0.1), Reach("c", 1e3, 0.2), Reach("d", None, 0.6),
             Reach("e", None, 0.5), Reach("f", 1e4, 0.2)]  # fmt: skip
    assert reach_words(found, AXIS, METRIC, RATES) == (
        "a everywhere; b and c from 1 kbit/s on; f at 10 kbit/s; not d and e (at least 500 ms)"
    )


def test_a_scheme_is_below_its_rival_where_every_seed_says_so() -> None:
    assert below(table(), AXIS, METRIC, "cloud_only") == {
        "coupled": "up to 200 bit/s (10% to 20%)",
        "k_sqs": "at 50 bit/s (10%) and at 1 kbit/s (17%)",
    }
    assert below(table(noise=0.5), AXIS, METRIC, "cloud_only") == {}


def test_the_fastest_is_told_with_what_it_takes_at_both_ends() -> None:
    assert fastest(table(), AXIS, METRIC) == (
        "coupled up to 200 bit/s (1.04 s to 585 ms), k_sqs at 1 kbit/s (325 ms), cloud_only at 10 kbit/s (130 ms)"
    )
    one = table()
    assert fastest(one[one["curve"] == "dense"], AXIS, METRIC) == "dense everywhere (11.7 s to 520 ms)"


def test_the_first_scheme_within_a_limit_is_told_or_the_nearest_to_it() -> None:
    assert first_within(table(), AXIS, METRIC, 0.4) == "from 1 kbit/s on (cloud_only and k_sqs)"
    assert first_within(table(), AXIS, METRIC, 0.01) == "nowhere (cloud_only is nearest, 130 ms)"
    assert first_within(table(), AXIS, METRIC, 99.0).startswith("everywhere (cloud_only, coupled, k")
