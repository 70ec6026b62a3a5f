"""Latency models without a table: constant, and affine, base + per sequence + per new token + per cached token."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from models.latency.latency import LONGEST_S, Latency, Work, require_work


class ConstantLatency(Latency):
    """Every pass takes the same time."""

    kind: Literal["constant"] = "constant"
    per_pass_s: float = Field(default=0.02, ge=0, le=LONGEST_S, description="seconds a pass")

    def pass_s(self, work: Work) -> float:
        require_work(work)
        return self.per_pass_s


class Affine(Latency):
    """base + per sequence + per new token + per cached token, summed over the batch."""

    kind: Literal["affine"] = "affine"
    base_s: float = Field(default=0.02, ge=0, le=LONGEST_S, description="seconds a pass, whatever is in it")
    per_sequence_s: float = Field(default=0.0, ge=0, le=LONGEST_S, description="seconds a sequence of the batch")
    per_token_s: float = Field(default=1e-4, ge=0, le=LONGEST_S, description="seconds a new token")
    per_cached_token_s: float = Field(default=0.0, ge=0, le=LONGEST_S, description="seconds a cached token")

    def pass_s(self, work: Work) -> float:
        require_work(work)
        new = cached = 0
        for new_tokens, cached_tokens in work:
            new += new_tokens
            cached += cached_tokens
        return self.base_s + self.per_sequence_s * len(work) + self.per_token_s * new + self.per_cached_token_s * cached
