"""A scheme in which the edge drafts and the cloud verifies: sparsify, quantize, draw, encode; decode, judge, reply.

Notation of one draft: q is the drafter's distribution [V]; the support keeps some ids of it; the quantizer turns those
into integer `counts`; qhat = counts / sum(counts). The draft is drawn from exactly the qhat that is sent, and the cloud
judges with the qhat it decoded, so the committed text follows the verifier's distribution p exactly (SQS-SD, arXiv
2510.09942, section III).

A scheme is made of families: sparsifier, quantizer, code, draw, policy, acceptance, reply. A preset names them in
`made_of`; `composed` takes them as fields. What happens to a
distribution on its way (entry, support, advance, settle, quantize, draw_token) has a method here, which asks its
family, and which a scheme may override.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from channels.codec import wire
from channels.codec.sparsify import most_probable
from kinds.arrays import Floats, Ints
from kinds.mistakes import Rule
from kinds.tunable import Tunable
from models.branch_counts import FanOut, Geometric
from simulator.cell.scheme import ProtocolName, Scheme
from simulator.schemes import answers
from simulator.schemes.acceptance import Received, received
from simulator.schemes.code import Load, Packets
from simulator.schemes.draw import Place, Proposal, RequestUniforms
from simulator.schemes.families import Families
from simulator.schemes.features import Features
from simulator.schemes.policy import Policy
from simulator.schemes.sparsifier import State


class DraftScheme(Scheme):
    """The edge drafts, the cloud verifies."""

    method_rules: ClassVar[Mapping[str, Rule]] = {
        "made_of": lambda families: _families(families),
        "support": answers.ids,
        "quantize": answers.numerators,
        **answers.STATES,
    }
    branches: ClassVar[bool] = False
    """True if a position may have several drafts."""
    size_field: ClassVar[str] = "k"
    """Name of the size of its support in errors."""

    max_drafts: Annotated[int, Tunable(1, 2, 3, 4, 6, 8)] = Field(
        8, ge=1, le=1024, description="L_max, most drafts a round sends"
    )
    budget_bits: int | None = Field(
        5000, ge=1, description="B, most payload bits a round may send before padding; null for no limit"
    )

    partial: Annotated[bool, Tunable(False, True, serving=True)] = Field(
        False,
        description="each draft goes out in a packet of its own once it is drawn; where one between the first and the "
        "last is lost the cloud judges those before it",
    )
    depth: Annotated[int, Tunable(0, 1, 2, serving=True)] = Field(
        0,
        ge=0,
        le=16,
        description="D, rounds drafted ahead of the oldest whose verification result is out; 0: draft, send, wait",
    )
    cloud_first: Annotated[bool, Tunable(False, True, serving=True)] = Field(
        False,
        description="the cloud decodes by itself from the prompt on, until the edge has read the prompt and drafts",
    )

    prepared: Annotated[int, Tunable(0, 4, serving=True)] = Field(
        0,
        ge=0,
        le=64,
        description="branches that the edge drafts while a round is out, each for one outcome of it: a number of "
        "accepted drafts and the token behind them; a pass runs over one token of each; 0: it waits",
    )
    prepared_at: Annotated[Literal["edge", "cloud"], Tunable("edge", "cloud", serving=True)] = Field(
        "edge",
        description="where prepared branches wait for the verification result: at the edge, or in the cloud, to which "
        "each goes up once it is drafted, and which verifies the one that is picked without a round trip between",
    )
    fan_out: FanOut = Field(
        default_factory=Geometric,
        exclude_if=lambda rule: rule == Geometric(),
        description="how many of the branches are for which number of accepted drafts",
    )
    features: Features | None = Field(
        None,
        exclude_if=lambda features: features is None,
        description="hidden states of the verifier that come down for a drafter that reads them; null: none do",
    )

    @abstractmethod
    def made_of(self) -> Families:
        """Returns its parts."""

    @cached_property
    def families(self) -> Families:
        """Parts of the scheme, made once."""
        return self.made_of()

    @property
    def protocol(self) -> ProtocolName:
        if self.prepared:
            named = "sent_ahead" if self.prepared_at == "cloud" else "prepared"
            return f"cloud_first_{named}" if self.cloud_first else named
        if self.cloud_first:
            return "cloud_first_ahead" if self.depth else "cloud_first"
        return "ahead" if self.depth else "speculate"

    @property
    def drafts(self) -> int:
        return self.max_drafts

    @property
    def drafts_a_pass(self) -> int:
        return max(1, self.prepared)

    @property
    def distributions(self) -> int:
        """The most distributions that a round sends."""
        return self.max_drafts

    @property
    def lossless(self) -> bool | None:
        families = self.families
        return families.draw.lossless and families.reply.lossless and families.acceptance.lossless

    @property
    def rejects(self) -> bool:
        """True if a draft is rejected with probability TV(qhat, p) when it is verified as in speculative sampling."""
        acceptance = self.families.acceptance
        return not (self.branches or acceptance.races or acceptance.in_blocks)

    @property
    def plans(self) -> bool:
        """True if its policy fixes the length of a round before it begins, whatever it has seen."""
        return type(self.families.policy).plan is not Policy.plan

    @property
    def counts_joules(self) -> bool:
        return self.families.policy.counts_joules

    @property
    def carries(self) -> bool:
        """True if a request may begin otherwise than the device's first one."""
        return type(self).entry is not DraftScheme.entry or self.families.sparsifier.carries

    @property
    def rungs(self) -> int:
        """Number of settings that a round may be under; the policy chooses one for each (`rungs.Rungs`)."""
        return 1

    @property
    def sends_distributions(self) -> bool:
        return self.families.code.carries_law

    @property
    def sends_qhat(self) -> bool:
        """True if all of qhat crosses the air in every round."""
        return self.families.code.carries_law and not self.families.code.only_scalars

    @property
    def sends_parts(self) -> bool:
        return self.partial

    @property
    def overruled(self) -> tuple[str, ...]:
        asked = getattr(self.families.code, "token", "flat")
        if not (self.partial and self.sends_distributions) or asked == "flat":
            return ()
        return (f"token = {asked}: is not used, partial rounds send each drafted id flat (scheme.partial)",)

    def format(self, vocabulary: int) -> wire.Format:
        return self.packets(vocabulary).format

    def packets(self, vocabulary: int) -> Packets:
        """Returns the writer and reader of a session's packets. Raises ValueError if the parts do not go together."""
        families = self.families
        families.check()
        self._check_serving()
        size = families.sparsifier.fixed_size
        if size is not None and size > vocabulary:
            raise ValueError(f"{self.size_field} = {size}: must be at most the vocabulary, {vocabulary}")
        load = Load(
            vocabulary, self.distributions, families.sparsifier, families.quantizer, self.partial, self.budget_bits
        )
        return families.code.packets(load)

    def on_rung(self, state: State, rung: int) -> State:
        """The state before a round that is under this operating point, 0..operating points - 1."""
        return state

    def packets_sharing(self, packets: Packets, uniforms: RequestUniforms) -> Packets:
        """The session's packets as those of a request with these random numbers."""
        return self.families.code.sharing(packets, lambda: uniforms.shared)

    def packets_on(self, packets: Packets, state: State) -> Packets:
        """The session's packets as those of the round that began in this state."""
        return packets

    def _check_serving(self) -> None:
        """Raises ValueError where rounds cannot be drafted ahead, or prepared, or cut, or corrected, as they are to
        be."""
        policy, reply, cuts = self.families.policy.kind, self.families.reply, self.families.acceptance.cuts
        coded = "where the token of a reply is coded, which can be as short as the answer that all stand"
        asked = f"with policy {policy!r}, which is asked draft by draft and not for a whole round"
        refused: dict[str, dict[str, object]] = {
            f"depth = {self.depth}: must be 0": {
                "with partial rounds, on which no whole round can build": self.depth and self.partial,
                coded: self.depth and not reply.known_by_length,
                asked: self.depth and not self.plans,
                "where the edge draws the corrections, one a round trip": self.depth and reply.edge_corrects,
            },
            f"prepared_at = {self.prepared_at}: must be edge": {
                "where no rounds are prepared": self.prepared_at != "edge" and not self.prepared,
            },
            f"prepared = {self.prepared}: must be 0": {
                "with a tree, which has an outcome for each of its nodes": self.prepared and self.branches,
                "where rounds are drafted ahead (depth)": self.prepared and self.depth,
                "with partial rounds, whose reply may come before the last draft": self.prepared and self.partial,
                "where the edge draws the corrections, which it knows no sooner": self.prepared and reply.edge_corrects,
                f"with policy {policy!r}, which plans no whole round": self.prepared and not self.plans,
            },
            "acceptance: must verify all drafts (least_confidence = 0)": {
                "with a tree, whose drafts are no line": cuts and self.branches,
                "where rounds are drafted ahead (depth), which build on all drafts of the round before": cuts
                and self.depth,
                "where rounds are prepared, each for an outcome of verifying all drafts": cuts and self.prepared,
            },
            "features: must be null": {
                "where drafts are copied from the text": self.features and self.copies_text,
            },
            f"cloud_first = {self.cloud_first}: must be true": {
                "with features, as the drafter reads nothing before those of the prompt": self.features
                and not self.cloud_first,
            },
            "partial = True: must be false": {
                "where the edge draws the corrections, which a part may lack": self.partial and reply.edge_corrects,
            },
        }
        for rule, reasons in refused.items():
            for reason, holds in reasons.items():
                if holds:
                    raise ValueError(f"{rule} {reason}")

    def entry(self, last: State | None) -> State:
        """The state before a request's first draft; `last` is how the device's request before ended, None at first."""
        return self.families.sparsifier.entry(last)

    def support(self, q: Floats, state: State) -> Ints:
        """The ids kept of q, float64 [V]: int64 [K], ascending, K >= 1."""
        return self.families.sparsifier.support(q, state)

    def advance(self, q: Floats, state: State) -> State:
        """The state after a position with this distribution, whether or not its draft is later accepted."""
        return self.families.sparsifier.advance(q, state)

    def settle(self, chain: Sequence[State], accepted: int) -> State:
        """The state after a round: chain[n] is the state after n of its drafts, chain[-1] after all of them."""
        return self.families.sparsifier.settle(chain, accepted)

    def quantize(self, mass: Floats) -> Ints:
        """Numerators of qhat over their sum, int64 [K], from the kept probabilities, float64 [K], of any sum."""
        return self.families.quantizer.quantize(mass)

    def propose(self, q: Floats, state: State, at_most: int | None = None) -> Proposal:
        """Returns the part of q, float64 [V], to send. `at_most` keeps only that many of the most probable ids of the
        support."""
        ids = self.support(q, state)
        mass = q if ids.size == q.size else q[ids]
        if at_most is not None and at_most < ids.size:
            kept = most_probable(mass, at_most)
            ids, mass = ids[kept], mass[kept]
        total = float(mass.sum())
        counts = self.quantize(mass)
        return Proposal(
            ids=ids,
            counts=counts,
            dropped_mass=min(1.0, max(0.0, 1.0 - total)),
            tv_quantization=self.families.quantizer.moved(mass, counts),
            covering_bound=self.families.quantizer.covering_bound(ids.size),
            state=self.advance(q, state),
        )

    def draw_token(
        self, proposal: Proposal, q: Floats, uniforms: RequestUniforms, place: Place
    ) -> tuple[wire.Draft, Floats | Ints]:
        """The draft as it crosses the air, and the weights over its support that it was drawn by."""
        return self.families.draw.draw(proposal, q, uniforms, place)

    def fits(
        self,
        drafts: Sequence[wire.Draft],
        proposal: Proposal,
        packets: Packets,
        context: Sequence[int],
        room_bits: int | None = None,
    ) -> bool:
        """True if this proposal may be appended: with the dearest token it could draw, the budget of the whole payload,
        and `room_bits`, that of one part of a partial round, hold."""
        if not self.partial:
            return self.budget_bits is None or within(self.budget_bits, drafts, proposal, packets, context)
        if self.budget_bits is None and room_bits is None:
            return True
        known, spent_bits = tuple(context), 0
        for draft in drafts:
            spent_bits += packets.length_bits([draft], known)
            known = (*known, draft.token)
        limits = [] if self.budget_bits is None else [self.budget_bits - spent_bits]
        limits += [] if room_bits is None else [room_bits // 8 * 8]  # a part is whole bytes
        return within(min(limits), (), proposal, packets, known)

    def encode_parts(self, drafts: Sequence[wire.Draft], packets: Packets, context: Sequence[int]) -> tuple[bytes, ...]:
        """The payload of a round: one packet, or, of a partial round, a packet for each draft.

        Each is coded against the drafts before it, and goes to the link when its draft is drawn: the edge asks for the
        packets one by one. Whatever decides that draft n is received, and when its packet leaves, may depend on
        d_1..d_{n-1} and never on d_n. With one draft a packet, and its id sent flat, neither the cuts nor the length of
        the packets up to n tell of d_n; put before anything is done that depends on d_n, neither does the time. So no
        loss can look at it (`simulator.timing.reassembly` has the whole argument).
        """
        if not self.partial:
            return (packets.encode(drafts, context),)
        parts, known = [], tuple(context)
        for draft in drafts:
            parts.append(packets.encode([draft], known))
            known = (*known, draft.token)
        return tuple(parts)

    def decode_parts(self, parts: Sequence[bytes], packets: Packets, context: Sequence[int]) -> Received:
        """Returns the drafts in the leading packets of a payload, for the cloud. Raises CodecError."""
        known, drafts = tuple(context), list[wire.Draft]()
        for part in parts:
            found = packets.decode(part, known)
            drafts += found
            known = (*known, *(draft.token for draft in found))
        return self.receive(drafts, packets.format)

    def receive(self, drafts: Sequence[wire.Draft], format: wire.Format) -> Received:
        """Decoded drafts as they are verified."""
        return received(drafts, format.vocabulary, format.resolution if self.families.code.only_scalars else None)


def _families(answer: object) -> Families:
    if not isinstance(answer, Families):
        raise ValueError(f"must return its Families, got {answer!r}")
    return answer


def within(
    limit_bits: int, drafts: Sequence[wire.Draft], proposal: Proposal, packets: Packets, context: Sequence[int]
) -> bool:
    """True if the drafts and the dearest that the proposal could draw keep to a limit; by a cheap bound if that
    suffices."""
    sizes = [draft.support.size for draft in drafts]
    if packets.bound_bits([*sizes, int(np.count_nonzero(proposal.counts))]) <= limit_bits:
        return True
    return packets.largest_bits(drafts, proposal.ids, proposal.counts, context) <= limit_bits
