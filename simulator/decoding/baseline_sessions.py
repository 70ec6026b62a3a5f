"""Decoding in one place, for the baselines: a verifier or a co-located pair in the cloud, or the edge alone."""

from __future__ import annotations

import numpy as np

from channels.codec import wire
from kinds.arrays import Floats
from models.verification import inverse_cdf
from simulator.decoding.cloud_session import along
from simulator.decoding.divergences import diverge, diverge_unverified
from simulator.decoding.nodes import CloudNode, EdgeNode, Tokens, Verified, outcome
from simulator.decoding.setting import RequestParts
from simulator.schemes.acceptance import Acceptance, Received
from simulator.schemes.draw import RoundUniforms
from simulator.schemes.hosted import Colocated


class HostedSession:
    """Decodes inside the cloud, drafts and all, round after round."""

    def __init__(self, parts: RequestParts) -> None:
        self._format = parts.setting.format
        self._known = parts.tree.cloud
        self._drafter = parts.drafter
        self._verifier = parts.verifier
        self._uniforms = parts.uniforms
        self._remember = parts.remember
        scheme = parts.setting.scheme
        self._acceptance = Acceptance.of(scheme.acceptance if isinstance(scheme, Colocated) else "rejection")

    def start(self, prompt: Tokens) -> CloudNode:
        """The cloud's side once the prompt has arrived: nothing cached."""
        return self._known.of(prompt)

    def decode(self, node: CloudNode, drafts: int) -> tuple[CloudNode, Verified]:
        """A round: so many drafts by the drafter there, none for a verifier on its own, and the verification result."""
        known = outcome(node.then_host, drafts)
        if known is not None:
            self._skip(*known)
        else:
            verified = self._decide(node, drafts)
            known = node.after(verified.committed), verified
            if self._remember:
                node.then_host += ((drafts, known),)
        self._verifier.crop(known[0].cached)
        self._drafter.crop(known[0].cached)
        return known

    def _skip(self, after: CloudNode, verified: Verified) -> None:
        drafts = verified.drafts
        if drafts:
            before = verified.text_before(after)
            self._drafter.skip(lambda: [((*before, *drafts[:n]), 1) for n in range(len(drafts))])
        self._verifier.skip((after, verified))

    def _decide(self, node: CloudNode, length: int) -> Verified:
        """A round, live: drafts are drawn from q itself."""
        drafts: list[int] = []
        distributions: list[Floats] = []
        for n in range(length):
            distributions.append(self._drafter.distributions((*node.committed, *drafts), 1)[0])
            drafts.append(inverse_cdf(distributions[-1], self._uniforms.draft.uniform(node.round, n)))
        p = self._verifier.distributions((*node.committed, *drafts), len(drafts) + 1)
        received = Received(np.array(drafts, dtype=np.int64), distributions, p.shape[1])
        uniforms = RoundUniforms(self._uniforms, node.round, len(node.committed))
        result = self._acceptance.judge(along(p, tuple(drafts)), received, uniforms)
        committed = (*drafts[: result.accepted], result.token)
        rows = distributions[: result.accepted + 1]
        divergences = diverge(p, rows, rows, np.zeros(len(rows)), self._acceptance, result, committed, np.zeros(len(p)))
        return Verified(
            tuple(drafts), result.accepted, wire.encode_tokens(committed, self._format), committed, divergences
        )


class LocalSession:
    """Decodes at the edge alone: the drafter token by token, and nobody verifies."""

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
