"""A remembered tree comes back from its bytes as it was, and damaged bytes are noticed, whatever the damage."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

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
from simulator.decoding.byte_columns import LARGEST_BYTES, MAGIC, pack, unpack
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import CloudNode, Drafted, EdgeNode, Payload, Tree, sum_drafts
from simulator.decoding.round_store import RoundStore
from simulator.decoding.steps import Kind, LoopError, count, in_order, unite
from simulator.decoding.tree_bytes import DamagedError, from_bytes, to_bytes
from simulator.decoding.tree_columns import IntColumns, RealColumns, declared
from simulator.results.rounds import DraftSums

HEAD = struct.Struct("<4sQ")


@cache
def trees(way: str) -> list[Tree]:
    """Of a small cell, live."""
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


@pytest.mark.parametrize("way", WAYS)
def test_a_tree_comes_back_to_the_last_bit(way: str) -> None:
    for tree in trees(way):
        back = from_bytes(to_bytes(tree))
        assert_same(tree, back)
        assert count(back) == count(tree) > 2
        assert to_bytes(back) == to_bytes(tree)


def test_what_no_scheme_here_drafts_comes_back_too() -> None:
    """Whole weights that are not the counts, a token that is not sent, infinite and signed numbers, a shared node."""
    draft = Draft(-1, np.array([3, 900_000]), np.array([1, 1 << 31]))
    drafted = Drafted(draft, np.array([5, 7]), 0.5, 2, -0.0, float("inf"), 0.1, True, (1.5, -0.0))
    tree = Tree((1, 2), (0.25,))
    after = EdgeNode(1, (1, 2), tree.edge.state, (drafted,), cached=2)
    tree.edge.then_draft, tree.edge.then_compose = (after, drafted), ((1, after), (2, after))
    tree.edge.then_rung = ((3, EdgeNode(1, (7,), ())),)
    assert_same(tree, from_bytes(to_bytes(tree)))


@pytest.mark.parametrize("state", [(np.float64(0.5),), (1,), (True,)])
def test_a_number_that_would_come_back_as_another_type_is_not_written(state: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="float alone is written"):
        to_bytes(Tree((1, 2), state))
    with pytest.raises(ValueError, match="int alone is written"):
        to_bytes(Tree((1, 2, np.int64(3)), ()))  # type: ignore[arg-type]


class MoreSums(NamedTuple):
    """`DraftSums` with quantities that a new column adds, of each type."""

    support_size: int = 0
    coded_size: int = 0
    dropped_mass: float = 0.0
    tv_quantization: float = 0.0
    over_budget: bool = False
    likeliest: float = 0.0
    unlikely: int = 0
    sure: bool = False


def more_sums(drafts: Sequence[Drafted]) -> MoreSums:
    chances = [draft.confidence for draft in drafts]
    return MoreSums(*sum_drafts(drafts), max(chances), sum(each < 0.5 for each in chances), max(chances) > 0.9)


def test_a_quantity_of_drafts_that_a_new_column_adds_is_kept_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("simulator.decoding.edge_session.sum_drafts", more_sums)
    monkeypatch.setattr("simulator.decoding.tree_reader.DraftSums", MoreSums)
    store = RoundStore(tmp_path / "rounds.sqlite", 10**8)
    memory = Memory(store)
    simulate(made("k_sqs"), memory=memory)
    trees = {kept.key: kept.tree for kept in memory._trees.values()}
    entries = list(store.entries())
    assert len(entries) == len(trees) == 2 and capsys.readouterr().err == ""
    for key, _, blob in entries:
        assert_same(trees[key], from_bytes(blob))
    sums = [step.value.sums for tree in trees.values() for _, taken in in_order(tree.edge) for step in taken
            if isinstance(step.value, Payload)]  # fmt: skip
    assert all(isinstance(each, MoreSums) and each.likeliest > 0 for each in sums) and sums


def test_a_declared_field_that_is_no_number_is_told_when_it_is_declared() -> None:
    class Worded(NamedTuple):
        word: str = ""

    with pytest.raises(TypeError, match=r"Worded.word is .*str.*: only int, bool and float are kept on disk"):
        declared(Worded)


def test_what_cannot_be_kept_on_disk_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def odd_sums(drafts: Sequence[Drafted]) -> DraftSums:
        return sum_drafts(drafts)._replace(support_size=np.int64(3))  # type: ignore[arg-type]

    monkeypatch.setattr("simulator.decoding.edge_session.sum_drafts", odd_sums)
    store = RoundStore(tmp_path / "rounds.sqlite", 10**8)
    for bps in (1e5, 2e5):
        simulate(made("k_sqs", bps), memory=Memory(store))
    why = "int64: int alone is written"
    told = f"sqsim: rounds that were decoded are not kept on disk ({why}); each run decodes them anew\n"
    assert capsys.readouterr().err == told and not list(store.entries())


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
    refused_or_holds(content, from_bytes, hangs_together, beside=written(way), refusal=DamagedError)


@some_are_taken
@settings(max_examples=100)
@given(st.sampled_from(["dssd", "tree", "one ahead", "edge_only"]), st.integers(0, 1 << 62))
def test_a_changed_number_raises_one_error(way: str, seed: int) -> None:
    """One whole number is another: a count, a flag, a place that steps lead to, an id."""
    rng = random.Random(seed)
    whole, reals, strings = unpack(written(way), len(IntColumns._fields), len(RealColumns._fields))
    column = rng.choice([each for each in (*whole, whole[0]) if each.size])
    place = rng.randrange(column.size)
    near = int(column[place])
    column[place] = rng.choice(
        [-2, -1, 0, 1, near - 1, near + 1, -near, near ^ 2, near ^ 4, near ^ 8, near ^ 32, 1 << 40]
    )
    content = pack(whole, reals, strings)
    refused_or_holds(content, from_bytes, hangs_together, beside=written(way), refusal=DamagedError)


def hangs_together(found: Tree) -> None:
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
    blob = written("c_sqs")
    monkeypatch.setattr("simulator.decoding.byte_columns.MOST_NUMBERS", 100)
    with pytest.raises(DamagedError, match="longer than all there is, or may be"):
        from_bytes(blob)
    with pytest.raises(ValueError, match="numbers: at most 100"):
        pack([np.zeros(101, np.int64)], [], b"")


def test_a_step_of_the_other_end_and_a_draft_before_the_first_are_damage() -> None:
    tree = Tree((1, 2), ())
    drafted = Drafted(Draft(3, np.array([3]), np.array([1])), np.array([1]), 0.5, 1, 0.0, 0.0, 0.0, False, ())
    tree.edge.then_draft = EdgeNode(1, (1, 2), (), (drafted,)), drafted
    tree.cloud.then_prefill = CloudNode(1, (1, 2), cached=1)
    whole, reals, strings = unpack(to_bytes(tree), len(IntColumns._fields), len(RealColumns._fields))
    (kind,) = np.flatnonzero(whole[0] == Kind.PREFILL)
    place = (
        kind - 18
    )  # the end of the edge's nodes; then come its steps, the cloud's nodes, and how many steps they have
    assert whole[0][place - 1 : place + 1].tolist() == [1, 0], "one draft, the first"
    for at, number in ((kind, Kind.STOP), (place, -1)):
        damaged = whole[0].copy()
        damaged[at] = number
        with pytest.raises(DamagedError):
            from_bytes(pack([damaged, *whole[1:]], reals, strings))


def test_a_step_that_was_taken_twice_is_damage() -> None:
    tree = Tree((1, 2), ())
    tree.edge.then_compose = tuple((1, EdgeNode(1, (1, 2), (), cached=cached)) for cached in (0, 1))
    with pytest.raises(DamagedError, match="twice"):
        from_bytes(to_bytes(tree))


def test_steps_that_lead_in_a_circle_are_neither_written_nor_walked() -> None:
    tree = Tree((1, 2), ())
    after = EdgeNode(2, (1, 2, 3), (), then_stop=tree.edge)
    tree.edge.then_stop = after
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
        unite(mine, others)
        assert [len(in_order(root)) for root in (mine.edge, mine.cloud)] == [
            len(in_order(root)) for root in (tree.edge, tree.cloud)
        ], "a node has become two"
        assert count(mine) == count(tree)
    assert missing


def test_what_another_machine_decoded_otherwise_is_not_mixed_in() -> None:
    mine, others = Tree((1,), ()), Tree((1,), ())
    mine.cloud.then_prefill = CloudNode(1, (1,), cached=0)
    others.cloud.then_prefill = CloudNode(1, (1,), cached=1)
    others.cloud.then_prefill.then_ask = (((b"x",), CloudNode(1, (1,), asked=True)),)
    unite(mine, others)
    assert mine.cloud.then_prefill.cached == 0 and not mine.cloud.then_prefill.then_ask
