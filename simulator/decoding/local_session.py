"""Decoding at the edge alone: the drafter token by token, and nobody verifies."""

from __future__ import annotations

from models.verification import inverse_cdf
from simulator.decoding.divergences import diverge_unverified
from simulator.decoding.nodes import EdgeNode, Verified
from simulator.decoding.setting import RequestParts


class LocalSession:
    """Real passes run only for steps that the node's tree does not hold."""

    def __init__(self, parts: RequestParts) -> None:
        self.start = parts.tree.edge
        self._drafter = parts.drafter
        self._verifier = parts.verifier
        self._uniforms = parts.uniforms
        self._remember = parts.remember

    def decode(self, node: EdgeNode) -> tuple[EdgeNode, Verified]:
        """One token. The verifier's distribution beside it is an observer's, who says how far off the drafter is."""
        if node.then_decode is not None:
            self._drafter.skip(lambda: [(node.committed, 1)])
            self._verifier.skip(lambda: [(node.committed, 1)])
            return node.then_decode
        q, p = self._drafter.distributions(node.committed, 1), self._verifier.distributions(node.committed, 1)
        token = inverse_cdf(q[0], self._uniforms.draft.uniform(node.round, 0))
        verified = Verified((), 0, b"", (token,), diverge_unverified(p[0], q[0], token))
        committed = (*node.committed, token)
        after = EdgeNode(node.round + 1, committed, node.state, cached=len(committed) - 1)
        if self._remember:
            node.then_decode = after, verified
        return after, verified
