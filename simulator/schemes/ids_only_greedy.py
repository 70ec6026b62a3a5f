"""Greedy drafts: the edge drafts the likeliest token, and nothing but its id travels.

qhat is one-hot at the id, so the receiver needs no distribution: rejection sampling (Leviathan et al. 2023) accepts d
with probability p(d) and corrects from p without d. The text follows p exactly at every temperature, at 1 - p(d)
rejections a draft; at temperature 0, where both distributions are one-hot, a distribution would tell nothing more.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.families import Families
from simulator.schemes.quantizer import Exact
from simulator.schemes.sparsifiers.by_count import KeepTopK
from simulator.schemes.token_ids import TokenIds


class IdsOnlyGreedy(DraftScheme):
    """The id of the drafter's likeliest token, and nothing of the distributions."""

    kind: Literal["ids_only_greedy"] = "ids_only_greedy"
    token: Literal["flat", "coded"] = Field(
        "coded",
        description="an id: ceil(log2 V) bits, or coded at -log2 of a prior's distribution, flat without a prior",
    )
    budget_bits: int | None = Field(None, ge=1, description="B, most payload bits a round may send; null for no limit")

    def made_of(self) -> Families:
        return Families(KeepTopK(k=1), Exact(), TokenIds(token=self.token))
