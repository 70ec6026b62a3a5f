"""K-SQS: keep the K most probable tokens (SQS-SD, arXiv 2510.09942, section III-A)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from channels.codec import wire
from channels.codec.sparsify import TopK
from simulator.schemes.draft_scheme import Floats, Ids, LatticeScheme, State


class TopKScheme(LatticeScheme):
    """A support of fixed size; both ends know K, so it is not sent.

    Where one draft of K ids is more than the budget, supports travel with their size: only those can be shortened.
    """

    k: int = Field(8, ge=1, description="K, tokens kept of each draft distribution; at most the vocabulary")

    def format(self, vocabulary: int) -> wire.Format:
        if self.k > vocabulary:
            raise ValueError(f"k = {self.k}: must be at most the vocabulary, {vocabulary}")
        fixed = self.wire_format(vocabulary, "fixed", self.k)
        if self.budget_bits is not None and wire.bound_bits([self.k], fixed) > self.budget_bits:
            return self.wire_format(vocabulary)
        return fixed

    def support(self, q: Floats, state: State) -> Ids:
        return TopK(self.k).support(q)


class KSqs(TopKScheme):
    """Sparsify to K tokens, quantize, then draw."""

    kind: Literal["k_sqs"] = "k_sqs"
