"""Lower bounds on bits, beside exhaustive coverings, exhaustive distributions and enumerated joint distributions."""

import math
from itertools import combinations, product

import numpy as np
import pytest

from channels.codec import lattice
from kinds.arrays import Floats
from models.verification import entropy_bits
from simulator.studies.rate_bounds import LeastBits, covering_bits, least_entropies, match_probability


def grid(size: int, ell: int) -> Floats:
    """All distributions whose probabilities are multiples of 1 / ell."""
    counts = [each for each in product(range(ell + 1), repeat=size - 1) if sum(each) <= ell]
    return np.array([(*each, ell - sum(each)) for each in counts]) / ell


def distances(first: Floats, second: Floats) -> Floats:
    return 0.5 * np.abs(first[:, None] - second[None]).sum(axis=2)


def least_cover(size: int, ell: int, radius: float) -> int:
    """The fewest centres on the grid within `radius` of every point of the grid, by trying all sets."""
    within = distances(grid(size, ell), grid(size, ell)) <= radius + 1e-12
    return next(
        number
        for number in range(1, len(within) + 1)
        if any(within[list(chosen)].any(axis=0).all() for chosen in combinations(range(len(within)), number))
    )


def test_intervals_of_two_tokens_meet_the_covering_bound() -> None:
    """The simplex of two tokens is [0, 1] with TV = |x - y|: ceil(1 / (2 D)) intervals, and no fewer."""
    for distance in (0.05, 0.07, 0.125, 0.2, 0.25, 0.4):
        assert 2 ** covering_bits(2, distance) <= math.ceil(round(1 / (2 * distance), 9)) + 1e-9
    assert 2 ** covering_bits(2, 0.125) == pytest.approx(4)


@pytest.mark.parametrize(("size", "ell", "distance"), [(2, 16, 0.2), (2, 16, 0.13), (3, 6, 0.45), (3, 6, 0.36)])
def test_no_exhaustive_covering_is_smaller_than_the_bound(size: int, ell: int, distance: float) -> None:
    """A cover of the grid at D less the grid's own radius covers the simplex at D: N is at most that many."""
    covers = least_cover(size, ell, distance - lattice.covering_bound(size, ell))
    assert covering_bits(size, distance) <= math.log2(covers)
    assert covers > 1


@pytest.mark.parametrize(("size", "ell"), [(3, 60), (4, 30)])
def test_the_ball_of_total_variation_has_binomially_many_simplices(size: int, ell: int) -> None:
    """Counted: integers that sum to 0 whose positive ones sum to at most ell, over counts that sum to ell."""
    axes = np.stack(np.meshgrid(*[np.arange(-ell, ell + 1)] * (size - 1), indexing="ij")).reshape(size - 1, -1)
    last = -axes.sum(axis=0)
    positive = np.maximum(axes, 0).sum(axis=0) + np.maximum(last, 0)
    ratio = (positive <= ell).sum() / math.comb(ell + size - 1, size - 1)
    assert ratio == pytest.approx(math.comb(2 * size - 2, size - 1), rel=4 / ell * size)
    assert -covering_bits(size, 0.01) == pytest.approx(
        math.log2(math.comb(2 * size - 2, size - 1)) + (size - 1) * math.log2(0.01)
    )


def test_no_distribution_within_a_distance_has_less_entropy() -> None:
    """Every distribution on the grid within each distance of each p on it; at the distances named one reaches it."""
    everywhere = grid(3, 12)
    entropies = np.array([entropy_bits(r) for r in everywhere])
    for p in everywhere:
        near = distances(p[None], everywhere)[0]
        for entropy, moved in zip(*least_entropies(p), strict=True):
            assert entropies[near <= moved + 1e-9].min() == pytest.approx(entropy, abs=1e-9)


def test_no_allotment_of_rejections_over_two_drafts_takes_fewer_bits() -> None:
    """All pairs on the grid: the mean entropy at a mean rejection is nowhere below the bound, and mixtures reach it."""
    texts, everywhere = [np.array([0.5, 0.25, 0.25]), np.array([0.75, 0.125, 0.125])], grid(3, 16)
    entropies = np.array([entropy_bits(r) for r in everywhere])
    near = [distances(p[None], everywhere)[0] for p in texts]
    least = LeastBits.of(texts)
    mean = (entropies[:, None] + entropies[None]) / 2
    spent = (near[0][:, None] + near[1][None]) / 2
    for rejected in (0.0, 0.05, 0.125, 0.2, 0.375, 0.9):
        assert least.at(rejected) <= mean[spent <= rejected + 1e-12].min() + 1e-9
    assert least.at(0.0) == pytest.approx(np.mean([entropy_bits(p) for p in texts]))
    assert least.at(0.375) == 0.0
    assert (
        0 < least.at(0.125) == pytest.approx(entropy_bits(texts[0]) / 2, rel=0.02)
    )  # the surer one is sent as certain


def test_bounds_of_parts_are_those_of_all_their_drafts() -> None:
    texts = list(np.random.default_rng(3).dirichlet(np.ones(9), 5))
    together = LeastBits.over([LeastBits.of(texts[:2]), LeastBits.of(texts[2:])], [2, 3])
    np.testing.assert_allclose(together.levels, LeastBits.of(texts).levels)


def test_races_match_as_the_double_sum_says_and_as_they_are_run() -> None:
    generator = np.random.default_rng(1)
    q, p = generator.dirichlet(np.ones(6)), generator.dirichlet(np.ones(6))
    q[0], p[3] = 0.0, 0.0
    q, p = q / q.sum(), p / p.sum()
    both = [i for i in range(6) if q[i] and p[i]]
    slow = sum(1 / sum(max(q[j] / q[i], p[j] / p[i]) for j in range(6)) for i in both)
    assert match_probability(q, p) == pytest.approx(slow, rel=1e-12)
    assert match_probability(p, p) == pytest.approx(1.0)
    times = generator.exponential(size=(40_000, 6))
    with np.errstate(divide="ignore"):
        matched = ((times / q).argmin(axis=1) == (times / p).argmin(axis=1)).mean()
    assert abs(matched - slow) < 5.5 * math.sqrt(slow * (1 - slow) / 40_000)  # 4e-8


def test_one_token_takes_nothing_and_no_distance_everything() -> None:
    assert covering_bits(1, 0.0) == 0.0
    assert covering_bits(2, 0.0) == math.inf
    assert covering_bits(5, 0.6) == 0.0
