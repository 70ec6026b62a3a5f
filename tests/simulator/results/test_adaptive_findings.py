"""What is said of a policy that adapts, from tables whose means are known."""

from __future__ import annotations

import pandas as pd
import pytest

from simulator.results.adaptive_findings import against_better, against_limit

METRIC = "latency_per_token_s"
MEANS = {"cloud_only": (40.0, 40.0), "k_sqs": (80.0, 30.0), "goodput": (41.0, 27.0), "oracle": (40.0, 25.0)}


def table() -> pd.DataFrame:
    """Two rates that stay and the same two that fade, where the policy is better by a half."""
    rows = []
    for name, means in MEANS.items():
        for fading in (False, True):
            for bps, mean in zip((1e4, 1e6), means, strict=True):
                for seed, luck in enumerate((0.9, 1.0, 1.1)):
                    value = mean * luck * (0.5 if fading and name == "goodput" else 1.0)
                    looks = name == "goodput"
                    rows.append(
                        {
                            "curve": name,
                            "scheme.kind": "rungs" if looks else name,
                            "scheme.policy.kind": name if looks else "fixed_length",
                            "uplink.rate.kind": "rayleigh" if fading else "constant",
                            "bps": bps,
                            "seed": seed,
                            METRIC: value,
                        }
                    )
    return pd.DataFrame(rows)


def test_the_better_rival_is_found_place_by_place_and_the_worst_place_is_told_first() -> None:
    told = against_better(table(), "bps", "goodput", ("cloud_only", "k_sqs"), ("uplink.rate.kind",), METRIC)
    stays, fades = told.split("; ")
    assert "2.5% higher" in stays and "(cloud_only)" in stays and "10% lower" in stays and "(k_sqs)" in stays
    assert "48.7% lower" in fades and "55% lower" in fades


def test_the_gap_to_the_oracle_is_told_from_the_least_to_the_most() -> None:
    told = against_limit(table(), "bps", "goodput", "oracle", ("uplink.rate.kind",), METRIC)
    stays = told.split("; ")[0]
    assert stays.index("2.5% higher") < stays.index("8% higher") and "no edge can" in told


@pytest.mark.parametrize("missing", ["goodput", "oracle"])
def test_nothing_is_said_where_one_of_the_two_is_missing(missing: str) -> None:
    rows = table()
    assert against_limit(rows[rows["curve"] != missing], "bps", "goodput", "oracle", (), METRIC) == ""
    assert against_limit(rows.drop(columns="scheme.policy.kind"), "bps", "goodput", "oracle", (), METRIC) == ""
