"""A remembered tree as bytes, and back, exactly: same values, same types, one node object where there was one.

Each type that a tree is made of is a table: objects are rows, the fields that it declares columns. Reals have a column
of their own; every other value is one whole number: itself, or its place among the strings, states, arrays, rows of its
type, or lines. A line is a tuple of whole numbers: token ids, or the numbers of a tuple's members. Bytes, unlike a
pickle, hold no code, and what is read is checked to fit together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import accumulate, compress, islice, pairwise, repeat, starmap
from operator import attrgetter
from types import NoneType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from channels.codec.coder.arithmetic import LARGEST_TOTAL
from channels.codec.wire import UNSENT, Draft
from kinds.arrays import Floats, Ints
from models.interface import TokenTree
from simulator.decoding.byte_columns import MOST_NUMBERS, DamagedError, pack, unpack
from simulator.decoding.nodes import CloudNode, Drafted, EdgeNode, Full, Payload, Tree, TreeNode, TreeVerified, Verified
from simulator.decoding.steps import in_order
from simulator.results.rounds import Divergences, DraftDivergences, DraftSums
from simulator.schemes.sparsifier import State

T = TypeVar("T")
Line = tuple[int, ...]
LARGEST_SHARED = 1 << 27
"""Numbers in all lines together: they are written without the beginnings that they share."""
_TABLES: Final[tuple[type, ...]] = (
    TokenTree, DraftSums, Divergences, Drafted, Payload, Verified, TreeVerified, EdgeNode, TreeNode, CloudNode,
)  # fmt: skip
"""Each before the tables that name its rows; of nodes, but for their steps."""
_NODES: Final = EdgeNode, TreeNode, CloudNode
_FLAT: Final = -1
"""In place of the number of its rows, of an array of one dimension."""
_NO_INTS: Final = np.empty(0, dtype=np.int64)


def to_bytes(tree: Tree) -> bytes:
    """The tree, compressed. Raises OversizeError where it is too large, ValueError where it holds what would not come
    back as it is: another type of number in a state, say, which would come back as a float."""
    try:
        return pack(*_Writer(tree).columns())
    except OverflowError as error:
        raise ValueError(f"a number is too large: {error}") from None
    except KeyError as error:
        raise ValueError(f"{error}: no value of this type is kept on disk") from None


def from_bytes(blob: bytes) -> Tree:
    """The tree that was written. Raises DamagedError on any other bytes, and nothing else."""
    whole, reals, strings = unpack(blob)
    try:
        return _Reader(whole, reals, strings).tree()
    except (ValueError, LookupError, OverflowError, TypeError, StopIteration) as error:
        raise DamagedError(str(error)) from None


@cache
def _columns(kind: Any) -> Mapping[str, Any]:
    """The fields that an object is made of and their types, the steps of a node last."""
    hints = get_type_hints(kind)
    made = is_dataclass(kind)
    names = [each.name for each in fields(kind) if each.init or _is_step(each.name)] if made else list(hints)
    return {name: hints[name] for name in sorted(names, key=_is_step)}


def _is_step(name: str) -> bool:
    return name.startswith("then_")


def _classes(hint: Any) -> tuple[type, ...]:
    """The types whose rows a value of this type may be."""
    among = tuple(each for each in get_args(hint) or (hint,) if isinstance(each, type))
    found = tuple(kind for kind in (Draft, Full, *_TABLES) if issubclass(kind, among))
    if not found:
        raise TypeError(f"{hint}: no value of this type is kept on disk")
    return found


def _or_none(hint: Any) -> Any:
    """The other types of a union with None; None where it is no such union."""
    others = tuple(each for each in get_args(hint) if each is not NoneType)
    return Union[others] if NoneType in get_args(hint) else None  # noqa: UP007 - of as many as there are


class _Writer:
    """The columns of one tree. A table is turned into numbers column by column, once all that names its rows was: the
    tables from the last to the first."""

    def __init__(self, tree: Tree) -> None:
        self.rows: dict[type, list[Any]] = {kind: [] for kind in (Draft, *_TABLES)}
        self.states: list[State] = []
        self.arrays: list[Floats] = []
        self.strings: dict[bytes, int] = {}
        self.lines: dict[Line, int] = {(): 0}
        """The first stands for no steps."""
        self._places: dict[int, int] = {}
        """The place of a value among its like, by identity; its table holds it, so that no other takes its identity."""
        self._known_lines: dict[int, tuple[int, Line]] = {}
        """The same of lines, with the line, of which the empty one is a state too."""
        nodes = [node for root in (tree.edge, tree.cloud) for node, _ in in_order(root)]
        for node in nodes:
            self.places([node], self.rows[type(node)])
        self._tags = [_NODES.index(type(node)) for node in nodes]
        """The table of each node, in the order of the steps; a table has its nodes in that order too."""
        self._roots = *_written(EdgeNode)(self, [tree.edge]), *_written(CloudNode)(self, [tree.cloud])
        self._tables = {kind: self._table(kind) for kind in reversed(_TABLES)}

    def columns(self) -> tuple[list[Ints], Floats, bytes]:
        """Whole numbers (all but the supports, as differences, and the counts of drafts, which come after), reals,
        strings. Raises ValueError where a number is not plain, OverflowError where one is too large."""
        lines, drafts, arrays = list(self.lines), self.rows[Draft], self.arrays
        bases, tails = _front_coded(lines)
        whole = [
            *map(len, (lines, self.strings, self.states, arrays, drafts, *(self.rows[kind] for kind in _TABLES))),
            *self._roots,
            *self._tags,
            *map(len, lines),
            *bases,
            *tails,
            *map(len, self.strings),
            *map(len, self.states),
            *(len(each) if each.ndim == 2 else _FLAT for each in arrays),
            *(each.size for each in arrays),
            *(UNSENT if each.token == UNSENT else int(each.support.searchsorted(each.token)) for each in drafts),
            *(each.support.size for each in drafts),
        ]
        reals = [real for state in self.states for real in state]
        for kind in _TABLES:
            for hint, column in zip(_columns(kind).values(), self._tables[kind], strict=False):
                (reals if hint is float else whole).extend(column)
        _check_plain(whole, int)
        _check_plain(reals, float)
        supports = np.concatenate([_NO_INTS, *(each.support for each in drafts)])
        counts = np.concatenate([_NO_INTS, *(each.counts for each in drafts)])
        ints = [np.array(whole, dtype=np.int64), np.diff(supports, prepend=np.int64(0)), counts]
        floats = np.concatenate([np.array(reals, dtype=np.float64), *(each.ravel() for each in arrays)])
        return ints, floats, b"".join(self.strings)

    def _table(self, kind: type) -> list[Sequence[Any]]:
        fields_of, forms = _written_columns(kind)
        columns = zip(*map(fields_of, self.rows[kind]), strict=True)
        return [form(self, column) for form, column in zip(forms, columns, strict=False)]

    def places(self, values: Sequence[object], table: list[Any]) -> list[int]:
        """The places of values in their table, where each is put unless it is there."""
        known, identities = self._places, list(map(id, values))
        for identity, value in zip(identities, values, strict=True):
            if identity not in known:
                known[identity] = len(table)
                table.append(value)
        return [known[identity] for identity in identities]

    def known_lines(self, lines: Sequence[Line]) -> list[int]:
        """The places of lines of which many nodes hold one object."""
        known, identities = self._known_lines, list(map(id, lines))
        for identity, line in zip(identities, lines, strict=True):
            if identity not in known:
                _check_plain(line, int)
                known[identity] = self.line(line), line
        return [known[identity][0] for identity in identities]

    def line(self, numbers: Line) -> int:
        return self.lines.setdefault(numbers, len(self.lines))


class _Reader:
    """Reads a tree from its columns, and trusts none of them. What is allocated is bounded by what they hold, and of
    lines by LARGEST_SHARED. Whatever does not fit raises ValueError, LookupError, OverflowError,
    TypeError or StopIteration."""

    def __init__(self, whole: Sequence[Ints], reals: Floats, strings: bytes) -> None:
        self._whole: list[int] = whole[0].tolist()
        self._end = 0
        lines, texts, states, arrays, drafts, *rows = self._take(5 + len(_TABLES))
        self._roots = list(zip((EdgeNode, CloudNode), self._take(2), strict=True))
        tags = self._take(sum(count for kind, count in zip(_TABLES, rows, strict=True) if kind in _NODES))
        self.lines = self._read_lines(self._take(lines), self._take(lines))
        self.strings = _cut(strings, self._take(texts))
        lengths, heights, sizes = self._take(states), self._take(arrays), self._take(arrays)
        plain = len(reals) - sum(sizes)
        floats = reals[:plain].tolist()
        self.states = [tuple(state) for state in _cut(floats[: sum(lengths)], lengths)]
        self._reals = floats[sum(lengths) :]
        self.arrays = [
            array if height == _FLAT else array.reshape(height, -1)
            for height, array in zip(heights, _cut(reals[plain:], sizes), strict=True)
        ]
        self.rows: dict[type, list[Any]] = {
            Full: [Full()],
            Draft: _drafts(self._take(drafts), self._take(drafts), *whole[1:]),
        }
        steps = [step for kind, count in zip(_TABLES, rows, strict=True) for step in self._read_table(kind, count)]
        left = [iter(self.rows[kind]) for kind in _NODES]
        order = {id(next(left[tag])): place for place, tag in enumerate(tags)}
        self._left_steps = MOST_NUMBERS
        for kind, name, numbers in steps:
            self._read_steps(kind, name, numbers, order)
        if any(each.measured.shape[:-1] != (len(DraftDivergences._fields),) for each in self.rows[Divergences]):
            raise ValueError("measured is of another shape")
        if any(each.weights.shape != each.draft.counts.shape for each in self.rows[Drafted]):
            raise ValueError("weights that are not those of a support")
        if self._end != len(self._whole) or self._reals:
            raise ValueError("something is left over")

    def tree(self) -> Tree:
        tree = Tree((), ())
        (tree.edge,), (tree.cloud,) = (_read(kind)(self, [root]) for kind, root in self._roots)
        return tree

    def _take(self, count: int) -> list[int]:
        start, self._end = self._end, self._end + count
        if not start <= self._end <= len(self._whole):
            raise ValueError("a column is too short")
        return self._whole[start : self._end]

    def _read_lines(self, lengths: list[int], bases: list[int]) -> list[Line]:
        if sum(lengths) > LARGEST_SHARED:
            raise ValueError("texts and drafts are longer than any request's")
        tails = [length - lengths[base] if base >= 0 else length for length, base in zip(lengths, bases, strict=True)]
        if min(tails, default=0) < 0:
            raise ValueError("a line that is shorter than its beginning")
        lines: list[Line] = [tuple(tail) for tail in _cut(self._take(sum(tails)), tails)]
        for place in sorted(range(len(lines)), key=lengths.__getitem__):
            if bases[place] >= 0:
                lines[place] = (*lines[bases[place]], *lines[place])
        return lines

    def _read_table(self, kind: type, count: int) -> list[tuple[type, str, list[int]]]:
        """Makes the rows of a table; answers the columns of their steps, to be read once all nodes are there."""
        columns, steps = dict[str, list[Any]](), list[tuple[type, str, list[int]]]()
        for name, hint in _columns(kind).items() if count else ():
            if hint is float:
                columns[name] = self._reals[:count]
                del self._reals[:count]
            elif _is_step(name):
                steps.append((kind, name, self._take(count)))
            else:
                columns[name] = _read(hint)(self, self._take(count))
        self.rows[kind] = list(starmap(kind, zip(*columns.values(), strict=True)))
        return steps

    def _read_steps(self, kind: type, name: str, numbers: list[int], order: Mapping[int, int]) -> None:
        """Attaches the steps of one kind. `order`: of nodes, by identity, in which steps lead on."""
        hint, rows = _columns(kind)[name], self.rows[kind]
        keyed = ... in get_args(hint)
        taken = _read(hint)(self, [number for number in numbers if number])
        for node, steps in zip(compress(rows, numbers), taken, strict=True):
            setattr(node, name, steps)
            if keyed and len(steps) > 1 and len({key for key, _ in steps}) < len(steps):
                raise ValueError("a step was taken twice")
            self._left_steps -= len(steps) if keyed else 1
            if self._left_steps < 0:
                raise ValueError("more steps than any request takes")
            for outcome in (each for _, each in steps) if keyed else (steps,):
                after = outcome[0] if isinstance(outcome, tuple) else outcome
                if not isinstance(after, Payload) and order[id(after)] <= order[id(node)]:
                    raise ValueError("a step leads back")


@cache
def _written_columns(
    kind: Any,
) -> tuple[Callable[[object], tuple[Any, ...]], list[Callable[[_Writer, Sequence[Any]], Sequence[Any]]]]:
    return attrgetter(*_columns(kind)), [_written(hint) for hint in _columns(kind).values()]


@cache
def _written(hint: Any) -> Callable[[_Writer, Sequence[Any]], Sequence[Any]]:
    """What turns values of this type into the numbers that stand for them."""
    if hint in (int, float):
        return lambda _, numbers: numbers
    if hint is bool:
        return lambda _, flags: [_bit(flag) for flag in flags]
    if hint is bytes:
        return lambda to, strings: [to.strings.setdefault(each, len(to.strings)) for each in strings]
    if hint == State:
        return lambda to, states: to.places(states, to.states)
    if get_origin(hint) is np.ndarray:
        return lambda to, arrays: to.places(list(map(_checked, arrays)), to.arrays)
    if hint == Line:
        return lambda to, lines: to.known_lines(lines)
    if (other := _or_none(hint)) is not None:
        form = _written(other)

        def or_none(to: _Writer, values: Sequence[Any]) -> list[int]:
            found = iter(form(to, [value for value in values if value is not None]))
            return [0 if value is None else 1 + next(found) for value in values]

        return or_none
    if get_origin(hint) is tuple:
        return _written_tuples(get_args(hint))
    tags = {kind: tag for tag, kind in enumerate(_classes(hint))}

    def among(to: _Writer, values: Sequence[Any]) -> list[int]:
        alike: dict[type, list[Any]] = {}
        for value in values:
            alike.setdefault(type(value), []).append(value)
        places = {
            kind: repeat(0) if kind is Full else iter(to.places(each, to.rows[kind])) for kind, each in alike.items()
        }
        return [tags[type(value)] + len(tags) * next(places[type(value)]) for value in values]

    return among


def _written_tuples(members: tuple[Any, ...]) -> Callable[[_Writer, Sequence[Any]], list[int]]:
    forms = [_written(each) for each in members if each is not Ellipsis]

    def tuples(to: _Writer, values: Sequence[Any]) -> list[int]:
        if ... in members:
            flat = iter(forms[0](to, [member for value in values for member in value]))
            lines = [tuple(islice(flat, len(value))) for value in values]
        else:
            columns = zip(*values, strict=True)
            lines = list(zip(*(form(to, each) for form, each in zip(forms, columns, strict=False)), strict=True))
        return [to.line(line) for line in lines]

    return tuples


@cache
def _read(hint: Any) -> Callable[[_Reader, Sequence[int]], list[Any]]:
    """What turns the numbers that stand for values of this type into the values."""
    if hint is int:
        return lambda _, numbers: list(numbers)
    if hint is bool:
        return lambda _, numbers: _pick((False, True), numbers)
    if hint is bytes:
        return lambda at, numbers: _pick(at.strings, numbers)
    if hint == State:
        return lambda at, numbers: _pick(at.states, numbers)
    if get_origin(hint) is np.ndarray:
        return lambda at, numbers: _pick(at.arrays, numbers)
    if hint == Line:
        return lambda at, numbers: _pick(at.lines, numbers)
    if (other := _or_none(hint)) is not None:
        form = _read(other)

        def or_none(at: _Reader, numbers: Sequence[int]) -> list[Any]:
            found = iter(form(at, [number - 1 for number in numbers if number]))
            return [next(found) if number else None for number in numbers]

        return or_none
    if get_origin(hint) is tuple:
        return _read_tuples(get_args(hint))
    kinds = _classes(hint)
    if len(kinds) == 1:
        return lambda at, numbers: _pick(at.rows[kinds[0]], numbers)

    def among(at: _Reader, numbers: Sequence[int]) -> list[Any]:
        tables = [at.rows[kind] for kind in kinds]
        if min(numbers, default=0) < 0:
            raise IndexError("a place before the first")
        return [tables[number % len(kinds)][number // len(kinds)] for number in numbers]

    return among


def _read_tuples(members: tuple[Any, ...]) -> Callable[[_Reader, Sequence[int]], list[Any]]:
    forms = [_read(each) for each in members if each is not Ellipsis]

    def tuples(at: _Reader, numbers: Sequence[int]) -> list[Any]:
        places = list(dict.fromkeys(numbers))
        lines = _pick(at.lines, places)
        if ... in members:
            flat = iter(forms[0](at, [number for line in lines for number in line]))
            found = [tuple(islice(flat, len(line))) for line in lines]
        else:
            columns = list(zip(*lines, strict=True)) or [()] * len(members)
            found = list(zip(*(form(at, each) for form, each in zip(forms, columns, strict=True)), strict=True))
        known = dict(zip(places, found, strict=True))
        return [known[number] for number in numbers]

    return tuples


def _bit(flag: bool) -> int:
    if type(flag) is not bool:
        raise ValueError(f"{flag!r} is no bool")
    return int(flag)


def _checked(array: Floats) -> Floats:
    if array.dtype != np.float64 or array.ndim not in (1, 2):
        raise ValueError(f"an array of {array.dtype} {array.shape}: float64 of one or two dimensions expected")
    return array


def _check_plain(numbers: Sequence[int] | Sequence[float], plain: type) -> None:
    """Raises ValueError where a number would come back as one of another type."""
    others = set(map(type, numbers)) - {plain}
    if others:
        raise ValueError(f"{', '.join(sorted(each.__name__ for each in others))}: {plain.__name__} alone is written")


def _front_coded(lines: Sequence[Line]) -> tuple[list[int], list[int]]:
    """The index, for each line, of the longest other line that it begins with, -1 where there is none; and what follows
    that beginning, of all lines one after another."""
    bases, beginnings = [-1] * len(lines), list[int]()
    for place in sorted(range(len(lines)), key=lines.__getitem__):
        line = lines[place]
        while beginnings and line[: len(lines[beginnings[-1]])] != lines[beginnings[-1]]:
            beginnings.pop()
        if beginnings:
            bases[place] = beginnings[-1]
        if line:
            beginnings.append(place)
    starts = [len(lines[base]) if base >= 0 else 0 for base in bases]
    return bases, [number for line, start in zip(lines, starts, strict=True) for number in line[start:]]


def _pick(things: Sequence[T], places: Sequence[int]) -> list[T]:
    if min(places, default=0) < 0:
        raise IndexError("a place before the first")
    return [things[place] for place in places]


def _cut(whole: Any, lengths: Sequence[int]) -> list[Any]:
    if min(lengths, default=0) < 0 or sum(lengths) != len(whole):
        raise ValueError("a column of another length")
    return [whole[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]


def _drafts(places: list[int], sizes: list[int], differences: Ints, counts: Ints) -> list[Draft]:
    """The drafts, checked at once as `Draft` does, views of the columns. `places`: of tokens in supports."""
    supports = np.cumsum(differences, dtype=np.int64)
    if min(sizes, default=1) < 1 or not sum(sizes) == supports.size == counts.size:
        raise ValueError("supports and counts of different length")
    ends = list(accumulate(sizes, initial=0))
    if sizes:
        starts = np.array(ends[:-1])
        rises = np.diff(supports, prepend=-1)
        rises[starts] = supports[starts] + 1
        totals = np.add.reduceat(counts.astype(np.float64), starts)
        if (rises < 1).any() or (counts < 1).any() or (totals > LARGEST_TOTAL).any():
            raise ValueError("a support that does not ascend, or counts that are none")
        if any(not UNSENT <= place < size for place, size in zip(places, sizes, strict=True)):
            raise ValueError("a token outside its support")
    return [
        Draft.of(UNSENT if place == UNSENT else supports[start + place], supports[start:end], counts[start:end])
        for place, (start, end) in zip(places, pairwise(ends), strict=True)
    ]
