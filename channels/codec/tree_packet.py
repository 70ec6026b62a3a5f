"""A packet with a token tree in it: one distribution for each node that has children, and the children as drawn from
it.

The wire format is that of `packet`, with distributions in the place of drafts: the mode, how many distributions, and
for each distribution, breadth first, its support and counts by the mode and then its children. The first child travels
as a draft's id does; each later one likewise, by the counts of the ids that its elder siblings have left. How many
children there are, and which of them have a distribution, is told by the shape (`tree_shape`) and the sizes of the
supports; a tree may end after any distribution. A distribution's context is the committed text and the path to its
node, and the distribution before it is that of its parent. So a tree of one branch is, byte for byte, the packet of its
drafts.

A node is a `Draft`: its id, and the distribution that it was drawn from, the same of all siblings, in breadth-first
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import NamedTuple

import numpy as np

from channels.codec import packet, wire
from channels.codec.coder.arithmetic import (
    DECODE,
    ENCODE,
    FAILED,
    MEASURE,
    Machine,
    finish,
    length_bits,
    machine,
    start,
)
from channels.codec.draft import CodecError, Draft, Format
from channels.codec.packet import Known, Mode
from channels.codec.tree_shape import ROOT, TreeGrowth, TreeShape, grown
from kinds.arrays import Bytes, Ints

_NOTHING = np.empty(0, dtype=np.uint8)


@dataclass(frozen=True)
class TreeFormat:
    """What both ends know before the first tree. form: of distributions and ids; its max_drafts is of no effect."""

    form: Format
    shape: TreeShape

    def __post_init__(self) -> None:
        if self.form.token == "unsent":
            raise CodecError("token = 'unsent': the children of a distribution are sent, 'flat' or 'coded'")
        _ = self.distributions, self.replies  # raises where they would be too many

    @cached_property
    def distributions(self) -> Format:
        """The format of the distributions in a packet."""
        return replace(self.form, max_drafts=self.shape.distributions)

    @cached_property
    def replies(self) -> Format:
        """The format of the replies, which report by a number which node was reached, 0 for none."""
        return replace(self.form, max_drafts=self.shape.nodes)


class Fork(NamedTuple):
    """A distribution and its children, each as the draft of what its elder siblings have left."""

    distribution: Draft
    children: tuple[Draft, ...]
    known: Known


def encode(drafts: Sequence[Draft], format: TreeFormat, context: Sequence[int] = ()) -> bytes:
    """The packet of a tree's nodes. Raises CodecError where they are no tree of the format."""
    forks = _forks(drafts, format, context)
    buffer = np.empty(packet.room_bytes([fork.distribution for fork in forks], format.distributions), dtype=np.uint8)
    io, mode = _run(ENCODE, buffer, forks, format)
    size = finish(io, buffer)
    if size > buffer.size:
        buffer = np.empty(size, dtype=np.uint8)
        finish(_write(ENCODE, buffer, forks, format, mode), buffer)
    return buffer[:size].tobytes()


def decode(payload: bytes, format: TreeFormat, context: Sequence[int] = ()) -> tuple[Draft, ...]:
    """The nodes of a tree that was encoded under the same format and context.

    Raises CodecError, and nothing else, on every byte string that `encode` cannot have produced under them; what it
    returns encodes to the same bytes.
    """
    io, buffer = machine(DECODE), np.frombuffer(bytearray(payload), dtype=np.uint8)
    start(io, buffer)
    mode, number = packet.read_head(io, buffer, format.distributions)
    tree, growth = _Paths(context, format.distributions.vocabulary), TreeGrowth(format.shape)
    forks: list[Fork] = []
    while len(forks) < number and not io[FAILED]:
        if growth.next is None:
            raise CodecError(f"payload: {number} distributions, the tree is whole with {len(forks)}")
        node = growth.next.node
        distribution = Draft.of(
            wire.UNSENT, *packet.read_distribution(io, buffer, format.distributions, mode, tree.known(node))
        )
        children = _read_children(
            io, buffer, distribution, len(growth.grow(distribution.support.size)), format.distributions
        )
        forks.append(Fork(distribution, children, tree.known(node)))
        tree.extend(forks[-1])
    packet.read_end(io, buffer)
    if format.distributions.code == "recoded" and mode != _cheapest(forks, format, io, mode):
        raise CodecError(f"payload: {mode} is not the mode that serves this tree best")
    return tuple(
        Draft.of(child.token, fork.distribution.support, fork.distribution.counts)
        for fork in forks
        for child in fork.children
    )


def tree_bits(drafts: Sequence[Draft], format: TreeFormat, context: Sequence[int] = ()) -> int:
    """The exact length of the packet in bits, before padding to bytes. Raises CodecError as `encode` does."""
    return length_bits(_run(MEASURE, _NOTHING, _forks(drafts, format, context), format)[0])


def largest_tree_bits(
    drafts: Sequence[Draft], support: Ints, counts: Ints, format: TreeFormat, context: Sequence[int] = ()
) -> int:
    """The length in bits, at most, if one more distribution were appended, whichever children its counts could draw.

    drafts: the nodes before it. support, counts: int64 [K], as for `Draft`. Raises CodecError as `encode` does.
    """
    # Children cost -log2 of the product of count / what is left: the least counts, the least of them first, cost most.
    # Of several, the coder's rounding may favour another order, by less than a bit.
    distribution = Draft(wire.UNSENT, support, counts)
    children = _next(drafts, format).children(distribution.support.size)
    dearest = distribution.support[np.argsort(distribution.counts, kind="stable")[:children]]
    appended = [Draft.of(int(token), distribution.support, distribution.counts) for token in dearest]
    return tree_bits([*drafts, *appended], format, context) + (children > 1)


def bound_tree_bits(sizes: Sequence[int], format: TreeFormat) -> int:
    """No packet of nodes drawn from distributions with these numbers of positive counts is longer, as
    `wire.bound_bits`; the last stands for its siblings. Raises CodecError where the shape has no such tree."""
    growth, place = TreeGrowth(format.shape), 0
    distributions, later_bits = list[int](), 0.0
    while place < len(sizes):
        if growth.next is None:
            raise CodecError(f"{len(sizes)} nodes: the tree is whole with {place}")
        distributions.append(sizes[place])
        children = len(growth.grow(distributions[-1]))
        later_bits += (children - 1) * wire.token_bound(distributions[-1], format.distributions)
        place += children
    return wire.bound_bits(distributions, format.distributions) + ceil(1.01 * later_bits) + (later_bits > 0)


def _next(drafts: Sequence[Draft], format: TreeFormat) -> TreeGrowth:
    """The tree of these nodes, to which a distribution is to be added. Raises CodecError where none can be."""
    try:
        growth = grown(format.shape, [draft.support.size for draft in drafts])
    except ValueError as error:
        raise CodecError(str(error)) from None
    if growth.next is None:
        raise CodecError(f"{len(drafts)} nodes: the tree is whole")
    return growth


def _forks(drafts: Sequence[Draft], format: TreeFormat, context: Sequence[int]) -> list[Fork]:
    """The distributions of a tree with their children. Raises CodecError where the format cannot carry them."""
    if not drafts:
        raise CodecError("0 nodes: a tree has one distribution at least")
    tree, growth, place = _Paths(context, format.distributions.vocabulary), TreeGrowth(format.shape), 0
    forks: list[Fork] = []
    while place < len(drafts):
        if growth.next is None:
            raise CodecError(f"{len(drafts)} nodes: the tree is whole with {place}")
        node, distribution = growth.next.node, drafts[place]
        wire.check_draft(distribution, format.distributions)
        nodes = growth.grow(distribution.support.size)
        children = _as_drawn(
            distribution, [draft.token for draft in _siblings(distribution, drafts[place : nodes.stop], len(nodes))]
        )
        forks.append(Fork(distribution, children, tree.known(node)))
        tree.extend(forks[-1])
        place = nodes.stop
    return forks


def _siblings(distribution: Draft, drafts: Sequence[Draft], number: int) -> Sequence[Draft]:
    """These drafts. Raises CodecError unless they are so many different ones of one distribution."""
    same = all(
        np.array_equal(distribution.support, each.support) and np.array_equal(distribution.counts, each.counts)
        for each in drafts
    )
    if len(drafts) < number or not same or len({draft.token for draft in drafts}) < number:
        raise CodecError(f"{len(drafts)} nodes on {distribution}: must be {number} different ids of one distribution")
    return drafts


def _as_drawn(distribution: Draft, tokens: Sequence[int]) -> tuple[Draft, ...]:
    """Each child as the draft of what its elder siblings have left."""
    drawn, left = list[Draft](), distribution
    for token in tokens:
        drawn.append(Draft.of(token, left.support, left.counts))
        left = _without(left, token)
    return tuple(drawn)


def _without(distribution: Draft, token: int) -> Draft:
    kept = distribution.support != token
    return Draft.of(wire.UNSENT, distribution.support[kept], distribution.counts[kept])


def _read_children(
    io: Machine, buffer: Bytes, distribution: Draft, number: int, distributions: Format
) -> tuple[Draft, ...]:
    drawn, left = list[Draft](), distribution
    while len(drawn) < number and not io[FAILED]:
        token = packet.read_token(io, buffer, left.support, left.counts, distributions)
        drawn.append(Draft.of(token, left.support, left.counts))
        left = _without(left, token)
    return tuple(drawn)


class _Paths:
    """What the receiver knows when a distribution's turn comes: the text and the path to its node, and the parent's
    distribution."""

    def __init__(self, context: Sequence[int], vocabulary: int) -> None:
        self._known = [packet.Trail(context, 0, vocabulary).known]

    def known(self, node: int) -> Known:
        """Before the distribution that depends on this node."""
        return self._known[node - ROOT]

    def extend(self, fork: Fork) -> None:
        """The next distribution in the packet is known, and its children."""
        text, distribution = fork.known.context, (fork.distribution.support.copy(), fork.distribution.counts.copy())
        self._known += [Known(np.append(text, child.token), *distribution) for child in fork.children]


def _run(direction: int, buffer: Bytes, forks: Sequence[Fork], format: TreeFormat) -> tuple[Machine, Mode]:
    distributions = format.distributions
    first: Mode = (
        distributions.support
        if distributions.code == "enumerative"
        else "recoded"
        if distributions.prior
        else "variable"
    )
    io = _write(direction, buffer, forks, format, first)
    best = first if distributions.code == "enumerative" else _cheapest(forks, format, io, first)
    return io if best == first else _write(direction, buffer, forks, format, best), best


def _write(direction: int, buffer: Bytes, forks: Sequence[Fork], format: TreeFormat, mode: Mode) -> Machine:
    io, distributions = machine(direction), format.distributions
    packet.write_head(io, buffer, distributions, mode, len(forks))
    for fork in forks:
        packet.write_distribution(io, buffer, fork.distribution, distributions, mode, fork.known)
        for child in fork.children:
            packet.write_token(io, buffer, child, distributions)
    return io


def _cheapest(forks: Sequence[Fork], format: TreeFormat, io: Machine, mode: Mode) -> Mode:
    """The mode that serves the tree best; `io` has run it in `mode`."""

    def recoded() -> Machine:
        return io if mode == "recoded" else _write(MEASURE, _NOTHING, forks, format, "recoded")

    drawn = [child for fork in forks for child in fork.children]
    return packet.cheapest_mode(format.distributions, [fork.distribution.counts for fork in forks], drawn, recoded)
