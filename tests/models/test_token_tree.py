"""Trees of tokens, and the distributions of texts without a network along them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.interface import TokenTree
from models.synthetic import Synthetic

TREE = TokenTree((7, 8, 9, 7, 8, 7), (-1, -1, 0, 0, 1, 4))
r"""The text - 7 - 9, 7;   the text - 8 - 8 - 7."""


@st.composite
def trees(draw, vocabulary=50, largest=12):
    """A tree of any shape; its tokens differ."""
    parents, before = [], -1
    for node in range(draw(st.integers(0, largest))):
        before = draw(st.integers(before, node - 1))
        parents.append(before)
    return TokenTree(tuple(draw(st.permutations(range(vocabulary)))[: len(parents)]), tuple(parents))


def test_paths_children_and_depths_of_a_tree():
    assert [TREE.path_to(node) for node in range(-1, 6)] == [(), (0,), (1,), (0, 2), (0, 3), (1, 4), (1, 4, 5)]
    assert [TREE.children(node) for node in range(-1, 6)] == [(0, 1), (2, 3), (4,), (), (), (5,), ()]
    assert TREE.depths == (1, 1, 2, 2, 2, 3) and TREE.depth == 3
    assert TREE.along((1, 4, 5)) == (8, 8, 7) and TREE.along(()) == ()


@given(trees())
@settings(max_examples=40)
def test_each_node_is_the_child_of_the_path_before_it(tree):
    for node in range(len(tree.tokens)):
        path = tree.path_to(node)
        assert path[-1] == node and len(path) == tree.depths[node]
        assert node in tree.children(path[-2] if len(path) > 1 else -1)
    families = [tree.children(node) for node in range(-1, len(tree.tokens))]
    assert sorted(sum(families, ())) == list(range(len(tree.tokens)))
    assert tree.depth == max(tree.depths, default=0)
    assert tree.is_line == all(len(family) <= 1 for family in families)


def test_a_line_is_a_tree_of_one_branch():
    assert TokenTree.line((5, 5, 6)) == TokenTree((5, 5, 6), (-1, 0, 1))
    assert TokenTree.line((5, 5, 6)).is_line and TokenTree((), ()).is_line and not TREE.is_line


@pytest.mark.parametrize(
    ("tokens", "parents", "said"),
    [
        ((1, 2), (-1,), "1 parents of 2 tokens"),
        ((1, 2), (-1, 1), r"parents\[1\] = 1: -1 to 0 allowed"),
        ((1,), (-2,), r"parents\[0\] = -2: -1 to -1 allowed"),
        ((1, 2, 3), (-1, 0, -1), r"parents\[2\] = -1: 0 to 1 allowed"),
        ((1, 2, 1), (-1, -1, -1), "two siblings of one token"),
    ],
)
def test_what_is_no_tree_breadth_first_is_refused(tokens, parents, said):
    with pytest.raises(ValueError, match=said):
        TokenTree(tokens, parents)


@pytest.mark.parametrize("path", [(2,), (0, 4), (4, 1), (6,), (-1,), (0, 0)])
def test_nodes_that_do_not_lead_down_the_tree_are_no_path(path):
    with pytest.raises(ValueError, match="path = "):
        TREE.along(path)


@pytest.fixture(scope="module")
def model():
    return Synthetic(size=12, entropy_bits=2, context=20, prompt_tokens=8).load().verifier


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_distributions_of_a_tree_are_those_of_its_paths(model, temperature):
    prompt, text = (1, 2, 3), model.open(temperature)
    distributions = text.tree_distributions(prompt, TREE)
    assert text.cached == prompt and distributions.shape == (7, 12)
    for node in range(-1, 6):
        np.testing.assert_array_equal(
            distributions[node + 1], text.distributions((*prompt, *TREE.along(TREE.path_to(node))), 1)[0]
        )


def test_a_grafted_path_stays_and_the_tree_goes(model):
    text = model.open(1.0)
    text.tree_distributions((1, 2, 3), TREE)
    text.graft((1, 4))
    assert text.cached == (1, 2, 3, 8, 8)
    for asked in (lambda: text.graft(()), lambda: text.distributions((1, 2), 1), lambda: text.crop(1)):
        text.tree_distributions((1, 2, 3), TREE)
        asked()
        with pytest.raises(ValueError, match="right after tree_distributions"):
            text.graft(())


def test_what_no_distribution_follows_or_does_not_fit_is_refused(model):
    text = model.open(1.0)
    text.tree_distributions((1,) * 17, TREE)
    with pytest.raises(ValueError, match="text of 18 tokens and a path of 3: at most 20"):
        text.tree_distributions((1,) * 18, TREE)
    with pytest.raises(ValueError, match="last = 1: 0 to 0"):
        text.tree_distributions((), TREE)
