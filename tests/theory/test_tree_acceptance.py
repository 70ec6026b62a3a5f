"""Trees of drafts: how many tokens a round commits on average, and what siblings without replacement are worth.

That the committed text follows the verifier's distribution is shown by enumeration in
`tests/invariants/test_i12_exact_enumeration.py`.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trees import child_acceptance

from models.verification import total_variation


def orders(counts, width):
    """(children, probability) of all draws of `width` children without replacement, or of the whole support."""
    support = [token for token, count in enumerate(counts) if count]
    for order in itertools.permutations(support, min(width, len(support))):
        left, chance = sum(counts), Fraction(1)
        for token in order:
            chance *= Fraction(counts[token], left)
            left -= counts[token]
        yield order, chance


def acceptance_vector(p, q, width):
    """[width]: P(child k stands), the mean over draws of the siblings from counts q."""
    stands = np.zeros(width)
    for order, chance in orders(q, width):
        stands[: len(order)] += float(chance) * child_acceptance(np.array(p) / sum(p), np.array(q) / sum(q), order)
    return stands


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
