"""Quantizers behind one interface: bounds, codeword counts by enumeration, and each codeword on the wire."""

import itertools

import numpy as np
import pytest
from codec_strategies import distributions
from hypothesis import given
from hypothesis import strategies as st

from channels.codec.quantizers import CubicLattice, DualLattice, Logarithmic, TypeLattice, quantizer
from channels.codec.wire import CodecError, Draft, Format, encode

NAMES = ("lattice", "dual", "cubic", "logarithmic")


def tv(p, counts):
    return float(np.abs(p / p.sum() - counts / counts.sum()).sum() / 2)


@pytest.mark.parametrize("name", NAMES)
@given(p=distributions(max_size=60), resolution=st.integers(2, 1000))
def test_total_variation_is_within_the_stated_bound(name, p, resolution):
    chosen = quantizer(name, resolution)
    counts = chosen.quantize(p)
    assert counts.dtype == np.int64
    assert counts.min() >= 0
    assert counts.sum() > 0
    assert tv(p, counts) <= chosen.covering_bound(p.size) + 1e-9


def test_bound_of_the_logarithmic_quantizer_is_nearly_met():
    chosen = Logarithmic(33)  # steps of half an octave
    p = np.linspace(0.02, 0.5, 4001)
    worst = max(tv(np.array([x, 1 - x]), chosen.quantize(np.array([x, 1 - x]))) for x in p)
    assert 0.75 * chosen.covering_bound(2) <= worst <= chosen.covering_bound(2)


@given(distributions(max_size=60), st.integers(1, 300))
def test_dual_lattice_is_never_farther_than_the_type_lattice(p, resolution):
    assert tv(p, DualLattice(resolution).quantize(p)) <= tv(p, TypeLattice(resolution).quantize(p)) + 1e-12


def test_dual_lattice_is_often_nearer():
    rng = np.random.default_rng(0)
    ps = rng.dirichlet(np.ones(6), 200)
    nearer = [tv(p, DualLattice(10).quantize(p)) < tv(p, TypeLattice(10).quantize(p)) - 1e-9 for p in ps]
    assert np.mean(nearer) > 0.3


def dual_points(size, ell):
    """All points of A* within the simplex, by their definition: alike modulo K, sum K ell."""
    return [
        m
        for m in itertools.product(range(size * ell + 1), repeat=size)
        if sum(m) == size * ell and len({x % size for x in m}) == 1
    ]


@pytest.mark.parametrize(("size", "ell"), [(1, 3), (2, 3), (3, 2), (3, 4), (4, 2)])
def test_codewords_are_counted_exactly(size, ell):
    assert DualLattice(ell).codewords(size) == len(dual_points(size, ell))
    levels = itertools.product(range(ell + 1), repeat=size)
    assert CubicLattice(ell).codewords(size) == Logarithmic(max(ell, 2)).codewords(size) * (ell >= 2) or ell < 2
    assert CubicLattice(ell).codewords(size) == len([point for point in levels if any(point)])


@given(distributions(min_size=2, max_size=4), st.integers(1, 4))
def test_dual_quantizer_returns_points_of_the_dual_lattice(p, ell):
    counts = DualLattice(ell).quantize(p)
    scaled = counts * (p.size if counts.sum() == ell else 1)
    assert tuple(scaled.tolist()) in dual_points(p.size, ell)


NO_DISTRIBUTIONS = [[0.0, 0.0], [0.5, -0.1], [0.5, float("nan")], [0.5, float("inf")], [1e308, 1e308], [], [[0.5, 0.5]]]


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("distribution", NO_DISTRIBUTIONS)
def test_what_is_no_distribution_is_refused_by_every_quantizer_alike(name, distribution):
    with pytest.raises(ValueError, match="vector of non-negative numbers with a positive, finite sum"):
        quantizer(name, 10).quantize(np.array(distribution))


def test_counts_of_another_quantizer_are_refused():
    support = np.array([1, 2, 3])
    for name, counts in [
        ("dual", [1, 2, 3]),
        ("cubic", [1, 200, 3]),
        ("logarithmic", [1, 2, 3]),
        ("lattice", [1, 1, 1]),
    ]:
        with pytest.raises(CodecError, match="counts"):
            encode(
                [Draft(1, support, np.array(counts))],
                Format(9, 10, 1, quantizer=name, code="enumerative", token="flat"),
            )


def test_quantizers_need_a_variable_support_and_a_known_name():
    for code in ("enumerative", "recoded"):
        for fields in ({"support": "fixed", "support_size": 3}, {"support": "dense"}):
            with pytest.raises(CodecError, match="quantizer = 'cubic': needs support 'variable', not"):
                Format(9, 10, 1, quantizer="cubic", code=code, **fields)
    with pytest.raises(ValueError, match="must be one of"):
        quantizer("voronoi", 3)
    with pytest.raises(ValueError, match="must be within"):
        quantizer("logarithmic", 1)
