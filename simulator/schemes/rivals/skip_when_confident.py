"""Skip the uplink where the drafter is sure (U-HLM, arXiv 2412.12687): lossy, and the records say so.

A position is sure where the largest probability of q_n is `confidence` or more: its draft is drawn from q_n itself and
committed without verification, and of it only the id travels, since the cloud needs the text. The first position that
is not is drafted as in K-SQS, travels with its distribution, is verified, and ends the round. A run of sure drafts ends
at max_drafts and travels alone, so that one message tells the cloud of the rest of an answer that was sure to its end.

Whether draft n is verified depends on q_1..q_n, never on d_n. So the distribution of the text is known: at an
unverified position it is q_n, elsewhere p_n, whatever came before. It misses the verifier's by the sum over sure
positions of E TV(q_n, p_n) at most, which `tv_output` measures, TV(q_n, p_n) at each. `verified` counts verified drafts
alone, and so do the rates of acceptance and rejection; `unjudged` counts the others.

U-HLM's uncertainty is the share of perturbed samples that differ from the drafted token, and its threshold comes from
their channel and a bound on the risk (CU-HLM tunes it as it goes): neither is here, a distribution's largest
probability and a threshold that stays are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from channels.codec import wire
from kinds.arrays import Floats, Ints
from models.verification import DistributionAfter, Verdict, dense, inverse_cdf
from simulator.schemes.acceptance import Received, Rejection, received
from simulator.schemes.code import Load, Packets, Tokens, certain
from simulator.schemes.draw import Place, Proposal, RequestUniforms, RoundUniforms
from simulator.schemes.families import Families
from simulator.schemes.lattice_scheme import LatticeScheme
from simulator.schemes.policy import DRAFT, SEND, Action, EdgeView, Policy, PolicyState
from simulator.schemes.quantizer import Resolution
from simulator.schemes.sparsifier import KeepTopK, State, SupportSize
from simulator.schemes.token_ids import CodedIdPackets


def is_sure(counts: Ints) -> bool:
    """Whether these are the counts of a draft that is not verified: a distribution on the lattice has 2 or more of
    them."""
    return int(counts.sum()) == 1


class UntilUnsure(Policy):
    """Draft on while the last draft was sure. It is of this scheme alone: its kind has no default."""

    kind: Literal["until_unsure"]

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return (DRAFT if not view.drafts or is_sure(view.drafts[-1].draft.counts) else SEND), state


class WhereUnsure(Rejection):
    """As rejection, but unverified drafts are accepted. It is of this scheme alone: its kind has no default."""

    lossless: ClassVar[bool | None] = False
    kind: Literal["where_unsure"]  # type: ignore[assignment]

    def judge(self, distribution_after: DistributionAfter, received: Received, uniforms: RoundUniforms) -> Verdict:
        def distribution_or_draft(prefix: tuple[int, ...]) -> Floats:
            place = len(prefix)
            unverified = place < len(received.drafts) and received.unverified[place]
            own = dense(received.distributions[place]) if unverified else distribution_after(prefix)
            return own

        return super().judge(distribution_or_draft, received, uniforms)

    def output_distribution(
        self, p: Floats, qhat: Floats, drawn: Floats, corrected: Floats | None = None
    ) -> Floats | None:
        """The output distribution of the positions that are verified."""
        return super().output_distribution(p, qhat, drawn, corrected)


class SkipWhenConfident(LatticeScheme):
    """Sure drafts are committed as they are, the others travel as in K-SQS."""

    kind: Literal["skip_when_confident"] = "skip_when_confident"
    confidence: float = Field(
        0.9, gt=0, description="largest probability of q from which a draft is not verified; above 1: all are"
    )
    k: SupportSize = 8
    resolution: Annotated[Resolution, Field(ge=2)] = 100

    def made_of(self) -> Families:
        parts = self.keeping(KeepTopK(k=self.k))
        return replace(parts, policy=UntilUnsure(kind="until_unsure"), acceptance=WhereUnsure(kind="where_unsure"))

    def packets(self, vocabulary: int) -> Packets:
        super().packets(vocabulary)  # refuses what does not go together
        parts = self.families
        one = Load(vocabulary, 1, parts.sparsifier, parts.quantizer, self.partial, self.budget_bits)
        ids = wire.Format(vocabulary, resolution=1, max_drafts=self.max_drafts, prior="" if self.partial else None)
        return SkipPackets(ids, parts.code.packets(one))

    def propose(self, q: Floats, state: State, at_most: int | None = None) -> Proposal:
        """The proposal at a sure position is one id that is not known yet: the likeliest is there in its place."""
        if q.max() < self.confidence:
            return super().propose(q, state, at_most)
        likeliest = np.array([q.argmax()])
        return Proposal(likeliest, np.array([1]), 0.0, 0.0, 0.0, self.advance(q, state))

    def draw_token(
        self, proposal: Proposal, q: Floats, uniforms: RequestUniforms, place: Place
    ) -> tuple[wire.Draft, Floats | Ints]:
        if not is_sure(proposal.counts):
            return super().draw_token(proposal, q, uniforms, place)
        draft = certain(inverse_cdf(q, uniforms.draft.uniform(place.round, place.number)))
        return draft, draft.counts

    def receive(self, drafts: Sequence[wire.Draft], format: wire.Format) -> Received:
        unverified = np.array([is_sure(draft.counts) for draft in drafts])
        return replace(received(drafts, format.vocabulary), unverified=unverified)


@dataclass(frozen=True)
class SkipPackets:
    """The ids of the sure drafts, behind their length in bytes, then the packet of the one that is not sure, if any."""

    format: wire.Format
    """The format of the ids."""
    distribution: Packets

    @property
    def header_bytes(self) -> int:
        """Room for the length of as many ids as a packet may hold."""
        most_bytes = -(-wire.bound_ids_bits(self.format.max_drafts, self.format) // 8)
        return -(-most_bytes.bit_length() // 8)

    @property
    def ids(self) -> CodedIdPackets:
        """Packets of the sure drafts."""
        return CodedIdPackets(self.format)

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        sure, last = _split(drafts)
        ids = self.ids.encode(sure, context) if sure else b""
        distribution = self.distribution.encode(last, _after(context, sure)) if last else b""
        return len(ids).to_bytes(self.header_bytes, "big") + ids + distribution

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        begin = self.header_bytes
        end = begin + int.from_bytes(payload[:begin], "big")
        if len(payload) < max(end, begin + 1):
            raise wire.CodecError(f"payload of {len(payload)} bytes: {end} or more expected, and a draft")
        sure = list(self.ids.decode(payload[begin:end], context)) if end > begin else []
        distribution = self.distribution.decode(payload[end:], _after(context, sure)) if end < len(payload) else []
        if len(sure) + len(distribution) > self.format.max_drafts:
            raise wire.CodecError(
                f"{len(sure) + len(distribution)} drafts: a packet holds 1 to {self.format.max_drafts}"
            )
        return [*sure, *distribution]

    def length_bits(self, drafts: Sequence[wire.Draft], context: Tokens) -> int:
        sure, last = _split(drafts)
        distribution_bits = self.distribution.length_bits(last, _after(context, sure)) if last else 0
        return self._before_bits(self.ids.length_bits(sure, context) if sure else 0, distribution_bits)

    def largest_bits(self, drafts: Sequence[wire.Draft], support: Ints, counts: Ints, context: Tokens) -> int:
        if is_sure(counts):
            anything, some = np.arange(self.format.vocabulary), np.ones(self.format.vocabulary, dtype=np.int64)
            return self._before_bits(self.ids.largest_bits(drafts, anything, some, context), 0)
        distribution_bits = self.distribution.largest_bits((), support, counts, _after(context, drafts))
        return self._before_bits(self.ids.length_bits(drafts, context) if drafts else 0, distribution_bits)

    def bound_bits(self, sizes: Sequence[int]) -> float:
        return self._before_bits(wire.bound_ids_bits(len(sizes), self.format) + 7, 0) + self.distribution.bound_bits(
            sizes[-1:]
        )

    def _before_bits(self, ids_bits: int, distribution_bits: int) -> int:
        """The bits of a packet whose ids are padded to whole bytes before a distribution."""
        return 8 * self.header_bytes + (-(-ids_bits // 8) * 8 if distribution_bits else ids_bits) + distribution_bits


def _split(drafts: Sequence[wire.Draft]) -> tuple[Sequence[wire.Draft], Sequence[wire.Draft]]:
    """The sure drafts, and the one after them that is not. Raises CodecError where more follow."""
    sure = [is_sure(draft.counts) for draft in drafts]
    if not all(sure[:-1]):
        raise wire.CodecError("drafts: one that is verified ends its packet")
    return (drafts, ()) if all(sure) else (drafts[:-1], drafts[-1:])


def _after(context: Tokens, drafts: Sequence[wire.Draft]) -> Tokens:
    return (*context, *(draft.token for draft in drafts))
