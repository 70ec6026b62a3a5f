"""Distributions as half-precision floats: what a system sends that never thought about the uplink. It has no budget.

`half_dense` sends all V of them: uncompressed speculative decoding. `truncated_fp16` is TK-SLT (arXiv 2509.04576): the
K most probable ids and their probabilities, divided by their sum before they are rounded to halves h; the draft is
drawn from qhat = h / sum(h), which the cloud judges by, so both are lossless. Its rounds have the length of the largest
speed-up S(g) = (1 - a^{g+1}) / ((1 - a)(1 + L g)), L a draft's time over that of all else in a round, which the policy
`running_acceptance` maximises, with a and the times as the edge has seen them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from simulator.schemes.acceptance import Acceptance, AcceptanceByQhat
from simulator.schemes.code import HalfFloats
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.families import Families
from simulator.schemes.policies.running_acceptance import RunningAcceptance
from simulator.schemes.policy import Policy
from simulator.schemes.quantizer import Halves
from simulator.schemes.sparsifier import Sparsifier
from simulator.schemes.sparsifiers.by_count import KeepAll, KeepTopK, SupportSize


class HalfScheme(DraftScheme):
    """Base of the two schemes that send halves in a packet of their own."""

    budget_bits: int | None = Field(None, ge=1, description="B, most payload bits a round may send; null for no limit")
    acceptance: AcceptanceByQhat = "rejection"

    def keeping(self, sparsifier: Sparsifier) -> Families:
        """Returns its parts with this sparsifier."""
        return Families(sparsifier, Halves(), HalfFloats(), acceptance=Acceptance.of(self.acceptance))


class HalfDense(HalfScheme):
    """Every probability of the draft distribution."""

    kind: Literal["half_dense"] = "half_dense"

    def made_of(self) -> Families:
        return self.keeping(KeepAll())


class TruncatedFp16(HalfScheme):
    """TK-SLT: the K most probable tokens, ids and probabilities, in rounds as long as the policy says."""

    _former_kinds: ClassVar[Mapping[str, Mapping[str, object]]] = {"half_top_k": {"policy": "fixed_length"}}
    kind: Literal["truncated_fp16"] = "truncated_fp16"
    k: SupportSize = 8
    policy: Policy = Field(RunningAcceptance(), description="how long a round is; by default as TK-SLT has it")

    def made_of(self) -> Families:
        return replace(self.keeping(KeepTopK(k=self.k)), policy=self.policy)
