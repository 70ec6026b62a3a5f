"""What goes back down, and who draws the correction: the cloud, or the edge, which has all of qhat.

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

Or candidates come down, of which the edge takes one (`CandidateReply`): some bits in place of a distribution, and the
correction follows the residual of p exactly. Where it can take none it requests more.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice
from math import nan
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from channels.codec import draft_scalars, float_distributions, wire
from channels.codec.candidates import Candidate, CandidateList, decode_accepted, decode_list, encode_first, encode_more
from kinds import Choice
from kinds.arrays import Floats
from kinds.mistakes import Rule
from kinds.tunable import Tunable
from models.verification import UNDRAWN, Verdict, candidates_below, correction
from simulator.schemes import answers
from simulator.schemes.code import Packets
from simulator.schemes.draw import RequestUniforms


class SentRound(NamedTuple):
    """What the edge knows of a round when the reply to it comes."""

    number: int
    drafts: Sequence[wire.Draft]
    context: tuple[int, ...]
    """The committed text before it."""
    uniforms: RequestUniforms
    replies: tuple[bytes, ...] = ()
    """Those to it that have come before, each of which left the correction open."""


class JudgedRound(NamedTuple):
    """What the cloud knows of a round that it has verified."""

    number: int
    drafts: tuple[int, ...]
    context: tuple[int, ...]
    """The committed text before it."""
    uniforms: RequestUniforms


class Reply(Choice, family=True):
    """What goes back, and who draws the correction."""

    edge_corrects: ClassVar[bool] = False
    """Whether the edge draws it."""
    may_ask: ClassVar[bool] = False
    """Whether a reply may leave the correction open: the edge then requests another one of the same round."""
    method_rules: ClassVar[Mapping[str, Rule]] = {
        "encode": answers.content,
        "decode": lambda answer, _, sent, packets: answers.verification_result(
            answer, sent.drafts, packets.format.vocabulary
        ),
    }

    @property
    def known_by_length(self) -> bool:
        """Whether its length alone tells it from the answer that all drafts are accepted and no token follows."""
        return True

    @property
    def lossless(self) -> bool:
        """Whether corrections follow the residual of p itself, but for rounding."""
        return True

    def check(self, vocabulary: int) -> None:
        """Raises ValueError where it cannot be over a vocabulary of V ids."""

    def encode(self, result: Verdict, p: Floats, packets: Packets, context: Sequence[int]) -> bytes:
        """The reply. p [V] is the target distribution after `context`: the committed text and the drafts that stand."""
        raise AssertionError(f"I3: a reply {self.kind!r} is one of several")

    def replies(self, result: Verdict, p: Floats, packets: Packets, judged: JudgedRound) -> Iterator[bytes]:
        """The reply to a round, then what each further request for more is answered with, as long as there may be one.
        p [V]: as for `encode`, which is the one reply of most kinds."""
        yield self.encode(result, p, packets, (*judged.context, *judged.drafts[: result.accepted]))

    def offered(self, reply: bytes, judged: JudgedRound, packets: Packets) -> tuple[int, ...]:
        """The ids that a round's first reply offers for the correction that it leaves to the edge, each once: by its
        place among them the edge tells which it has taken."""
        return ()

    def hint(self, reply: bytes) -> float:
        """What a policy sees of it beside its outcome, as `EdgeView.hint`: a number that the cloud has put into its
        bytes; nan where there is none."""
        return nan

    @abstractmethod
    def decode(self, reply: bytes, sent: SentRound, packets: Packets) -> Verdict:
        """What the edge makes of the reply, correction drawn; undrawn, where it `may_ask`, if another one is wanted.
        Raises CodecError on bytes that are no reply to it."""


class TokenReply(Reply):
    """How many drafts are accepted, and the correction or bonus token that the cloud has drawn."""

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


class EdgeCorrection(Reply):
    """How many drafts are accepted, in whole bytes; then the bonus token, in whole bytes, where all do, and else a
    distribution."""

    edge_corrects: ClassVar[bool] = True

    @abstractmethod
    def encode_distribution(self, p: Floats, packets: Packets, context: Sequence[int]) -> bytes:
        """The distribution that goes down for p [V], the target distribution after `context`."""

    @abstractmethod
    def decode_distribution(self, content: bytes, packets: Packets, context: Sequence[int]) -> Floats:
        """p~ [V]: what the edge corrects with. Raises CodecError."""

    def encode(self, result: Verdict, p: Floats, packets: Packets, context: Sequence[int]) -> bytes:
        head = wire.encode_count(result.accepted, packets.format)
        if result.drawn:
            return head + draft_scalars.encode_token(result.token, packets.format)
        return head + self.encode_distribution(p, packets, context)

    def decode(self, reply: bytes, sent: SentRound, packets: Packets) -> Verdict:
        size = len(wire.encode_count(0, packets.format))
        accepted, body = int.from_bytes(reply[:size], "big"), reply[size:]
        if len(reply) <= size or accepted > len(sent.drafts):
            raise wire.CodecError(
                f"reply of {len(reply)} bytes: {accepted} drafts are accepted, {len(sent.drafts)} were sent"
            )
        if accepted == len(sent.drafts):
            return Verdict(accepted, draft_scalars.decode_token(body, packets.format))
        context = (*sent.context, *(draft.token for draft in sent.drafts[:accepted]))
        p = self.decode_distribution(body, packets, context)
        rejected, qhat = sent.drafts[accepted], np.zeros_like(p)
        qhat[rejected.support] = rejected.counts / rejected.counts.sum()
        return Verdict(accepted, correction(p, qhat, sent.uniforms.verdict.uniform(sent.number, len(sent.drafts))))

    def received_distribution(self, p: Floats, packets: Packets, context: Sequence[int]) -> Floats:
        """p~ [V] of p, for an observer: what would be corrected with, were a draft rejected there."""
        return self.decode_distribution(self.encode_distribution(p, packets, context), packets, context)


class DistributionReply(EdgeCorrection):
    """p as floats (DSSD, arXiv 2507.12000): single precision is lossless but for rounding, half precision is not."""

    kind: Literal["law"] = "law"
    precision: float_distributions.Precision = Field(
        "single", description="of the floats that p comes down as: 32 V bits, lossless but for rounding; 16 V, lossy"
    )

    @property
    def lossless(self) -> bool:
        return self.precision == "single"

    def encode_distribution(self, p: Floats, packets: Packets, context: Sequence[int]) -> bytes:
        return float_distributions.encode(p, self.precision)

    def decode_distribution(self, content: bytes, packets: Packets, context: Sequence[int]) -> Floats:
        numbers = float_distributions.decode(content, packets.format.vocabulary, self.precision)
        # Halves are far enough from a distribution that their sum would bend the residual; singles are p but for 2^-24
        # of it.
        return numbers if self.lossless else numbers / numbers.sum()


class CandidateReply(Reply):
    """How many drafts are accepted; then the bonus token, or candidates for the correction, coded by the prior: ids
    that the cloud has drawn below p, each with a whole number, of which the edge takes the first whose count is no
    larger.

    Lossless: what is taken follows max(0, p - qhat), as `models.verification.candidates_below` proves. Where all fail
    the edge requests as many more, one more round trip, for which the cloud keeps p and makes no pass. The t-th
    candidate of a round goes by the verification's number of (round, L + t), whichever list it comes in: the text is
    the same for any number of candidates a list, and where a list is asked for or sent again.
    """

    kind: Literal["candidates"] = "candidates"
    edge_corrects: ClassVar[bool] = True
    may_ask: ClassVar[bool] = True
    candidates: Annotated[int, Tunable(1, 2, 4, 8)] = Field(
        8,
        ge=1,
        le=256,
        description="m, candidates for a correction that come down at once; if all fail, another round trip",
    )

    @property
    def known_by_length(self) -> bool:
        return False

    def replies(self, result: Verdict, p: Floats, packets: Packets, judged: JudgedRound) -> Iterator[bytes]:
        accepted, format, length = result.accepted, packets.format, len(judged.drafts)
        context = (*judged.context, *judged.drafts[:accepted])
        if result.drawn:
            yield wire.encode_coded_feedback(accepted, result.token, format, context)
            return
        rejected, uniform = judged.drafts[accepted], judged.uniforms.verdict.uniform
        numbers = (uniform(judged.number, trial) for trial in count(length))
        points = (Candidate(*each) for each in candidates_below(p, rejected, format.resolution, numbers))
        known = CandidateList(self.candidates, context, rejected)
        found = tuple(islice(points, self.candidates))
        yield encode_first(accepted, found, known, format)
        while True:
            known = known._replace(refused=known.refused + found)
            found = tuple(islice(points, self.candidates))
            yield encode_more(found, known, format)

    def offered(self, reply: bytes, judged: JudgedRound, packets: Packets) -> tuple[int, ...]:
        accepted, format = decode_accepted(reply, len(judged.drafts), packets.format), packets.format
        known = CandidateList(self.candidates, (*judged.context, *judged.drafts[:accepted]), judged.drafts[accepted])
        return tuple(dict.fromkeys(token for token, _ in decode_list(reply, known, format, first=True)))

    def decode(self, reply: bytes, sent: SentRound, packets: Packets) -> Verdict:
        first, *more = (*sent.replies, reply)
        drafts, format = [draft.token for draft in sent.drafts], packets.format
        accepted = decode_accepted(first, len(drafts), format)
        if accepted == len(drafts):
            return Verdict(*wire.decode_coded_feedback(first, drafts, format, sent.context))
        rejected = sent.drafts[accepted]
        known = CandidateList(self.candidates, (*sent.context, *drafts[:accepted]), rejected.token)
        found = decode_list(first, known, format, first=True)
        for content in more:
            known = known._replace(refused=known.refused + found)
            found = decode_list(content, known, format, first=False)
        taken = next((token for token, height in found if height >= rejected.count(token)), None)
        if taken is None and len(found) < self.candidates:  # p is qhat but for rounding, see `candidates_below`
            taken = (*known.refused, *found)[-1].token if known.refused or found else rejected.token
        return Verdict(accepted, UNDRAWN if taken is None else taken)
