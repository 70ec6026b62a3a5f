"""The lattice rule, bit for bit against a slow independent one, and its theorems against brute force."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from codec_strategies import distributions
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.codec.lattice import LARGEST_RESOLUTION, codewords, covering_bound, quantize


def slow_quantize(p, resolution):
    """REFERENCE.md's integer rule in Python integers, one token at a time."""
    grid = [int(np.rint(np.float64(2**40) * x / p.sum())) for x in p]
    counts = [(2 * resolution * g + 2**40) >> 41 for g in grid]
    order = sorted(range(p.size), key=lambda i: (2**40 * counts[i] - resolution * grid[i], i))
    missing = resolution - sum(counts)
    for i in order[:missing] if missing > 0 else order[p.size + missing :]:
        counts[i] += 1 if missing > 0 else -1
    return counts


def random_distributions(number):
    """Distributions of every shape: Dirichlet flat to peaked, half-multiples of 1/ell (ties), with zeros."""
    rng = np.random.default_rng(20)
    for n in range(number):
        size, resolution = int(rng.integers(1, 65)), int(rng.integers(1, 400))
        if n % 3:
            p = rng.dirichlet(np.full(size, rng.choice([0.05, 0.5, 5.0])))
        else:
            p = rng.integers(0, 7, size) / (2 * resolution)
        p[rng.integers(size)] += 1e-3
        yield p, resolution


@pytest.mark.parametrize("number", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_counts_equal_the_slow_rule_bit_for_bit(number):
    for p, resolution in random_distributions(number):
        counts = quantize(p, resolution)
        assert counts.dtype == np.int64 and counts.min() >= 0 and counts.sum() == resolution
        assert counts.tolist() == slow_quantize(p, resolution), (p, resolution)


def test_covering_bound_is_met_at_the_deep_hole_of_even_size():
    p = np.array([1.5, 0.5, 1.5, 0.5]) / 4
    counts = quantize(p, 4)
    assert np.abs(p - counts / 4).sum() / 2 == covering_bound(4, 4) == 4 / (4 * 4)


def all_points(size, resolution):
    return [c for c in itertools.product(range(resolution + 1), repeat=size) if sum(c) == resolution]


@given(distributions(max_size=4), st.integers(1, 7))
def test_no_lattice_point_is_nearer_in_l2_or_total_variation(p, resolution):
    grid = np.rint(2.0**40 * p / p.sum()).astype(int).tolist()
    exact = [Fraction(resolution * g, 2**40) for g in grid]
    chosen = quantize(p, resolution).tolist()
    points = all_points(p.size, resolution)
    assert len(points) == codewords(p.size, resolution)
    for norm in (lambda d: d * d, abs):

        def distance(point, norm=norm):
            return sum(norm(c - x) for c, x in zip(point, exact, strict=True))

        assert distance(chosen) <= min(map(distance, points)) + Fraction(1, 2**30)


def test_the_largest_resolution_does_not_overflow():
    for size in (1, 2, 3, 1000):
        p = np.random.default_rng(size).dirichlet(np.full(size, 0.1))
        resolution = min(LARGEST_RESOLUTION, 2**40 // size)
        assert quantize(p, resolution).tolist() == slow_quantize(p, resolution)


@pytest.mark.parametrize(
    ("p", "resolution"),
    [
        ([0.0, 0.0], 4),
        ([0.5, -0.1], 4),
        ([0.5, float("nan")], 4),
        ([0.5, float("inf")], 4),
        ([0.5, 0.5], 0),
        ([0.5, 0.5], LARGEST_RESOLUTION + 1),
        ([], 4),
        ([[0.5, 0.5]], 4),
    ],
)
def test_nonsense_is_refused(p, resolution):
    with pytest.raises(ValueError, match="must be"):
        quantize(np.array(p), resolution)


@given(st.integers(1, 12), st.integers(200, 3_000), st.sampled_from([0.0, 1e-13, 1e-6, 1.0]), st.integers(0, 1000))
@settings(max_examples=3 * settings.default.max_examples)
def test_counts_of_many_more_ids_than_they_sum_to_equal_the_slow_rule(resolution, size, tail, seed):
    """Where those that can have a count are found first: flat tails, zeros, and more and less than the sum at first."""
    rng = np.random.default_rng(seed)
    p = tail * rng.integers(0, 4, size) / size
    head = int(rng.integers(1, 6 * resolution))
    p[rng.choice(size, head, replace=False)] += rng.integers(1, 5, head) / (2 * resolution)
    assert quantize(p, resolution).tolist() == slow_quantize(p, resolution)
