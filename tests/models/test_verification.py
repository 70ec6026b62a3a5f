"""The rule of acceptance, by exact integration over its uniforms; of a tree, siblings in turn by what is left of both
distributions."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.interface import TokenTree
from models.verification import (
    SparseDistribution,
    TreeVerdict,
    Verdict,
    correction,
    couple,
    dense,
    distance,
    draw_children,
    entropy_bits,
    inverse_cdf,
    probability,
    race,
    race_along,
    reach_by_block,
    reach_by_rejection,
    reject_along,
    residual,
    total_variation,
    verify,
    verify_block,
    verify_tree,
)

LARGEST = np.nextafter(1.0, 0.0)


@st.composite
def counts(draw, vocabulary, rows):
    """Rows of integer counts [rows, V], none without mass, zeros included."""
    weights = draw(arrays(np.int64, (rows, vocabulary), elements=st.integers(0, 50)))
    weights[:, 0] += weights.sum(axis=1) == 0
    return weights


def distributions(vocabulary, rows):
    """Rows of probabilities [rows, V], zeros included."""
    return counts(vocabulary, rows).map(lambda weights: weights / weights.sum(axis=1, keepdims=True))


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
                verdict = verify(p, np.array([token]), qhat[None], np.array([u0, u1]))
                out = (verdict.accepted, int(token) if verdict.accepted else verdict.token)
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
            verdict = verify(p, np.array(tokens), qhat, np.array([u0, u1, 0.5]))
            expected = 0 if u0 > limits[0] else 1 if u1 > limits[1] else 2
            assert verdict.accepted == expected


@given(distributions(5, 2), distributions(5, 1), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_block_of_one_draft_is_verified_as_the_draft_is(p, qhat, u0, u1):
    for token in np.flatnonzero(qhat[0]):
        given_ = p, np.array([token]), qhat, np.array([u0, u1])
        assert verify_block(*given_) == verify(*given_)


@given(distributions(4, 3), distributions(4, 2))
def test_so_many_of_a_block_are_accepted_as_its_joint_ratios_say(p, qhat):
    """P(n or more accepted | the drafts up to n) = w_n, by integration over what is behind them; on average no fewer
    than by rejection draft by draft."""
    block = rejection = 0.0
    for x in np.flatnonzero(qhat[0]):
        first = min(1.0, p[0][x] / qhat[0][x])
        mass = np.maximum(first * p[1] - qhat[1], 0).sum()
        held = 0.0
        for y in np.flatnonzero(qhat[1]):
            both = min(1.0, first * p[1][y] / qhat[1][y])
            cuts = [mass / (mass + 1 - first) if mass else 0.0], [both]
            for (u0, w0), (u1, w1) in itertools.product(*(intervals(each) for each in cuts)):
                verdict = verify_block(p, np.array([x, y]), qhat, np.array([u0, u1, 0.5]))
                assert verdict.accepted == (2 if u1 < both else 1 if u0 < cuts[0][0] else 0)
                held += qhat[1][y] * w0 * w1 * (verdict.accepted > 0)
            ratios = p[:2, [x, y]].diagonal() / qhat[:2, [x, y]].diagonal()
            np.testing.assert_allclose(reach_by_block(ratios), [first, both])
            np.testing.assert_allclose(reach_by_rejection(ratios), np.minimum(1, ratios).cumprod())
            block += qhat[0][x] * qhat[1][y] * both
            rejection += qhat[0][x] * qhat[1][y] * first * min(1.0, p[1][y] / qhat[1][y])
        assert held == pytest.approx(first, abs=1e-12)
    assert block >= rejection - 1e-12


def test_a_block_of_equal_distributions_is_accepted_even_at_the_largest_uniform():
    p = np.full((3, 3), 1 / 3)
    assert verify_block(p, np.array([2, 0]), p[:2], np.full(3, LARGEST)) == Verdict(2, 2)
    none = np.empty(0, dtype=np.int64)
    assert verify_block(p[:1], none, np.empty((0, 3)), np.array([0.5])) == Verdict(0, 1)


def test_without_drafts_a_token_is_sampled_from_the_target():
    p = np.array([[0.25, 0.0, 0.75]])
    none = np.empty(0, dtype=np.int64)
    drawn = [verify(p, none, np.empty((0, 3)), np.array([u])) for u in (0.0, 0.2499, 0.25, 0.999)]
    assert drawn == [Verdict(0, 0), Verdict(0, 0), Verdict(0, 2), Verdict(0, 2)]


def test_equal_distributions_accept_even_at_the_largest_uniform():
    p = np.full((2, 3), 1 / 3)
    assert verify(p, np.array([2]), p[:1], np.array([LARGEST, LARGEST])) == Verdict(1, 2)


def test_rejection_with_an_empty_residual_draws_from_the_target():
    below = np.nextafter(0.5, 0)
    p = np.array([[below, 0.5], [1.0, 0.0]])
    qhat = np.array([[0.5, 0.5]])
    assert verify(p, np.array([0]), qhat, np.array([LARGEST, 0.9])) == Verdict(0, 1)


@pytest.mark.parametrize(
    ("p", "drafts", "qhat", "uniforms"),
    [((2, 4), 2, (2, 4), 3), ((3, 4), 2, (2, 5), 3), ((3, 4), 2, (2, 4), 2), ((3, 4), 2, (3, 4), 3)],
)
def test_verify_refuses_shapes_that_disagree(p, drafts, qhat, uniforms):
    for rule in (verify, verify_block):
        with pytest.raises(ValueError, match="expected"):
            rule(np.ones(p), np.zeros(drafts, dtype=np.int64), np.ones(qhat), np.zeros(uniforms))


@given(arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 9)), st.floats(0, 1, exclude_max=True))
def test_inverse_cdf_of_counts_agrees_with_exact_fractions(counts, u):
    counts[-1] += counts.sum() == 0
    index = inverse_cdf(counts, u)
    below, upto = int(counts[:index].sum()), int(counts[: index + 1].sum())
    assert counts[index] > 0
    assert below <= u * int(counts.sum()) < upto or u * float(counts.sum()) == counts.sum()


def test_inverse_cdf_at_the_edge_never_returns_a_weightless_index():
    weights = np.array([0.0, 1e-300, 3e-308, 0.0, 0.0])
    assert weights[inverse_cdf(weights, LARGEST)] > 0
    assert inverse_cdf(np.array([0, 5, 0]), LARGEST) == 1
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
        verdict = couple(p, drafts, exponentials)
        committed = [*drafts[: verdict.accepted].tolist(), verdict.token]
        assert committed == own[: len(committed)]
        assert verdict.accepted == 3 or drafts[verdict.accepted] != own[verdict.accepted]


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
    verdict = reject_along(distribution_after, drafts, qhat, uniforms)
    assert verdict == verify(p, drafts, qhat, uniforms)
    assert asked == [tuple(drafts[:n].tolist()) for n in range(verdict.accepted + 1)]


@given(distributions(5, 4), st.integers(0, 2**32))
def test_coupling_along_a_prefix_is_that_of_rows_and_asks_only_as_far_as_it_judges(p, seed):
    rng = np.random.default_rng(seed)
    exponentials = rng.exponential(size=(4, 5))
    own = [race(p[n], exponentials[n]) for n in range(3)]
    drafts = np.where(rng.random(3) < 0.7, own, rng.integers(5, size=3))
    distribution_after, asked = asking(p)
    verdict = race_along(distribution_after, drafts, lambda target, n: race(target, exponentials[n]))
    assert verdict == couple(p, drafts, exponentials)
    assert asked == [tuple(drafts[:n].tolist()) for n in range(verdict.accepted + 1)]


def test_distributions_that_depend_on_the_drafts_are_judged_where_the_drafts_lead():
    """What rows cannot say: another draft leads to another distribution."""
    after = {(): [0.0, 1.0], (0,): [1.0, 0.0], (1,): [0.0, 1.0]}
    qhat = np.full((1, 2), 0.5)
    for token, accepted in ((0, 0), (1, 1)):
        verdict = reject_along(lambda prefix: np.array(after[prefix]), np.array([token]), qhat, np.array([0.9, 0.5]))
        assert verdict == Verdict(accepted, 1)


def judge(p, tree, qhat, uniforms):
    """By rows p [N + 1, V] and qhat, of the text and then of each node."""
    return verify_tree(lambda node: p[node + 1], tree, lambda node: qhat[node + 1], np.asarray(uniforms))


@given(
    distributions(6, 5),
    distributions(6, 4),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5),
    st.integers(0),
)
def test_a_tree_of_one_branch_is_judged_as_verify_judges_its_line(p, qhat, uniforms, seed):
    rng = np.random.default_rng(seed)
    drafts = np.array([rng.choice(6, p=distribution) for distribution in qhat])
    line = TokenTree.line(tuple(drafts.tolist()))
    verdict = verify(p, drafts, qhat, np.array(uniforms))
    assert judge(p, line, qhat, uniforms) == TreeVerdict(tuple(range(verdict.accepted)), verdict.token)


@given(distributions(6, 1), st.integers(1, 2**16), st.floats(0, 1, exclude_max=True))
@settings(max_examples=50)
def test_one_branch_draws_its_correction_from_the_very_floats_of_verify(qhat, steps, u):
    """p next to qhat, so that what is left is nothing but rounding."""
    p = np.vstack([qhat + steps * np.spacing(qhat) * np.resize([1, -1], 6), qhat])
    draft = int(np.flatnonzero(p[0] < qhat[0])[0]) if (p[0] < qhat[0]).any() else int(np.argmax(qhat))
    verdict = verify(p, np.array([draft]), qhat, np.array([LARGEST, u]))
    judged = judge(p, TokenTree.line((draft,)), qhat, [LARGEST, u])
    assert (len(judged.path), judged.token) == (verdict.accepted, verdict.token)


def test_a_tree_without_nodes_is_sampled_from_the_target():
    p = np.array([[0.25, 0.0, 0.75]])
    drawn = [judge(p, TokenTree((), ()), np.empty((0, 3)), [u]) for u in (0.0, 0.2499, 0.25, 0.999)]
    assert drawn == [TreeVerdict((), token) for token in (0, 0, 2, 2)]


P = np.array([0.1, 0.2, 0.3, 0.4])
Q = np.array([0.4, 0.3, 0.2, 0.1])
"""What is left of P after a rejection by Q: 0, 0, .1, .3, that is 1/4 and 3/4. Of Q without token 0: .5, 1/3, 1/6."""


@pytest.mark.parametrize(
    ("uniforms", "verdict"),
    [
        ([0.2499, 0, 0], TreeVerdict((0,), 0)),  # .1 / .4
        ([0.25, 0.7499, 0], TreeVerdict((1,), 0)),  # (1/4) / (1/3)
        ([0.25, 0.75, 0.0], TreeVerdict((), 3)),  # left: 3/4 of token 3 and nothing of token 2
        ([0.25, 0.75, LARGEST], TreeVerdict((), 3)),
    ],
)
def test_the_second_sibling_is_judged_by_what_is_left_of_both_distributions(uniforms, verdict):
    assert judge([P] * 3, TokenTree((0, 2), (-1, -1)), [Q] * 3, uniforms) == verdict


def test_accepted_nodes_lead_down_to_their_own_children_and_distributions():
    tree = TokenTree((0, 2, 1, 3, 0), (-1, -1, 0, 1, 1))
    p = np.eye(4)[[2, 0, 0, 0, 3, 1]]  # after the text 2, after node 1 (token 2) 0, after node 4 (token 0) 1
    p[2] = [1, 0, 0, 0]
    asked = []

    def distribution_after(node):
        asked.append(node)
        return p[node + 1]

    def qhat(node):
        asked.append(("qhat", node))
        return np.full(4, 0.25)

    assert verify_tree(distribution_after, tree, qhat, np.full(6, 0.5)) == TreeVerdict((1, 4), 1)
    assert asked == [-1, ("qhat", -1), 1, ("qhat", 1), 4]


def test_a_sibling_that_takes_all_that_qhat_had_left_leaves_the_rest_to_the_target():
    """The support is exhausted: what is left of p has no mass on it, or all of the last sibling's."""
    qhat = np.array([0.5, 0.5, 0.0, 0.0])
    p = np.array([0.1, 0.3, 0.2, 0.4])
    tree = TokenTree((0, 1), (-1, -1))
    assert judge([p] * 3, tree, [qhat] * 3, [LARGEST, LARGEST, 0.3]) == TreeVerdict((), 2)
    assert judge([p] * 3, tree, [qhat] * 3, [LARGEST, LARGEST, 0.34]) == TreeVerdict((), 3)


@pytest.mark.parametrize("tokens", [(0, 2), (0, 1, 2)])
def test_a_sibling_that_cannot_have_been_drawn_is_refused(tokens):
    qhat = np.array([0.5, 0.5, 0.0, 0.0])
    tree = TokenTree(tokens, (-1,) * len(tokens))
    with pytest.raises(ValueError, match="token 2 cannot have been drawn"):
        judge([np.array([0, 0, 0, 1.0])] * 4, tree, [qhat] * 4, [0.5] * (len(tokens) + 1))


def test_another_number_of_uniforms_is_refused():
    with pytest.raises(ValueError, match=r"\(3,\) expected"):
        judge([P] * 3, TokenTree((0, 2), (-1, -1)), [Q] * 3, [0.5] * 2)


@given(counts(7, 1), st.integers(0, 9), st.lists(st.floats(0, 1, exclude_max=True), min_size=9, max_size=9))
@settings(max_examples=50)
def test_children_differ_have_counts_and_are_as_many_as_there_can_be(weights, width, uniforms):
    before = weights[0].copy()
    children = draw_children(weights[0], width, np.array(uniforms))
    assert len(set(children)) == len(children) == min(width, np.count_nonzero(before))
    assert all(before[child] for child in children)
    assert np.array_equal(weights[0], before)
    if children:
        assert children[0] == inverse_cdf(before, uniforms[0])


def test_children_follow_the_distribution_of_draws_without_replacement():
    """The six orders of three counts that sum to 6, on a grid of uniforms whose sides 6, then 5, 4 or 3 divide."""
    weights = np.array([1, 0, 2, 3])
    share = dict.fromkeys(itertools.permutations([0, 2, 3]), 0)
    for u in range(6):
        for v in range(60):
            share[draw_children(weights, 3, np.array([(u + 0.5) / 6, (v + 0.5) / 60, 0.5]))] += 1
    exact = {order: weights[order[0]] / 6 * weights[order[1]] / (6 - weights[order[0]]) for order in share}
    assert share == pytest.approx({order: 360 * chance for order, chance in exact.items()}, abs=1e-9)


def test_fewer_uniforms_than_children_are_refused():
    with pytest.raises(ValueError, match="2 uniforms: 3 expected"):
        draw_children(np.array([1, 2, 3]), 3, np.zeros(2))


def sparse(vocabulary, size, rng):
    """A distribution on `size` of the ids."""
    ids = np.sort(rng.choice(vocabulary, size, replace=False))
    return SparseDistribution(vocabulary, ids, rng.dirichlet(np.ones(size)))


@given(st.integers(2, 9_000), st.integers(0, 2**32), st.floats(0, 1, exclude_max=True))
@settings(max_examples=60, deadline=None)
def test_a_sparse_distribution_gives_to_the_last_bit_what_its_dense_form_gives(vocabulary, seed, u):
    rng = np.random.default_rng(seed)
    p, qhat = rng.dirichlet(np.full(vocabulary, 0.1)), sparse(vocabulary, min(8, vocabulary), rng)
    row = np.zeros(vocabulary)
    row[qhat.ids] = qhat.probabilities
    assert np.array_equal(dense(qhat), row) and dense(row) is row
    assert np.array_equal(residual(p, qhat), residual(p, row))
    assert correction(p, qhat, u) == correction(p, row, u)
    assert distance(p, qhat) == distance(p, row) == total_variation(p, row)
    for token in (*qhat.ids.tolist(), *rng.integers(vocabulary, size=4).tolist()):
        assert probability(qhat, token) == probability(row, token) == row[token]


@given(st.integers(2, 3_000), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_line_is_rejected_by_sparse_distributions_as_by_rows(vocabulary, seed):
    rng = np.random.default_rng(seed)
    p, length = rng.dirichlet(np.full(vocabulary, 0.3), size=5), 4
    qhat = [sparse(vocabulary, min(8, vocabulary), rng) for _ in range(length)]
    p[:length] = 0.3 * p[:length] + 0.7 * np.array([dense(each) for each in qhat])
    drafts = np.array([rng.choice(each.ids, p=each.probabilities) for each in qhat])
    uniforms = rng.random(length + 1)
    rows = np.array([dense(each) for each in qhat])
    assert reject_along(lambda prefix: p[len(prefix)], drafts, qhat, uniforms) == verify(p, drafts, rows, uniforms)


def test_nothing_is_left_of_a_distribution_that_equals_a_sparse_one():
    qhat = SparseDistribution(100, np.array([3, 50]), np.array([0.25, 0.75]))
    p = dense(qhat)
    assert residual(p, qhat) is p
