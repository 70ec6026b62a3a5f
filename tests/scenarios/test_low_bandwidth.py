"""Where each scheme is of use, from tables whose crossings are known."""

import itertools

import pandas as pd

from scenarios import Lowest
from scenarios.low_bandwidth import KIND, RATE, Reach, beating, below, reach_words, reaches, reading

METRIC = "latency_per_token_s"
RATES = (50.0, 200.0, 1e3, 1e4)
SECONDS = {
    "cloud_only": (0.5, 0.25, 0.15, 0.05), "coupled": (0.4, 0.225, 0.175, 0.1), "k_sqs": (0.45, 0.3, 0.125, 0.075),
    "dense": (4.5, 2.0, 0.5, 0.2),
}  # fmt: skip
"""Reading speed is 0.2 s; a seed adds 30% of the mean on average."""


def table(noise: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(
        {"curve": kind, "scheme.kind": kind, RATE: rate, "seed": seed, METRIC: value * (1 + 0.3 * seed)
         + (noise * (seed - 1) if kind != "cloud_only" else 0)}
        for (kind, values), seed in itertools.product(SECONDS.items(), range(3))
        for rate, value in zip(RATES, values, strict=True)
    )  # fmt: skip


def test_a_scheme_reaches_from_where_it_stays_within_reading_speed_and_the_first_is_named():
    found = reaches(table())
    assert [(reach.curve, reach.start) for reach in found] == [
        ("cloud_only", 1e3), ("coupled", 1e4), ("k_sqs", 1e3), ("dense", None),
    ]  # fmt: skip
    assert found[3].lowest == 0.2 * 1.3
    dip = table().assign(**{METRIC: [0.1, 0.5, 0.1, 0.1] * 12})
    assert {reach.start for reach in reaches(dip)} == {1e3}
    assert reach_words(table()) == (
        "cloud only and K-SQS from 1 kbit/s on; coupled (ids only) at 10 kbit/s; not dense lattice (Q-S) (at "
        "least 260 ms)"
    )
    assert isinstance(found[0], Reach)


def test_a_scheme_is_below_its_rival_where_every_seed_says_so():
    assert below(table()) == {
        "coupled": "up to 200 bit/s (10% to 20%)",
        "k_sqs": "at 50 bit/s (10%) and at 1 kbit/s (17%)",
    }
    assert below(table(noise=0.25)) == {}


def links() -> pd.DataFrame:
    """Coupled beats cloud_only on both thin links of one kind, and nothing does on the other."""
    seconds = {
        ("thin", 50.0): {"cloud_only": 1.0, "coupled": 0.5, "edge_only": 0.01},
        ("thin", 1e4): {"cloud_only": 0.15, "coupled": 0.1, "edge_only": 0.01},
        ("GEO", 1e3): {"cloud_only": 0.5, "coupled": 0.9, "edge_only": 0.01},
    }
    rows = [
        {KIND: kind, RATE: bps, "scheme.kind": scheme, "curve": scheme, "seed": seed,
         "latency_per_token_s": value * (1 + 0.1 * seed), "tv_output": 0.3 if scheme == "edge_only" else 0.0}
        for ((kind, bps), values), seed in itertools.product(seconds.items(), range(2))
        for scheme, value in values.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_thin_links_are_reported_by_their_kind():
    table = links()
    assert reading.report(table, KIND) == (
        "Within 200 ms a token (reading speed): thin: cloud only and coupled (ids only) at 10 kbit/s; edge only "
        "everywhere"
        " | GEO: edge only everywhere; not cloud only and coupled (ids only) (at least 525 ms)"
    )
    assert (
        beating.report(table, KIND) == "Below cloud only: thin: coupled (ids only) everywhere (33% to 50%) | GEO: none"
    )
    fastest = Lowest(by=KIND, over=RATE, without=("edge_only",))
    assert fastest.report(table, "uplink.label") == (
        "latency per token over uplink fastest, without edge only: downlink label thin: everywhere coupled (ids only) "
        "is lowest, 33% to 50% below the next (cloud only) | downlink label GEO: everywhere cloud only is lowest, 44% "
        "below the next (coupled (ids only))"
    )
