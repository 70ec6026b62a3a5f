"""The cloud's side of a request whose drafts branch: one pass over the tree, and the path that stands is kept."""

from __future__ import annotations

import numpy as np

from models.tree_verification import judge_tree
from models.verification import Verdict
from simulator.decoding.cloud_session import CloudSession
from simulator.decoding.nodes import CloudNode, Tokens, TreeVerified, Verified
from simulator.schemes.acceptance import Received
from simulator.schemes.rivals.tree import TreeScheme


class TreeCloud(CloudSession):
    """A cloud that judges trees, without replacement (`models.tree_verification`)."""

    def _skip(self, after: CloudNode, verified: Verified) -> None:
        assert isinstance(verified, TreeVerified), "I10: a judgement without a tree"
        self._verifier.skip(lambda: [(verified.text_before(after), verified.tree)])

    def _keep(self, after: CloudNode, verified: Verified) -> None:
        assert isinstance(verified, TreeVerified), "I10: a judgement without a tree"
        self._verifier.graft(verified.path)

    def _judge(self, node: CloudNode, heard: Received, correction: Tokens) -> tuple[CloudNode, Verified]:
        scheme = self._scheme
        assert isinstance(scheme, TreeScheme) and not correction, f"scheme {scheme.kind} drafts no trees"
        tree = scheme.tree(heard)
        p = self._verifier.tree_laws(node.committed, tree)
        numbers = np.array([self._uniforms.verdict.uniform(node.round, n) for n in range(len(tree.tokens) + 1)])
        verdict = judge_tree(lambda at: p[at + 1], tree, lambda at: heard.qhat[tree.children(at)[0]], numbers)
        reached = verdict.path[-1] + 1 if verdict.path else 0
        stood = tree.along(verdict.path)
        told = Verdict(reached, verdict.token)
        reply = scheme.encode_reply(told, p[reached], self._setting.packets, (*node.committed, *stood))
        committed = (*stood, verdict.token)
        divergences = self._meter.measure_tree(node.round, p, heard, verdict, committed)
        verified = TreeVerified(
            tree.tokens, len(verdict.path), reply, committed, divergences, tree=tree, path=verdict.path
        )
        return node.after(committed), verified
