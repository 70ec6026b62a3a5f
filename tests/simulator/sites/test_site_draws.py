"""What a site is depends on its number alone, and what does not fit is told before a study begins."""

from __future__ import annotations

import numpy as np
import pytest
from cells import cell, link
from hypothesis import given
from hypothesis import strategies as st

from kinds import ConfigError
from simulator.sites.site_draws import SITES_MOST, Lognormal, Sites, UniformDraw

VARY = {
    "workload.devices": {"kind": "uniform", "low": 2, "high": 4},
    "uplink.rate.bps": ["20k", "100k"],
    "cloud.latency.per_pass_s": {"kind": "lognormal", "median": "20ms", "sigma": 0.5},
}

EVEN = {"kind": "uniform", "low": 1, "high": 5}


def test_a_site_is_the_same_among_any_number_and_in_any_order_of_fields() -> None:
    few, many = Sites.of(cell(seed=3), 5, VARY), Sites.of(cell(seed=3), 50, dict(reversed(VARY.items())))
    assert [few.site(i).id for i in range(5)] == [many.site(i).id for i in range(5)]
    assert len({many.site(i).id for i in range(50)}) == 50


def test_a_site_survives_the_way_to_a_worker() -> None:
    sites = Sites.of(cell(), 9, VARY)
    there = Sites.received(sites.sent())
    assert [there.site(i) for i in range(9)] == [sites.site(i) for i in range(9)]
    assert [there.columns(i) for i in range(9)] == [sites.columns(i) for i in range(9)]


def test_each_site_has_a_seed_of_its_own_and_each_seed_sites_of_its_own() -> None:
    seeds = [Sites.of(cell(seed=seed), SITES_MOST, {}).site(i).seed for seed in (0, 1) for i in (0, 1, SITES_MOST - 1)]
    assert seeds == [0, 1, 999_999, 1_000_000, 1_000_001, 1_999_999]


def test_a_field_varied_beside_another_has_the_values_that_it_has_alone() -> None:
    both, alone = Sites.of(cell(), 20, VARY), Sites.of(cell(), 20, {"uplink.rate.bps": ["20k", "100k"]})
    assert [both.site(i).uplink.rate for i in range(20)] == [alone.site(i).uplink.rate for i in range(20)]


def test_values_are_as_likely_as_each_other() -> None:
    sites = Sites.of(cell(), 3_000, VARY)
    drawn = [sites.drawn(i) for i in range(3_000)]
    for field, values in (("workload.devices", (2, 3, 4)), ("uplink.rate.bps", (20_000, 100_000))):
        counts = np.array([sum(each[field] == value for each in drawn) for value in values])
        expected = 3_000 / len(values)
        assert ((counts - expected) ** 2 / expected).sum() < 30  # chi-square: false alarm below 1e-6
    times = [float(each["cloud.latency.per_pass_s"]) for each in drawn]  # type: ignore[arg-type]
    assert np.median(times) == pytest.approx(0.02, rel=0.08) and np.log(times).std() == pytest.approx(0.5, rel=0.08)


@given(st.integers(-9, 9), st.integers(1, 20), st.floats(0, 1, exclude_max=True))
def test_a_whole_number_between_two_is_whole_and_both_ends_come(low: int, more: int, uniform: float) -> None:
    draw = UniformDraw(low=low, high=low + more)
    assert isinstance(draw.value(uniform), int) and low <= draw.value(uniform) <= low + more  # type: ignore[operator]
    assert (draw.value(0.0), draw.value(1 - 2**-53)) == (low, low + more)


def test_a_lognormal_value_is_finite_at_either_end() -> None:
    draw = Lognormal(median=1e5, sigma=1.0)
    assert 0 < draw.value(0.0) < draw.value(0.5) < draw.value(1 - 2**-53) < 1e9  # type: ignore[operator]
    assert draw.value(0.5) == pytest.approx(1e5)


def test_parts_can_be_drawn_and_stand_in_a_table_as_text() -> None:
    lossy = {"kind": "bernoulli", "probability": 0.1}
    sites = Sites.of(cell(), 20, {"uplink.loss": ["none", lossy], "downlink": [link(1e6), link(1e7)]})
    assert {sites.site(i).uplink.loss.kind for i in range(20)} == {"none", "bernoulli"}
    assert {sites.columns(i)["uplink.loss"] for i in range(20)} == {
        '"none"', '{"kind": "bernoulli", "probability": 0.1}',
    }  # fmt: skip


@pytest.mark.parametrize(
    ("number", "vary", "line"),
    [
        (0, {}, r"sites = 0: must be a whole number from 1 to 1,000,000"),
        (1_000_001, {}, r"sites = 1000001: must be a whole number from 1 to 1,000,000"),
        (2.0, {}, r"sites = 2.0: must be a whole number from 1 to 1,000,000"),
        (9, {"seed": [1, 2]}, r"vary seed: each site has a seed of its own; leave it out"),
        (9, {"uplink.bps": [1, 2]}, r"uplink.bps: no cell has such a field; did you mean .*uplink.rate.bps.*"),
        (9, {"workload.devices": []}, r"vary workload.devices: values = .*at least 1 item.*"),
        (9, {"workload.devices": [4, 0]}, r"workload.devices = 0: should be greater than or equal to 1"),
        (9, {"workload.devices": {"kind": "unifrom"}}, r"vary workload.devices: kind = 'unifrom': .*mean uniform.*"),
        (9, {"workload.devices": EVEN | {"low": 5}}, r"vary workload.devices: low = 5: must be below .*"),
        (9, {"workload.devices": {"kind": "uniform", "low": 5}}, r"vary workload.devices: high.*required"),
        (9, {"edge.latency.per_pass_s": {"kind": "lognormal", "median": -1, "sigma": 1}}, r"vary edge.*= -1: .*"),
        (9, {"uplink.rate.bps": ["10k", 0]}, r"uplink.rate.bps = 0: must be above 0, or nothing is ever answered"),
        (9, {"workload.devices": EVEN | {"low": 0}}, r"workload.devices = 0: .*"),
    ],
)
def test_what_no_site_can_be_is_refused_in_one_line(number: int, vary: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigError, match=f"^{line}$"):
        Sites.of(cell(), number, vary)


def test_a_site_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"^site = 3: must be from 0 to 2, there are 3$"):
        Sites.of(cell(), 3, {}).site(3)
