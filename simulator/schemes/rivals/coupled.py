"""Drafter-invariant speculative decoding: both ends run one race with shared randomness, and only ids travel.

Daliri, Musco, Suresh, arXiv 2408.07978. The draft at a text position is argmin e_i / q_i, the verifier's own token
there is argmin e_i / p_i with the same exponentials e: a draft is accepted iff the two agree, and the committed text is
the verifier's, whatever the drafter and the link: whatever decides that a draft is sent or received may look at it.

An id need not be sent as if nothing were known of it: the receiver holds the race that it won (`token` = raced, which
the paper does not have).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.schemes.acceptance import Coupling
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import SharedRace
from simulator.schemes.families import Families
from simulator.schemes.quantizer import Exact
from simulator.schemes.sparsifiers.by_count import KeepAll
from simulator.schemes.token_ids import TokenIds


class Coupled(DraftScheme):
    """The drafted ids, and nothing of the distributions."""

    kind: Literal["coupled"] = "coupled"
    token: Literal["flat", "coded", "raced"] = Field(
        "raced",
        description="ceil(log2 V) bits an id; coded, -log2 of its prior chance; raced, at what the shared race leaves "
        "open",
    )
    budget_bits: int | None = Field(None, ge=1, description="B, most payload bits a round may send; null for no limit")

    def made_of(self) -> Families:
        return Families(KeepAll(), Exact(), TokenIds(token=self.token), SharedRace(), acceptance=Coupling())
