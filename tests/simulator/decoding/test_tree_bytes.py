"""A remembered tree comes back from its bytes as it was, and damaged bytes are noticed, whatever the damage."""

import random
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from alike import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from remembered import WAYS, cut, made

from channels.codec.wire import Draft
from simulator import simulate
from simulator.decoding import tree_bytes
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import CloudNode, Drafted, EdgeNode, Tree
from simulator.decoding.steps import LoopError, count, in_order, merge
from simulator.decoding.tree_bytes import LARGEST_BYTES, DamagedError, OversizeError, from_bytes, to_bytes

HEAD = tree_bytes._HEAD


@cache
def trees(way: str) -> list[Tree]:
    """The trees of a small cell, live."""
    memory = Memory()
    simulate(made(way), memory=memory)
    return [kept.tree for kept in memory._trees.values()]


@cache
def written(way: str) -> bytes:
    return to_bytes(trees(way)[0])


def plain(blob: bytes) -> bytes:
    """The rows before they were compressed."""
    _, size = HEAD.unpack_from(blob)
    return bytes(pa.decompress(blob[HEAD.size :], decompressed_size=size, codec="zstd", asbytes=True))


def forged(whole: bytes, size: int | None = None) -> bytes:
    """Rows of somebody who knows the checksum."""
    content, size = bytes(pa.compress(whole, codec="zstd", asbytes=True)), len(whole) if size is None else size
    return HEAD.pack(tree_bytes._checksum(size, content), size) + content


def drafted(
    draft: Draft, weights: np.ndarray | None = None, state: tuple[float, ...] = (), real: float = 0.1
) -> Drafted:
    return Drafted(draft, weights, 0.5, draft.support.size, -0.0, real, 0.1, True, state)


@pytest.mark.parametrize("way", WAYS)
def test_a_tree_comes_back_to_the_last_bit(way: str) -> None:
    for tree in trees(way):
        back = from_bytes(to_bytes(tree))
        assert_same(tree, back)
        assert count(back) == count(tree) > 2


def test_what_no_scheme_here_drafts_comes_back_too() -> None:
    """A token that is not sent, infinite and signed numbers, a shared node."""
    odd = drafted(Draft(-1, np.array([3, 900_000]), np.array([1, 1 << 31])), np.array([5, 0.5]), (1.5, -0.0), np.inf)
    tree = Tree((1, 2), (0.25,))
    after = EdgeNode(1, (1, 2), tree.edge.state, (odd,), cached=2)
    tree.edge.then_draft, tree.edge.then_compose = (after, odd), ((1, after), (2, after))
    tree.edge.then_rung = ((3, EdgeNode(1, (7,), ())), (4, EdgeNode(1, (), (3.0,))))
    assert_same(tree, from_bytes(to_bytes(tree)))


@pytest.mark.parametrize(
    ("tree", "complaint"),
    [
        (Tree((1, 2), (np.float64(0.5),)), "float64.*: no value of this type"),
        (Tree((1, 2, np.int64(3)), ()), "int64.*: no value of this type"),  # type: ignore[arg-type]
        (Tree((1 << 70,), ()), "int.*: no value of this type, or so large a number"),
    ],
)
def test_a_value_that_would_come_back_as_another_is_an_error(tree: Tree, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        to_bytes(tree)


@settings(max_examples=60)
@given(st.sampled_from(["c_sqs", "tree", "two ahead", "half_dense"]), st.integers(0, 1 << 62))
def test_the_checksum_finds_any_damage(way: str, seed: int) -> None:
    """Some bytes changed, or the end cut off."""
    rng = random.Random(seed)
    blob = bytearray(written(way))
    for _ in range(rng.choice([1, 1, 2, 20])):
        blob[rng.randrange(len(blob))] ^= rng.randrange(1, 256)
    del blob[rng.choice([len(blob), rng.randrange(len(blob))]) :]
    if bytes(blob) != written(way):
        with pytest.raises(DamagedError, match=r"checksum|too few"):
            from_bytes(bytes(blob))


@settings(max_examples=60)
@given(st.sampled_from(["dssd", "tree", "one ahead", "edge_only"]), st.integers(0, 1 << 62))
def test_forged_rows_raise_one_error_or_make_a_tree_of_valid_drafts(way: str, seed: int) -> None:
    rng = random.Random(seed)
    blob = bytearray(plain(written(way)))
    for _ in range(rng.choice([1, 1, 2, 20])):
        blob[rng.randrange(len(blob))] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
    del blob[rng.choice([len(blob), len(blob), rng.randrange(len(blob))]) :]
    try:
        found = from_bytes(forged(bytes(blob)))
    except DamagedError:
        return
    assert type(found.edge) is EdgeNode


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_raise_one_error(blob: bytes, inside: bool) -> None:
    with pytest.raises(DamagedError):
        from_bytes(forged(blob) if inside else blob)


def test_a_forged_draft_is_checked_as_any_other() -> None:
    tree = Tree((1, 2), ())
    draft = drafted(Draft.of(3, np.array([-5, 3]), np.array([1, 1])))
    tree.edge.then_draft = EdgeNode(1, (1, 2), (), (draft,)), draft
    with pytest.raises(DamagedError, match="must be ascending, non-negative token ids"):
        from_bytes(to_bytes(tree))


@pytest.mark.parametrize("size", [LARGEST_BYTES + 1, (1 << 64) - 1])
def test_nothing_is_allocated_for_a_size_that_is_only_claimed(size: int) -> None:
    with pytest.raises(DamagedError, match="checksum"):
        from_bytes(forged(plain(written("c_sqs")), size))


def test_a_tree_that_is_too_large_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_bytes, "LARGEST_BYTES", 100)
    with pytest.raises(OversizeError, match="bytes: at most 100"):
        to_bytes(trees("c_sqs")[0])


def test_steps_that_lead_in_a_circle_are_not_written() -> None:
    tree = Tree((1, 2), ())
    tree.edge.then_stop = EdgeNode(2, (1, 2, 3), ())
    tree.edge.then_stop.then_stop = tree.edge
    with pytest.raises(LoopError):
        to_bytes(tree)


def test_an_order_has_each_node_once_and_before_what_it_leads_to() -> None:
    for tree in trees("two ahead"):
        order = in_order(tree.edge)
        places = {id(node): place for place, (node, _) in enumerate(order)}
        assert len(places) == len(order)
        assert all(places[id(node)] < places[id(step.after)] for node, taken in order for step in taken if step.after)


@pytest.mark.parametrize("way", WAYS)
def test_two_halves_of_a_tree_make_the_whole_again(way: str) -> None:
    tree, missing = trees(way)[0], 0
    for seed in range(5):
        mine, others = from_bytes(written(way)), from_bytes(written(way))
        cut(mine, random.Random(seed), 0.8)
        missing += count(tree) - count(mine)
        merge(mine, others)
        assert [len(in_order(root)) for root in (mine.edge, mine.cloud)] == [
            len(in_order(root)) for root in (tree.edge, tree.cloud)
        ], "a node has become two"
        assert count(mine) == count(tree)
    assert missing


def test_what_another_machine_decoded_otherwise_is_not_mixed_in() -> None:
    mine, others = Tree((1,), ()), Tree((1,), ())
    mine.cloud.then_prefill = CloudNode(1, (1,), cached=0)
    others.cloud.then_prefill = CloudNode(1, (1,), cached=1)
    others.cloud.then_prefill.then_prefill = CloudNode(2, (1,))
    merge(mine, others)
    assert mine.cloud.then_prefill.cached == 0 and not mine.cloud.then_prefill.then_prefill
