"""Trees beside a chain, from a table whose outcome is known."""

from __future__ import annotations

import pandas as pd
import pytest

from simulator.results.tree_gains import acceptance, best_gains, gains

AXIS, BY, METRIC = "uplink.rate.bps", "models.pair.distance", "latency_per_token_s"
TIMES = {"k_sqs": 1.0, "tree": 0.8, "multi_candidate": 1.1}


def table() -> pd.DataFrame:
    """Two distances and rates, three seeds. At the longer distance and the lower rate the tree takes half."""
    return pd.DataFrame(
        {"curve": f"{kind} distance={tv}", "scheme.kind": kind, "seed": seed, AXIS: rate, BY: tv,
         METRIC: (0.5 if (kind, tv, rate) == ("tree", 0.4, 1e3) else times) * (1 + seed), "acceptance_rate": 1 - tv}
        for kind, times in TIMES.items() for tv in (0.1, 0.4) for rate in (1e3, 1e6) for seed in range(3)
    )  # fmt: skip


def test_a_gain_is_a_share_of_the_chains_time_at_each_place_and_tree() -> None:
    found = {(gain.by, gain.at, gain.curve): gain for gain in gains(table(), AXIS, BY, "k_sqs")}
    assert len(found) == 2 * 2 * 2
    assert found[0.1, 1e3, "tree"].less.size == pytest.approx(-0.2) and found[0.1, 1e3, "tree"].less.lower
    assert found[0.4, 1e3, "tree"].less.size == pytest.approx(-0.5)
    assert found[0.4, 1e6, "multi_candidate"].less.size == pytest.approx(0.1)
    assert not found[0.4, 1e6, "multi_candidate"].less.lower


def test_a_gain_that_the_seeds_cannot_tell_is_none() -> None:
    noisy = table()
    noisy.loc[(noisy["scheme.kind"] == "tree") & (noisy["seed"] == 0), METRIC] *= 1.5
    (gain, *_) = (gain for gain in gains(noisy, AXIS, BY, "k_sqs") if gain.curve == "tree")
    assert gain.less.size < 0 and not gain.less.lower


def test_the_best_of_a_place_is_the_furthest_below() -> None:
    assert [(gain.by, gain.at, gain.curve) for gain in best_gains(table(), AXIS, BY, "k_sqs")] == [
        (0.1, 1e3, "tree"), (0.1, 1e6, "tree"), (0.4, 1e3, "tree"), (0.4, 1e6, "tree"),
    ]  # fmt: skip


def test_acceptance_is_the_chains_alone() -> None:
    cells = table()
    cells.loc[cells["scheme.kind"] == "tree", "acceptance_rate"] = 0.0
    assert acceptance(cells, BY, "k_sqs") == pytest.approx({0.1: 0.9, 0.4: 0.6})
