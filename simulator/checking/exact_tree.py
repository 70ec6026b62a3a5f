"""Exact enumeration, as in `exact`, of a scheme whose drafts branch.

The intervals on which nothing changes come from this file's own arithmetic; that the shipped code changes its mind
where they end, and nowhere else, is seen by points next to their ends: of a draw both ends are tried, acceptance and
rejection beside their threshold, and a correction or bonus token at both ends, with half of the weight each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from models.interface import TokenTree
from simulator.checking.exact import Enumeration, Judged, Past, Path, UnderWay
from simulator.decoding.nodes import CloudNode, EdgeNode, Parts, TreeNode
from simulator.schemes.policy import most_drafts

BESIDE = 1e-9  # how far from the end of an interval its points are, relatively


@dataclass
class TreeEnumeration(Enumeration):
    """`prune(tree)` lets a control send a tree with less than was drawn, which no edge may."""

    prune: Callable[[TreeNode], TreeNode] = lambda tree: tree
    trees: int = 0  # those that were drawn
    longest: int = 0  # the longest path that was accepted
    younger: int = 0  # paths on which a child was accepted whose elder siblings were rejected

    def _rounds(self, node: EdgeNode, action: object, past: Past) -> Iterator[tuple[UnderWay, Past, float]]:
        levels = most_drafts(self.scheme.max_drafts, self._remaining(node))
        for drawn, weight in self._trees(node, levels, []):
            drafted = self.prune(drawn)
            self.trees += 1
            self.full += drafted.full
            yield UnderWay(drafted, 0, len(drafted.drafts)), past, weight

    def _judgements(self, drafted: EdgeNode, view: CloudNode, parts: Parts) -> Iterator[Path]:
        assert isinstance(drafted, TreeNode) and len(self._cloud.received.drafts) == len(drafted.drafts)
        return self._onward(drafted, -1, drafted.committed[-1], (0.5,) * (len(drafted.drafts) + 1), 1.0)

    def _answered(self, drafted: EdgeNode, view: CloudNode, parts: Parts) -> Judged:
        assert isinstance(drafted, TreeNode)
        for text, asked in drafted.asked():  # the passes of this path again, since another one was just taken
            if isinstance(asked, TokenTree):
                self._drafter.tree_distributions(text, asked)
            else:
                self._drafter.distributions(text, asked)
        judged = super()._answered(drafted, view, parts)
        self.longest = max(self.longest, judged[1].accepted)
        return judged

    def _compose(self, node: EdgeNode, levels: int, given: list[float]) -> TreeNode:
        self._draft.give(given)
        drafted = self._edge.compose(node, levels)
        assert isinstance(drafted, TreeNode)
        return drafted

    def _trees(self, node: EdgeNode, levels: int, given: list[float]) -> Iterator[tuple[TreeNode, float]]:
        """Every tree whose first nodes were drawn by the numbers given."""
        number, drafted = len(given), self._compose(node, levels, given)
        if number >= len(drafted.drafts):
            yield drafted, 1.0
            return
        draft, parent = drafted.drafts[number].draft, drafted.tree.parents[number]
        left = draft.counts.astype(float)
        for elder in drafted.tree.children(parent):
            if elder < number:
                left[draft.support == drafted.tree.tokens[elder]] = 0.0
        ends = np.cumsum(left) / left.sum()
        for place in np.flatnonzero(left):
            low, high = ends[place] - left[place] / left.sum(), ends[place]
            for u in (low + BESIDE * (high - low), high - BESIDE * (high - low)):
                assert self._compose(node, levels, [*given, u]).tree.tokens[number] == draft.support[place]
            for tree, rest in self._trees(node, levels, [*given, (low + high) / 2]):
                yield tree, (high - low) * rest

    def _onward(self, node: TreeNode, at: int, last: int, numbers: tuple[float, ...], weight: float) -> Iterator[Path]:
        """Numbers that verify the tree from a node on, for each way that it can go, and their weights."""
        p = self.pair.p[last].copy()
        qhat = np.zeros_like(p)
        children = node.tree.children(at)
        if children:
            draft = node.drafts[children[0]].draft
            qhat[draft.support] = draft.counts / draft.counts.sum()
        for child in children:
            token = node.tree.tokens[child]
            ratio = min(1.0, p[token] / qhat[token])
            if ratio > 0:
                given = (*numbers[:child], ratio * (1 - BESIDE), *numbers[child + 1 :])
                self.younger += child > children[0]
                yield from self._onward(node, child, token, given, weight * ratio)
            if ratio == 1:
                return
            numbers = (*numbers[:child], ratio + BESIDE * (1 - ratio), *numbers[child + 1 :])
            weight *= 1 - ratio
            p = np.maximum(p - qhat, 0)
            p /= p.sum()
            qhat[token] = 0
            qhat = qhat / qhat.sum() if qhat.any() else qhat
        ends = np.cumsum(p)
        for token in np.flatnonzero(p > 1e-15).tolist():
            for u in (ends[token] - p[token] * (1 - BESIDE), ends[token] - p[token] * BESIDE):
                yield (*numbers[:-1], u), weight * p[token] / 2
