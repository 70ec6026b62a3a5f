"""The cloud's end of `speculate` and `ahead`: it judges rounds in order, and drops those that a verdict has made void.

A payload that comes before its turn waits, undecoded: its context has the drafts of the rounds before it.
"""

from __future__ import annotations

import time

from simulator.decoding.cloud_session import CloudSession
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.divergences import Unmeasured
from simulator.decoding.nodes import CloudNode, Parts, Verified
from simulator.testbed.ends.answering import AnsweredRounds, Premises
from simulator.testbed.ends.restore import RestoredRequest
from simulator.testbed.packet_header import MessageAddress


class JudgedRounds(AnsweredRounds):
    """Reads the prompt into the cache once, then takes one payload at a time. `depth`: D, rounds drafted ahead."""

    _session: CloudSession
    _verified: Verified
    """By the last pass."""

    def __init__(self, premises: Premises, device: int, number: int, output_tokens: int, depth: int) -> None:
        super().__init__(premises, device, number, output_tokens)
        self._depth = depth
        self._node: CloudNode | None = None
        self._ready = False
        self._early: dict[int, bytes] = {}
        """Payloads that wait for their turn, by round."""
        self._told: list[MessageAddress] = []
        """Replies that the device has not acknowledged, in order."""
        self._decode_s = 0.0
        """Of the payload received last."""

    def _open(self, decoding: RequestDecoding, told: RestoredRequest) -> None:
        self._session = decoding.cloud(Unmeasured())
        node = self._node = told.node
        tokens = len(node.committed) - 1

        def read() -> None:
            self._node = self._session.prefill(node)
            decoding.verifier.catch_up()

        if tokens:
            self._submit(0, read, self._prefilled, text_tokens=tokens, read_tokens=tokens)
        else:
            self._node = self._session.prefill(node)
            self._prefilled()

    def _payload_arrived(self, round_number: int, payload: bytes) -> None:
        self._acknowledged_by(round_number)
        if self._node is None or round_number >= self._node.round:
            self._early[round_number] = payload
        self._take_due()

    def _acknowledged_by(self, round_number: int) -> None:
        """A payload of this round says that its device knows the verdicts of all but the D rounds before it."""
        known = [told for told in self._told if told.round < round_number - self._depth]
        self._premises.post.cancel(*known)
        self._told = [told for told in self._told if told not in known]

    def _prefilled(self) -> None:
        self._ready = True
        self._take_due()

    def _take_due(self) -> None:
        """Has the next round judged if its payload is here."""
        node = self._node
        if node is None or not self._ready or self._job is not None or node.round not in self._early:
            return
        parts = (self._early.pop(node.round),)
        began_s = time.monotonic()
        new_tokens = self._session.receive(node, parts)
        self._decode_s = time.monotonic() - began_s
        in_turn = new_tokens if self._session.in_turn(node) else 0
        self._submit(
            node.round,
            lambda: self._judge(node, parts),
            lambda: self._judged(node.round),
            text_tokens=len(node.committed) + new_tokens,
            read_tokens=node.cached,
            cloud_drafts=in_turn,
        )

    def _judge(self, node: CloudNode, parts: Parts) -> None:
        """In the worker."""
        self._node, self._verified = self._session.verify(node, parts)

    def _judged(self, round_number: int) -> None:
        assert self._node is not None
        due = self._node.round
        self._premises.passes.crop(self._key, self._node.cached)
        self._early = {number: payload for number, payload in self._early.items() if number >= due}
        self._note_judged(round_number, self._decode_s)
        self._told.append(self._reply(round_number, self._verified))
        self._take_due()
