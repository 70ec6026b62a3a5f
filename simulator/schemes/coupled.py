"""Drafter-invariant speculative decoding: both ends run one race with shared randomness, and only ids travel.

Daliri, Musco, Suresh, arXiv 2408.07978. The draft at a text position is argmin e_i / q_i, the verifier's own token
there is argmin e_i / p_i with the same exponentials e: a draft stands iff the two agree, and the committed text is the
verifier's, whatever the drafter and the link.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.schemes.acceptance import Coupling
from simulator.schemes.code import TokenIds
from simulator.schemes.draft_scheme import DraftScheme, Families
from simulator.schemes.draw import SharedRace
from simulator.schemes.quantizer import Exact
from simulator.schemes.sparsifier import KeepAll


class Coupled(DraftScheme):
    """The drafted ids, ceil(log2 V) bits each, and nothing of the distributions."""

    kind: Literal["coupled"] = "coupled"
    budget_bits: int | None = Field(None, ge=1, description="B, most payload bits a round may send; null for no limit")

    def made_of(self) -> Families:
        return Families(KeepAll(), Exact(), TokenIds(), SharedRace(), acceptance=Coupling())
