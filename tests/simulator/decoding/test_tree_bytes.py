"""A remembered tree comes back from its bytes as it was, and damaged bytes are noticed, whatever the damage."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from alike import assert_same
from hostile import refused_or_holds, some_are_taken
from hypothesis import given, settings
from hypothesis import strategies as st
from remembered import WAYS, cut, made

from channels.codec.wire import Draft
from simulator import simulate
from simulator.decoding import byte_columns, tree_bytes
from simulator.decoding.byte_columns import LARGEST_BYTES, MAGIC, DamagedError, OversizeError, pack, unpack
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import CloudNode, Drafted, EdgeNode, Tree
from simulator.decoding.steps import LoopError, count, in_order, merge
from simulator.decoding.tree_bytes import from_bytes, to_bytes

HEAD = struct.Struct("<4sQ")


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
    """What was compressed."""
    _, size = HEAD.unpack_from(blob)
    return bytes(pa.decompress(blob[HEAD.size :], decompressed_size=size, codec="zstd", asbytes=True))


def compressed(whole: bytes) -> bytes:
    return HEAD.pack(MAGIC, len(whole)) + bytes(pa.compress(whole, codec="zstd", asbytes=True))


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
        assert to_bytes(back) == to_bytes(tree)


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
        (Tree((1, 2), (np.float64(0.5),)), "float64: float alone is written"),
        (Tree((1, 2), (1,)), "int: float alone is written"),
        (Tree((1, 2, np.int64(3)), ()), "int64: int alone is written"),  # type: ignore[arg-type]
        (Tree((1 << 70,), ()), "a number is too large"),
    ],
)
def test_a_value_that_would_come_back_as_another_is_an_error(tree: Tree, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        to_bytes(tree)


def test_a_field_of_a_type_that_is_not_kept_is_an_error_when_it_is_declared() -> None:
    with pytest.raises(TypeError, match=r"str.*: no value of this type is kept on disk"):
        tree_bytes._written(str)


@some_are_taken
@settings(max_examples=60)
@given(st.sampled_from(["c_sqs", "tree", "two ahead", "half_dense"]), st.integers(0, 1 << 62), st.booleans())
def test_damaged_bytes_raise_one_error(way: str, seed: int, inside: bool) -> None:
    """Some bytes changed, or the end cut off: of the file, or of what is compressed in it."""
    rng = random.Random(seed)
    blob = bytearray(plain(written(way)) if inside else written(way))
    for _ in range(rng.choice([1, 1, 2, 20])):
        blob[rng.randrange(len(blob))] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
    del blob[rng.choice([len(blob), len(blob), rng.randrange(len(blob))]) :]
    content = compressed(bytes(blob)) if inside else bytes(blob)
    refused_or_holds(content, from_bytes, hold_together, beside=written(way), refusal=DamagedError)


@some_are_taken
@settings(max_examples=3 * settings.default.max_examples)
@given(st.sampled_from(["dssd", "tree", "one ahead", "edge_only"]), st.integers(0, 1 << 62))
def test_a_changed_number_raises_one_error(way: str, seed: int) -> None:
    """One whole number is another: a count, a flag, a place that steps lead to, an id."""
    rng = random.Random(seed)
    whole, reals, strings = unpack(written(way))
    column = rng.choice([each for each in (*whole, whole[0]) if each.size])
    place = rng.randrange(column.size)
    near = int(column[place])
    column[place] = rng.choice(
        [-2, -1, 0, 1, near - 1, near + 1, -near, near ^ 2, near ^ 4, near ^ 8, near ^ 32, 1 << 40]
    )
    content = pack(whole, reals, strings)
    refused_or_holds(content, from_bytes, hold_together, beside=written(way), refusal=DamagedError)


def hold_together(found: Tree) -> None:
    """Damage may give another tree, but a whole one."""
    assert_same(found, from_bytes(to_bytes(found)))
    drafts = [draft.draft for node, _ in in_order(found.edge) if isinstance(node, EdgeNode) for draft in node.drafts]
    assert all(Draft(each.token, each.support, each.counts) == each for each in drafts)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_raise_one_error(blob: bytes, inside: bool) -> None:
    with pytest.raises(DamagedError):
        from_bytes(compressed(blob) if inside else blob)


@pytest.mark.parametrize("size", [LARGEST_BYTES + 1, (1 << 64) - 1])
def test_nothing_is_allocated_for_a_size_that_is_only_claimed(size: int) -> None:
    with pytest.raises(DamagedError, match="first bytes"):
        from_bytes(HEAD.pack(MAGIC, size) + written("c_sqs")[HEAD.size :])


def test_more_numbers_than_a_request_has_are_neither_read_nor_written(monkeypatch: pytest.MonkeyPatch) -> None:
    blob, whole = written("c_sqs"), unpack(written("c_sqs"))
    monkeypatch.setattr(byte_columns, "MOST_NUMBERS", 100)
    with pytest.raises(DamagedError, match="longer than all there is, or may be"):
        from_bytes(blob)
    with pytest.raises(OversizeError, match="numbers: at most 100"):
        pack(*whole)


def damaged_by(change: Callable[[Tree, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> str:
    """What is complained of where the bytes of a tree are written after this change, which no decoding leads to."""
    tree = Tree((1, 2), ())
    draft = drafted(Draft(3, np.array([3]), np.array([1])))
    tree.edge.then_draft = EdgeNode(1, (1, 2), (), (draft,)), draft
    change(tree, monkeypatch)
    blob = to_bytes(tree)
    monkeypatch.undo()
    with pytest.raises(DamagedError) as caught:
        from_bytes(blob)
    return str(caught.value)


def taken_twice(tree: Tree, _: pytest.MonkeyPatch) -> None:
    tree.edge.then_compose = tuple((1, EdgeNode(1, (1, 2), (), cached=cached)) for cached in (0, 1))


def leading_back(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    after = tree.edge.then_stop = EdgeNode(2, (1, 2, 3), ())
    after.then_stop = tree.edge
    order = {id(tree.cloud): [tree.cloud], id(tree.edge): [tree.edge, after, tree.edge.then_draft[0]]}  # type: ignore[index]
    monkeypatch.setattr(tree_bytes, "in_order", lambda root: [(node, ()) for node in order[id(root)]])


def with_other_weights(tree: Tree, _: pytest.MonkeyPatch) -> None:
    odd = drafted(Draft(3, np.array([3]), np.array([1])), np.array([0.5, 0.5]))
    tree.edge.then_draft = EdgeNode(1, (1, 2), (), (odd,)), odd


@pytest.mark.parametrize(
    ("change", "complaint"),
    [(taken_twice, "taken twice"), (leading_back, "leads back"), (with_other_weights, "not those of a support")],
)
def test_bytes_that_no_decoding_leaves_are_damage(
    change: Callable[[Tree, pytest.MonkeyPatch], None], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complaint in damaged_by(change, monkeypatch)


def test_steps_that_lead_in_a_circle_or_to_the_other_end_are_not_written() -> None:
    tree = Tree((1, 2), ())
    tree.edge.then_stop = CloudNode(1, (1, 2))  # type: ignore[assignment]
    with pytest.raises(ValueError, match=r"CloudNode.*: no value of this type"):
        to_bytes(tree)
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
