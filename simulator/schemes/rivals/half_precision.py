"""Distributions as half-precision floats: what a system sends that never thought about the uplink. It has no budget.

`half_dense` sends all V of them (uncompressed speculative decoding), `half_top_k` the K most probable with their ids
(truncated drafts; TK-SLT, arXiv 2509.04576, sends such). Lossless all the same: the draft is drawn from what is sent.

`truncated_fp16` is TK-SLT whole: its drafts, and rounds of its length, that of the largest speed-up
S(g) = (1 - a^{g+1}) / ((1 - a)(1 + L g)), L a draft's time over that of all else in a round. It is what the policy
`running_acceptance` maximises, with a and the times as the edge has seen them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from simulator.schemes.code import HalfFloats
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.families import Families
from simulator.schemes.policies.running_acceptance import RunningAcceptance
from simulator.schemes.policy import Policy
from simulator.schemes.quantizer import Halves
from simulator.schemes.sparsifier import KeepAll, KeepTopK, Sparsifier, SupportSize


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


class TopKHalves(HalfScheme):
    """Ids and probabilities of the K most probable tokens."""

    k: SupportSize = 8

    def made_of(self) -> Families:
        return self.keeping(KeepTopK(k=self.k))


class HalfTopK(TopKHalves):
    """The K most probable tokens, ids and probabilities."""

    kind: Literal["half_top_k"] = "half_top_k"


class TruncatedFp16(TopKHalves):
    """TK-SLT: the K most probable tokens, ids and probabilities, in rounds as long as the policy says."""

    kind: Literal["truncated_fp16"] = "truncated_fp16"
    policy: Policy = Field(RunningAcceptance(), description="how long a round is; by default as TK-SLT has it")

    def made_of(self) -> Families:
        return replace(super().made_of(), policy=self.policy)
