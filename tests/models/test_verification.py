"""The rule of acceptance, by exact integration over its uniforms."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.verification import (
    Verdict,
    couple,
    couple_along,
    entropy_bits,
    inverse_cdf,
    race,
    reject_along,
    total_variation,
    verify,
)


@st.composite
def distributions(draw, vocabulary, rows):
    """Rows of probabilities [rows, V], zeros included."""
    weights = draw(arrays(np.int64, (rows, vocabulary), elements=st.integers(0, 50)))
    weights[:, 0] += weights.sum(axis=1) == 0
    return weights / weights.sum(axis=1, keepdims=True)


def intervals(breakpoints):
    """(midpoint, length) of each interval that the breakpoints cut [0, 1) into."""
    edges = np.unique(np.clip([0.0, *breakpoints, 1.0], 0, 1))
    return [((a + b) / 2, b - a) for a, b in itertools.pairwise(edges) if b > a]


def accept_breakpoint(p, qhat, token):
    return p[token] / qhat[token]


def exact_outcomes(p, qhat):
    """{(accepted, output token): probability} of one draft from qhat [V] verified by p [2, V], uniforms integrated."""
    outcomes = {}
    residual = np.maximum(p[0] - qhat, 0)
    cuts = np.cumsum(p[1]).tolist() + (np.cumsum(residual) / (residual.sum() or 1)).tolist()
    for token in np.flatnonzero(qhat):
        for u0, w0 in intervals([accept_breakpoint(p[0], qhat, token)]):
            for u1, w1 in intervals(cuts):
                result = verify(p, np.array([token]), qhat[None], np.array([u0, u1]))
                out = (result.accepted, int(token) if result.accepted else result.token)
                outcomes[out] = outcomes.get(out, 0.0) + qhat[token] * w0 * w1
    return outcomes


@given(distributions(5, 2), distributions(5, 1))
def test_rejection_probability_is_total_variation(p, qhat):
    rejected = sum(w for (accepted, _), w in exact_outcomes(p, qhat[0]).items() if accepted == 0)
    assert rejected == pytest.approx(total_variation(p[0], qhat[0]), abs=1e-12)


@given(distributions(5, 2), distributions(5, 1))
def test_output_distribution_is_the_verifiers(p, qhat):
    distribution = np.zeros(5)
    for (_, token), w in exact_outcomes(p, qhat[0]).items():
        distribution[token] += w
    np.testing.assert_allclose(distribution, p[0], atol=1e-12)


@given(distributions(4, 3), distributions(4, 2))
def test_second_position_is_judged_only_when_the_first_is_accepted(p, qhat):
    for tokens in itertools.product(np.flatnonzero(qhat[0]), np.flatnonzero(qhat[1])):
        limits = [accept_breakpoint(p[n], qhat[n], tokens[n]) for n in range(2)]
        for (u0, _), (u1, _) in itertools.product(intervals(limits[:1]), intervals(limits[1:])):
            result = verify(p, np.array(tokens), qhat, np.array([u0, u1, 0.5]))
            expected = 0 if u0 > limits[0] else 1 if u1 > limits[1] else 2
            assert result.accepted == expected


def test_without_drafts_a_token_is_sampled_from_the_target():
    p = np.array([[0.25, 0.0, 0.75]])
    none = np.empty(0, dtype=np.int64)
    drawn = [verify(p, none, np.empty((0, 3)), np.array([u])) for u in (0.0, 0.2499, 0.25, 0.999)]
    assert drawn == [Verdict(0, 0), Verdict(0, 0), Verdict(0, 2), Verdict(0, 2)]


def test_the_correction_may_lie_outside_the_draft_support():
    p = np.array([[0.1, 0.0, 0.9], [1.0, 0.0, 0.0]])
    qhat = np.array([[1.0, 0.0, 0.0]])
    assert verify(p, np.array([0]), qhat, np.array([0.2, 0.0])) == Verdict(0, 2)


def test_a_token_the_verifier_excludes_is_never_accepted():
    p = np.array([[0.0, 1.0], [0.5, 0.5]])
    qhat = np.array([[1.0, 0.0]])
    assert verify(p, np.array([0]), qhat, np.array([0.0, 0.7])) == Verdict(0, 1)


def test_equal_distributions_accept_even_at_the_largest_uniform():
    p = np.full((2, 3), 1 / 3)
    u = np.nextafter(1.0, 0.0)
    assert verify(p, np.array([2]), p[:1], np.array([u, u])) == Verdict(1, 2)


def test_rejection_with_an_empty_residual_draws_from_the_target():
    below = np.nextafter(0.5, 0)
    p = np.array([[below, 0.5], [1.0, 0.0]])
    qhat = np.array([[0.5, 0.5]])
    u = np.nextafter(1.0, 0.0)
    assert verify(p, np.array([0]), qhat, np.array([u, 0.9])) == Verdict(0, 1)


@pytest.mark.parametrize(
    ("p", "drafts", "qhat", "uniforms"),
    [((2, 4), 2, (2, 4), 3), ((3, 4), 2, (2, 5), 3), ((3, 4), 2, (2, 4), 2), ((3, 4), 2, (3, 4), 3)],
)
def test_verify_refuses_shapes_that_disagree(p, drafts, qhat, uniforms):
    with pytest.raises(ValueError, match="expected"):
        verify(np.ones(p), np.zeros(drafts, dtype=np.int64), np.ones(qhat), np.zeros(uniforms))


@given(arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 9)), st.floats(0, 1, exclude_max=True))
def test_inverse_cdf_of_counts_agrees_with_exact_fractions(counts, u):
    counts[-1] += counts.sum() == 0
    index = inverse_cdf(counts, u)
    below, upto = int(counts[:index].sum()), int(counts[: index + 1].sum())
    assert counts[index] > 0
    assert below <= u * int(counts.sum()) < upto or u * float(counts.sum()) == counts.sum()


def test_inverse_cdf_at_the_edge_never_returns_a_weightless_index():
    u = np.nextafter(1.0, 0.0)
    weights = np.array([0.0, 1e-300, 3e-308, 0.0, 0.0])
    assert weights[inverse_cdf(weights, u)] > 0
    assert inverse_cdf(np.array([0, 5, 0]), u) == 1
    assert inverse_cdf(np.array([0, 5, 0]), 0.0) == 1
    assert inverse_cdf(np.array([0.0, 0.1, 0.0]), 1.0) == 1


def test_inverse_cdf_refuses_weights_without_mass():
    with pytest.raises(ValueError, match="no mass"):
        inverse_cdf(np.zeros(3), 0.5)


def test_coupled_text_is_the_verifiers_whatever_was_drafted():
    rng = np.random.default_rng(1)
    for _ in range(200):
        p = rng.dirichlet(np.ones(6), size=4)
        exponentials = rng.exponential(size=(4, 6))
        own = [race(p[n], exponentials[n]) for n in range(4)]
        drafts = np.array([own[0], rng.integers(6), rng.integers(6)])
        result = couple(p, drafts, exponentials)
        committed = [*drafts[: result.accepted].tolist(), result.token]
        assert committed == own[: len(committed)]
        assert result.accepted == 3 or drafts[result.accepted] != own[result.accepted]


def test_race_follows_its_distribution():
    distribution = np.array([0.1, 0.0, 0.6, 0.3])
    exponentials = np.random.default_rng(2).exponential(size=(20_000, 4))
    shares = np.bincount([race(distribution, row) for row in exponentials], minlength=4) / 20_000
    assert shares[1] == 0
    assert np.all(np.abs(shares - distribution) <= 5 * np.sqrt(distribution * (1 - distribution) / 20_000))


def test_a_token_next_to_impossible_loses_the_race_without_a_word():
    with np.errstate(all="raise"):
        assert race(np.array([1e-310, 1.0]), np.array([0.5, 3.0])) == 1


def test_a_token_of_no_weight_never_wins_the_race():
    """Not even by an exponential of 0, where 0 / 0 is no time at all."""
    with warnings.catch_warnings(action="error"):
        assert race(np.array([0.0, 0.25, 0.75]), np.array([0.0, 1.0, 1.0])) == 2


def test_race_on_counts_equals_race_on_probabilities():
    rng = np.random.default_rng(3)
    for _ in range(100):
        counts, exponentials = rng.multinomial(64, np.ones(8) / 8), rng.exponential(size=8)
        assert race(counts, exponentials) == race(counts / 64, exponentials)


def test_match_probability_of_the_race_meets_its_bound():
    rng = np.random.default_rng(4)
    p, q = rng.dirichlet(np.ones(5), size=2)
    n = 20_000
    hits = np.mean([race(p, e) == race(q, e) for e in rng.exponential(size=(n, 5))])
    tv = float(total_variation(p, q))
    assert hits >= (1 - tv) / (1 + tv) - 5 * np.sqrt(0.25 / n)
    assert hits <= 1 - tv + 5 * np.sqrt(0.25 / n)


def test_entropy_counts_only_what_can_happen():
    assert entropy_bits(np.full(8, 1 / 8)) == 3
    assert entropy_bits(np.array([0.0, 0.5, 0.0, 0.25, 0.25])) == 1.5


def asking(p):
    """The target distribution as a function of the drafts before it, and the prefixes it was asked for."""
    asked = []

    def distribution_after(prefix):
        asked.append(prefix)
        return p[len(prefix)]

    return distribution_after, asked


@given(distributions(5, 4), distributions(5, 3), st.integers(0, 2**32))
def test_rejection_along_a_prefix_is_that_of_rows_and_asks_only_as_far_as_it_judges(p, qhat, seed):
    rng = np.random.default_rng(seed)
    drafts = np.array([rng.choice(5, p=distribution) for distribution in qhat])
    uniforms = rng.random(4)
    distribution_after, asked = asking(p)
    result = reject_along(distribution_after, drafts, qhat, uniforms)
    assert result == verify(p, drafts, qhat, uniforms)
    assert asked == [tuple(drafts[:n].tolist()) for n in range(result.accepted + 1)]


@given(distributions(5, 4), st.integers(0, 2**32))
def test_coupling_along_a_prefix_is_that_of_rows_and_asks_only_as_far_as_it_judges(p, seed):
    rng = np.random.default_rng(seed)
    exponentials = rng.exponential(size=(4, 5))
    own = [race(p[n], exponentials[n]) for n in range(3)]
    drafts = np.where(rng.random(3) < 0.7, own, rng.integers(5, size=3))
    distribution_after, asked = asking(p)
    result = couple_along(distribution_after, drafts, exponentials)
    assert result == couple(p, drafts, exponentials)
    assert asked == [tuple(drafts[:n].tolist()) for n in range(result.accepted + 1)]


def test_distributions_that_depend_on_the_drafts_are_judged_where_the_drafts_lead():
    """What rows cannot say: another draft leads to another distribution."""
    after = {(): [0.0, 1.0], (0,): [1.0, 0.0], (1,): [0.0, 1.0]}
    qhat = np.full((1, 2), 0.5)
    for token, accepted in ((0, 0), (1, 1)):
        result = reject_along(lambda prefix: np.array(after[prefix]), np.array([token]), qhat, np.array([0.9, 0.5]))
        assert result == Verdict(accepted, 1)
