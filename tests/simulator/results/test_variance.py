"""Analysis of variance: effects put in come out, as textbook sums over marginal means say, and nothing else does."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f as f_distribution

from simulator.results.variance import BLOCK, RESIDUAL, Effect, factors_of, variance

LEVELS = {"models.temperature": (0.5, 1.0), "scheme.k": (2, 8, 32), "scheme.resolution": (10, 100)}
SEEDS = (3, 4, 7, 11)


def factorial(y: Callable[..., float], levels: dict[str, Sequence[float]], seeds: Sequence[int]) -> pd.DataFrame:
    """A row for each combination and seed; y is asked by places: y(a, b, ..., seed's place)."""
    rows = []
    for places in itertools.product(*(range(len(values)) for values in levels.values()), range(len(seeds))):
        setting = {name: values[place] for (name, values), place in zip(levels.items(), places, strict=False)}
        rows.append({**setting, BLOCK: seeds[places[-1]], "y": y(*places)})
    return pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)


def by_factors(effects: Sequence[Effect]) -> dict[tuple[str, ...], Effect]:
    return {effect.factors: effect for effect in effects}


def test_effects_that_were_put_in_come_out_with_their_closed_sums_of_squares() -> None:
    """Zero-sum effects: the sum of squares of each is the number of rows a level has times the sum of its squares."""
    A, B, S = (-1.0, 1.0), (-2.0, 0.5, 1.5), (0.3, -0.1, -0.4, 0.2)
    AB = ((0.2, -0.1, -0.1), (-0.2, 0.1, 0.1))
    E = ((1, -1, 0, 0), (-1, 1, 0, 0), (0, 0, 0, 0))  # zero-sum over seeds and levels of B; the sign is that of A

    def y(a: int, b: int, s: int) -> float:
        return 5 + A[a] + B[b] + AB[a][b] + S[s] + 0.01 * E[b][s] * A[a]

    factors = ["models.temperature", "scheme.k"]
    found = by_factors(variance(factorial(y, {name: LEVELS[name] for name in factors}, SEEDS), factors, "y"))
    squares = {
        ("models.temperature",): (1, 3 * 4 * 2.0),
        ("scheme.k",): (2, 2 * 4 * 6.5),
        ("models.temperature", "scheme.k"): (2, 4 * 0.12),
        (BLOCK,): (3, 6 * 0.3),
        (RESIDUAL,): (15, 2 * 4 * 1e-4),
    }
    assert list(found) == list(squares)
    total = sum(each for _, each in squares.values())
    for name, (degrees, expected) in squares.items():
        effect = found[name]
        assert effect.degrees == degrees and effect.sum_of_squares == pytest.approx(expected, rel=1e-9)
        assert effect.share == pytest.approx(expected / total, rel=1e-9)
        if name != (RESIDUAL,):
            F = expected / degrees / (8e-4 / 15)
            assert pytest.approx(F, rel=1e-9) == effect.F
            assert effect.p == pytest.approx(f_distribution.sf(F, degrees, 15), rel=1e-6) and effect.separable
    assert math.isnan(found[(RESIDUAL,)].F) and not found[(RESIDUAL,)].separable


def slow_sums(table: pd.DataFrame, factors: Sequence[str]) -> dict[tuple[str, ...], float]:
    """The sum of squares of every effect: the mean over rows of the squared inclusion-exclusion sum of marginal means,
    times the rows."""
    found: dict[tuple[str, ...], float] = {}
    subsets = [each for size in range(1, len(factors) + 1) for each in itertools.combinations(factors, size)]
    for names in [*subsets, (BLOCK,)]:
        contrast = np.zeros(len(table))
        for size in range(len(names) + 1):
            for part in itertools.combinations(names, size):
                means = table.groupby(list(part))["y"].transform("mean") if part else table["y"].mean()
                contrast += (-1) ** (len(names) - size) * means
        found[names] = float((contrast**2).sum())
    found[(RESIDUAL,)] = float(((table["y"] - table["y"].mean()) ** 2).sum()) - sum(found.values())
    return found


def test_a_three_way_table_of_noise_has_the_sums_of_its_marginal_means() -> None:
    rng = np.random.default_rng(1)
    table = factorial(lambda a, b, c, s: a * b + rng.normal(), LEVELS, SEEDS)
    effects = variance(table, list(LEVELS), "y")
    expected = slow_sums(table, list(LEVELS))
    assert [effect.factors for effect in effects] == list(expected)
    for effect in effects:
        assert effect.sum_of_squares == pytest.approx(expected[effect.factors], rel=1e-9)
    assert sum(effect.share for effect in effects) == pytest.approx(1)
    assert [effect.degrees for effect in effects] == [1, 2, 1, 2, 1, 2, 2, 3, 33]
    assert math.fsum(effect.degrees for effect in effects) == len(table) - 1


def test_one_seed_gives_shares_without_significance() -> None:
    effects = variance(factorial(lambda a, b, c, s: a + b * c, LEVELS, (0,)), list(LEVELS), "y")
    assert sum(effect.share for effect in effects) == pytest.approx(1)
    assert all(math.isnan(effect.p) and not effect.separable for effect in effects)
    assert (effects[-1].factors, effects[-1].degrees, effects[-1].share) == ((RESIDUAL,), 0, 0.0)


def test_a_design_with_a_hole_a_double_or_no_number_is_refused() -> None:
    table = factorial(lambda a, b, c, s: a + s, LEVELS, SEEDS)
    hole, double, nothing = table.iloc[1:], pd.concat([table, table.iloc[:1]]), table.copy()
    nothing.loc[3, "y"] = math.nan
    swapped = pd.concat([table.iloc[1:], table.iloc[1:2]])
    for bad in (hole, double, nothing, swapped):
        with pytest.raises(ValueError, match=r"one number for each combination of models\.temperature"):
            variance(bad, list(LEVELS), "y")


def test_factors_are_what_varies() -> None:
    table = factorial(lambda a, b, c, s: a, {**LEVELS, "scheme.resolution": (7,)}, SEEDS)
    assert factors_of(table, [*LEVELS, "scheme.step"]) == ["models.temperature", "scheme.k"]
