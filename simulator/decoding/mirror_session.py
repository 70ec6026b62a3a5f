"""The cloud's side of a request whose rounds are sent as digests: beside the verifier it runs a drafter of its own,
whose cache follows the verifier's. Whether its distributions are the edge's is for the checksum to show."""

from __future__ import annotations

from models.computed_text import open_drifted
from simulator.decoding.cloud_session import CloudSession, ReceivedPayload
from simulator.decoding.divergences import Measurer
from simulator.decoding.memory import ReplayedText
from simulator.decoding.nodes import CloudNode, Parts, Tokens, Verified, outcome
from simulator.decoding.setting import RequestParts
from simulator.schemes.mirrored import Brief, Mirrored


class MirrorSession(CloudSession):
    """A round is received, then completed or asked for (`asks`), then verified."""

    def __init__(self, parts: RequestParts, meter: Measurer) -> None:
        super().__init__(parts, meter)
        setting = parts.setting
        assert isinstance(setting.scheme, Mirrored)
        self._mirrored = scheme = setting.scheme
        self._mirror = ReplayedText(lambda: open_drifted(setting.pair().drafter, setting.temperature, scheme.drift))
        """The cloud's own drafter, which makes the edge's distributions again."""
        self._brief: Brief | None = None
        """What the payload received last says, where that is a brief one."""

    def prefill(self, node: CloudNode) -> CloudNode:
        self._mirror.skip(lambda: [(node.committed[:-1], 0)])
        return super().prefill(node)

    def receive(self, node: CloudNode, parts: Parts) -> int:
        if node.asked or not parts:
            self._brief = None
            return super().receive(node, parts)
        self._brief = self._mirrored.decode_brief(parts, self._setting.packets, node.committed)
        self._here = ReceivedPayload(node, parts, outcome(node.then_verify, parts), None)
        return self._brief.drafts

    def in_turn(self, node: CloudNode) -> bool:
        return self._brief is not None and self._mirrored.reads_in_turn

    def asks(self, node: CloudNode, parts: Parts) -> CloudNode | None:
        here = self._here
        assert here is not None and here.node is node and here.parts is parts, "I3: a payload that is not here"
        if self._brief is None or here.known is not None:
            return None
        asked = outcome(node.then_ask, parts)
        if asked is not None:
            self._mirror.skip(lambda: [(node.committed, 1)])  # all that is left of the passes of a live run
        else:
            completed = self._mirrored.complete(
                self._brief,
                self._setting.packets,
                lambda ids, last: self._mirror.distributions((*node.committed, *ids), last),
            )
            if completed is not None:
                self._here = here._replace(received=completed)
                return None
            asked = CloudNode(node.round, node.committed, node.cached, asked=True)
            if self._remember:
                node.then_ask += ((parts, asked),)
        self._mirror.crop(node.cached)
        return asked

    def verify(self, node: CloudNode, parts: Parts) -> tuple[CloudNode, Verified]:
        remembered = self._here is not None and self._here.known is not None
        after, verified = super().verify(node, parts)
        text, drafts = node.committed, verified.drafts
        if self._brief is None:
            self._mirror.skip(lambda: [((*text, *drafts), 0)])
        elif remembered:
            in_turn = self._mirrored.reads_in_turn
            self._mirror.skip(lambda: _passes(text, drafts, in_turn))
        self._mirror.crop(after.cached)
        return after, verified


def _passes(text: Tokens, drafts: Tokens, in_turn: bool) -> list[tuple[Tokens, int]]:
    if in_turn:
        return [((*text, *drafts[:n]), 1) for n in range(len(drafts))]
    return [((*text, *drafts), len(drafts) + 1)]
