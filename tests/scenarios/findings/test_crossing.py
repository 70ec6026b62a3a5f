"""Where one curve passes another, in numbers and in words, on tables whose crossings are known."""

import math

import numpy as np
import pandas as pd
import pytest

from scenarios.findings.sentences.crossing import alike, crossings
from scenarios.findings.wording import passes
from simulator.results.crossings import crossing

AXIS = "uplink.rate.bps"
RATES = (1e3, 1e4, 1e5, 1e6)
METRIC = "latency_per_token_s"


def table(first: dict[int, tuple[float, ...]], second: tuple[float, ...] = (1.0,) * 4) -> pd.DataFrame:
    """Cells of the curves `a`, by seed, and `b`, the same for each seed."""
    rows = [
        {"curve": curve, "seed": seed, AXIS: rate, METRIC: value}
        for seed, values in first.items()
        for curve, line in (("a", values), ("b", second))
        for rate, value in zip(RATES, line, strict=True)
    ]
    return pd.DataFrame(rows)


def test_a_power_distribution_crosses_where_its_formula_says_whatever_the_grid():
    # a = c rate^-0.7 against 1 crosses at c^(1 / 0.7), exactly, since logarithms are linear in between
    places = [10**3.2, 10**4.5, 10**4.9]
    first = {seed: tuple((at / rate) ** 0.7 for rate in RATES) for seed, at in enumerate(places)}
    found = crossing(table(first), AXIS, "a", "b", METRIC)
    assert found is not None and found.rising and (found.below, found.above, found.often) == (0, 0, 0)
    assert found.log10_at.mean == pytest.approx(np.mean(np.log10(places)), abs=1e-12)
    half = 4.302652729911275 * np.std(np.log10(places), ddof=1) / math.sqrt(3)
    assert found.log10_at.half_width == pytest.approx(half, rel=1e-9)


def test_seeds_that_never_cross_cross_twice_or_the_other_way_are_counted_apart():
    first = {0: (2.0, 0.5, 0.5, 0.5), 1: (0.5,) * 4, 2: (2.0,) * 4, 3: (2.0, 0.5, 2.0, 0.5)}
    found = crossing(table(first), AXIS, "a", "b", METRIC)
    assert found is not None and (found.below, found.above, found.often, found.log10_at.n) == (1, 1, 1, 1)
    assert passes(found, AXIS) == "from 3.2 kbit/s on, in 1 of 4 seeds"
    first = {0: (0.5, 0.5, 2.0, 2.0), 1: (0.5, 0.5, 2.0, 2.0), 2: (2.0, 2.0, 0.5, 0.5)}
    found = crossing(table(first), AXIS, "a", "b", METRIC)
    assert found is not None and not found.rising and found.often == 1
    assert passes(found, AXIS) == "up to 32 kbit/s, in 2 of 3 seeds"


@pytest.mark.parametrize(("value", "line"), [(0.5, "everywhere"), (2.0, "nowhere")])
def test_where_all_seeds_agree_a_word_is_enough(value, line):
    assert crossings(table({0: (value,) * 4, 1: (value,) * 4}), AXIS, [("a", "b")], METRIC) == f"a {line}"


def test_neither_a_very_wide_interval_nor_curves_with_nothing_in_common_are_reported():
    first = {seed: tuple((at / rate) ** 0.7 for rate in RATES) for seed, at in enumerate((2e3, 5e5))}
    line = crossings(table(first), AXIS, [("a", "b")], METRIC)
    assert line == "a from 32 kbit/s on (seeds differ too much for an interval)"
    assert crossings(table({0: (1.0,) * 4}), AXIS, [("a", "c")], METRIC) == ""


def test_a_curve_is_held_against_the_one_of_its_place_by_whatever_label_it_goes():
    names, losses = {"mine": "a", "mine, too": "a", "b": "b"}, ("none", "mild, at most")
    curves = [(kind, f"{name} loss={loss}") for name, kind in names.items() for loss in losses]
    rows = pd.DataFrame(curves, columns=["scheme.kind", "curve"])
    mine = [f"{name} loss={loss}" for name in ("mine", "mine, too") for loss in losses]
    assert alike(rows, "a", "b") == list(zip(mine, [f"b loss={loss}" for loss in losses] * 2, strict=True))
