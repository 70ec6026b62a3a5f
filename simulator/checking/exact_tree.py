"""The exact output distribution of a scheme whose drafts branch, by enumerating every path of the shipped edge, codec
and cloud.

As `exact`: each uniform is replaced by points of the intervals on which nothing changes, weighted by their lengths. The
intervals come from this file's own arithmetic; that the shipped code changes its mind where they end, and nowhere else,
is seen by points next to their ends: of a draw both ends are tried, acceptance and rejection are decided beside their
threshold, and a correction or bonus token is drawn at both ends, with half of the weight each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from channels.uniforms import Uniforms
from models.interface import TokenTree
from simulator.checking.exact import PAIR, Distribution, P, Script, V
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import EdgeNode, Tree, TreeNode
from simulator.decoding.setting import DraftSetting
from simulator.schemes.draw import RequestUniforms
from simulator.schemes.policy import most_drafts
from simulator.schemes.rivals.tree import TreeScheme
from simulator.schemes.sparsifier import State

BESIDE = 1e-9  # how far from the end of an interval its points are, relatively


@dataclass
class TreeEnumeration:
    """The exact distribution of the first `tokens` committed tokens of a scheme after `prompt`.

    `cut(tree)` lets a control send a tree with less than was drawn, which no edge may.
    """

    scheme: TreeScheme
    tokens: int = 3
    prompt: tuple[int, ...] = (1, 2)
    cut: Callable[[TreeNode], TreeNode] = lambda tree: tree
    trees: int = 0  # those that were drawn
    full: int = 0  # those that the budget cut
    paths: int = 0
    rounds: int = 0
    lengths: int = 0  # the longest path that stood
    late: int = 0  # paths on which a child stood whose elder siblings were rejected

    def distribution(self) -> Distribution:
        """Committed continuation -> probability."""
        self._draft, self._verdict = Script(0.5), Script(0.5)
        setting = DraftSetting(lambda: PAIR, self.scheme, V, 1.0)
        uniforms = RequestUniforms(self._draft, self._verdict, Uniforms.of(0, "shared"))
        decoding = RequestDecoding(setting, Tree(self.prompt, ()), uniforms, remember=False)  # every path runs live
        self._drafter, self._edge, self._cloud = decoding.drafter, decoding.edge(), decoding.cloud()
        open_states: dict[tuple[tuple[int, ...], State], float] = {((), self.scheme.entry(None)): 1.0}
        distribution: Distribution = defaultdict(float)
        while open_states:
            self.rounds += 1
            following: dict[tuple[tuple[int, ...], State], float] = defaultdict(float)
            for (committed, state), weight in open_states.items():
                for after, tokens, share in self._round(EdgeNode(1, (*self.prompt, *committed), state)):
                    text = (*committed, *tokens)[: self.tokens]
                    if len(text) == self.tokens:
                        distribution[text] += weight * share
                    else:
                        following[text, after] += weight * share
            open_states = following
        return distribution

    def _round(self, node: EdgeNode) -> Iterator[tuple[State, tuple[int, ...], float]]:
        levels = most_drafts(self.scheme.max_drafts, self.tokens + len(self.prompt) - len(node.committed))
        for drawn, weight in self._trees(node, levels, []):
            drafted = self.cut(drawn)
            self.trees += 1
            self.full += drafted.full
            parts, view = self._edge.seal(drafted).parts, self._cloud.start(node.committed)
            assert self._cloud.receive(view, parts) == len(drafted.drafts)
            for numbers, share in self._verdicts(drafted):
                self.paths += 1
                self._verdict.tell(numbers)
                self._repeat_passes(drafted)  # of this path, since another one was just taken
                _, verified = self._cloud.verify(view, parts)
                after, tokens = self._edge.resolve(drafted, verified.reply)
                assert tokens == verified.committed
                self.lengths = max(self.lengths, verified.accepted)
                yield after.state, tokens, weight * share

    def _repeat_passes(self, node: TreeNode) -> None:
        for text, asked in node.asked():
            if isinstance(asked, TokenTree):
                self._drafter.tree_distributions(text, asked)
            else:
                self._drafter.distributions(text, asked)

    def _compose(self, node: EdgeNode, levels: int, told: list[float]) -> TreeNode:
        self._draft.tell([*told, *[0.5] * self.scheme.drafts])
        drafted = self._edge.compose(node, levels)
        assert isinstance(drafted, TreeNode)
        return drafted

    def _trees(self, node: EdgeNode, levels: int, told: list[float]) -> Iterator[tuple[TreeNode, float]]:
        """Every tree whose first nodes were drawn by the numbers `told`."""
        number, drafted = len(told), self._compose(node, levels, told)
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
                assert self._compose(node, levels, [*told, u]).tree.tokens[number] == draft.support[place]
            for tree, rest in self._trees(node, levels, [*told, (low + high) / 2]):
                yield tree, (high - low) * rest

    def _verdicts(self, node: TreeNode) -> Iterator[tuple[list[float], float]]:
        """Numbers that judge the tree, one for each way that it can go, and their weights."""
        yield from self._onward(node, -1, node.committed[-1], [0.5] * (len(node.drafts) + 1), 1.0)

    def _onward(
        self, node: TreeNode, at: int, last: int, numbers: list[float], weight: float
    ) -> Iterator[tuple[list[float], float]]:
        p, qhat = P[last].copy(), np.zeros(V)
        children = node.tree.children(at)
        if children:
            draft = node.drafts[children[0]].draft
            qhat[draft.support] = draft.counts / draft.counts.sum()
        for child in children:
            token = node.tree.tokens[child]
            ratio = min(1.0, p[token] / qhat[token])
            if ratio > 0:
                told = [*numbers[:child], ratio * (1 - BESIDE), *numbers[child + 1 :]]
                self.late += child > children[0]
                yield from self._onward(node, child, token, told, weight * ratio)
            if ratio == 1:
                return
            numbers = [*numbers[:child], ratio + BESIDE * (1 - ratio), *numbers[child + 1 :]]
            weight *= 1 - ratio
            p = np.maximum(p - qhat, 0)
            p /= p.sum()
            qhat[token] = 0
            qhat = qhat / qhat.sum() if qhat.any() else qhat
        ends = np.cumsum(p)
        for token in np.flatnonzero(p > 1e-15).tolist():
            for u in (ends[token] - p[token] * (1 - BESIDE), ends[token] - p[token] * BESIDE):
                yield [*numbers[:-1], u], weight * p[token] / 2
