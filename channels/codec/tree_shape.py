"""The shape of a token tree, which both ends of the air know before it is drafted, and how a tree of it grows.

A node is a drafted token. A distribution depends on the root, the committed text, or on a node; its children are drawn
from it without replacement. Distributions come in breadth-first order, and each has as many children as the shape says
of its node, or as it has ids. So the sizes of the distributions tell the tree: nothing of it crosses the air but the
number of distributions.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from itertools import accumulate, groupby
from typing import NamedTuple

ROOT = -1  # the parent of the nodes that hang on the text itself
MOST_NODES = 1 << 10


@dataclass(frozen=True)
class TreeShape:
    """children: at most so many of the root, and of node after node, breadth first; where none, no distribution hangs
    there.

    Raises ValueError where this is no tree, or one of too many nodes.
    """

    children: tuple[int, ...]

    def __post_init__(self) -> None:
        known = list(accumulate(self.children))
        whole = bool(known) and known[-1] == len(known) - 1 > 0 and min(self.children) >= 0
        if not whole or any(count < place for place, count in enumerate(known[:-1], start=1)):
            raise ValueError(f"children = {list(self.children)}: no tree, breadth first")
        _require_few(self.nodes)

    @classmethod
    def full(cls, widths: Sequence[int]) -> TreeShape:
        """Every node has children down to the last level; `widths`: how many, by level, the root's first."""
        children, level = list[int](), 1
        for width in widths:
            _require_few(len(children) + level * (1 + width) - 1)
            children += [width] * level
            level *= width
        return cls((*children, *[0] * level))

    @classmethod
    def by_level(cls, widths: tuple[int, ...], levels: int) -> TreeShape:
        """`full` of so many levels: as many of `widths`, the last for all levels below."""
        return cls.full((*widths, *widths[-1:] * max(0, levels - len(widths)))[:levels])

    @classmethod
    def comb(cls, width: int, levels: int) -> TreeShape:
        """`width` children a level, of which the first has children."""
        _require_few(width * levels)
        only = [width, *[0] * (width - 1)]
        return cls((width, *only * (levels - 1), *[0] * width))

    @classmethod
    def likeliest_nodes(cls, hits: Sequence[float], nodes: int, levels: int) -> TreeShape:
        """Returns, of all shapes of so many nodes, or fewer in so many levels, that of the most accepted tokens in the
        mean.

        hits: P(the child of this rank is the one that stands | its parent stands); a child counts for the product along
        its path, since no node is reached more often than its parent, and a node's children are its earliest ones:
        later ones that are likelier would count for less, as if hits did not rise. Sequoia (arXiv 2402.12374) finds
        such shapes by dynamic programming.
        """
        _require_few(nodes)
        falling = list(accumulate(hits, min))
        best: list[tuple[float, tuple[int, ...]]] = [(-falling[0], (0,))]  # negative probability, ranks along the path
        chosen = set[tuple[int, ...]]()
        while best and len(chosen) < nodes:
            probability, path = heappop(best)
            chosen.add(path)
            if path[-1] + 1 < len(falling):
                rank = path[-1]
                heappush(best, (probability / falling[rank] * falling[rank + 1], (*path[:-1], rank + 1)))
            if len(path) < levels:
                heappush(best, (probability * falling[0], (*path, 0)))
        return cls._of(chosen, len(falling))

    @classmethod
    def _of(cls, nodes: set[tuple[int, ...]], width: int) -> TreeShape:
        """The shape with these nodes, by the ranks along their paths, each below `width`."""
        children, order = list[int](), list[tuple[int, ...]]([()])
        for path in order:  # grows while it is walked
            below = [(*path, rank) for rank in range(width) if (*path, rank) in nodes]
            children.append(len(below))
            order += below
        return cls(tuple(children))

    @property
    def nodes(self) -> int:
        """The most drafted tokens of a tree."""
        return len(self.children) - 1

    @cached_property
    def distributions(self) -> int:
        """The most distributions of a tree."""
        return sum(1 for children in self.children if children)

    @cached_property
    def firsts(self) -> tuple[int, ...]:
        """The first child of the root, and of node after node, where it has any."""
        return tuple(accumulate(self.children[:-1], initial=0))

    @cached_property
    def alike(self) -> tuple[tuple[int, ...], ...]:
        """Sizes of the runs of alike children of the root, then of node after node. Siblings are alike if the tree
        below them is the same: their order decides nothing of the shape."""
        forms, numbers, alike = dict[tuple[int, ...], int](), [0] * len(self.children), list[tuple[int, ...]]()
        for place in reversed(range(len(self.children))):
            first = self.firsts[place] + 1
            below = tuple(numbers[first : first + self.children[place]])
            numbers[place] = forms.setdefault(below, len(forms))
            alike.append(tuple(len(tuple(run)) for _, run in groupby(below)))
        return tuple(reversed(alike))

    @cached_property
    def widest(self) -> int:
        """The most distributions of a level."""
        growth, levels = TreeGrowth(self), Counter[int]()
        while (place := growth.next) is not None:
            levels[place.level] += 1
            growth.grow(self.nodes)
        return max(levels.values())


def _require_few(nodes: int) -> None:
    if nodes > MOST_NODES:
        raise ValueError(f"a tree of more than {MOST_NODES:,} nodes")


class DistributionPlace(NamedTuple):
    """Place of a distribution: the node on which it hangs, its level from 0, and the node of the shape that was planned
    there."""

    node: int
    level: int
    planned: int


class TreeGrowth:
    """A tree that grows, a distribution and its children at a time."""

    def __init__(self, shape: TreeShape) -> None:
        self._shape = shape
        self._waiting = deque([DistributionPlace(ROOT, 0, ROOT)])
        self.parents: list[int] = []
        """The parent of each node so far, in breadth-first order."""

    @property
    def next(self) -> DistributionPlace | None:
        """Place of the next distribution, None if the tree is complete."""
        return self._waiting[0] if self._waiting else None

    @property
    def waiting(self) -> tuple[int, ...]:
        """The nodes that distributions are still to hang on, those of its level, if the next one is the first there."""
        return tuple(place.node for place in self._waiting)

    def children(self, size: int) -> int:
        """Returns the number of children of a node whose distribution has `size` ids."""
        return min(self._shape.children[self._waiting[0].planned - ROOT], size)

    def alike(self, size: int) -> tuple[int, ...]:
        """Returns the sizes of the runs of alike children (`TreeShape.alike`), fewer at the end if there are too few
        ids."""
        left, runs = size, list[int]()
        for run in self._shape.alike[self._waiting[0].planned - ROOT]:
            if left:
                runs.append(min(run, left))
                left -= runs[-1]
        return tuple(runs)

    def grow(self, size: int) -> range:
        """The next distribution has so many ids. Its children, node by node."""
        nodes = range(len(self.parents), len(self.parents) + self.children(size))
        node, level, planned = self._waiting.popleft()
        self.parents += [node] * len(nodes)
        for child, place in enumerate(nodes, start=self._shape.firsts[planned - ROOT]):
            if self._shape.children[child - ROOT]:
                self._waiting.append(DistributionPlace(place, level + 1, child))
        return nodes


def grown(shape: TreeShape, sizes: Sequence[int]) -> TreeGrowth:
    """The tree of these nodes: `sizes` has the number of ids of the distribution that each was drawn from; the last may
    stand for siblings that are not drawn yet. Raises ValueError where the shape has no such tree."""
    growth, place = TreeGrowth(shape), 0
    while place < len(sizes):
        if growth.next is None:
            raise ValueError(f"{len(sizes)} nodes: the tree is whole with {place}")
        place += len(growth.grow(sizes[place]))
    return growth
