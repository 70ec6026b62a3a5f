"""The comparisons behind sentences and tables: places, and who is compared with whom there."""

import pytest
from swept_curves import swept

from scenarios import Below, Lowest
from scenarios.findings.comparisons import places, ranked_places
from scenarios.findings.wording import rows_of

AXIS, METRIC = "uplink.rate.bps", "latency_per_token_s"
TIMES = {"cloud_only": (0.4, 0.2), "k_sqs k=4": (0.3, 0.3), "k_sqs k=8": (0.2, 0.4), "edge_only": (0.1, 0.1)}


@pytest.fixture
def table():
    cells = swept(TIMES, AXIS, (1e3, 1e4), lambda _, value, seed: value * (1 + 0.1 * seed))
    return cells.assign(lossy=cells["curve"] == "edge_only")


def test_a_place_is_a_value_of_the_axis_in_a_group_without_the_lossy(table):
    there = ranked_places(table.assign(label="LTE"), AXIS, "label", METRIC)
    assert [each.where for each in there] == ["1 kbit/s, LTE", "10 kbit/s, LTE"]
    assert all(each.lossless and "edge_only" not in set(each.rows["curve"]) for each in there)
    assert [each.where for each in places(table, None, METRIC)] == [""]


def test_the_best_of_some_is_compared_with_the_best_of_others(table):
    low, high = ranked_places(table, AXIS, None, METRIC)
    best = [place.against_best(["cloud_only"]) for place in (low, high)]
    assert [(each.first, each.second, each.lower) for each in best] == [
        ("k_sqs k=8", "cloud_only", True), ("k_sqs k=4", "cloud_only", False),
    ]  # fmt: skip
    assert [each.less.size for each in best] == pytest.approx([-0.5, 0.5])
    assert low.against_best(["colocated"]) is None and low.all_of(["k_sqs"], "colocated") == []
    assert [each.first for each in low.all_of(["k_sqs"], "cloud_only")] == ["k_sqs k=4", "k_sqs k=8"]


def test_the_lowest_of_a_place_has_who_follows_and_by_how_much(table):
    found = places(table, AXIS, METRIC)[0].lowest()
    assert (found.at, found.lowest, found.tied, found.following) == (1e3, "edge_only", ("edge_only",), "k_sqs k=8")
    assert found.margin is not None and found.margin.size == pytest.approx(-0.5)


def test_a_finding_returns_the_comparisons_of_its_sentence() -> None:
    times = {"k_sqs": (1.0, 1.0), "dense": (2.0, 2.0), "c_sqs": (3.0, 3.0)}
    table = swept(times, AXIS, (1.0, 2.0), lambda _, value, seed: value * (1 + 0.1 * seed)).assign(lossy=False)
    asked = Lowest(METRIC), Below(("k_sqs",), ("dense",), (2.0,), METRIC)
    found = rows_of(each.report(table, AXIS) for each in asked)
    assert [(row.first, row.second, row.place.at) for row in found] == [
        ("k_sqs", "dense", 1.0), ("k_sqs", "c_sqs", 1.0), ("k_sqs", "dense", 2.0), ("k_sqs", "c_sqs", 2.0),
        ("k_sqs", "dense", 2.0),
    ]  # fmt: skip
    assert [row.numbers([AXIS])["where"] for row in found] == [{AXIS: row.place.at} for row in found]
