"""Writes a remembered tree down as columns of numbers (`tree_bytes`, `tree_columns`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from channels.codec.wire import UNSENT
from kinds.arrays import Floats, Ints
from simulator.decoding.nodes import (
    CloudNode,
    Drafted,
    EdgeNode,
    Full,
    Payload,
    Tokens,
    Tree,
    TreeNode,
    TreeVerified,
    Verified,
)
from simulator.decoding.steps import Node, Step, in_order
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
from simulator.results.rounds import Divergences, DraftDivergences

T = TypeVar("T")


class TreeWriter:
    """Of one tree."""

    def __init__(self, tree: Tree) -> None:
        self._shape: list[int] = []
        self._tokens: list[int] = []
        self._reals: list[float] = []
        self._measured: list[Floats] = []
        self._strings: dict[bytes, int] = {}
        self._drafts: dict[int, tuple[int, Drafted]] = {}
        """By identity: place, and the draft, which is thereby kept from going."""
        for root in (tree.edge, tree.cloud):
            self._side(in_order(root))

    def columns(self) -> tuple[IntColumns, RealColumns, bytes]:
        """All columns, and the bytes behind them. Raises ValueError where a number is not plain, OverflowError where
        one is too large."""
        drafts = [draft for _, draft in self._drafts.values()]
        supports = _joined([each.draft.support for each in drafts])
        whole = IntColumns(
            shape=_integers(self._shape),
            tokens=_integers(self._tokens),
            lengths=_integers([len(string) for string in self._strings]),
            drafts=_integers(_columns([_row(each) for each in drafts])),
            supports=np.diff(supports, prepend=np.int64(0)),
            counts=_joined([each.draft.counts for each in drafts]),
        )
        weights = [np.asarray(each.drawn_from, dtype=np.float64) for each in drafts if any(_drawn(each))]
        reals = RealColumns(
            reals=_reals(self._reals),
            measured=_concatenated(self._measured),
            drafts=_reals(_columns([[getattr(each, name) for name in DRAFT.real] for each in drafts])),
            states=_reals([real for each in drafts for real in each.state]),
            weights=_concatenated(weights),
        )
        return whole, reals, b"".join(self._strings)

    def _side(self, nodes: Sequence[tuple[Node, Sequence[Step]]]) -> None:
        """All nodes of edge or cloud, then all steps."""
        places = {id(node): place for place, (node, _) in enumerate(nodes)}
        bases: dict[int, tuple[int, Node]] = {}
        for place, (node, taken) in enumerate(nodes):
            for step in taken:
                if step.after is not None:
                    bases.setdefault(id(step.after), (place, node))
        self._shape.append(len(nodes))
        for place, (node, _) in enumerate(nodes):
            at, base = bases.get(id(node), (place, None))
            self._shape.append(place - at)
            if isinstance(node, EdgeNode):
                self._edge(node, base if isinstance(base, EdgeNode) else EdgeNode(0, (), ()))
            else:
                self._cloud(node, base if isinstance(base, CloudNode) else CloudNode(0, ()))
        for place, (_, taken) in enumerate(nodes):
            self._shape.append(len(taken))
            for step in taken:
                self._step(step, place, places)

    def _edge(self, node: EdgeNode, base: EdgeNode) -> None:
        texts, lines = _begins(node.committed, base.committed), _continues(node.drafts, base.drafts)
        same = node.state is base.state
        self._shape.append(
            NodeFlag.TREE * isinstance(node, TreeNode)
            | NodeFlag.FULL * node.full
            | NodeFlag.OWES * node.owes
            | NodeFlag.MORE_TEXT * texts
            | NodeFlag.MORE_DRAFTS * lines
            | NodeFlag.SAME_STATE * same
        )
        self._numbers(node.round - base.round, node.cached)
        self._text(node.committed[len(base.committed) if texts else 0 :])
        drafts = node.drafts[len(base.drafts) if lines else 0 :]
        self._numbers(len(drafts), *(self._draft(draft) for draft in drafts))
        if not same:
            self._shape.append(len(node.state))
            self._reals += node.state
        if isinstance(node, TreeNode):
            self._text(node.tree.tokens)
            self._numbers(*node.tree.parents)
            self._shape.append(len(node.levels))
            for level in node.levels:
                self._numbers(len(level), *level)

    def _cloud(self, node: CloudNode, base: CloudNode) -> None:
        texts = _begins(node.committed, base.committed)
        self._shape.append(
            NodeFlag.OWES * node.owed | NodeFlag.ASKED * node.asked | NodeFlag.MORE_TEXT * texts,
        )
        self._numbers(node.round - base.round, node.cached)
        self._text(node.committed[len(base.committed) if texts else 0 :])

    def _step(self, step: Step, place: int, places: dict[int, int]) -> None:
        kind, key, after, value = step
        self._shape.append(int(kind))
        if isinstance(key, int):
            self._shape.append(key)
        elif isinstance(key, bytes):
            self._shape.append(self._string(key))
        elif key is not None:
            self._strings_of(key)
        if after is not None:
            self._shape.append(places[id(after)] - place)
        if isinstance(value, Full):
            self._shape.append(-1)
        elif isinstance(value, Drafted):
            self._shape.append(self._draft(value))
        elif isinstance(value, Payload):
            self._payload(value)
        elif isinstance(value, Verified):
            self._verified(value)
        elif value is not None:
            self._text(value)

    def _payload(self, payload: Payload) -> None:
        self._strings_of(payload.parts)
        self._numbers(payload.drafted)
        self._declared(payload.sums, declared(type(payload.sums)))

    def _verified(self, verified: Verified) -> None:
        branches = isinstance(verified, TreeVerified)
        self._numbers(branches + 0, verified.accepted, self._string(verified.reply))
        self._text(verified.drafts)
        self._text(verified.committed)
        self._divergences(verified.divergences)
        if isinstance(verified, TreeVerified):
            self._text(verified.tree.tokens)
            self._numbers(*verified.tree.parents)
            self._numbers(len(verified.path), *verified.path)

    def _divergences(self, found: Divergences) -> None:
        rows = len(DraftDivergences._fields)
        if found.measured.dtype != np.float64 or found.measured.shape[:1] != (rows,):
            raise ValueError(f"measured is {found.measured.dtype} {found.measured.shape}: float64 [{rows}, n] expected")
        self._declared(found, declared(type(found), "measured"))
        self._numbers(found.measured.shape[1])
        self._measured.append(found.measured.ravel())

    def _draft(self, draft: Drafted) -> int:
        return self._drafts.setdefault(id(draft), (len(self._drafts), draft))[0]

    def _text(self, tokens: Tokens) -> None:
        self._shape.append(len(tokens))
        self._tokens += tokens

    def _strings_of(self, parts: Sequence[bytes]) -> None:
        self._numbers(len(parts), *(self._string(part) for part in parts))

    def _string(self, string: bytes) -> int:
        return self._strings.setdefault(string, len(self._strings))

    def _numbers(self, *numbers: int) -> None:
        self._shape += numbers

    def _declared(self, value: object, numbers: Declared) -> None:
        self._shape += _whole(value, numbers)
        self._reals += [getattr(value, name) for name in numbers.real]


def _row(draft: Drafted) -> tuple[int, ...]:
    """What `IntColumns.drafts` has of a draft."""
    others, integers = _drawn(draft)
    support, token = draft.draft.support, draft.draft.token
    flags = DraftFlag.OTHER_WEIGHTS * others | DraftFlag.WHOLE_WEIGHTS * integers
    place = UNSENT if token == UNSENT else int(support.searchsorted(token))
    return place, support.size, flags, len(draft.state), *_whole(draft, DRAFT)


def _columns(rows: Sequence[Sequence[T]]) -> list[T]:
    """The rows' first numbers, then their second, ..."""
    return [number for column in zip(*rows, strict=True) for number in column]


def _whole(value: object, numbers: Declared) -> list[int]:
    """The whole numbers of a value, as they are declared."""
    found = [(getattr(value, name), type_) for name, type_ in numbers.whole.items()]
    return [_bit(number) if type_ is bool else number for number, type_ in found]


def _drawn(draft: Drafted) -> tuple[bool, bool]:
    """Whether a draft was drawn by other weights than its counts, and whether these are whole numbers."""
    drawn, counts = draft.drawn_from, draft.draft.counts
    if drawn is counts or (drawn.dtype == np.int64 and np.array_equal(drawn, counts)):
        return False, False
    if drawn.shape != counts.shape or drawn.dtype not in (np.float64, np.int64):
        raise ValueError(f"drawn from {drawn.dtype} {drawn.shape}: float64 or int64 {counts.shape} expected")
    if drawn.dtype == np.int64 and np.abs(drawn).max() > LARGEST_WEIGHT:
        raise ValueError("drawn from counts that no float holds")
    return True, drawn.dtype == np.int64


def _begins(text: Tokens, beginning: Tokens) -> bool:
    return text is beginning or text[: len(beginning)] == beginning


def _continues(drafts: Sequence[Drafted], beginning: Sequence[Drafted]) -> bool:
    """Whether drafts begin with these very objects."""
    return len(drafts) >= len(beginning) and all(one is other for one, other in zip(drafts, beginning, strict=False))


def _bit(flag: bool) -> int:
    if type(flag) is not bool:
        raise ValueError(f"{flag!r} is no bool")
    return int(flag)


def _integers(numbers: list[int]) -> Ints:
    _check_plain(numbers, int)
    return np.array(numbers, dtype=np.int64)


def _reals(numbers: list[float]) -> Floats:
    _check_plain(numbers, float)
    return np.array(numbers, dtype=np.float64)


def _check_plain(numbers: list[int] | list[float], plain: type) -> None:
    """Raises ValueError where a number would come back as one of another type."""
    others = set(map(type, numbers)) - {plain}
    if others:
        raise ValueError(f"{', '.join(sorted(each.__name__ for each in others))}: {plain.__name__} alone is written")


def _joined(arrays: list[Ints]) -> Ints:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int64)


def _concatenated(arrays: list[Floats]) -> Floats:
    return np.concatenate(arrays) if arrays else np.empty(0)
