"""Goodput over a plane of limits, of tables whose times are known."""

import math

import pandas as pd
import pytest
from goodput_cells import goodput_cells

from simulator.results.goodput_plane import TTFT, plane


@pytest.fixture
def cells() -> pd.DataFrame:
    return goodput_cells()


def test_goodput_is_where_a_limit_is_passed_between_rates_by_the_logarithm(cells: pd.DataFrame) -> None:
    within = next(each for each in plane(cells) if each[:3] == ("Jetson AGX Orin", 0.04, 1.0))
    cloud, edge = within.of("cloud_only"), within.of("coupled")
    assert cloud is not None and edge is not None
    assert cloud.by_seed[0] == pytest.approx(4 + 4 * math.log(0.04 / 0.032) / math.log(0.05 / 0.032))
    assert edge.by_seed[0] == pytest.approx(2 + 2 * math.log(0.04 / 0.018) / math.log(0.05 / 0.018))
    assert within.schemes[0].written == "8+", "no rate passes the limit"
    assert not within.tied and cloud.over(edge).separable


def test_each_device_has_its_own_edge_and_the_same_cloud(cells: pd.DataFrame) -> None:
    found = {(each.device, each.tpot_s, each.ttft_s): each for each in plane(cells)}
    assert {device for device, *_ in found} == {"Jetson AGX Orin", "OnePlus 12"}
    phone, orin = found["OnePlus 12", 0.02, 1.0], found["Jetson AGX Orin", 0.02, 1.0]
    assert phone.schemes[0].scheme == "co-located" and phone.schemes[0].by_seed.equals(orin.schemes[0].by_seed)
    best = phone.best(edge=True), orin.best(edge=True)
    assert [each and each.written for each in best] == ["0", "2.2"]
    assert all(each.written == "0" for each in found["OnePlus 12", 0.05, 0.2].schemes), "the first token is too late"


def test_a_table_without_both_times_has_no_plane(cells: pd.DataFrame) -> None:
    assert plane(cells.drop(columns=TTFT)) == []
