"""Token trees of ids alone, for a receiver that holds the races which they have won.

At each node of a tree both ends hold the words of a race, the same for all nodes of a level; its children are the ids
that came first in the drafter's race there. The shape (`tree_shape`) is known to both ends and a race has all V ids, so
the number of nodes that have children, n of m, tells the tree: that comes first, as the number of ids in a packet of
`ids`. Then, breadth first, the children of each, given the text and the path to it: their order decides nothing but
which tree hangs below each. So they come in runs of siblings under which it is the same, the earliest first, each a set
without an order (`id_distribution.code_raced_set`), after those of the runs before it.

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

import numpy as np

from channels.codec.coder.arithmetic import (
    DECODE,
    ENCODE,
    FAILED,
    INVALID,
    MEASURE,
    MODE,
    Machine,
    finish,
    length_bits,
    machine,
    reader,
    written,
)
from channels.codec.context_coded.expected_tokens import WINDOW
from channels.codec.draft import CodecError, Format, integers, latest
from channels.codec.id_distribution import code_raced_set, raced_set_bound_bits
from channels.codec.ids import FULL_SHARE, LARGEST_ID_BYTES, Race, code_number
from channels.codec.tree_shape import ROOT, TreeGrowth, TreeShape, grown
from kinds.arrays import Bytes

_NOTHING = np.empty(0, dtype=np.uint8)


@dataclass(frozen=True)
class IdTreeFormat:
    """What both ends know before the first tree. form: vocabulary and prior; its other fields are of no effect."""

    form: Format
    shape: TreeShape

    @cached_property
    def replies(self) -> Format:
        """The format of the replies, which report by a number which node was reached, 0 for none."""
        return replace(self.form, max_drafts=self.shape.nodes)


def encode(tokens: Sequence[int], format: IdTreeFormat, context: Sequence[int], race: Race) -> bytes:
    """The packet of a tree's nodes, breadth first. race(level): the words of the races there, [V]. `context`: the ids
    that both ends hold before them, oldest first. Raises CodecError where the nodes are no tree of the format."""
    buffer = np.empty(LARGEST_ID_BYTES * 2 * (len(tokens) + 1), dtype=np.uint8)
    io = machine(ENCODE)
    _code(io, buffer, format, context, race, _checked(tokens, format))
    return written(io, buffer)


def decode(payload: bytes, format: IdTreeFormat, context: Sequence[int], race: Race) -> tuple[int, ...]:
    """The nodes of a packet. Raises CodecError on every byte string that `encode` cannot have produced."""
    io, buffer = reader(payload)
    found = _code(io, buffer, format, context, race, [])
    finish(io, buffer)
    if io[FAILED]:
        raise CodecError(f"payload of {len(payload)} bytes: no tree of ids of this format")
    return tuple(found)


def tree_bits(tokens: Sequence[int], format: IdTreeFormat, context: Sequence[int], race: Race) -> int:
    """The exact length of the packet in bits, before padding to bytes. Raises CodecError as `encode` does."""
    io = machine(MEASURE)
    _code(io, _NOTHING, format, context, race, _checked(tokens, format))
    return length_bits(io)


def largest_tree_bits(tokens: Sequence[int], format: IdTreeFormat, context: Sequence[int], race: Race) -> int:
    """No packet with the children of one more node, whichever, is longer. tokens: the nodes before them, which may be
    none. Raises CodecError as `encode` does, and where the tree is whole."""
    io = machine(MEASURE)
    _code(io, _NOTHING, format, context, race, _checked(tokens, format) if tokens else [], more=1)
    return length_bits(io) + ceil(1.001 * _children_bound(_next(len(tokens), format), format)) + 1


def bound_tree_bits(number: int, format: IdTreeFormat) -> int:
    """No packet of that many nodes is longer, the last of which stands for its siblings: a bound in bits that costs
    next to nothing. Raises CodecError where the shape has no such tree."""
    head = log2((FULL_SHARE + 1) * format.shape.distributions)
    nodes = raced_set_bound_bits(number - 1, format.form) + _children_bound(_next(number - 1, format), format)
    return 2 + ceil(1.001 * (head + nodes))


def _children_bound(growth: TreeGrowth, format: IdTreeFormat) -> float:
    return raced_set_bound_bits(growth.children(format.form.vocabulary), format.form)


def _next(number: int, format: IdTreeFormat) -> TreeGrowth:
    """The tree of so many nodes, to which children are to be added. Raises CodecError where none can be."""
    try:
        growth = grown(format.shape, [format.form.vocabulary] * number)
    except ValueError as error:
        raise CodecError(str(error)) from None
    if growth.next is None or len(growth.parents) != number:
        raise CodecError(f"{number} nodes: the tree is whole with {len(growth.parents)}")
    return growth


def _code(
    io: Machine,
    buffer: Bytes,
    format: IdTreeFormat,
    context: Sequence[int],
    race: Race,
    tokens: Sequence[int],
    more: int = 0,
) -> list[int]:
    """Codes the nodes, which decoding returns; of a tree with the children of `more` nodes besides, all but those."""
    form, growth, found = format.form, TreeGrowth(format.shape), list[int]()
    number = 0 if io[MODE] == DECODE else len(set(_grown(tokens, format).parents)) + more
    number = code_number(io, buffer, number, format.shape.distributions)
    texts = [latest(context, WINDOW, form.vocabulary)]
    for _ in range(number - more):
        place = growth.next
        if place is None:
            io[FAILED] = INVALID
            return found
        text, words, first = texts[place.node - ROOT], race(place.level), len(found)
        for run in growth.alike(form.vocabulary):
            ids = np.zeros(run, np.int64) if io[MODE] == DECODE else np.array(tokens[len(found) : len(found) + run])
            code_raced_set(io, buffer, form, text, words, np.array(found[first:], np.int64), ids)
            if io[FAILED]:
                return found
            found += ids.tolist()
        growth.grow(form.vocabulary)
        texts += [np.append(text, token) for token in found[first:]]
    return found


def _grown(tokens: Sequence[int], format: IdTreeFormat) -> TreeGrowth:
    return grown(format.shape, [format.form.vocabulary] * len(tokens))


def _checked(tokens: Sequence[int], format: IdTreeFormat) -> list[int]:
    """The nodes. Raises CodecError unless they are a tree of the format, of ids below V, run by run in order."""
    if not len(tokens):
        raise CodecError("0 ids: a tree has one node at least")
    ids, vocabulary = integers("tokens", np.asarray(tokens)), format.form.vocabulary
    if not 0 <= ids.min() <= ids.max() < vocabulary:
        raise CodecError(f"tokens: hold {ids.min()} to {ids.max()}, must be ids below {vocabulary}")
    nodes: list[int] = ids.tolist()
    growth = TreeGrowth(format.shape)
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
    return nodes
