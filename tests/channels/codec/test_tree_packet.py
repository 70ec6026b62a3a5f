"""Trees on the wire: a tree of one branch is its chain, byte for byte; what is decoded encodes to itself; nothing else
is accepted; and no choice of children is dearer than was stated before the draw."""

from dataclasses import replace
from itertools import permutations

import codec_prior
import numpy as np
import pytest
from codec_strategies import DAMAGE, damaged, random_draft, sparse_draft
from hostile import refused_or_itself
from hypothesis import given
from hypothesis import strategies as st

from channels.codec import wire
from channels.codec.draft import UNSENT, CodecError, Draft, Format
from channels.codec.tree_packet import TreePackets
from channels.codec.tree_shape import ROOT, TreeGrowth, TreeShape, grown

SMALL = codec_prior.VOCABULARY
SHAPES = [
    *(TreeShape.full(widths) for widths in ((1,) * 5, (3, 2, 1), (2, 2, 2), (4,))),
    TreeShape.comb(3, 4),
    TreeShape.likeliest_nodes((0.5, 0.2, 0.1), 12, 4),
]


def forms():
    """Both codes, every support, both ways for ids, with and without a prior."""
    prior = codec_prior.fingerprint()
    for token in ("flat", "coded"):
        yield Format(SMALL, 64, 8, code="recoded", token=token, prior=prior)
        yield Format(SMALL, 64, 8, code="recoded", token=token, prior="")
        yield Format(SMALL, 30, 8, code="enumerative", token=token)
        yield Format(SMALL, 30, 8, code="enumerative", token=token, support="fixed", support_size=6)
        yield Format(SMALL, 20, 8, code="enumerative", token=token, support="dense")
        yield Format(SMALL, 9, 8, code="enumerative", token=token, quantizer="dual")
    yield Format(SMALL, 9, 8, code="recoded", quantizer="dual", prior=prior)


FORMS = list(forms())


def children_of(distribution, number, rng):
    """Children drawn from a distribution without replacement, as nodes."""
    left, nodes = distribution.counts.astype(float), []
    for _ in range(number):
        place = int(rng.choice(left.size, p=left / left.sum()))
        nodes.append(Draft(int(distribution.support[place]), distribution.support, distribution.counts))
        left[place] = 0
    return nodes


def random_tree(rng, format, distributions):
    """The nodes of a tree of at most so many distributions."""
    growth, nodes = TreeGrowth(format.shape), []
    while growth.next is not None and distributions:
        distribution = sparse_draft(rng, format.distributions)
        nodes += children_of(distribution, len(growth.grow(distribution.support.size)), rng)
        distributions -= 1
    return tuple(nodes)


@given(st.sampled_from(FORMS), st.integers(1, 6), st.integers(0, 2**32 - 1), st.data())
def test_a_tree_of_one_branch_is_its_chain_byte_for_byte(form, levels, seed, data):
    rng = np.random.default_rng(seed)
    chain_format = replace(form, max_drafts=levels)
    drafts = [sparse_draft(rng, chain_format) for _ in range(data.draw(st.integers(1, levels)))]
    context = rng.integers(0, SMALL, 300).tolist()
    for shape in (
        TreeShape.full((1,) * levels),
        TreeShape.comb(1, levels),
        TreeShape.likeliest_nodes((0.3,), levels, 9),
    ):
        tree = TreePackets(form, shape)
        payload = wire.encode(drafts, chain_format, context)
        assert tree.encode(drafts, context) == payload
        assert tree.decode(payload, context) == tuple(drafts)
        assert tree.length_bits(drafts, context) == wire.length_bits(drafts, chain_format, context)
        if len(drafts) < levels:
            distribution = sparse_draft(rng, chain_format)
            expected = wire.largest_length_bits(
                drafts, distribution.support, distribution.counts, chain_format, context
            )
            assert tree.largest_bits(drafts, distribution.support, distribution.counts, context) == expected
    assert tree.distributions == tree.format == chain_format


@given(st.sampled_from(FORMS), st.sampled_from(SHAPES), st.integers(0, 2**32 - 1))
def test_what_is_decoded_is_what_was_encoded_and_no_longer_than_was_said(form, shape, seed):
    rng = np.random.default_rng(seed)
    format = TreePackets(form, shape)
    nodes = random_tree(rng, format, int(rng.integers(1, shape.distributions + 1)))
    context = tuple(rng.integers(0, SMALL, int(rng.integers(0, 20))).tolist())
    payload = format.encode(nodes, context)
    assert format.decode(payload, context) == nodes
    bits = format.length_bits(nodes, context)
    assert -(-bits // 8) == len(payload)
    last = max(grown(shape, [node.support.size for node in nodes]).parents)
    firsts = [
        n for n, parent in enumerate(grown(shape, [each.support.size for each in nodes]).parents) if parent == last
    ]
    before, distribution = nodes[: firsts[0]], nodes[firsts[0]]
    largest = format.largest_bits(before, distribution.support, distribution.counts, context)
    assert bits <= largest <= format.bound_bits([each.support.size for each in (*before, distribution)])


@pytest.mark.parametrize("form", FORMS)
def test_no_children_cost_more_than_the_dearest(form):
    format, rng = TreePackets(form, TreeShape.full((3, 1))), np.random.default_rng(3)
    for _ in range(4):
        distribution = sparse_draft(rng, form)
        number = min(3, distribution.support.size)
        lengths = [
            format.length_bits([Draft(int(token), distribution.support, distribution.counts) for token in tokens])
            for tokens in permutations(distribution.support.tolist(), number)
        ]
        largest = format.largest_bits((), distribution.support, distribution.counts)
        assert max(lengths) <= largest <= max(lengths) + (number > 1)


def attack(number, seed):
    """How many of `number` damaged payloads of each kind, under each format and shape, were taken."""
    rng, taken = np.random.default_rng(seed), 0
    for form in FORMS:
        for shape in SHAPES:
            format = TreePackets(form, shape)
            payload = format.encode(random_tree(rng, format, int(rng.integers(1, 5))), (1, 2))
            for kind in DAMAGE * number:
                hostile = damaged(kind, payload, rng)
                taken += refused_or_itself(hostile, format.decode, format.encode, (1, 2), beside=payload)
    return taken


@pytest.mark.parametrize(
    ("number", "seed"), [(4, 0), *(pytest.param(100, seed, marks=pytest.mark.slow) for seed in range(1, 6))]
)
def test_damaged_payloads_are_refused_or_encode_to_themselves(number, seed):
    assert attack(number, seed) > 0


def refused(nodes, format, message):
    with pytest.raises(CodecError, match=message):
        format.encode(nodes)


def test_nodes_that_are_no_tree_of_the_format_are_refused():
    format = TreePackets(Format(50, 10, 8, code="enumerative"), TreeShape.full((2, 2)))
    support, counts = np.array([3, 5, 8]), np.array([2, 3, 5])
    a, b = (Draft(token, support, counts) for token in (3, 5))
    single = Draft(7, np.array([7]), np.array([10]))
    assert format.decode(format.encode([a, b])) == (a, b)
    assert format.decode(format.encode([single, a, b])) == (single, a, b)
    refused([], format, "0 nodes")
    refused([a], format, "must be 2 different ids of one distribution")
    refused([a, a], format, "must be 2 different ids of one distribution")
    refused([a, Draft(5, support, counts[::-1])], format, "must be 2 different ids of one distribution")
    refused([a, b, *[single] * 3], format, "5 nodes: the tree is whole with 4")
    refused([Draft(UNSENT, support, counts)] * 2, format, "token -1")
    refused([Draft(60, np.array([60]), np.array([10]))], format, "not below the vocabulary")
    with pytest.raises(CodecError, match="the tree is whole"):
        format.largest_bits([a, b, single, single], support, counts)
    with pytest.raises(CodecError, match="the tree is whole with 1"):
        TreePackets(Format(50, 10, 8, code="enumerative"), TreeShape.full((2,))).bound_bits([1, 1, 1])
    with pytest.raises(CodecError, match="'unsent'"):
        TreePackets(Format(50, 10, 8, token="unsent"), TreeShape.full((2,)))


def test_a_shape_counts_its_distributions_and_nodes():
    full, comb = TreeShape.full((3, 2, 1)), TreeShape.comb(3, 3)
    assert (full.children, full.distributions, full.nodes, full.widest) == (
        (3, *[2] * 3, *[1] * 6, *[0] * 6),
        10,
        15,
        6,
    )
    assert (comb.children, comb.distributions, comb.nodes, comb.widest) == ((3, 3, 0, 0, 3, 0, 0, 0, 0, 0), 3, 9, 1)
    for shape in SHAPES:
        growth = grown(shape, [9] * shape.nodes)
        assert growth.next is None and len(growth.parents) == shape.nodes
        assert len(set(growth.parents)) == shape.distributions


@pytest.mark.parametrize("children", [(), (0,), (2, 0), (1, 0, 0), (2, 0, 0, 1, 0), (1, -1, 1), (1, 0, 1, 0)])
def test_children_that_are_no_tree_are_refused(children):
    with pytest.raises(ValueError, match="no tree, breadth first"):
        TreeShape(children)


def test_shapes_of_too_many_nodes_are_refused_before_they_are_made():
    for make in (
        lambda: TreeShape.full((2,) * 1000),
        lambda: TreeShape.comb(2, 10**9),
        lambda: TreeShape.likeliest_nodes((0.4, 0.3), 10**9, 10**9),
        lambda: TreeShape((1025, *[0] * 1025)),
    ):
        with pytest.raises(ValueError, match="a tree of more than 1,024 nodes"):
            make()
    assert TreeShape.full((1024,)).nodes == TreeShape.comb(512, 2).nodes == 1024


def test_a_distribution_of_few_ids_has_few_children_and_the_comb_goes_on_with_the_first():
    assert grown(TreeShape.full((3, 2)), [2, 2, 5, 5, 1]).parents == [ROOT, ROOT, 0, 0, 1]
    assert grown(TreeShape.comb(3, 2), [3, 3, 3, 2, 2]).parents == [ROOT, ROOT, ROOT, 0, 0]
    with pytest.raises(ValueError, match="the tree is whole with 5"):
        grown(TreeShape.comb(3, 2), [3, 3, 3, 2, 2, 2])


def test_siblings_share_one_distribution():
    """Three children of one distribution cost its bits once: less than three chains of one, by twice the
    distribution's."""
    form, distribution = Format(SMALL, 64, 8, code="enumerative"), random_draft(np.random.default_rng(1), FORMS[0], 0.2)
    nodes = [Draft(int(token), distribution.support, distribution.counts) for token in distribution.support[:3]]
    together = TreePackets(form, TreeShape.full((3,))).length_bits(nodes)
    apart = sum(wire.length_bits([node], form) for node in nodes)
    assert together < apart / 2
