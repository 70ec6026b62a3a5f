"""What an uplink scheme is: propose, draw, encode and decode, judge, reply, settle. Each step has a default here.

Notation of one draft: q is the drafter's law [V]; `support` keeps some ids of it; the lattice turns those into integer
`counts`; qhat = counts / sum(counts). The draft is drawn from exactly the qhat that is sent, and the cloud judges with
the qhat it decoded, so the committed text follows the verifier's law p exactly (SQS-SD, arXiv 2510.09942, section III).

A scheme is a frozen value: parameters and pure functions. What changes from draft to draft (a conformal threshold) is a
`State`, handed in and handed back, so that a rejected draft's state can be dropped with the draft.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from channels.codec import wire
from channels.codec.lattice import covering_bound, quantize
from kinds import Choice
from models.acceptance import Verdict, total_variation, verify
from simulator.schemes.policy import FixedLength, Policy

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]
State = tuple[float, ...]
"""What a scheme carries from one draft to the next; () for schemes that carry nothing."""


class Noise(Protocol):
    """The uniforms of one round of one request, each a pure function of its name and index."""

    def draft(self, n: int) -> float:
        """Draws draft n = 0, 1, ... of the round."""
        ...

    def verdict(self, drafts: int) -> Floats:
        """Judges a round of that many drafts: float64 [drafts + 1], the last for the correction or bonus."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What one draft position would send, before the draft is drawn."""

    ids: Ids  # [K] ascending
    counts: Ids  # [K] numerators of qhat, zeros allowed
    dropped_mass: float  # alpha_n: q outside `ids`
    tv_quantization: float  # TV(q renormalized on ids, qhat)
    covering_bound: float  # the quantizer's own bound on tv_quantization
    state: State  # of the scheme, after this position


class Part(NamedTuple):
    """A payload that may arrive without what comes after it, and how many drafts are in it."""

    payload: bytes
    drafts: int


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """What the cloud knows of a round once the payload is decoded."""

    drafts: Ids  # [L]
    qhat: Floats  # [L, V]


def received(drafts: Sequence[wire.Draft], vocabulary: int) -> Received:
    """Decoded drafts as the arrays that verification takes."""
    qhat = np.zeros((len(drafts), vocabulary))
    for row, draft in zip(qhat, drafts, strict=True):
        row[draft.support] = draft.counts / draft.counts.sum()
    return Received(np.array([draft.token for draft in drafts], dtype=np.int64), qhat)


class Scheme(Choice, family=True):
    """How a request's tokens come about."""

    lossless: ClassVar[bool] = True
    """Whether the committed text is meant to follow the verifier's law. `tv_output` is measured either way."""

    @property
    def drafts(self) -> int:
        """The most drafts of a round."""
        return 0

    @abstractmethod
    def format(self, vocabulary: int) -> wire.Format:
        """The wire format that both ends hold. Raises ValueError (CodecError is one) where it cannot be."""


class DraftScheme(Scheme):
    """The edge drafts, the cloud verifies. A subclass says what is kept of q and how it is quantized; each later step
    has a default that fits any integer counts whose format `wire` carries."""

    max_drafts: int = Field(8, ge=1, le=1024, description="L_max, most drafts a round sends")
    budget_bits: int | None = Field(
        5000, ge=1, description="B, most payload bits a round may send before padding; null for no limit"
    )

    partial: bool = Field(
        False,
        description="each packet carries whole drafts; where a later one is lost the cloud judges those before it",
    )

    @property
    def drafts(self) -> int:
        return self.max_drafts

    @abstractmethod
    def support(self, q: Floats, state: State) -> Ids:
        """The ids kept of q, float64 [V]: int64 [K], ascending, K >= 1."""

    @abstractmethod
    def quantize(self, mass: Floats) -> Ids:
        """Numerators of qhat over their sum, int64 [K], from the kept probabilities, float64 [K], of any sum."""

    @abstractmethod
    def covering_bound(self, size: int) -> float:
        """The most that quantizing a law on `size` tokens may move it, in total variation."""

    def entry(self, last: State | None) -> State:
        """The state before a request's first draft; `last` is how the device's request before ended, None at first."""
        return ()

    def policy(self) -> Policy:
        """Who decides when to stop drafting."""
        return FixedLength(self.max_drafts)

    def advance(self, q: Floats, state: State) -> State:
        """The state after a position with this law, whether or not its draft is later accepted."""
        return state

    def settle(self, chain: Sequence[State], accepted: int) -> State:
        """The state after a round: chain[n] is the state after n of its drafts, chain[-1] after all of them."""
        return chain[accepted]

    def propose(self, q: Floats, state: State, at_most: int | None = None) -> Proposal:
        """What to send of q, float64 [V]. `at_most` keeps only that many of the most probable ids of the support."""
        ids = self.support(q, state)
        mass = q[ids]
        if at_most is not None and at_most < ids.size:
            kept = np.sort(np.argsort(-mass, kind="stable")[:at_most])
            ids, mass = ids[kept], mass[kept]
        total = float(mass.sum())
        counts = self.quantize(mass)
        return Proposal(
            ids=ids,
            counts=counts,
            dropped_mass=min(1.0, max(0.0, 1.0 - total)),
            tv_quantization=float(total_variation(mass / total, counts / counts.sum())),
            covering_bound=self.covering_bound(ids.size),
            state=self.advance(q, state),
        )

    def drawn_from(self, proposal: Proposal, q: Floats) -> Floats | Ids:
        """Weights [K] over proposal.ids that the draft is drawn by. Anything but the counts bends the output law; ids
        without a count must have none."""
        return proposal.counts

    def largest_bits(
        self, drafts: Sequence[wire.Draft], proposal: Proposal, fmt: wire.Format, context: Sequence[int]
    ) -> int:
        """Payload bits before padding with this proposal appended, at the dearest token it could draw."""
        return wire.largest_length_bits(drafts, proposal.ids, proposal.counts, fmt, context)

    def fits(
        self,
        drafts: Sequence[wire.Draft],
        proposal: Proposal,
        fmt: wire.Format,
        context: Sequence[int],
        room_bits: int | None = None,
    ) -> bool:
        """Whether this proposal may be appended: with the dearest token it could draw, budget and room hold.

        The budget is that of the whole payload; `room_bits`, of a scheme that sends partial rounds, that of one part.
        """
        if not self.partial:
            return self._within(self.budget_bits, drafts, proposal, fmt, context)
        if self.budget_bits is None and room_bits is None:
            return True
        known, spent_bits = tuple(context), 0
        for draft in drafts:
            spent_bits += self.length_bits([draft], fmt, known)
            known = (*known, draft.token)
        limits = [] if self.budget_bits is None else [self.budget_bits - spent_bits]
        limits += [] if room_bits is None else [room_bits // 8 * 8]  # a part is whole bytes
        return self._within(min(limits), (), proposal, fmt, known)

    def _within(
        self,
        limit_bits: int | None,
        drafts: Sequence[wire.Draft],
        proposal: Proposal,
        fmt: wire.Format,
        context: Sequence[int],
    ) -> bool:
        return limit_bits is None or self.largest_bits(drafts, proposal, fmt, context) <= limit_bits

    def length_bits(self, drafts: Sequence[wire.Draft], fmt: wire.Format, context: Sequence[int]) -> int:
        """The length of `encode`'s payload, before padding to bytes."""
        return wire.length_bits(drafts, fmt, context)

    def encode(self, drafts: Sequence[wire.Draft], fmt: wire.Format, context: Sequence[int]) -> bytes:
        """The payload of a round. `context`: the committed token ids that both ends hold."""
        return wire.encode(drafts, fmt, context)

    def decode(self, payload: bytes, fmt: wire.Format, context: Sequence[int]) -> Received:
        """What the cloud gets from the payload and nothing else. Raises CodecError."""
        return received(wire.decode(payload, fmt, context), fmt.vocabulary)

    def encode_parts(self, drafts: Sequence[wire.Draft], fmt: wire.Format, context: Sequence[int]) -> tuple[Part, ...]:
        """The payload of a round: one part, or, of a partial round, a part for each draft.

        A part is a payload of its own, coded against the drafts before it. Whatever decides that draft n is heard may
        depend on d_1..d_{n-1} and never on d_n: with one draft a part, and its id sent flat, neither the cuts nor the
        length of the parts up to n say anything about d_n, so no loss can look at it.
        """
        if not self.partial:
            return (Part(self.encode(drafts, fmt, context), len(drafts)),)
        parts, known = [], tuple(context)
        for draft in drafts:
            parts.append(Part(self.encode([draft], fmt, known), 1))
            known = (*known, draft.token)
        return tuple(parts)

    def decode_parts(self, parts: Sequence[bytes], fmt: wire.Format, context: Sequence[int]) -> Received:
        """What the cloud gets from the leading parts of a payload and nothing else. Raises CodecError."""
        known, heard = tuple(context), []
        for part in parts:
            heard.append(self.decode(part, fmt, known))
            known = (*known, *heard[-1].drafts.tolist())
        if len(heard) == 1:
            return heard[0]
        return Received(np.concatenate([each.drafts for each in heard]), np.concatenate([each.qhat for each in heard]))

    def judge(self, p: Floats, received: Received, noise: Noise) -> Verdict:
        """The cloud's verdict on a round: p float64 [L+1, V]."""
        return verify(p, received.drafts, received.qhat, noise.verdict(len(received.drafts)))

    def encode_reply(self, verdict: Verdict, fmt: wire.Format) -> bytes:
        """What goes back: how many drafts stand, and the correction or bonus token."""
        return wire.encode_feedback(verdict.accepted, verdict.token, fmt)

    def decode_reply(self, reply: bytes, fmt: wire.Format) -> Verdict:
        """What the edge reads from the reply. Raises CodecError."""
        return Verdict(*wire.decode_feedback(reply, fmt))


class LatticeScheme(DraftScheme):
    """Counts on the type lattice of resolution ell. A subclass gives `support`, at least."""

    resolution: int = Field(100, ge=1, le=1 << 20, description="ell, the denominator of the lattice")
    code: wire.Code = Field(
        "recoded", description="how supports and counts become bits: enumerative is the paper's count; same drafts"
    )
    token: Literal["flat", "coded"] = Field(
        "coded", description="the drafted id: a number below V, or coded at -log2 qhat; flat in partial rounds"
    )

    def format(self, vocabulary: int) -> wire.Format:
        return self.wire_format(vocabulary)

    def wire_format(
        self, vocabulary: int, support: wire.Support = "variable", support_size: int | None = None
    ) -> wire.Format:
        """The format for supports of this kind; the code `recoded` finds the cheapest way for each by itself."""
        sparse = self.code == "recoded"
        return wire.Format(
            vocabulary,
            self.resolution,
            self.max_drafts,
            code=self.code,
            support="variable" if sparse else support,
            support_size=None if sparse else support_size,
            token="flat" if self.partial else self.token,
        )

    def _within(
        self,
        limit_bits: int | None,
        drafts: Sequence[wire.Draft],
        proposal: Proposal,
        fmt: wire.Format,
        context: Sequence[int],
    ) -> bool:
        if limit_bits is not None:
            sizes = [draft.support.size for draft in drafts]
            if wire.bound_bits([*sizes, int(np.count_nonzero(proposal.counts))], fmt) <= limit_bits:
                return True  # however dear: the exact length need not be worked out
        return super()._within(limit_bits, drafts, proposal, fmt, context)

    def quantize(self, mass: Floats) -> Ids:
        return quantize(mass, self.resolution)

    def covering_bound(self, size: int) -> float:
        return covering_bound(size, self.resolution)
