"""Judging a tree: one branch is verified as a line, siblings in turn by what is left of both distributions."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.interface import TokenTree
from models.tree_verification import TreeVerdict, by_rank, child_acceptance, draw_children, expected_tokens, verify_tree
from models.verification import inverse_cdf, total_variation, verify

LARGEST = np.nextafter(1.0, 0.0)


@st.composite
def counts(draw, vocabulary, rows):
    """Rows of integer counts [rows, V], none without mass, zeros included."""
    weights = draw(arrays(np.int64, (rows, vocabulary), elements=st.integers(0, 50)))
    weights[:, 0] += weights.sum(axis=1) == 0
    return weights


def distributions(weights):
    return weights / weights.sum(axis=-1, keepdims=True)


def judge(p, tree, qhat, uniforms):
    """By rows p [N + 1, V] and qhat, of the text and then of each node."""
    return verify_tree(lambda node: p[node + 1], tree, lambda node: qhat[node + 1], np.asarray(uniforms))


@given(counts(6, 5), counts(6, 4), st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5), st.integers(0))
def test_a_tree_of_one_branch_is_judged_as_verify_judges_its_line(target, drafted, uniforms, seed):
    rng, p, qhat = (
        np.random.default_rng(seed),
        distributions(target.astype(float)),
        distributions(drafted.astype(float)),
    )
    drafts = np.array([rng.choice(6, p=distribution) for distribution in qhat])
    line = TokenTree.line(tuple(drafts.tolist()))
    result = verify(p, drafts, qhat, np.array(uniforms))
    assert judge(p, line, qhat, uniforms) == TreeVerdict(tuple(range(result.accepted)), result.token)


@given(counts(6, 1), st.integers(1, 2**16), st.floats(0, 1, exclude_max=True))
@settings(max_examples=50)
def test_one_branch_draws_its_correction_from_the_very_floats_of_verify(drafted, steps, u):
    """p next to qhat, so that what is left is nothing but rounding."""
    qhat = distributions(drafted.astype(float))
    p = np.vstack([qhat + steps * np.spacing(qhat) * np.resize([1, -1], 6), qhat])
    draft = int(np.flatnonzero(p[0] < qhat[0])[0]) if (p[0] < qhat[0]).any() else int(np.argmax(qhat))
    result = verify(p, np.array([draft]), qhat, np.array([LARGEST, u]))
    verified = judge(p, TokenTree.line((draft,)), qhat, [LARGEST, u])
    assert (len(verified.path), verified.token) == (result.accepted, result.token)


def test_a_tree_without_nodes_is_sampled_from_the_target():
    p = np.array([[0.25, 0.0, 0.75]])
    drawn = [judge(p, TokenTree((), ()), np.empty((0, 3)), [u]) for u in (0.0, 0.2499, 0.25, 0.999)]
    assert drawn == [TreeVerdict((), token) for token in (0, 0, 2, 2)]


P = np.array([0.1, 0.2, 0.3, 0.4])
Q = np.array([0.4, 0.3, 0.2, 0.1])
"""What is left of P after a rejection by Q: 0, 0, .1, .3, that is 1/4 and 3/4. Of Q without token 0: .5, 1/3, 1/6."""


@pytest.mark.parametrize(
    ("uniforms", "result"),
    [
        ([0.2499, 0, 0], TreeVerdict((0,), 0)),  # .1 / .4
        ([0.25, 0.7499, 0], TreeVerdict((1,), 0)),  # (1/4) / (1/3)
        ([0.25, 0.75, 0.0], TreeVerdict((), 3)),  # left: 3/4 of token 3 and nothing of token 2
        ([0.25, 0.75, LARGEST], TreeVerdict((), 3)),
    ],
)
def test_the_second_sibling_is_judged_by_what_is_left_of_both_distributions(uniforms, result):
    assert judge([P] * 3, TokenTree((0, 2), (-1, -1)), [Q] * 3, uniforms) == result


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


@given(counts(5, 2), st.integers(0))
@example(np.array([[2, 2, 2, 2, 2], [3, 11, 2, 2, 2]]), 0)
@settings(max_examples=50)
def test_child_acceptance_is_where_judging_turns(weights, seed):
    """Just under the told probability a sibling is accepted, just above it is not."""
    p, qhat = distributions(weights.astype(float))
    tokens = draw_children(weights[1], 3, np.random.default_rng(seed).random(3))
    tree = TokenTree(tokens, (-1,) * len(tokens))
    stands = child_acceptance(p, qhat, tokens)
    uniforms, reached = np.full(len(tokens) + 1, LARGEST), 1.0
    for node, chance in enumerate(stands):
        if reached < 1e-9:
            break
        turns = chance / reached
        uniforms[:node] = LARGEST
        above = [(turns + 1e-9, False)] if turns + 1e-9 < 1 else []  # a sibling that always stands turns nowhere
        for u, accepted in ((turns * (1 - 1e-9), turns > 0), *above):
            uniforms[node] = u
            rows = [p] * (len(tokens) + 1)
            assert (judge(rows, tree, [qhat] * len(rows), uniforms).path == (node,)) == accepted
        reached -= chance


@given(counts(5, 2))
@settings(max_examples=50)
def test_the_first_child_stands_with_one_less_the_total_variation(weights):
    p, qhat = distributions(weights.astype(float))
    mean = sum(qhat[token] * child_acceptance(p, qhat, [token])[0] for token in np.flatnonzero(qhat))
    assert mean == pytest.approx(1 - total_variation(p, qhat), abs=1e-12)


@pytest.mark.parametrize(("acceptance", "length"), [(0.8, 1), (0.8, 4), (0.3, 7)])
def test_a_line_commits_what_the_closed_form_of_lines_says(acceptance, length):
    expected = (1 - acceptance ** (length + 1)) / (1 - acceptance)
    assert expected_tokens(TokenTree.line((1,) * length), [acceptance] * length) == pytest.approx(expected, rel=1e-12)


def test_ranks_count_siblings_from_the_first():
    tree = TokenTree((5, 6, 7, 5, 6, 5), (-1, -1, -1, 0, 0, 2))
    assert by_rank(tree, (0.5, 0.2, 0.1)) == (0.5, 0.2, 0.1, 0.5, 0.2, 0.5)
    assert expected_tokens(tree, by_rank(tree, (0.5, 0.2, 0.1))) == pytest.approx(1 + 0.8 + 0.5 * 0.7 + 0.1 * 0.5)
