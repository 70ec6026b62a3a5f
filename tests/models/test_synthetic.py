"""Synthetic pairs and texts that drift: distributions are what the parameters say, and texts behave as caches do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.interface import Pair
from models.synthetic import MarkovModel, Synthetic, reversed_likelihood, with_entropy
from models.verification import total_variation


def rows(model, size):
    """The distributions [V, V] after each single token."""
    text = model.open(1.0)
    return np.vstack([text.distributions((token,), 1) for token in range(size)])


@settings(max_examples=20, deadline=None)
@given(st.integers(4, 64), st.floats(0.05, 0.95), st.floats(0.0, 0.7), st.integers(0, 1000))
def test_entropy_and_distance_are_those_asked_for(size, share, distance, seed):
    pair = Synthetic(size=size, entropy_bits=share * np.log2(size), distance=distance, seed=seed, prompts=1).load()
    p, q = rows(pair.verifier, size), rows(pair.drafter, size)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(q.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(total_variation(p, q), distance, atol=1e-9)
    entropy = -np.sum(p * np.log2(np.maximum(p, 1e-300)), axis=1)
    np.testing.assert_allclose(entropy, share * np.log2(size), atol=1e-6)


def test_order_two_depends_on_two_tokens_and_no_more():
    text = Synthetic(size=8, order=2, entropy_bits=2).load().verifier.open(1.0)
    after = [text.distributions(tokens, 1)[0] for tokens in ((1, 2, 3), (7, 2, 3), (1, 4, 3))]
    np.testing.assert_array_equal(after[0], after[1])
    assert total_variation(after[0], after[2]) > 0.1


def test_trailing_distributions_are_those_of_each_prefix():
    text = Synthetic(size=16, entropy_bits=3).load().verifier.open(0.7)
    tokens = (3, 1, 4, 1, 5)
    together = text.distributions(tokens, 4)
    for i, row in enumerate(together):
        np.testing.assert_array_equal(row, text.distributions(tokens[: 2 + i], 1)[0])


def test_temperature_sharpens_to_the_argmax():
    model = MarkovModel.from_table(np.array([[0.4, 0.4, 0.2], [0.2, 0.3, 0.5], [0.0, 0.9, 0.1]]))
    np.testing.assert_allclose(model.open(0.5).distributions((1,), 1)[0], np.array([4, 9, 25]) / 38, atol=1e-15)
    np.testing.assert_allclose(model.open(0.5).distributions((2,), 1)[0], np.array([0, 81, 1]) / 82, atol=1e-15)
    np.testing.assert_array_equal(model.open(0.0).distributions((0,), 1)[0], [1, 0, 0])


def test_same_seed_same_pair_and_another_seed_another():
    first, again, other = (Synthetic(seed=seed).load() for seed in (5, 5, 6))
    assert first.prompts == again.prompts != other.prompts
    assert first.verifier.fingerprint == again.verifier.fingerprint != other.verifier.fingerprint
    assert first.verifier.fingerprint != first.drafter.fingerprint
    np.testing.assert_array_equal(rows(first.drafter, 8), rows(again.drafter, 8))


def test_prompts_follow_the_verifiers_distribution():
    pair = Synthetic(size=4, entropy_bits=1.5, prompts=50, prompt_tokens=400).load()
    distribution = rows(pair.verifier, 4)
    follows = np.zeros((4, 4))
    for prompt in pair.prompts:
        np.add.at(follows, (prompt.tokens[:-1], prompt.tokens[1:]), 1)
    n = follows.sum(axis=1, keepdims=True)
    assert np.all(np.abs(follows / n - distribution) <= 5 * np.sqrt(distribution * (1 - distribution) / n) + 1e-9)


def test_cached_is_the_text_last_asked_about():
    text = Synthetic(size=8, entropy_bits=2).load().drafter.open(1.0)
    assert text.cached == ()
    text.distributions((1, 2, 3), 2)
    assert text.cached == (1, 2, 3)
    text.crop(1)
    assert text.cached == (1,)
    assert text.distributions((1, 7), 0).shape == (0, 8)
    assert text.cached == (1, 7)


def test_too_many_distributions_and_too_long_a_text_are_refused():
    text = Synthetic(size=8, entropy_bits=2, context=4, prompt_tokens=2).load().verifier.open(1.0)
    with pytest.raises(ValueError, match="last = 3"):
        text.distributions((1, 2), 3)
    with pytest.raises(ValueError, match="at most 4"):
        text.distributions((1, 2, 3, 4, 5), 1)


def test_the_pair_is_chosen_by_its_kind():
    pair = Pair.of({"kind": "synthetic", "size": 32})
    assert isinstance(pair, Synthetic)
    assert (pair.vocabulary, pair.context_tokens) == (32, 4096)
    assert pair.fingerprint == Synthetic(size=32).fingerprint != Synthetic(size=33).fingerprint


def bisected(logits: np.ndarray, bits: float) -> np.ndarray:
    """softmax(b logits) of this entropy, every question of the bisection computed."""

    def softmax(b: float) -> np.ndarray:
        weights = np.exp(b * logits - (b * logits).max())
        return weights / weights.sum()

    def above(b: float) -> bool:
        row = softmax(b)
        positive = row[row > 0]
        return bool(-(positive * np.log2(positive)).sum() > bits)

    low, high = 0.0, 1.0
    while above(high) and high < 1e12:
        high *= 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if above(middle) else (low, middle)
    return softmax(high)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.4, 0.7, 0.95, 1.0])
@pytest.mark.parametrize("size", [2, 5, 64, 1000, 20_000])
def test_a_row_is_to_the_last_bit_that_of_a_plain_bisection(size: int, share: float) -> None:
    for seed in range(3):
        logits, bits = np.random.default_rng(seed).standard_normal(size), share * np.log2(size)
        np.testing.assert_array_equal(with_entropy(logits, bits), bisected(logits, bits))


def test_likelihood_is_reversed_with_the_lowest_id_first_among_equals() -> None:
    np.testing.assert_array_equal(reversed_likelihood(np.array([0.2, 0.1, 0.5, 0.2])), [0.2, 0.5, 0.1, 0.2])
    p = np.random.default_rng(0).integers(1, 9, 500) / 2000.0
    order = sorted(range(500), key=lambda x: (p[x], x))
    expected = np.empty(500)
    expected[order] = p[order[::-1]]
    np.testing.assert_array_equal(reversed_likelihood(p), expected)
