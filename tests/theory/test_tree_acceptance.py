"""Trees of drafts: what they commit follows the verifier's distribution exactly, and how many tokens that is on
average.

The exact checks enumerate, by fractions, all draws of the children that are verified, and all cells of the uniforms
that judging reads. Where a cell ends is told by a recursion of fractions written here; the shipped `verify_tree` must
then say the same at both ends of each.
"""

import itertools
import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trees import by_rank, child_acceptance, expected_tokens

from models.interface import TokenTree
from models.verification import draw_children, total_variation, verify_tree

EDGE = 1e-9
"""How far inside a cell its ends are tried. Distributions have small numerators, hence cells are wider."""


class Family(NamedTuple):
    """Siblings as drawn, the cells of their uniforms, and which of them stands (None: none does)."""

    order: tuple[int, ...]
    cells: list[tuple[Fraction, Fraction]]
    stands: int | None


def distribution(counts):
    return [Fraction(count, sum(counts)) for count in counts]


def orders(counts, width):
    """(children, probability) of all draws of `width` children without replacement, or of the whole support."""
    support = [token for token, count in enumerate(counts) if count]
    for order in itertools.permutations(support, min(width, len(support))):
        left, chance = sum(counts), Fraction(1)
        for token in order:
            chance *= Fraction(counts[token], left)
            left -= counts[token]
        yield order, chance


def judged(p, q, order):
    """(family, chance, what is left of p after it): which sibling stands, by the uniforms that they read."""
    p, weights, cells, reached = distribution(p), list(q), [], Fraction(1)
    for k, token in enumerate(order):
        q_k = distribution(weights)
        share = min(Fraction(1), p[token] / q_k[token])
        if share > 0:
            yield Family(order, [*cells, (Fraction(0), share)], k), reached * share, None
        reached *= 1 - share
        if reached == 0:
            return
        cells.append((share, Fraction(1)))
        beyond = [max(a - b, Fraction(0)) for a, b in zip(p, q_k, strict=True)]
        p = [each / sum(beyond) for each in beyond]
        weights[token] = 0
    yield Family(order, cells, None), reached, p


def accepted_paths(p, q, widths, token=-1):
    """(families along the accepted path, chance, distribution of the last token): p and q are counts by the token
    before."""
    if not widths:
        yield [], Fraction(1), distribution(p[token])
        return
    for order, drawn in orders(q[token], widths[0]):
        for family, chance, left in judged(p[token], q[token], order):
            if family.stands is None:
                yield [family], drawn * chance, left
                continue
            for below, then, last in accepted_paths(p, q, widths[1:], order[family.stands]):
                yield [family, *below], drawn * chance * then, last


def tree_of(families, q, depth):
    """The tree, the two ends of its nodes' uniforms [2, N + 1], and the nodes that stand.

    Nodes that do not stand bear a child each, which nobody judges.
    """
    tokens, parents, ends, path = [], [], [], []
    level = [(-1, -1, families)]
    for _ in range(depth):
        below = []
        for node, before, rest in level:
            bystander = Family((next(t for t, count in enumerate(q[before]) if count),), [], None)
            family = rest[0] if rest else bystander
            for k, token in enumerate(family.order):
                stands = bool(rest) and k == family.stands
                path += [len(tokens)] if stands else []
                below.append((len(tokens), token, rest[1:] if stands else []))
                low, high = family.cells[k] if k < len(family.cells) else (Fraction(1, 2), Fraction(1, 2))
                ends.append((float(low) + EDGE, float(high) - EDGE))
                tokens.append(token)
                parents.append(node)
        level = below
    return TokenTree(tuple(tokens), tuple(parents)), np.array([*ends, (0, 0)]).T, tuple(path)


def committed(p, q, widths):
    """{committed tokens: probability}, of rounds of trees of these widths through the shipped `verify_tree`."""
    target, drafted = (np.array([np.array(row) / sum(row) for row in rows]) for rows in (p, q))
    texts = {}
    for families, chance, last in accepted_paths(p, q, widths):
        tree, ends, path = tree_of(families, q, len(widths))
        distributions, sent = target[[*tree.tokens, -1]], drafted[[*tree.tokens, -1]]  # by node, the text's last
        upto = list(itertools.accumulate(last, initial=Fraction(0)))
        for token, share in enumerate(last):
            if share:
                ends[:, -1] = float(upto[token]) + EDGE, float(upto[token + 1]) - EDGE
                for uniforms in ends:
                    assert verify_tree(distributions.__getitem__, tree, sent.__getitem__, uniforms) == (path, token)
                text = (*tree.along(path), token)
                texts[text] = texts.get(text, 0) + chance * share
    return texts


def own(p, text, start):
    """The verifier's probability of text[start:] after text[:start]."""
    return math.prod(
        (distribution(p[text[n - 1] if n else -1])[text[n]] for n in range(start, len(text))), start=Fraction(1)
    )


def pair(seed, vocabulary=4, support=None):
    """Counts of p and q by the token before [V + 1, V]; q has `support` tokens a row."""
    rng = np.random.default_rng(seed)
    p = rng.integers(0, 8, (vocabulary + 1, vocabulary)) + np.eye(vocabulary + 1, vocabulary, dtype=int)
    p[-1] += 1
    q = rng.integers(1, 8, (vocabulary + 1, vocabulary))
    for row in q:
        row[rng.permutation(vocabulary)[support or vocabulary :]] = 0
    return p.tolist(), q.tolist()


@pytest.mark.parametrize(
    ("widths", "support"),
    [
        ((1,), 4),
        ((2,), 4),
        ((3,), 4),
        ((3,), 2),
        ((4,), 4),
        ((1, 1), 3),
        ((2, 2), 4),
        ((3, 2), 4),
        ((3, 2), 3),
        ((2, 3), 2),
    ],
)
@pytest.mark.parametrize("seed", [0, 3])
def test_committed_text_follows_the_verifiers_distribution_exactly(widths, support, seed):
    """I12 of trees, equal as fractions: a round's tokens and, after them, the verifier's own."""
    p, q = pair(seed, support=support)
    texts = committed(p, q, widths)
    assert sum(texts.values()) == 1
    for text in itertools.product(range(4), repeat=len(widths) + 1):
        total = sum(texts.get(text[:n], 0) * own(p, text, n) for n in range(1, len(text) + 1))
        assert total == own(p, text, 0)


def acceptance_vector(p, q, width):
    """[width]: P(child k stands), the mean over draws of the siblings from counts q."""
    stands = np.zeros(width)
    for order, chance in orders(q, width):
        stands[: len(order)] += float(chance) * child_acceptance(np.array(p) / sum(p), np.array(q) / sum(q), order)
    return stands


def full_tree(widths):
    """The tree whose nodes all have as many children as their depth has width; tokens are ranks."""
    tokens, parents, level = [], [], [-1]
    for width in widths:
        nodes = [(node, rank) for node in level for rank in range(width)]
        level = list(range(len(tokens), len(tokens) + len(nodes)))
        tokens += [rank for _, rank in nodes]
        parents += [node for node, _ in nodes]
    return TokenTree(tuple(tokens), tuple(parents))


@pytest.mark.parametrize("widths", [(3,), (2, 2)])
def test_mean_tokens_of_a_round_are_the_sum_over_nodes_of_their_paths(widths):
    """Distributions that do not depend on the text: rank alone tells how often a node stands."""
    p, q = [[1, 2, 3, 4]] * 5, [[5, 1, 2, 2]] * 5
    exact = sum(chance * len(text) for text, chance in committed(p, q, widths).items())
    vector = acceptance_vector(p[0], q[0], max(widths))
    tree = full_tree(widths)
    assert expected_tokens(tree, by_rank(tree, vector)) == pytest.approx(float(exact), abs=1e-12)


def test_mean_tokens_of_drawn_trees_are_those_of_the_recursion():
    """Monte Carlo: trees drawn and verified, 5 sd of their own mean (5.7e-7)."""
    rng = np.random.default_rng(11)
    q = np.array([9, 5, 3, 2, 1, 0])
    p, qhat = np.array([3, 3, 3, 3, 3, 5]) / 20, q / q.sum()
    shape = full_tree((3, 2))
    expected = expected_tokens(shape, by_rank(shape, acceptance_vector([3, 3, 3, 3, 3, 5], q.tolist(), 3)))
    inner = [node for node in range(-1, len(shape.tokens)) if shape.children(node)]
    lengths = []
    for _ in range(2000):
        tokens = [
            token
            for node in inner
            for token in draw_children(q, len(shape.children(node)), rng.random(len(shape.children(node))))
        ]
        drawn = TokenTree(tuple(tokens), shape.parents)
        verdict = verify_tree(lambda _: p, drawn, lambda _: qhat, rng.random(len(tokens) + 1))
        lengths.append(len(verdict.path) + 1)
    assert abs(np.mean(lengths) - expected) <= 5 * np.std(lengths) / np.sqrt(len(lengths))
    assert np.std(lengths) > 0.5


counts = st.lists(st.integers(1, 9), min_size=4, max_size=4)


@given(counts, counts)
@settings(max_examples=25)
def test_more_siblings_are_less_often_all_rejected_and_the_whole_vocabulary_never(p, q):
    rejected = [1 - acceptance_vector(p, q, width).sum() for width in range(1, 5)]
    assert rejected[0] == pytest.approx(total_variation(np.array(p) / sum(p), np.array(q) / sum(q)), abs=1e-12)
    assert all(more <= fewer + 1e-12 for fewer, more in itertools.pairwise(rejected))
    assert all(more < fewer for fewer, more in itertools.pairwise(rejected) if fewer > 1e-9)
    assert rejected[-1] == pytest.approx(0, abs=1e-9)


def rejected_with_replacement(p, q, width):
    """P(all are rejected) of siblings drawn each from the whole of q: what is left of p is verified by q again."""
    rejected = 0.0
    for order in itertools.product(range(len(q)), repeat=width):
        left, chance = p, math.prod(q[token] for token in order)
        for token in order:
            chance *= 1 - min(1.0, left[token] / q[token])
            if chance == 0:
                break
            beyond = np.maximum(left - q, 0)
            left = beyond / beyond.sum()
        rejected += chance
    return rejected


@pytest.mark.parametrize("width", [2, 3])
def test_siblings_without_replacement_stand_more_often_than_with_it(width):
    """A sure drafter that is wrong: with replacement it offers again and again what was rejected."""
    p, q = [1, 5, 5, 5], [13, 1, 1, 1]
    without = 1 - acceptance_vector(p, q, width).sum()
    replaced = rejected_with_replacement(np.array(p) / sum(p), np.array(q) / sum(q), width)
    assert without < replaced - 0.2
