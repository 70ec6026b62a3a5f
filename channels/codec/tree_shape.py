"""The shape of a token tree, which both ends of the air know before it is drafted, and how a tree of it grows.

A node is a drafted token. A law hangs on the root, the committed text, or on a node; its children are drawn from it
without replacement. Laws come in breadth-first order, and each has as many children as the shape says of its level, or
as it has ids. So the sizes of the laws tell the tree: nothing of it crosses the air but the number of laws.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from operator import mul
from typing import NamedTuple

ROOT = -1
"""The parent of the nodes that hang on the text itself."""


@dataclass(frozen=True)
class TreeShape:
    """widths: most children of a law, by its level, the root's first; as many levels. comb: only the first child of a
    law has a law of its own, so that each level is one law's; else every child has."""

    widths: tuple[int, ...]
    comb: bool = False

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"widths = {list(self.widths)}: must be one or more whole numbers from 1")

    @cached_property
    def _laws(self) -> tuple[int, ...]:
        """The most laws of each level."""
        return (1,) * len(self.widths) if self.comb else tuple(accumulate(self.widths[:-1], mul, initial=1))

    @cached_property
    def laws(self) -> int:
        """The most laws of a tree."""
        return sum(self._laws)

    @cached_property
    def nodes(self) -> int:
        """The most drafted tokens of a tree."""
        return sum(laws * width for laws, width in zip(self._laws, self.widths, strict=True))

    @cached_property
    def widest(self) -> int:
        """The most laws of a level."""
        return max(self._laws)


class Place(NamedTuple):
    """Where a law hangs: on this node, on a level from 0."""

    node: int
    level: int


class Growth:
    """A tree that grows, a law and its children at a time."""

    def __init__(self, shape: TreeShape) -> None:
        self._shape = shape
        self._waiting = deque([Place(ROOT, 0)])
        self.parents: list[int] = []
        """Of each node so far, in breadth-first order."""

    @property
    def next(self) -> Place | None:
        """Where the next law hangs; None where the tree is whole."""
        return self._waiting[0] if self._waiting else None

    @property
    def waiting(self) -> tuple[int, ...]:
        """The nodes that laws are still to hang on, those of its level, if the next one is the first there."""
        return tuple(place.node for place in self._waiting)

    def children(self, size: int) -> int:
        """How many the next law has if it has so many ids."""
        return min(self._shape.widths[self._waiting[0].level], size)

    def grow(self, size: int) -> range:
        """The next law has so many ids. Its children, node by node."""
        nodes = range(len(self.parents), len(self.parents) + self.children(size))
        node, level = self._waiting.popleft()
        self.parents += [node] * len(nodes)
        if level + 1 < len(self._shape.widths):
            self._waiting += [Place(child, level + 1) for child in (nodes[:1] if self._shape.comb else nodes)]
        return nodes


def grown(shape: TreeShape, sizes: Sequence[int]) -> Growth:
    """The tree of these nodes: `sizes` has the number of ids of the law that each was drawn from; the last may stand
    for siblings that are not drawn yet. Raises ValueError where the shape has no such tree."""
    growth, place = Growth(shape), 0
    while place < len(sizes):
        if growth.next is None:
            raise ValueError(f"{len(sizes)} nodes: the tree is whole with {place}")
        place += len(growth.grow(sizes[place]))
    return growth
