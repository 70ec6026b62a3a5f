"""Fronts against a search over all pairs, and on tables small enough to know who dominates whom."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.power import JOULES_PER_KWH, KWH_PRICES, POWERS, PRICES
from simulator.results.pareto_fronts import BY, PAYING, VERDICT, cloud_j, device_j, has_costs, usd, verdicts

Costs = tuple[float, float, float]
"""Latency, the device's joules (radio alone) and the cloud's, of which rent is a multiple."""
STEADY = (1.0, 1.0, 1.0)


def cells(costs: Mapping[str, Costs], noise: Mapping[str, Sequence[float]] | None = None) -> pd.DataFrame:
    """A row a setting and seed; `noise`: by what the latency of a setting is multiplied in each seed."""
    noise = noise or {}
    return pd.DataFrame(
        {
            "curve": name, "seed": seed, "lossy": False, "cloud.usd_per_gpu_hour": "a100_specialist_2026",
            "latency_per_token_s": latency * factor, "edge_j_per_token": 0.0, "radio_j_per_token": device,
            "cloud_busy_j_per_token": cloud, "busy_usd_per_million_tokens": cloud,
        }
        for name, (latency, device, cloud) in costs.items()
        for seed, factor in enumerate(noise.get(name, STEADY))
    )  # fmt: skip


def line(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    found = verdicts(table)
    return dict(zip(found["curve"], zip(found[VERDICT], found[BY], strict=True), strict=True))


def test_what_the_seeds_cannot_tell_is_not_dominated() -> None:
    costs = {"one": (1.0, 1.0, 1.0), "other": (1.05, 2.0, 2.0)}
    assert line(cells(costs))["other"] == ("dominated", "one")
    unsteady = {"one": (0.8, 1.0, 1.25), "other": (1.25, 1.0, 0.8)}
    assert line(cells(costs, unsteady)) == {"one": ("front", ""), "other": ("not distinguishable", "one")}


def test_noise_that_both_share_hides_nothing() -> None:
    shared = (0.5, 1.0, 2.0)
    costs = {"one": (1.0, 1.0, 1.0), "other": (1.05, 2.0, 2.0)}
    assert line(cells(costs, {"one": shared, "other": shared}))["other"] == ("dominated", "one")


def test_one_seed_dominates_nothing() -> None:
    table = cells({"one": (1.0, 1.0, 1.0), "other": (2.0, 2.0, 2.0)})
    assert line(table[table["seed"] == 0])["other"] == ("not distinguishable", "one")


def test_a_lossy_setting_dominates_nothing_and_is_not_ranked() -> None:
    table = cells({"lossless": (2.0, 2.0, 2.0), "lossy": (1.0, 1.0, 0.0)})
    table["lossy"] = table["curve"] == "lossy"
    assert line(table) == {"lossless": ("front", ""), "lossy": ("lossy", "")}


def test_a_setting_must_be_lower_at_both_ends_of_the_watts() -> None:
    """A radio's 3 J are less than a processor's 5 J, and more than the tenth of them that it may really draw."""
    table = cells({"radio": (1.0, 3.0, 1.0), "processor": (2.0, 0.0, 2.0)})
    table.loc[table["curve"] == "processor", "edge_j_per_token"] = 5.0
    assert line(table)["processor"] == ("dominated", "radio")
    assert line(table.assign(**{"edge.power.least_share": 0.1}))["processor"] == ("front", "")
    assert line(table.assign(**{"edge.power.least_share": 0.7}))["processor"] == ("dominated", "radio")


LEVELS = st.tuples(*[st.integers(1, 4)] * 3)


@settings(max_examples=12, deadline=None)
@given(st.lists(LEVELS, min_size=1, max_size=6))
def test_the_front_of_steady_costs_is_that_of_a_search_over_all_pairs_whatever_the_prices(
    points: list[tuple[int, int, int]],
) -> None:
    """Dollars are a sum of the device's joules and the cloud's time with weights above 0: no price drops a point that
    the other three keep, nor keeps one that they drop."""
    names = {f"s{place}": tuple(map(float, point)) for place, point in enumerate(points)}
    table = cells(names)  # type: ignore[arg-type]
    undominated = {
        f"s{place}"
        for place, one in enumerate(points)
        if not any(other != one and all(a <= b for a, b in zip(other, one, strict=True)) for other in points)
    }
    for paying in (PAYING[:0], PAYING):
        found = verdicts(table, paying)
        assert {*found.loc[found[VERDICT] == "front", "curve"]} == undominated
        assert undominated, "a front is never empty"


def test_who_dominates_is_on_the_front_or_dominated_itself_by_one_that_is() -> None:
    chain = {f"s{place}": (1.0 + place, 1.0 + place, 1.0 + place) for place in range(4)}
    assert line(cells(chain)) == {"s0": ("front", ""), **{f"s{place}": ("dominated", "s0") for place in (1, 2, 3)}}


def test_joules_and_dollars_are_seconds_times_watts_and_prices() -> None:
    table = cells({"one": (1.0, 0.5, 40.0)}).assign(**{"edge.power.least_share": 0.2, "cloud.power.least_share": 0.25})
    table["edge_j_per_token"] = 2.0
    assert device_j(table, least=True).tolist() == pytest.approx([0.9] * 3)
    assert device_j(table, least=False).tolist() == pytest.approx([2.5] * 3)
    assert cloud_j(table, least=True).tolist() == pytest.approx([10.0] * 3)
    for paying in PAYING:
        rent = 40.0 * PRICES[paying.gpu].usd / PRICES["a100_specialist_2026"].usd
        energy = 1e6 * 2.5 * KWH_PRICES[paying.kwh].usd / JOULES_PER_KWH
        assert usd(table, paying, least=False).tolist() == pytest.approx([rent + energy] * 3)
        own = table.assign(**{"cloud.usd_per_gpu_hour": 2 * PRICES["a100_specialist_2026"].usd})
        assert usd(own, paying, least=False).tolist() == pytest.approx([rent / 2 + energy] * 3)
    free = table.assign(**{"cloud.usd_per_gpu_hour": 0.0})
    assert usd(free, PAYING[0], least=True).isna().all(), "no rent to scale: no dollars, not 0 of them"


def test_a_table_that_lacks_a_cost_has_no_front() -> None:
    table = cells({"one": (1.0, 1.0, 1.0)})
    assert has_costs(table)
    assert not has_costs(table.drop(columns="radio_j_per_token"))
    assert not has_costs(table.assign(edge_j_per_token=math.nan))


def test_every_limit_of_a_data_sheet_has_a_band_and_nothing_else_has_but_what_is_unverified() -> None:
    banded = {name: each.standing for name, each in POWERS.items() if each.least_share < 1}
    assert {name for name, each in POWERS.items() if each.standing == "limit"} <= {*banded}
    assert {*banded.values()} == {"limit", "unverified"}
    assert POWERS["raspberry_pi_5"].standing == "measured"
    assert np.isfinite([each.least_share for each in POWERS.values()]).all()
