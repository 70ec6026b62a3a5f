"""Distributions as half-precision floats: what a system sends that never thought about the uplink. It has no budget.

`half_dense` sends all V of them (uncompressed speculative decoding), `half_top_k` the K most probable with their ids
(truncated drafts; TK-SLT, arXiv 2509.04576, sends such). Lossless all the same: the draft is drawn from what is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from channels.codec import half, wire
from channels.codec.sparsify import All, TopK
from simulator.schemes.draft_scheme import DraftScheme, Floats, Ids, Proposal, Received, State, received


class HalfScheme(DraftScheme):
    """What both have in common: the halves, and their own packet."""

    budget_bits: int | None = Field(None, ge=1, description="B, most payload bits a round may send; null for no limit")

    def kept(self, vocabulary: int) -> int:
        """K, of each draft."""
        return vocabulary

    def format(self, vocabulary: int) -> wire.Format:
        if self.kept(vocabulary) > vocabulary:
            raise ValueError(f"k = {self.kept(vocabulary)}: must be at most the vocabulary, {vocabulary}")
        return wire.Format(vocabulary, resolution=1, max_drafts=self.max_drafts)  # of prompt and replies

    def quantize(self, mass: Floats) -> Ids:
        return half.numerators(mass / mass.sum())

    def covering_bound(self, size: int) -> float:
        return half.covering_bound(size)

    def largest_bits(
        self, drafts: Sequence[wire.Draft], proposal: Proposal, fmt: wire.Format, context: Sequence[int]
    ) -> int:
        return 8 * self._form(fmt).length_bytes(len(drafts) + 1)

    def length_bits(self, drafts: Sequence[wire.Draft], fmt: wire.Format, context: Sequence[int]) -> int:
        return 8 * self._form(fmt).length_bytes(len(drafts))

    def encode(self, drafts: Sequence[wire.Draft], fmt: wire.Format, context: Sequence[int]) -> bytes:
        return half.encode(drafts, self._form(fmt))

    def decode(self, payload: bytes, fmt: wire.Format, context: Sequence[int]) -> Received:
        return received(half.decode(payload, self._form(fmt)), fmt.vocabulary)

    def _form(self, fmt: wire.Format) -> half.HalfFormat:
        return half.HalfFormat(fmt.vocabulary, self.kept(fmt.vocabulary), self.max_drafts)


class HalfDense(HalfScheme):
    """Every probability of the draft distribution."""

    kind: Literal["half_dense"] = "half_dense"

    def support(self, q: Floats, state: State) -> Ids:
        return All().support(q)


class HalfTopK(HalfScheme):
    """The K most probable tokens, ids and probabilities."""

    kind: Literal["half_top_k"] = "half_top_k"
    k: int = Field(8, ge=1, description="K, tokens kept of each draft distribution; at most the vocabulary")

    def kept(self, vocabulary: int) -> int:
        return self.k

    def support(self, q: Floats, state: State) -> Ids:
        return TopK(self.k).support(q)
