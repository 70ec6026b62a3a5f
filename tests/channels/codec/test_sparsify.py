"""Sparsifiers against a sort over the whole vocabulary, written here."""

import math

import numpy as np
import pytest
from codec_strategies import distributions
from hypothesis import given
from hypothesis import strategies as st

from channels.codec.sparsify import All, EntropyK, MinP, Threshold, TopK, TopP


def ranked(q):
    """Ids from most to least probable, lowest id first among equals."""
    return sorted(range(q.size), key=lambda x: (-q[x], x))


@given(distributions(), st.data())
def test_top_k_keeps_the_most_probable_and_the_lowest_ids_among_equals(q, data):
    k = data.draw(st.integers(1, q.size))
    support = TopK(k).support(q)
    assert support.dtype == np.int64
    assert support.tolist() == sorted(ranked(q)[:k])


@given(st.integers(1, 12), st.integers(1, 4000), st.integers(1, 40), st.integers(0, 1000))
def test_top_k_of_a_large_distribution_is_the_first_k_of_all_sorted(k, size, levels, seed):
    """Where the largest are sought in blocks, with many ties and zeros among them."""
    drawn = np.random.default_rng(seed).random(max(size, k))
    q = np.floor(drawn**4 * levels) / levels
    expected = np.sort(np.argsort(-q, kind="stable")[:k])
    np.testing.assert_array_equal(TopK(k).support(q), expected)


@given(distributions(), st.floats(-0.5, 1.0))
def test_threshold_keeps_what_reaches_it_and_never_nothing(q, beta):
    kept = [x for x in range(q.size) if q[x] >= beta]
    support = Threshold(beta).support(q)
    assert support.dtype == np.int64
    assert support.tolist() == (kept or [ranked(q)[0]])


@given(distributions(), st.floats(0.01, 1.0))
def test_top_p_keeps_the_fewest_tokens_that_hold_the_mass(q, mass):
    support = TopP(mass).support(q)
    assert support.tolist() == sorted(ranked(q)[: support.size])
    assert q[support].sum() >= mass - 1e-9
    assert np.sort(q[support])[1:].sum() < mass + 1e-9


@given(distributions(), st.floats(0.0, 1.0))
def test_min_p_cuts_relative_to_the_largest(q, ratio):
    assert MinP(ratio).support(q).tolist() == [x for x in range(q.size) if q[x] >= ratio * q.max()]


@given(distributions(), st.floats(1e-3, 1e3))
def test_entropy_k_keeps_a_multiple_of_the_perplexity(q, scale):
    perplexity = math.prod(mass**-mass for mass in q.tolist() if mass)
    kept = EntropyK(scale).support(q)
    assert kept.tolist() == sorted(ranked(q)[: kept.size])
    assert kept.size in {max(1, min(q.size, round(scale * perplexity * off))) for off in (1 - 1e-12, 1, 1 + 1e-12)}


@pytest.mark.parametrize(("scale", "size"), [(1e-300, 1), (1e308, 7)])
def test_entropy_k_is_within_one_and_the_vocabulary(scale, size):
    assert EntropyK(scale).support(np.full(7, 1 / 7)).size == size


@given(distributions())
def test_all_keeps_the_vocabulary(q):
    assert All().support(q).tolist() == list(range(q.size))


@pytest.mark.parametrize(
    "make",
    [
        lambda: TopK(0),
        lambda: Threshold(1.1),
        lambda: Threshold(float("nan")),
        lambda: TopP(0.0),
        lambda: TopP(float("nan")),
        lambda: MinP(-0.1),
        lambda: MinP(2.0),
        lambda: EntropyK(0.0),
        lambda: EntropyK(float("inf")),
        lambda: EntropyK(float("nan")),
        lambda: TopK(3).support(np.array([0.5, 0.5])),
    ],
)
def test_nonsense_is_refused(make):
    with pytest.raises(ValueError, match="must be"):
        make()
