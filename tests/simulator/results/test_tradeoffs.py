"""Fronts against a search over all pairs, curves and comparisons on tables whose answers are known."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.results.tradeoffs import HIGH, LOW, TradeoffCurve, at_equal, named, undominated, with_chosen

COST, LOSS = "coded_bits_per_draft", "tv_qhat"
POINTS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=12)


@given(POINTS)
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    cost, loss = np.array(points, dtype=float).T
    kept = undominated(cost, loss).tolist()
    found = [points[place] for place in kept]
    wanted = {
        one for one in points if not any(other != one and other[0] <= one[0] and other[1] <= one[1] for other in points)
    }
    assert found == sorted(wanted)
    assert all(points.index(point) == place for point, place in zip(found, kept, strict=True)), "the first of equals"


@given(POINTS, st.floats(0.5, 8.0))
def test_a_curve_is_what_mixing_two_settings_gives_and_never_rises(
    points: list[tuple[int, int]], budget: float
) -> None:
    """The least mean loss of any mixture of two neighbours of the front whose mean cost is within the budget."""
    cost, loss = np.array(points, dtype=float).T
    curve = TradeoffCurve.of(cost, loss)
    (found,) = curve.at(np.array([budget])).tolist()
    if budget < cost.min():
        assert math.isnan(found)
        return
    shares = np.linspace(0, 1, 2001)
    pairs = [*zip(curve.cost, curve.loss, strict=True)]
    mixed = [
        (share * one[0] + (1 - share) * other[0], share * one[1] + (1 - share) * other[1])
        for one, other in zip(pairs, [*pairs[1:], pairs[-1]], strict=True)
        for share in shares
    ]
    assert found == pytest.approx(min(lost for paid, lost in mixed if paid <= budget + 1e-9), abs=5e-3)
    assert (np.diff(curve.at(np.linspace(cost.min(), 9, 50))) <= 1e-12).all()
    assert curve.dearest == cost.max()


def test_a_family_is_reported_by_its_first_column_and_by_what_its_rows_differ_in() -> None:
    table = pd.DataFrame(
        {
            "scheme.sparsifier.kind": ["top_k", "conformal", "conformal", "conformal"],
            "scheme.sparsifier.step": [np.nan, 0.001, 0.01, 0.001],
            "scheme.code.kind": ["recoded"] * 4,
        }
    )
    first, *others = table.columns
    small, large = "conformal eta=0.001", "conformal eta=0.01"
    assert named(table, [first, *others]) == ["top_k", small, large, small]
    assert named(table, [first]) == ["top_k", "conformal", "conformal", "conformal"]
    kinds = table.assign(**{"scheme.code.kind": ["recoded", "recoded", "enumerative", "recoded"]})
    assert named(kinds, [first, "scheme.code.kind"])[1:3] == ["conformal recoded", "conformal enumerative"]


def cells(families: dict[str, dict[float, tuple[float, float]]], seeds: int = 3, at: float = 1.0) -> pd.DataFrame:
    """Each family's settings by their parameter: (cost, loss), both a tenth larger with each seed."""
    return pd.DataFrame(
        [
            {"curve": name, "scheme.p": p, "models.temperature": at, "seed": seed, COST: bits * (1 + seed / 10),
             LOSS: lost * (1 + seed / 10)}
            for name, settings in families.items()
            for p, (bits, lost) in settings.items()
            for seed in range(seeds)
        ]
    )  # fmt: skip


STEEP = {0.1: (10.0, 0.8), 0.2: (20.0, 0.4), 0.3: (40.0, 0.2)}


def test_a_family_that_loses_a_tenth_more_everywhere_loses_a_tenth_more_at_equal_cost() -> None:
    worse = {p: (bits, 1.1 * lost) for p, (bits, lost) in STEEP.items()}
    equal = at_equal(cells({"a": STEEP, "b": worse}), COST, LOSS, "models.temperature")
    means = equal.pivot_table(LOSS, "seed", "curve")
    np.testing.assert_allclose(means["b"] / means["a"], 1.1, rtol=1e-12)
    ranges = equal.drop_duplicates("seed").set_index("seed")[[LOW, HIGH]]
    np.testing.assert_allclose(ranges, [[10.0, 40.0], [11.0, 44.0], [12.0, 48.0]])
    assert set(equal["models.temperature"]) == {1.0} and len(equal) == 2 * 3


def test_the_mean_is_geometric_over_equal_steps_of_the_logarithm() -> None:
    """One setting, level beyond it: the mean is its loss; two joined by a line: the integral of its logarithm."""
    flat, line = {0.1: (10.0, 0.5), 0.2: (40.0, 0.5)}, {0.1: (10.0, 0.8), 0.2: (40.0, 0.2)}
    equal = at_equal(cells({"flat": flat, "line": line}, seeds=1), COST, LOSS, "models.temperature")
    found = dict(zip(equal["curve"], equal[LOSS], strict=True))
    assert found["flat"] == pytest.approx(0.5, rel=1e-12)
    bits = np.exp(np.linspace(np.log(10), np.log(40), 200_001))
    wanted = np.exp(np.log(0.8 - 0.6 * (bits - 10) / 30).mean())
    assert found["line"] == pytest.approx(wanted, rel=2e-4)


def test_equal_loss_turns_the_plane() -> None:
    """Twice the bits for the same loss are twice the bits at equal loss."""
    dear = {p: (2 * bits, lost) for p, (bits, lost) in STEEP.items()}
    equal = at_equal(cells({"a": STEEP, "b": dear}), LOSS, COST, "models.temperature")
    means = equal.pivot_table(COST, "seed", "curve")
    np.testing.assert_allclose(means["b"] / means["a"], 2.0, rtol=1e-12)


def test_only_the_range_that_all_reach_counts_and_a_seed_without_one_is_left_out() -> None:
    late = {0.1: (20.0, 0.4), 0.2: (60.0, 0.1)}
    equal = at_equal(cells({"a": STEEP, "b": late}, seeds=1), COST, LOSS, "models.temperature")
    assert equal[[LOW, HIGH]].drop_duplicates().to_numpy().tolist() == [[20.0, 40.0]]
    far = {0.1: (50.0, 0.4), 0.2: (60.0, 0.1)}
    assert at_equal(cells({"a": STEEP, "b": far}), COST, LOSS, "models.temperature").empty
    table = cells({"a": STEEP, "b": late})
    partly = table[(table["curve"] == "a") | (table["seed"] != 1)]
    assert at_equal(partly, COST, LOSS, "models.temperature").groupby("seed")["curve"].nunique().tolist() == [2, 1, 2]


def test_each_value_of_by_is_compared_by_itself() -> None:
    table = pd.concat([cells({"a": STEEP, "b": STEEP}), cells({"a": STEEP}, at=2.0)])
    equal = at_equal(table, COST, LOSS, "models.temperature")
    assert equal.groupby("models.temperature")["curve"].nunique().to_dict() == {1.0: 2, 2.0: 1}


def test_of_a_kinds_families_each_seed_takes_the_one_that_served_the_others_best() -> None:
    """`c 2` is lucky in seed 1 only, and would be taken there by itself; the others have not seen it win."""
    equal = pd.DataFrame(
        [
            {"models.temperature": at, "curve": name, "seed": seed, LOSS: value}
            for at in (1.0, 2.0)
            for name, values in {"a": (1, 2, 3), "c 1": (2, 2, 2), "c 2": (3, 0.5, 3)}.items()
            for seed, value in enumerate(values)
        ]
    )
    chosen = with_chosen(equal, LOSS, "models.temperature", "c")
    assert chosen.pivot_table(LOSS, ["models.temperature", "seed"], "curve").to_numpy().tolist() == [
        [1, 3], [2, 2], [3, 3], [1, 3], [2, 2], [3, 3],
    ]  # fmt: skip
    alone = with_chosen(equal[equal["seed"] == 1], LOSS, "models.temperature", "c")
    assert set(alone.loc[alone["curve"] == "c", LOSS]) == {0.5}, "alone it has nobody else to ask"


def test_a_family_of_one_setting_is_level_from_there_on() -> None:
    equal = at_equal(cells({"a": STEEP, "b": {0.1: (15.0, 0.3)}}, seeds=1), COST, LOSS, "models.temperature")
    assert equal.empty, "its dearest setting is its cheapest: there is no range"
