"""Token trees of ids alone, for a receiver that holds the races which they have won.

At each node of a tree both ends hold the words of a race, the same for all nodes of a level; its children are the ids
that came first in the drafter's race there. Both ends know the shapes that a tree may have (`tree_shape`); which one it
has comes first, all alike. A race has all V ids, so the number of nodes that have children, n of m, tells the tree:
that follows, as the number of ids in a packet of `ids` (`heads`). Then, breadth first, the children of each, given the
text and the path to it. Their order decides nothing but which tree hangs below each, so they come in runs of siblings
below which it is the same, the earliest first, each a set without an order (`id_distribution.code_raced_set`), after
those of the runs before it.

A node is an id; in a run they stand by id, ascending.

The chance of a set: with c_i the chance of contender i to be next as `code_raced_id` has it, proportional to
product c_i of its members over all sets of as many: the conditional Poisson design (Chen, Dempster and Liu 1994), whose
normalizing sums run backwards over the contenders. "Another" stands for any number of other ids; these then come
ascending, each uniform below V, refused where it is none. It saves log2 of the number of orders, nearly: the order in
which contenders come first (Plackett-Luce) has no such sums of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from math import ceil, log2
from typing import NamedTuple

import numpy as np

from channels.codec.coder.arithmetic import (
    DECODE,
    ENCODE,
    FAILED,
    INVALID,
    MEASURE,
    MODE,
    NOTHING,
    Machine,
    length_bits,
    machine,
    reader,
    uniform,
    written,
)
from channels.codec.context_coded.expected_tokens import WINDOW
from channels.codec.draft import CodecError, Format, close, integers, latest
from channels.codec.heads import FULL_SHARE, code_number
from channels.codec.id_distribution import code_raced_set, raced_set_bound_bits
from channels.codec.ids import LARGEST_ID_BYTES, Race
from channels.codec.tree_shape import ROOT, TreeGrowth, TreeShape, grown
from kinds.arrays import Bytes


@dataclass(frozen=True)
class IdTreeFormat:
    """Format of a session's trees of ids, which both ends hold before the first one. form: vocabulary and prior; its
    other fields are of no effect. shapes: one at least, those that a tree may have."""

    form: Format
    shapes: tuple[TreeShape, ...]

    @cached_property
    def replies(self) -> Format:
        """The format of the replies, which report by a number which node was reached, 0 for none."""
        return replace(self.form, max_drafts=max(shape.nodes for shape in self.shapes))


class IdTree(NamedTuple):
    """The nodes of a tree, breadth first, and which of the format's shapes it has."""

    tokens: Sequence[int]
    shape: int = 0


def encode(tree: IdTree, format: IdTreeFormat, context: Sequence[int], race: Race) -> bytes:
    """The packet of a tree. race(level): the words of the races there, [V]. `context`: the ids that both ends hold
    before it, oldest first. Raises CodecError where the nodes are no tree of that shape."""
    tokens = tree.tokens
    buffer = np.empty(LARGEST_ID_BYTES * 2 * (len(tokens) + 1), dtype=np.uint8)
    io = machine(ENCODE)
    _code(io, buffer, format, context, race, _checked(tree, format))
    return written(io, buffer)


def decode(payload: bytes, format: IdTreeFormat, context: Sequence[int], race: Race) -> IdTree:
    """The tree of a packet. Raises CodecError on every byte string that `encode` cannot have produced."""
    io, buffer = reader(payload)
    found = _code(io, buffer, format, context, race, IdTree(()))
    close(io, buffer, "payload", "no tree of ids of this format")
    return found


def tree_bits(tree: IdTree, format: IdTreeFormat, context: Sequence[int], race: Race) -> int:
    """The exact length of the packet in bits, before padding to bytes. Raises CodecError as `encode` does."""
    io = machine(MEASURE)
    _code(io, NOTHING, format, context, race, _checked(tree, format))
    return length_bits(io)


def largest_tree_bits(tree: IdTree, format: IdTreeFormat, context: Sequence[int], race: Race) -> int:
    """No packet with the children of one more node, whichever, is longer. tree: the nodes before them, which may be
    none. Raises CodecError as `encode` does, and where the tree is whole."""
    io = machine(MEASURE)
    _code(io, NOTHING, format, context, race, _checked(tree, format) if tree.tokens else tree, more=1)
    return length_bits(io) + ceil(1.001 * _children_bound(len(tree.tokens), tree.shape, format)) + 1


def bound_tree_bits(number: int, shape: int, format: IdTreeFormat) -> int:
    """No packet of that many nodes in this shape is longer, the last of which stands for its siblings: a bound in bits
    that costs next to nothing. Raises CodecError where the shape has no such tree."""
    head = log2(len(format.shapes) * (FULL_SHARE + 1) * format.shapes[shape].distributions)
    nodes = raced_set_bound_bits(number - 1, format.form) + _children_bound(number - 1, shape, format)
    return 2 + ceil(1.001 * (head + nodes))


def _children_bound(number: int, shape: int, format: IdTreeFormat) -> float:
    """The children that come after so many nodes. Raises CodecError where none can."""
    try:
        growth = grown(format.shapes[shape], [format.form.vocabulary] * number)
    except ValueError as error:
        raise CodecError(str(error)) from None
    if growth.next is None or len(growth.parents) != number:
        raise CodecError(f"{number} nodes: the tree is whole with {len(growth.parents)}")
    return raced_set_bound_bits(growth.children(format.form.vocabulary), format.form)


def _code(
    io: Machine, buffer: Bytes, format: IdTreeFormat, context: Sequence[int], race: Race, tree: IdTree, more: int = 0
) -> IdTree:
    """Codes the tree, which decoding returns; of one with the children of `more` nodes besides, all but those."""
    form, decoding, found = format.form, io[MODE] == DECODE, list[int]()
    number = uniform(io, buffer, tree.shape, len(format.shapes))
    growth, most = TreeGrowth(format.shapes[number]), format.shapes[number].distributions
    distributions = 0 if decoding else len(set(_grown(tree, format).parents)) + more
    texts = [latest(context, WINDOW, form.vocabulary)]
    for _ in range(code_number(io, buffer, distributions, most) - more):
        place = growth.next
        if io[FAILED] or place is None:
            io[FAILED] = INVALID
            break
        text, words, first = texts[place.node - ROOT], race(place.level), len(found)
        for run in growth.alike(form.vocabulary):
            ids = np.zeros(run, np.int64) if decoding else np.array(tree.tokens[len(found) : len(found) + run])
            code_raced_set(io, buffer, form, text, words, np.array(found[first:], np.int64), ids)
            if io[FAILED]:
                return IdTree(found, number)
            found += ids.tolist()
        growth.grow(form.vocabulary)
        texts += [np.append(text, token) for token in found[first:]]
    return IdTree(tuple(found), number)


def _grown(tree: IdTree, format: IdTreeFormat) -> TreeGrowth:
    return grown(format.shapes[tree.shape], [format.form.vocabulary] * len(tree.tokens))


def _checked(tree: IdTree, format: IdTreeFormat) -> IdTree:
    """The tree. Raises CodecError unless it is one of the format, of ids below V, run by run in order."""
    if not len(tree.tokens):
        raise CodecError("0 ids: a tree has one node at least")
    ids, vocabulary = integers("tokens", np.asarray(tree.tokens)), format.form.vocabulary
    if not 0 <= ids.min() <= ids.max() < vocabulary:
        raise CodecError(f"tokens: hold {ids.min()} to {ids.max()}, must be ids below {vocabulary}")
    nodes: list[int] = ids.tolist()
    growth = TreeGrowth(format.shapes[tree.shape])
    while len(growth.parents) < len(nodes):
        if growth.next is None:
            raise CodecError(f"{len(nodes)} nodes: the tree is whole with {len(growth.parents)}")
        ends = list(accumulate(growth.alike(vocabulary), initial=len(growth.parents)))
        runs = [nodes[begin:end] for begin, end in pairwise(ends)]
        siblings = nodes[ends[0] : ends[-1]]
        if len(siblings) < ends[-1] - ends[0] or any(run != sorted({*run}) for run in runs):
            raise CodecError(f"nodes {siblings}: must be {ends[-1] - ends[0]}, those of a run ascending")
        if len({*siblings}) < len(siblings):
            raise CodecError(f"nodes {siblings}: must be different ids")
        growth.grow(vocabulary)
    return IdTree(nodes, tree.shape)
