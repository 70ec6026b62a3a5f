"""A packet with a token tree in it: one distribution for each node that has children, and the children as drawn from
it.

The wire format is that of `packet`, with distributions in the place of drafts: the mode, how many distributions, and
for each distribution, breadth first, its support and counts by the mode and then its children. The first child travels
as a draft's id does; each later one likewise, by the counts of the ids that its elder siblings have left. How many
children there are, and which of them have a distribution, follows from the shape (`tree_shape`) and the sizes of the
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

import numpy as np

from channels.codec import packet, wire
from channels.codec.context_coded.expected_tokens import WINDOW
from channels.codec.draft import CodecError, Draft, Format, latest
from channels.codec.packet import Known, Step, Trail
from channels.codec.tree_shape import ROOT, TreeGrowth, TreeShape, grown
from kinds.arrays import Ints


@dataclass(frozen=True)
class TreePackets:
    """Packets of a session's trees, whose format both ends hold before the first one. form: of distributions and ids;
    its max_drafts is of no effect. Drafts are nodes, breadth first; `context`: the token ids that both ends hold."""

    form: Format
    shape: TreeShape

    def __post_init__(self) -> None:
        if self.form.token == "unsent":
            raise CodecError("token = 'unsent': the children of a distribution are sent, 'flat' or 'coded'")
        _ = self.distributions, self.format  # raises where they would be too many

    @cached_property
    def distributions(self) -> Format:
        """The format of the distributions in a packet."""
        return replace(self.form, max_drafts=self.shape.distributions)

    @cached_property
    def format(self) -> Format:
        """The format of prompts and replies: accepted is the number of the node that was reached, from 1; 0: none."""
        return replace(self.form, max_drafts=self.shape.nodes)

    def encode(self, drafts: Sequence[Draft], context: Sequence[int] = ()) -> bytes:
        """The packet of a tree's nodes. Raises CodecError where they are no tree of the format."""
        return packet.encode(_steps(drafts, self, context), self.distributions)

    def decode(self, payload: bytes, context: Sequence[int] = ()) -> tuple[Draft, ...]:
        """The nodes of a tree that was encoded under the same format and context.

        Raises CodecError, and nothing else, on every byte string that `encode` cannot have produced under them; what it
        returns encodes to the same bytes.
        """
        return tuple(
            Draft.of(child.token, step.drawn[0].support, step.drawn[0].counts)
            for step in packet.decode(payload, self.distributions, _Branches(context, self))
            for child in step.drawn
        )

    def length_bits(self, drafts: Sequence[Draft], context: Sequence[int] = ()) -> int:
        """The exact length of the packet in bits, before padding to bytes. Raises CodecError as `encode` does."""
        return packet.measure(_steps(drafts, self, context), self.distributions)

    def largest_bits(self, drafts: Sequence[Draft], support: Ints, counts: Ints, context: Sequence[int] = ()) -> int:
        """The length in bits, at most, if one more distribution were appended, whichever children its counts could
        draw.

        drafts: the nodes before it. support, counts: int64 [K], as for `Draft`. Raises CodecError as `encode` does.
        """
        # Children cost -log2 of the product of count / what is left: the least counts, the least of them first, cost
        # most. Of several, the coder's rounding may favour another order, by less than a bit.
        distribution = Draft(wire.UNSENT, support, counts)
        children = _next(drafts, self).children(distribution.support.size)
        dearest = distribution.support[np.argsort(distribution.counts, kind="stable")[:children]]
        appended = [Draft.of(int(token), distribution.support, distribution.counts) for token in dearest]
        return self.length_bits([*drafts, *appended], context) + (children > 1)

    def bound_bits(self, sizes: Sequence[int]) -> int:
        """No packet of nodes drawn from distributions with these numbers of positive counts is longer, as
        `wire.bound_bits`; the last stands for its siblings. Raises CodecError where the shape has no such tree."""
        growth, place = TreeGrowth(self.shape), 0
        distributions, later_bits = list[int](), 0.0
        while place < len(sizes):
            if growth.next is None:
                raise CodecError(f"{len(sizes)} nodes: the tree is whole with {place}")
            distributions.append(sizes[place])
            children = len(growth.grow(distributions[-1]))
            later_bits += (children - 1) * wire.token_bound(distributions[-1], self.distributions)
            place += children
        return wire.bound_bits(distributions, self.distributions) + ceil(1.01 * later_bits) + (later_bits > 0)


def _next(drafts: Sequence[Draft], format: TreePackets) -> TreeGrowth:
    """The tree of these nodes, to which a distribution is to be added. Raises CodecError where none can be."""
    try:
        growth = grown(format.shape, [draft.support.size for draft in drafts])
    except ValueError as error:
        raise CodecError(str(error)) from None
    if growth.next is None:
        raise CodecError(f"{len(drafts)} nodes: the tree is whole")
    return growth


def _steps(drafts: Sequence[Draft], format: TreePackets, context: Sequence[int]) -> list[Step]:
    """The distributions of a tree with their children. Raises CodecError where the format cannot carry them."""
    if not drafts:
        raise CodecError("0 nodes: a tree has one distribution at least")
    tree, place, steps = _Branches(context, format), 0, list[Step]()
    while place < len(drafts):
        if tree.growth.next is None:
            raise CodecError(f"{len(drafts)} nodes: the tree is whole with {place}")
        known, distribution = tree.known, drafts[place]
        wire.check_draft(distribution, format.distributions)
        number = tree.draws(distribution.support.size)
        children: list[Draft] = []
        for node in _siblings(distribution, drafts[place : place + number], number):
            left = packet.without(children[-1]) if children else (node.support, node.counts)
            children.append(Draft.of(node.token, *left))
        steps.append(Step(tuple(children), known))
        tree.extend(steps[-1])
        place += number
    return steps


def _siblings(distribution: Draft, drafts: Sequence[Draft], number: int) -> Sequence[Draft]:
    """Returns the drafts. Raises CodecError unless they are `number` different ids of one distribution."""
    same = all(
        np.array_equal(distribution.support, each.support) and np.array_equal(distribution.counts, each.counts)
        for each in drafts
    )
    if len(drafts) < number or not same or len({draft.token for draft in drafts}) < number:
        raise CodecError(f"{len(drafts)} nodes on {distribution}: must be {number} different ids of one distribution")
    return drafts


class _Branches(Trail):
    """The text and the path to the node of each distribution, and its parent's distribution, as the tree grows."""

    def __init__(self, context: Sequence[int], format: TreePackets) -> None:
        self.growth = TreeGrowth(format.shape)
        self._known = [packet.first_known(latest(context, WINDOW, format.distributions.vocabulary))]

    @property
    def known(self) -> Known:
        if self.growth.next is None:
            raise CodecError("payload: a distribution more than the whole tree has")
        return self._known[self.growth.next.node - ROOT]

    def draws(self, size: int) -> int:
        return len(self.growth.grow(size))

    def extend(self, step: Step) -> None:
        text, distribution = step.known.context, (step.drawn[0].support, step.drawn[0].counts)
        self._known += [Known(np.append(text, child.token), *distribution) for child in step.drawn]
