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
            raise CodecError("token = 'unsent': the children of a law are sent, 'flat' or 'coded'")
        _ = self.laws, self.replies  # raises where they would be too many

    @cached_property
    def laws(self) -> Format:
        """The format of the distributions in a packet."""
        return replace(self.form, max_drafts=self.shape.laws)

    @cached_property
    def replies(self) -> Format:
        """The format of the replies, which report by a number which node was reached, 0 for none."""
        return replace(self.form, max_drafts=self.shape.nodes)


class Fork(NamedTuple):
    """A distribution and its children, each as the draft of what its elder siblings have left."""

    law: Draft
    children: tuple[Draft, ...]
    known: Known


def encode(drafts: Sequence[Draft], format: TreeFormat, context: Sequence[int] = ()) -> bytes:
    """The packet of a tree's nodes. Raises CodecError where they are no tree of the format."""
    forks = _forks(drafts, format, context)
    buffer = np.empty(packet.room_bytes([fork.law for fork in forks], format.laws), dtype=np.uint8)
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
    mode, number = packet.read_head(io, buffer, format.laws)
    tree, growth = _Paths(context, format.laws.vocabulary), TreeGrowth(format.shape)
    forks: list[Fork] = []
    while len(forks) < number and not io[FAILED]:
        if growth.next is None:
            raise CodecError(f"payload: {number} laws, the tree is whole with {len(forks)}")
        node = growth.next.node
        law = Draft.of(wire.UNSENT, *packet.read_law(io, buffer, format.laws, mode, tree.known(node)))
        children = _read_children(io, buffer, law, len(growth.grow(law.support.size)), format.laws)
        forks.append(Fork(law, children, tree.known(node)))
        tree.extend(forks[-1])
    packet.read_end(io, buffer)
    if format.laws.code == "recoded" and mode != _cheapest(forks, format, io, mode):
        raise CodecError(f"payload: {mode} is not the mode that serves this tree best")
    return tuple(Draft.of(child.token, fork.law.support, fork.law.counts) for fork in forks for child in fork.children)


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
    law = Draft(wire.UNSENT, support, counts)
    children = _next(drafts, format).children(law.support.size)
    dearest = law.support[np.argsort(law.counts, kind="stable")[:children]]
    appended = [Draft.of(int(token), law.support, law.counts) for token in dearest]
    return tree_bits([*drafts, *appended], format, context) + (children > 1)


def bound_tree_bits(sizes: Sequence[int], format: TreeFormat) -> int:
    """No packet of nodes drawn from distributions with these numbers of positive counts is longer, as
    `wire.bound_bits`; the last stands for its siblings. Raises CodecError where the shape has no such tree."""
    growth, place = TreeGrowth(format.shape), 0
    laws, later_bits = list[int](), 0.0
    while place < len(sizes):
        if growth.next is None:
            raise CodecError(f"{len(sizes)} nodes: the tree is whole with {place}")
        laws.append(sizes[place])
        children = len(growth.grow(laws[-1]))
        later_bits += (children - 1) * wire.token_bound(laws[-1], format.laws)
        place += children
    return wire.bound_bits(laws, format.laws) + ceil(1.01 * later_bits) + (later_bits > 0)


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
        raise CodecError("0 nodes: a tree has one law at least")
    tree, growth, place = _Paths(context, format.laws.vocabulary), TreeGrowth(format.shape), 0
    forks: list[Fork] = []
    while place < len(drafts):
        if growth.next is None:
            raise CodecError(f"{len(drafts)} nodes: the tree is whole with {place}")
        node, law = growth.next.node, drafts[place]
        wire.check_draft(law, format.laws)
        nodes = growth.grow(law.support.size)
        children = _as_drawn(law, [draft.token for draft in _siblings(law, drafts[place : nodes.stop], len(nodes))])
        forks.append(Fork(law, children, tree.known(node)))
        tree.extend(forks[-1])
        place = nodes.stop
    return forks


def _siblings(law: Draft, drafts: Sequence[Draft], number: int) -> Sequence[Draft]:
    """These drafts. Raises CodecError unless they are so many different ones of one distribution."""
    same = all(np.array_equal(law.support, each.support) and np.array_equal(law.counts, each.counts) for each in drafts)
    if len(drafts) < number or not same or len({draft.token for draft in drafts}) < number:
        raise CodecError(f"{len(drafts)} nodes on {law}: must be {number} different ids of one law")
    return drafts


def _as_drawn(law: Draft, tokens: Sequence[int]) -> tuple[Draft, ...]:
    """Each child as the draft of what its elder siblings have left."""
    drawn, left = list[Draft](), law
    for token in tokens:
        drawn.append(Draft.of(token, left.support, left.counts))
        left = _without(left, token)
    return tuple(drawn)


def _without(law: Draft, token: int) -> Draft:
    kept = law.support != token
    return Draft.of(wire.UNSENT, law.support[kept], law.counts[kept])


def _read_children(io: Machine, buffer: Bytes, law: Draft, number: int, laws: Format) -> tuple[Draft, ...]:
    drawn, left = list[Draft](), law
    while len(drawn) < number and not io[FAILED]:
        token = packet.read_token(io, buffer, left.support, left.counts, laws)
        drawn.append(Draft.of(token, left.support, left.counts))
        left = _without(left, token)
    return tuple(drawn)


class _Paths:
    """What the receiver knows when a distribution's turn comes: the text and the path to its node, and the parent's
    distribution."""

    def __init__(self, context: Sequence[int], vocabulary: int) -> None:
        self._known = [packet.Trail(context, 0, vocabulary).known]

    def known(self, node: int) -> Known:
        """Before the distribution that hangs on this node."""
        return self._known[node - ROOT]

    def extend(self, fork: Fork) -> None:
        """The next distribution in the packet is known, and its children."""
        text, law = fork.known.context, (fork.law.support.copy(), fork.law.counts.copy())
        self._known += [Known(np.append(text, child.token), *law) for child in fork.children]


def _run(direction: int, buffer: Bytes, forks: Sequence[Fork], format: TreeFormat) -> tuple[Machine, Mode]:
    laws = format.laws
    first: Mode = laws.support if laws.code == "enumerative" else "recoded" if laws.prior else "variable"
    io = _write(direction, buffer, forks, format, first)
    best = first if laws.code == "enumerative" else _cheapest(forks, format, io, first)
    return io if best == first else _write(direction, buffer, forks, format, best), best


def _write(direction: int, buffer: Bytes, forks: Sequence[Fork], format: TreeFormat, mode: Mode) -> Machine:
    io, laws = machine(direction), format.laws
    packet.write_head(io, buffer, laws, mode, len(forks))
    for fork in forks:
        packet.write_law(io, buffer, fork.law, laws, mode, fork.known)
        for child in fork.children:
            packet.write_token(io, buffer, child, laws)
    return io


def _cheapest(forks: Sequence[Fork], format: TreeFormat, io: Machine, mode: Mode) -> Mode:
    """The mode that serves the tree best; `io` has run it in `mode`."""

    def recoded() -> Machine:
        return io if mode == "recoded" else _write(MEASURE, _NOTHING, forks, format, "recoded")

    drawn = [child for fork in forks for child in fork.children]
    return packet.cheapest_mode(format.laws, [fork.law.counts for fork in forks], drawn, recoded)
