"""The cloud's end of `stream`: it decodes round after round, and sends each down as it comes."""

from __future__ import annotations

from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.hosted_session import HostedSession
from simulator.decoding.nodes import CloudNode, Verified
from simulator.results.requests import holds_any
from simulator.schemes.policy import most_drafts
from simulator.testbed.ends.answering import AnsweredRounds
from simulator.testbed.ends.restore import RestoredRequest
from simulator.testbed.journal import RoundBegan


class HostedRounds(AnsweredRounds):
    """It does not wait for the device."""

    _session: HostedSession
    _drafts: int
    """The most that a round has."""
    _end_tokens: tuple[int, ...]
    _prompt_tokens: int
    _after: tuple[CloudNode, Verified]
    """The last pass."""

    def _open(self, decoding: RequestDecoding, told: RestoredRequest) -> None:
        self._session, self._drafts = decoding.hosted(), decoding.setting.scheme.drafts
        self._end_tokens, self._prompt_tokens = self._premises.decoder.end_tokens, told.prompt_tokens
        self._decode(told.node)

    def _payload_arrived(self, round_number: int, payload: bytes) -> None:
        raise AssertionError("I3: a payload comes to a cloud that decodes by itself")

    def _decode(self, node: CloudNode) -> None:
        drafted = most_drafts(self._drafts, self._remaining_tokens(node))
        tokens = len(node.committed) + drafted

        def run() -> None:
            self._after = self._session.decode(node, drafted)

        self._submit(
            node.round,
            run,
            lambda: self._decoded(node.round),
            text_tokens=tokens,
            read_tokens=node.cached or tokens,
            cloud_drafts=drafted,
        )

    def _decoded(self, round_number: int) -> None:
        node, verified = self._after
        self._premises.passes.crop(self._key, node.cached)
        self._note_judged(round_number, 0.0)
        if self._remaining_tokens(node) > 0 and not holds_any(verified.committed, self._end_tokens):
            journal = self._premises.journal
            journal.note(RoundBegan(*self._key, node.round, journal.now_s))
            self._decode(node)
        self._reply(round_number, verified)

    def _remaining_tokens(self, node: CloudNode) -> int:
        return self._output_tokens - (len(node.committed) - self._prompt_tokens)
