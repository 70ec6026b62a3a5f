"""Distributions as half-precision floats: what a system sends that never thought about the uplink. It has no budget.

`half_dense` sends all V of them (uncompressed speculative decoding), `half_top_k` the K most probable with their ids
(truncated drafts; TK-SLT, arXiv 2509.04576, sends such). Lossless all the same: the draft is drawn from what is sent.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.schemes.code import HalfFloats
from simulator.schemes.draft_scheme import DraftScheme, Families
from simulator.schemes.quantizer import Halves
from simulator.schemes.sparsifier import KeepAll, KeepTopK, Sparsifier


class HalfScheme(DraftScheme):
    """What both have in common: the halves, and their own packet."""

    budget_bits: int | None = Field(None, ge=1, description="B, most payload bits a round may send; null for no limit")

    def keeping(self, sparsifier: Sparsifier) -> Families:
        """Its parts with this sparsifier."""
        return Families(sparsifier, Halves(), HalfFloats())


class HalfDense(HalfScheme):
    """Every probability of the draft distribution."""

    kind: Literal["half_dense"] = "half_dense"

    def made_of(self) -> Families:
        return self.keeping(KeepAll())


class HalfTopK(HalfScheme):
    """The K most probable tokens, ids and probabilities."""

    kind: Literal["half_top_k"] = "half_top_k"
    k: int = Field(8, ge=1, description="K, tokens kept of each draft distribution; at most the vocabulary")

    def made_of(self) -> Families:
        return self.keeping(KeepTopK(k=self.k))
