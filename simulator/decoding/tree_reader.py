"""Reads a remembered tree from its columns (`tree_bytes`, `tree_columns`), and trusts none of them.

Whatever does not hang together raises ValueError, IndexError, OverflowError or StopIteration (a column that ends too
soon). What is allocated is bounded by what the columns hold, and for texts and drafts, which nodes share beginnings of,
by LARGEST_SHARED.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, islice, pairwise
from typing import Any, TypeVar

import numpy as np

from channels.codec.coder.arithmetic import LARGEST_TOTAL
from channels.codec.wire import UNSENT, Draft
from kinds.arrays import Floats, Ints
from models.interface import TokenTree
from simulator.decoding.nodes import (
    CloudNode,
    Drafted,
    EdgeNode,
    Full,
    Parts,
    Payload,
    Tokens,
    Tree,
    TreeNode,
    TreeVerified,
    Verified,
)
from simulator.decoding.steps import Key, Kind, Node, Step, Value, hang
from simulator.decoding.tree_columns import (
    DRAFT,
    LARGEST_WEIGHT,
    Declared,
    DraftFlag,
    IntColumns,
    NodeFlag,
    RealColumns,
    declared,
)
from simulator.results.rounds import Divergences, DraftDivergences, DraftSums

T = TypeVar("T")
LARGEST_SHARED = 1 << 27
"""Tokens and drafts that the nodes of a tree may hold, counted at each node."""
_KINDS = tuple(Kind)
_OF_EDGE, _OF_CLOUD = _KINDS[: Kind.PREFILL], _KINDS[Kind.PREFILL :]
_COUNTED = frozenset({Kind.RUNG, Kind.COMPOSE, Kind.HOST})
_BY_PARTS = frozenset({Kind.VERIFY, Kind.ASK})
_JUDGED = frozenset({Kind.DECODE, Kind.VERIFY, Kind.HOST})


class TreeReader:
    """Of one tree."""

    def __init__(self, whole: IntColumns, reals: RealColumns, strings: bytes) -> None:
        self._shape: Iterator[int] = iter(whole.shape.tolist())
        self._tokens: Iterator[int] = iter(whole.tokens.tolist())
        self._reals: Iterator[float] = iter(reals.reals.tolist())
        self._measured = reals.measured
        self._measured_read = 0
        self._strings = _cut(strings, whole.lengths.tolist())
        self._drafts = _drafts(whole, reals)
        self._shared = 0

    def tree(self) -> Tree:
        """The tree, of which nothing is left over."""
        edges, clouds = list[EdgeNode](), list[CloudNode]()
        for _ in range(next(self._shape)):
            edges.append(self._edge(edges))
        self._steps(edges, _OF_EDGE)
        for _ in range(next(self._shape)):
            clouds.append(self._cloud(clouds))
        self._steps(clouds, _OF_CLOUD)
        left = [True for column in (self._shape, self._tokens, self._reals) for _ in column]
        if left or self._measured_read != self._measured.size:
            raise ValueError("something is left over")
        tree = Tree((), ())
        tree.edge, tree.cloud = edges[0], clouds[0]
        return tree

    def _edge(self, edges: list[EdgeNode]) -> EdgeNode:
        back, flags, rounds, cached = self._take(4)
        base = _before(edges, back) if back else EdgeNode(0, (), ())
        text = self._more(base.committed if flags & NodeFlag.MORE_TEXT else (), self._text())
        drafts = tuple([_at(self._drafts, place) for place in self._numbers()])
        drafts = self._more(base.drafts if flags & NodeFlag.MORE_DRAFTS else (), drafts)
        state = base.state if flags & NodeFlag.SAME_STATE else self._floats(next(self._shape))
        full, owes = bool(flags & NodeFlag.FULL), bool(flags & NodeFlag.OWES)
        if not flags & NodeFlag.TREE:
            return EdgeNode(base.round + rounds, text, state, drafts, full, cached, owes)
        shape = self._tree()
        levels = tuple([self._numbers() for _ in range(next(self._shape))])
        return TreeNode(base.round + rounds, text, state, drafts, full, cached, owes, tree=shape, levels=levels)

    def _cloud(self, clouds: list[CloudNode]) -> CloudNode:
        back, flags, rounds, cached = self._take(4)
        base = _before(clouds, back) if back else CloudNode(0, ())
        text = self._more(base.committed if flags & NodeFlag.MORE_TEXT else (), self._text())
        owed, asked = bool(flags & NodeFlag.OWES), bool(flags & NodeFlag.ASKED)
        return CloudNode(base.round + rounds, text, cached, owed, asked)

    def _steps(self, nodes: Sequence[Node], kinds: Sequence[Kind]) -> None:
        for place, node in enumerate(nodes):
            taken = set[tuple[Kind, Key]]()
            for _ in range(next(self._shape)):
                step = self._step(nodes, place, kinds)
                if step[:2] in taken:
                    raise ValueError("a step was taken twice")
                taken.add(step[:2])
                hang(node, step)

    def _step(self, nodes: Sequence[Node], place: int, kinds: Sequence[Kind]) -> Step:
        """Of the node at `place`: it leads to a later one."""
        kind = _at(_KINDS, next(self._shape))
        if kind not in kinds:
            raise ValueError(f"{kind.name} at the wrong end")
        key: Key = None
        if kind in _COUNTED:
            key = next(self._shape)
        elif kind is Kind.RESOLVE:
            key = self._string()
        elif kind in _BY_PARTS:
            key = self._parts()
        if kind is Kind.SEAL:
            return Step(kind, key, None, self._payload())
        ahead = next(self._shape)
        if ahead < 1:
            raise ValueError("a step leads back")
        after = nodes[place + ahead]
        value: Value = None
        if kind is Kind.DRAFT:
            drafted = next(self._shape)
            value = Full() if drafted == -1 else _at(self._drafts, drafted)
        elif kind is Kind.RESOLVE:
            value = self._text()
        elif kind in _JUDGED:
            value = self._verified()
        return Step(kind, key, after, value)

    def _payload(self) -> Payload:
        parts = self._parts()
        drafted = next(self._shape)
        return Payload(parts, drafted, DraftSums(**self._declared(declared(DraftSums))))

    def _verified(self) -> Verified:
        branches, accepted, reply = self._take(3)
        drafts, committed, divergences = self._text(), self._text(), self._divergences()
        told = _at(self._strings, reply)
        if not branches:
            return Verified(drafts, accepted, told, committed, divergences)
        tree = self._tree()
        return TreeVerified(drafts, accepted, told, committed, divergences, tree=tree, path=self._numbers())

    def _divergences(self) -> Divergences:
        numbers = self._declared(declared(Divergences, "measured"))
        rows, columns = len(DraftDivergences._fields), next(self._shape)
        start, end = self._measured_read, self._measured_read + rows * columns
        if not start <= end <= self._measured.size:
            raise ValueError("more was measured than there is")
        self._measured_read = end
        return Divergences(**numbers, measured=self._measured[start:end].reshape(rows, columns))

    def _tree(self) -> TokenTree:
        tokens = self._text()
        return TokenTree(tokens, self._take(len(tokens)))

    def _more(self, beginning: tuple[T, ...], rest: tuple[T, ...]) -> tuple[T, ...]:
        """What a node shares with its base, and what it adds."""
        if not rest:
            return beginning
        self._shared += len(beginning) + len(rest)
        if self._shared > LARGEST_SHARED:
            raise ValueError("texts and drafts are longer than any request's")
        return (*beginning, *rest)

    def _text(self) -> Tokens:
        return _exactly(self._tokens, next(self._shape))

    def _numbers(self) -> tuple[int, ...]:
        return self._take(next(self._shape))

    def _parts(self) -> Parts:
        return tuple([_at(self._strings, place) for place in self._numbers()])

    def _string(self) -> bytes:
        return _at(self._strings, next(self._shape))

    def _take(self, count: int) -> tuple[int, ...]:
        return _exactly(self._shape, count)

    def _floats(self, count: int) -> tuple[float, ...]:
        return _exactly(self._reals, count)

    def _declared(self, numbers: Declared) -> dict[str, Any]:
        """The numbers that a class declares, by name."""
        whole = zip(numbers.whole.items(), self._take(len(numbers.whole)), strict=True)
        real = zip(numbers.real, self._floats(len(numbers.real)), strict=True)
        return {name: type_(number) for (name, type_), number in whole} | dict(real)


def _exactly(column: Iterator[T], count: int) -> tuple[T, ...]:
    """The next so many of a column."""
    taken = tuple(islice(column, count))
    if len(taken) != count:
        raise ValueError("a column is too short")
    return taken


def _at(things: Sequence[T], place: int) -> T:
    if place < 0:
        raise IndexError(place)
    return things[place]


def _before(nodes: Sequence[T], back: int) -> T:
    """The node so many places before the next."""
    return _at(nodes, len(nodes) - back)


def _cut(strings: bytes, lengths: list[int]) -> list[bytes]:
    if sum(lengths) != len(strings) or min(lengths, default=0) < 0:
        raise ValueError("bytes that are not told of")
    return [strings[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]


def _drafts(whole: IntColumns, reals: RealColumns) -> list[Drafted]:
    """The drafts, checked all at once; their arrays are views of the columns."""
    rows, counts, weights = whole.drafts.reshape(4 + len(DRAFT.whole), -1), whole.counts, reals.weights
    supports = np.cumsum(whole.supports, dtype=np.int64)
    _check_supports(supports, counts, rows[0], rows[1])
    supports.flags.writeable = counts.flags.writeable = False
    states: Iterator[float] = iter(reals.states.tolist())
    found, end, drawn_end = list[Drafted](), 0, 0
    measured = reals.drafts.reshape(len(DRAFT.real), -1).T.tolist()
    for (place, size, flags, length, *numbers), measures in zip(rows.T.tolist(), measured, strict=True):
        start, end = end, end + size
        token = UNSENT if place == UNSENT else int(supports[start + place])
        draft = Draft.of(token, supports[start:end], counts[start:end])
        drawn_from: Ints | Floats = draft.counts
        if flags & DraftFlag.OTHER_WEIGHTS:
            drawn_start, drawn_end = drawn_end, drawn_end + size
            drawn_from = weights[drawn_start:drawn_end]
            if flags & DraftFlag.WHOLE_WEIGHTS:
                drawn_from = _whole(drawn_from)
        told = {name: type_(number) for (name, type_), number in zip(DRAFT.whole.items(), numbers, strict=True)}
        told |= zip(DRAFT.real, measures, strict=True)
        found.append(Drafted(draft=draft, drawn_from=drawn_from, state=_exactly(states, length), **told))
    if drawn_end != weights.size or any(True for _ in states):
        raise ValueError("weights or states that are no draft's")
    return found


def _whole(weights: Floats) -> Ints:
    if not (np.abs(weights) <= LARGEST_WEIGHT).all():
        raise ValueError("weights that are no whole numbers")
    return weights.astype(np.int64)


def _check_supports(supports: Ints, counts: Ints, places: Ints, sizes: Ints) -> None:
    """Raises ValueError on what `Draft` refuses: supports [N] and counts [N] of all drafts, one after another."""
    if not supports.size == counts.size == sizes.sum() or (sizes < 1).any() or (sizes > supports.size).any():
        raise ValueError("supports and counts of different length")
    if not sizes.size:
        return
    starts = np.cumsum(sizes) - sizes
    rises = np.diff(supports, prepend=-1)
    rises[starts] = supports[starts] + 1
    totals = np.add.reduceat(counts.astype(np.float64), starts)
    if (rises < 1).any() or (counts < 1).any() or (totals > LARGEST_TOTAL).any():
        raise ValueError("a support that does not ascend, or counts that are none")
    if ((places < UNSENT) | (places >= sizes)).any():
        raise ValueError("a token outside its support")
