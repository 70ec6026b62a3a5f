"""Replies on the downlink. The cloud draws the correction, or the edge, which has all of qhat.

Where the edge draws it, the cloud judges by the scalars qhat(d) alone. After a rejection a distribution comes down, p
or an approximation p~ of it, and the edge draws from max(0, distribution - qhat) with the number that the cloud would
have taken; the cloud receives the correction with the next payload, in whole bytes before the packet. After full
acceptance the bonus token comes down, as ever.

How far p~ may bend the text. Write R = max(0, p - qhat) and T = TV(qhat, p) = sum R, R~ = max(0, p~ - qhat) likewise.
What is accepted is exact, so the token of a verified position follows min(p, qhat) + T R~ / sum R~ in place of
min(p, qhat) + R = p: it is off by (T / 2) |R~ / sum R~ - R / sum R|, in total variation. By the triangle inequality
that is at most (|R~ - R| + |sum R~ - sum R|) / 2 = max(sum of (R~ - R)+, sum of (R - R~)+); max(0, . - qhat) moves by
no more than its argument and in the same direction, so the two sums are at most those of (p~ - p)+ and (p - p~)+, which
are TV(p~, p) each where p~ is a distribution. Hence

    TV(distribution of the token, p) <= min(TV(p~, p), TV(qhat, p)),

and a text of N tokens is off by at most N times the largest TV(p~, p). No other TV is multiplied in.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from channels.codec import draft_scalars, float_distributions, wire
from kinds import Choice
from kinds.arrays import Floats
from kinds.mistakes import Rule
from models.verification import Verdict, correction
from simulator.schemes import answers
from simulator.schemes.code import Packets
from simulator.schemes.draw import RequestUniforms


class SentRound(NamedTuple):
    """Round as the edge knows it when its reply comes."""

    number: int
    drafts: Sequence[wire.Draft]
    context: tuple[int, ...]
    """The committed text before it."""
    uniforms: RequestUniforms


class Reply(Choice, family=True):
    """Reply to a round, and the end that draws the correction."""

    edge_corrects: ClassVar[bool] = False
    """True if the edge draws the correction."""
    method_rules: ClassVar[Mapping[str, Rule]] = {
        "encode": answers.content,
        "decode": lambda answer, _, sent, packets: answers.verification_result(
            answer, sent.drafts, packets.format.vocabulary
        ),
    }

    @property
    def known_by_length(self) -> bool:
        """True if its length alone tells it from the answer that all drafts are accepted and no token follows."""
        return True

    @property
    def lossless(self) -> bool:
        """True if corrections follow the residual of p itself, up to rounding."""
        return True

    @abstractmethod
    def encode(self, result: Verdict, p: Floats, packets: Packets, context: Sequence[int]) -> bytes:
        """The reply. p [V] is the target distribution after `context`: the committed text and the drafts that stand."""

    @abstractmethod
    def decode(self, reply: bytes, sent: SentRound, packets: Packets) -> Verdict:
        """Returns the verdict of a reply, correction drawn, at the edge. Raises CodecError on bytes that are no reply
        to it."""


class TokenReply(Reply):
    """Reply with the number of accepted drafts, and the correction or bonus token that the cloud has drawn."""

    kind: Literal["token"] = "token"
    token: Literal["flat", "coded"] = Field(
        "flat", description="both as one integer, or coded by the prior's distribution after the text that stands"
    )

    @property
    def known_by_length(self) -> bool:
        return self.token == "flat"

    def encode(self, result: Verdict, p: Floats, packets: Packets, context: Sequence[int]) -> bytes:
        if self.token == "coded":
            return wire.encode_coded_feedback(result.accepted, result.token, packets.format, context)
        return wire.encode_feedback(result.accepted, result.token, packets.format)

    def decode(self, reply: bytes, sent: SentRound, packets: Packets) -> Verdict:
        if self.token == "coded":
            drafts = [draft.token for draft in sent.drafts]
            return Verdict(*wire.decode_coded_feedback(reply, drafts, packets.format, sent.context))
        return Verdict(*wire.decode_feedback(reply, packets.format))


class DistributionReply(Reply):
    """Reply with the number of accepted drafts, in whole bytes; then the bonus token, in whole bytes, if all are
    accepted, and else p as floats (DSSD, arXiv 2507.12000): single precision is lossless up to rounding, half precision
    is not."""

    edge_corrects: ClassVar[bool] = True
    kind: Literal["law"] = "law"
    precision: float_distributions.Precision = Field(
        "single", description="of the floats that p comes down as: 32 V bits, lossless but for rounding; 16 V, lossy"
    )

    @property
    def lossless(self) -> bool:
        return self.precision == "single"

    def encode(self, result: Verdict, p: Floats, packets: Packets, context: Sequence[int]) -> bytes:
        head = wire.encode_count(result.accepted, packets.format)
        if result.drawn:
            return head + draft_scalars.encode_token(result.token, packets.format)
        return head + self.encode_distribution(p)

    def decode(self, reply: bytes, sent: SentRound, packets: Packets) -> Verdict:
        size = len(wire.encode_count(0, packets.format))
        accepted, body = int.from_bytes(reply[:size], "big"), reply[size:]
        if len(reply) <= size or accepted > len(sent.drafts):
            raise wire.CodecError(
                f"reply of {len(reply)} bytes: {accepted} drafts are accepted, {len(sent.drafts)} were sent"
            )
        if accepted == len(sent.drafts):
            return Verdict(accepted, draft_scalars.decode_token(body, packets.format))
        p = self._decode_distribution(body, packets)
        rejected, qhat = sent.drafts[accepted], np.zeros_like(p)
        qhat[rejected.support] = rejected.counts / rejected.counts.sum()
        return Verdict(accepted, correction(p, qhat, sent.uniforms.verdict.uniform(sent.number, len(sent.drafts))))

    def received_distribution(self, p: Floats, packets: Packets) -> Floats:
        """p~ [V] of p, for an observer: what would be corrected with, were a draft rejected there."""
        return self._decode_distribution(self.encode_distribution(p), packets)

    def encode_distribution(self, p: Floats) -> bytes:
        """The distribution that goes down for p [V]."""
        return float_distributions.encode(p, self.precision)

    def _decode_distribution(self, content: bytes, packets: Packets) -> Floats:
        numbers = float_distributions.decode(content, packets.format.vocabulary, self.precision)
        # Halves are far enough from a distribution that their sum would bend the residual; singles are p but for 2^-24
        # of it.
        return numbers if self.lossless else numbers / numbers.sum()
