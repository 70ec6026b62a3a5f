"""By how much one scheme is below another, and where one curve passes another, from tables whose outcome is known."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from swept_curves import swept

from scenarios import Below, Costs
from scenarios.findings.sentences.below import alike, crossings, of_kinds
from scenarios.findings.wording import change, passes, percent, signed, times
from simulator.results.crossings import crossing
from simulator.results.intervals import Difference, Interval, paired_values

AXIS, METRIC = "uplink.rate.bps", "latency_per_token_s"
RATES = (1e3, 1e4, 1e5)


def sweep(latency: dict[str, tuple[float, ...]], noise: float = 0.01) -> pd.DataFrame:
    """Three seeds, each a little slower than the one before."""
    return swept(latency, AXIS, RATES, lambda _, value, seed: value * (1 + noise * seed))


def test_times_are_reported_as_precisely_as_they_are_known():
    def line(ratio, half):
        return times(Difference(METRIC, Interval(math.log(ratio), half, 3)))

    assert line(4.123, 0.06) == "4.12 times (3.88 to 4.38)" and line(4.1234, math.nan) == "4.12 times"
    assert line(4.4, 2.0) == "4.4 times (0.6 to 32.5)" and line(1.0, math.nan) == "unchanged"
    no_ratio = Difference(METRIC, Interval(0.25, 0.5, 3), relative=False)
    assert times(no_ratio) == "no difference seen (-250 ms to 750 ms; a difference above 500 ms would have been)"


def test_each_of_two_kinds_goes_by_its_lowest_curve_and_is_below_only_where_the_seeds_can_tell():
    cells = sweep({"a": (0.5, 0.2, 0.1), "b k=2": (0.6, 0.2, 0.1), "b k=3": (0.7, 0.3, 0.05)})
    lower = [
        [of_kinds(cells[cells[AXIS] == rate], AXIS, *pair, METRIC).less.lower for rate in RATES]
        for pair in (("a", "b"), ("b", "a"))
    ]
    assert lower == [[True, False, False], [False, False, True]]


def test_an_end_of_the_axis_is_a_multiple_of_the_other_seed_by_seed_and_a_range_is_of_means():
    cells = sweep({"a": (0.5, 0.2, 0.1), "b": (0.3,) * 3})
    assert Costs("{end} against {start}").report(cells, AXIS) == (
        "100 kbit/s against 1 kbit/s, latency per token: a 0.2 times, b unchanged"
    )
    assert Costs("{end} against {start}").report(cells, None) == ""


BY = "models.pair.prompts"
FILES = {"/home/me/french.jsonl": 2.0, "/home/me/english.jsonl": 1.0}


def test_schemes_are_compared_within_a_group_at_each_name_of_an_axis():
    """k_sqs is a tenth below dense in one language, above it in the other."""
    cells = pd.DataFrame(
        {BY: file, "scheme.kind": kind, "curve": kind, "seed": seed,
         METRIC: level * (1 + 0.5 * seed) * (1.0 if kind == "dense" else 0.9 if level == 1 else 1.1)}
        for (file, level), kind, seed in itertools.product(FILES.items(), ("dense", "k_sqs"), range(3))
    )  # fmt: skip
    assert Below(("k_sqs",), ("dense", "none")).report(cells, BY) == (
        "latency per token: K-SQS against dense lattice (Q-S) 10% higher (the same in every seed) at french, 10% lower "
        "(the same in every seed) at english"
    )
    lacking = cells.assign(**{METRIC: cells[METRIC].where(cells["curve"] == "dense")})
    assert Below(("k_sqs",), ("dense",)).report(lacking, BY) == ""


def test_more_than_three_times_is_a_multiple_in_sentences_tables_and_changes() -> None:
    theirs = np.array([1.0, 1.1, 1.2])
    less = paired_values(METRIC, theirs * np.array([4.0, 4.1, 4.2]), theirs)
    assert percent(less) == signed(less) == "x 4.10 (3.86 to 4.36)" and change(less) == "x 4.1"
    assert percent(paired_values(METRIC, theirs[:1] * 7713, theirs[:1])) == "x 7,713 (one seed)"
    near = paired_values(METRIC, theirs * np.array([2.9, 2.8, 2.7]), theirs)
    assert percent(near) == "180% higher (156% to 206%)"


FOUR_RATES = (1e3, 1e4, 1e5, 1e6)


def crossed(first: dict[int, tuple[float, ...]], second: tuple[float, ...] = (1.0,) * 4) -> pd.DataFrame:
    """Cells of the curves `a`, by seed, and `b`, the same for each seed."""
    rows = [
        {"curve": curve, "seed": seed, AXIS: rate, METRIC: value}
        for seed, values in first.items()
        for curve, line in (("a", values), ("b", second))
        for rate, value in zip(FOUR_RATES, line, strict=True)
    ]
    return pd.DataFrame(rows)


def test_a_power_distribution_crosses_where_its_formula_says_whatever_the_grid():
    # a = c rate^-0.7 against 1 crosses at c^(1 / 0.7), exactly, since logarithms are linear in between
    places = [10**3.2, 10**4.5, 10**4.9]
    first = {seed: tuple((at / rate) ** 0.7 for rate in FOUR_RATES) for seed, at in enumerate(places)}
    found = crossing(crossed(first), AXIS, "a", "b", METRIC)
    assert found is not None and found.rising and (found.below, found.above, found.often) == (0, 0, 0)
    assert found.log10_at.mean == pytest.approx(np.mean(np.log10(places)), abs=1e-12)
    half = 4.302652729911275 * np.std(np.log10(places), ddof=1) / math.sqrt(3)
    assert found.log10_at.half_width == pytest.approx(half, rel=1e-9)


def test_seeds_that_never_cross_cross_twice_or_the_other_way_are_counted_apart():
    first = {0: (2.0, 0.5, 0.5, 0.5), 1: (0.5,) * 4, 2: (2.0,) * 4, 3: (2.0, 0.5, 2.0, 0.5)}
    found = crossing(crossed(first), AXIS, "a", "b", METRIC)
    assert found is not None and (found.below, found.above, found.often, found.log10_at.n) == (1, 1, 1, 1)
    assert passes(found, AXIS) == "from 3.2 kbit/s on, in 1 of 4 seeds"
    first = {0: (0.5, 0.5, 2.0, 2.0), 1: (0.5, 0.5, 2.0, 2.0), 2: (2.0, 2.0, 0.5, 0.5)}
    found = crossing(crossed(first), AXIS, "a", "b", METRIC)
    assert found is not None and not found.rising and found.often == 1
    assert passes(found, AXIS) == "up to 32 kbit/s, in 2 of 3 seeds"


@pytest.mark.parametrize(("value", "line"), [(0.5, "everywhere"), (2.0, "nowhere")])
def test_where_all_seeds_agree_a_word_is_enough(value, line):
    assert crossings(crossed({0: (value,) * 4, 1: (value,) * 4}), AXIS, [("a", "b")], METRIC) == f"a {line}"


def test_neither_a_very_wide_interval_nor_curves_with_nothing_in_common_are_reported():
    first = {seed: tuple((at / rate) ** 0.7 for rate in FOUR_RATES) for seed, at in enumerate((2e3, 5e5))}
    line = crossings(crossed(first), AXIS, [("a", "b")], METRIC)
    assert line == "a from 32 kbit/s on (seeds differ too much for an interval)"
    assert crossings(crossed({0: (1.0,) * 4}), AXIS, [("a", "c")], METRIC) == ""


def test_a_curve_is_held_against_the_one_of_its_place_by_whatever_label_it_goes():
    names, losses = {"mine": "a", "mine, too": "a", "b": "b"}, ("none", "mild, at most")
    curves = [(kind, f"{name} loss={loss}") for name, kind in names.items() for loss in losses]
    rows = pd.DataFrame(curves, columns=["scheme.kind", "curve"])
    mine = [f"{name} loss={loss}" for name in ("mine", "mine, too") for loss in losses]
    assert alike(rows, "a", "b") == list(zip(mine, [f"b loss={loss}" for loss in losses] * 2, strict=True))
