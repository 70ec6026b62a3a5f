"""Trees of raced ids on the wire: what a set costs is what its design states, the order of siblings costs nothing where
it decides nothing, and all that is no tree of the format is refused. Damage: `test_byte_formats`."""

import math
from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.codec import id_tree
from channels.codec.coder.arithmetic import MEASURE, cost, machine
from channels.codec.draft import CodecError, Format
from channels.codec.id_distribution import ANOTHER, _code_set, code_raced_set, set_shares
from channels.codec.id_tree import IdTree, IdTreeFormat
from channels.codec.tree_shape import TreeShape
from channels.uniforms import Uniforms
from kinds.arrays import Ints

NOTHING = np.empty(0, dtype=np.uint8)
BARE = Format(60, 1, 6, prior="")


def race(seed: int, vocabulary: int):
    words = Uniforms.of(seed, "race")
    return lambda level: words.words(vocabulary, level)


def set_bits(ids: Ints, frequencies: Ints, vocabulary: int, found: Sequence[int]) -> float:
    io = machine(MEASURE)
    _code_set(io, NOTHING, ids, frequencies, np.sort(ids), vocabulary, np.array(sorted(found)))
    return cost(io) / 2**32


@pytest.mark.parametrize(("vocabulary", "size"), [(4, 1), (4, 2), (7, 1), (7, 3), (5, 4), (5, 5), (9, 3)])
def test_a_set_costs_what_the_conditional_poisson_design_states(vocabulary: int, size: int) -> None:
    """Against the products themselves, over all sets: of contenders alone, and with others among them, of which the
    order is paid for."""
    ids, frequencies = np.array([2, 0, 3, 1]), np.array([4_000_000, 900_000, 60_000, 2_000])
    another = int(frequencies.sum()) // ANOTHER + 1
    odds = dict(zip(ids.tolist(), frequencies.tolist(), strict=True))
    others = [token for token in range(vocabulary) if token not in odds]
    listed = {
        (chosen, more): math.prod(odds[token] for token in chosen) * another**more / math.factorial(more)
        for more in range(min(size, len(others)) + 1)
        for chosen in combinations(sorted(odds), size - more)
    }
    whole, spent = sum(listed.values()), 0.0
    for (chosen, more), share in listed.items():
        stated = -math.log2(share / whole) + more * math.log2(vocabulary)
        bits = set_bits(ids, frequencies, vocabulary, [*chosen, *others[:more]])
        assert bits == pytest.approx(stated, abs=2e-3)
        spent += 2.0**-bits * math.comb(len(others), more)
    assert spent == pytest.approx(1.0, abs=1e-6) if not others else spent < 1


@given(st.lists(st.integers(1, (1 << 22) + 1), min_size=0, max_size=1000), st.integers(1, 40), st.integers(0, 50))
@settings(max_examples=40)
def test_shares_fit_the_coder_and_whatever_can_follow_has_one(each: list[int], number: int, others: int) -> None:
    size = len(each)
    number = min(number, size + others)
    if not number:
        return
    shares = set_shares(np.array(each, np.int64), number, others)
    assert shares.max() <= (1 << 30) + 1001
    for k in range(1, number + 1):
        steps = -np.diff(shares[k])
        follows = np.array([size - at - 1 + others >= k - 1 for at in range(size)] + [others >= k])
        assert (steps[follows] > 0).all() and not steps[~follows].any()


def bits_of(tokens: Sequence[int], shape: TreeShape, seed: int) -> int:
    return id_tree.tree_bits(IdTree(tokens), IdTreeFormat(BARE, (shape,)), (1, 2), race(seed, 60))


def first_arrivals(seed: int, number: int) -> list[int]:
    return np.argsort(Uniforms.of(seed, "race").exponentials(60, 0))[:number].tolist()


def test_siblings_are_alike_where_the_tree_below_them_is() -> None:
    assert TreeShape.full((3, 2)).alike == ((3,), (2,), (2,), (2,), *[()] * 6)
    assert TreeShape.comb(3, 2).alike == ((1, 2), (3,), *[()] * 5)
    assert TreeShape((4, 1, 1, 0, 0, 0, 0)).alike[0] == (2, 2)
    assert TreeShape((3, 1, 0, 1, 0, 0)).alike[0] == (1, 1, 1), "a run is of neighbours"


@pytest.mark.parametrize("hits", [(0.5, 0.3, 0.1), (0.9, 0.05), (0.4, 0.4), (0.37, 0.13, 0.08, 0.05)])
@pytest.mark.parametrize("nodes", [1, 3, 4])
def test_the_likeliest_nodes_make_the_best_tree(hits: tuple[float, ...], nodes: int) -> None:
    """Against every tree of as many nodes in three levels: the sum over nodes of the product along their paths."""
    paths = [path for level in (1, 2, 3) for path in product(range(len(hits)), repeat=level)]
    worth = {path: math.prod(hits[rank] for rank in path) for path in paths}

    def hangs(path: tuple[int, ...], chosen: set[tuple[int, ...]]) -> bool:
        above, elder = path[:-1], (*path[:-1], path[-1] - 1)
        return (not above or above in chosen) and (not path[-1] or elder in chosen)

    near = sorted(paths, key=lambda path: -worth[path])[:14]
    trees = [sum(worth[path] for path in each) for each in combinations(near, nodes)
             if all(hangs(path, {*each}) for path in each)]  # fmt: skip
    shape = TreeShape.likeliest_nodes(hits, nodes, 3)
    reached = [1.0]
    for at, children in enumerate(shape.children):
        reached += [reached[at] * each for each in hits[:children]]
    assert shape.nodes == nodes and sum(reached[1:]) == pytest.approx(max(trees))


def refused(tokens: Sequence[int], shape: TreeShape, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        id_tree.encode(IdTree(tokens), IdTreeFormat(BARE, (shape,)), (1, 2), race(0, 60))


def test_ids_that_are_no_tree_of_the_format_are_refused() -> None:
    shape = TreeShape.full((2, 2))
    refused([], shape, "0 ids: a tree has one node at least")
    refused([5, 60], shape, "must be ids below 60")
    refused([5], shape, "must be 2, those of a run ascending")
    refused([5, 3], shape, "those of a run ascending")
    refused([5, 5], shape, "those of a run ascending")
    refused([7, 7], TreeShape((2, 1, 0, 0)), "must be different ids")
    refused([1, 2, 3, 4, 5, 6, 7], shape, "the tree is whole with 6")
    with pytest.raises(CodecError, match="the tree is whole"):
        id_tree.bound_tree_bits(7, 0, IdTreeFormat(BARE, (shape,)))
    assert id_tree.encode(IdTree([7, 3, 4]), IdTreeFormat(BARE, (TreeShape((2, 1, 0, 0)),)), (), race(0, 60))


def test_a_small_vocabulary_has_all_its_ids_for_children_and_they_cost_nothing() -> None:
    form = IdTreeFormat(Format(3, 1, 1, prior=""), (TreeShape.full((5, 4)),))
    nodes, run = IdTree((0, 1, 2) * 4), race(3, 3)
    payload = id_tree.encode(nodes, form, (), run)
    assert id_tree.decode(payload, form, (), run) == nodes
    assert id_tree.tree_bits(nodes, form, (), run) <= 5, "how many nodes have children, of six by the shape"


def test_no_set_is_dearer_than_was_stated() -> None:
    form, rng = IdTreeFormat(BARE, (TreeShape.full((3, 2)),)), np.random.default_rng(1)
    for seed in range(30):
        first = sorted(rng.choice(60, 3, replace=False).tolist())
        later = sorted(rng.choice(60, 2, replace=False).tolist())
        run = race(seed, 60)
        assert id_tree.tree_bits(IdTree(first), form, (), run) <= id_tree.largest_tree_bits(IdTree(()), form, (), run)
        bits = id_tree.tree_bits(IdTree([*first, *later]), form, (), run)
        assert bits <= id_tree.largest_tree_bits(IdTree(first), form, (), run)
        assert bits <= id_tree.bound_tree_bits(4, 0, form)


def test_elder_runs_are_no_contenders() -> None:
    """Two ids by rank, then the same pair the other way round: each costs what its place among those left does."""
    words = race(5, 60)(0)
    first, second = first_arrivals(5, 2)

    def bits(gone: Sequence[int], token: int) -> float:
        io = machine(MEASURE)
        code_raced_set(io, NOTHING, BARE, np.array([1, 2]), words, np.array(gone, np.int64), np.array([token]))
        return cost(io) / 2**32

    assert bits([first], second) < bits([], second)
    assert sum(2.0 ** -bits([first], token) for token in range(60) if token != first) == pytest.approx(1.0, abs=0.02)
