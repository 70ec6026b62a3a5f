"""Sessions of both sides of a request whose drafts branch. The edge drafts a round level by level, a pass a level; the
cloud makes one pass over the tree, and the path that is accepted is kept.

The distribution that could exceed the budget, whatever children it drew, is not drawn from, and the tree ends before
it: whether a node has children may depend on all nodes before them, and never on them.
"""

from __future__ import annotations

from collections.abc import Sequence

from channels.codec.tree_shape import ROOT, DistributionPlace, TreeGrowth
from channels.codec.wire import encode_count
from kinds.arrays import Floats
from models.interface import TokenTree
from models.verification import Verdict
from simulator.decoding.cloud_session import CloudSession
from simulator.decoding.drafting import Offer, propose_within
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.memory import ReplayedText
from simulator.decoding.nodes import (
    CloudNode,
    Drafted,
    EdgeNode,
    Full,
    Tokens,
    TreeNode,
    TreeVerified,
    Verified,
    level_pass,
)
from simulator.decoding.setting import DraftSetting
from simulator.schemes.acceptance import Received
from simulator.schemes.branching import BranchingScheme
from simulator.schemes.draw import Place, RequestUniforms, RoundUniforms
from simulator.schemes.sparsifier import State


class TreeEdgeSession(EdgeSession):
    """An edge that drafts whole rounds only, each a tree."""

    def _composed(self, node: EdgeNode, drafts: int) -> EdgeNode:
        return _Growing(self._setting, node, self._drafter, self._uniforms).grown(drafts)

    def successor(self, node: EdgeNode) -> EdgeNode | None:
        after = super().successor(node)
        if after is not None and isinstance(node, TreeNode) and node.branches:
            self._drafter.branch(node.tree.first_path()[: after.cached - len(node.committed)])
        return after

    def _keep(self, node: EdgeNode, after: EdgeNode) -> None:
        """Keeps the accepted path of the last pass's tree, or of the line that was fed. Of a tree with a successor
        nothing but its first path is there."""
        if isinstance(node, TreeNode) and node.branches and not self._promises(node):
            self._drafter.graft(node.walk(after.committed[len(node.committed) : after.cached]))
        else:
            self._drafter.crop(after.cached)

    def _first_path(self, node: EdgeNode) -> Sequence[int]:
        return node.tree.first_path() if isinstance(node, TreeNode) else super()._first_path(node)

    def _path_to(self, node: EdgeNode, accepted: int) -> Sequence[int]:
        return node.tree.path_to(accepted - 1) if isinstance(node, TreeNode) else super()._path_to(node, accepted)

    def _settled(self, node: EdgeNode, path: Sequence[int]) -> State:
        if not isinstance(node, TreeNode):  # a token of the cloud's own
            return super()._settled(node, path)
        return self._scheme.settle(line_states(node, tuple(path)), len(path))

    def _cached(self, node: EdgeNode, path: Sequence[int]) -> int:
        if not isinstance(node, TreeNode):
            return super()._cached(node, path)
        if self._promises(node):
            path = [each for each, first in zip(path, self._first_path(node), strict=False) if each == first]
        fed = {each for level in node.levels for each in level}
        return len(node.committed) + sum(each in fed for each in path)


class TreeCloudSession(CloudSession):
    """A cloud that verifies trees."""

    def _skip(self, after: CloudNode, verified: Verified) -> None:
        assert isinstance(verified, TreeVerified), "I10: a verification without a tree"
        self._verifier.skip(lambda: [(verified.text_before(after), verified.tree)])

    def _keep(self, after: CloudNode, verified: Verified) -> None:
        assert isinstance(verified, TreeVerified), "I10: a verification without a tree"
        before = verified.text_before(after)
        self._verifier.graft(verified.path[: after.cached - len(before)])

    def _verified(self, node: CloudNode, decoded: Received, correction: Tokens) -> tuple[CloudNode, Verified]:
        scheme = self._scheme
        assert isinstance(scheme, BranchingScheme) and not correction, f"scheme {scheme.kind} drafts no trees"
        tree = scheme.tree(decoded)
        p = self._verifier.tree_distributions(node.committed, tree)
        uniforms = RoundUniforms(self._uniforms, node.round, len(node.committed))
        verdict = scheme.families.acceptance.judge_tree(lambda at: p[at + 1], tree, decoded, uniforms)
        reached = verdict.path[-1] + 1 if verdict.path else 0
        accepted = tree.along(verdict.path)
        if verdict.path == tree.first_path() and self._lookahead.promises(node.committed, accepted):
            committed, step = accepted, 1
            reply = encode_count(reached, self._setting.format)
        else:
            committed, step = (*accepted, verdict.token), self._lookahead.step(len(tree.tokens))
            line, text = Verdict(reached, verdict.token), (*node.committed, *accepted)
            reply = scheme.families.reply.encode(line, p[reached], self._setting.packets, text)
        divergences = self._meter.measure(node.round, node.committed, p, decoded, verdict, committed)
        verified = TreeVerified(
            tree.tokens, len(verdict.path), reply, committed, divergences, tree=tree, path=verdict.path
        )
        return node.after(committed, step), verified


def line_states(node: TreeNode, path: tuple[int, ...]) -> list[State]:
    """The scheme's states before the round, along a path, and on from its end by first children."""
    line = (*path, *node.tree.first_path(path[-1] if path else ROOT))
    return [node.state, *(node.drafts[each].state for each in line)]


class _Growing:
    """A round while it is drafted."""

    def __init__(self, setting: DraftSetting, node: EdgeNode, drafter: ReplayedText, uniforms: RequestUniforms) -> None:
        assert isinstance(setting.scheme, BranchingScheme), f"scheme {setting.scheme.kind} drafts no trees"
        self._setting = setting
        self._draw = setting.scheme.families.draw
        self._start = node
        self._drafter = drafter
        self._uniforms = uniforms
        self._growth = TreeGrowth(setting.scheme.shape_on(node.state))
        self._drafts: list[Drafted] = []
        self._levels: list[tuple[int, ...]] = []
        self._distributions: dict[int, Floats] = {ROOT: drafter.distributions(node.committed, 1)[0]}

    def grown(self, levels: int) -> TreeNode:
        """The round, once it has so many levels or the budget is full."""
        full = False
        while not full and (place := self._growth.next) is not None and place.level < levels:
            if place.level > len(self._levels):
                self._feed(self._growth.waiting)
            distribution, state = self._distributions[place.node], self._state(place)
            offer = propose_within(self._setting, distribution, self._start, self._drafts, state, self._uniforms)
            full = isinstance(offer, Full)
            if isinstance(offer, Offer):
                self._add_children(place, offer)
        number, text, state = self._start.round, self._start.committed, self._start.state
        grown = tuple(self._drafts), full, len(text)
        return TreeNode(number, text, state, *grown, tree=self._tree, levels=tuple(self._levels))

    @property
    def _tree(self) -> TokenTree:
        return TokenTree(tuple(drafted.draft.token for drafted in self._drafts), tuple(self._growth.parents))

    def _state(self, place: DistributionPlace) -> State:
        return self._start.state if place.node == ROOT else self._drafts[place.node].state

    def _feed(self, nodes: tuple[int, ...]) -> None:
        self._levels.append(nodes)
        text, asked = level_pass(self._start.committed, self._tree, self._levels)
        if isinstance(asked, int):
            self._distributions = {nodes[0]: self._drafter.distributions(text, asked)[0]}
        else:
            rows = self._drafter.tree_distributions(text, asked)
            self._distributions = {node: rows[node + 1] for node in nodes}

    def _add_children(self, place: DistributionPlace, offer: Offer) -> None:
        q, start = self._distributions[place.node], self._start
        alike = self._growth.alike(self._draw.most_children(offer.proposal))
        first = Place(start.round, len(self._drafts), len(start.committed) + place.level)
        children = self._draw.children(offer.proposal, q, self._uniforms, first, alike)
        self._growth.grow(len(children))
        self._drafts += [offer.drafted(q, draft, draft.counts) for draft in children]
