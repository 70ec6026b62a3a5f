"""A scheme of any parts: each family a field. The presets are shorter names for some of these."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from simulator.schemes.acceptance import Acceptance, Rejection
from simulator.schemes.code import Code, Recoded
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import Draw, FromCounts
from simulator.schemes.families import Families
from simulator.schemes.policy import FixedLength, Policy
from simulator.schemes.quantizer import LatticeQuantizer, Quantizer
from simulator.schemes.reply import Reply, TokenReply
from simulator.schemes.sparsifier import Sparsifier
from simulator.schemes.sparsifiers.by_count import KeepTopK


class Composed(DraftScheme):
    """Sparsifier x quantizer x code x draw x policy x acceptance x reply."""

    size_field: ClassVar[str] = "sparsifier.k"
    kind: Literal["composed"] = "composed"
    sparsifier: Sparsifier = Field(KeepTopK(), description="which tokens of q are kept")
    quantizer: Quantizer = Field(LatticeQuantizer(), description="how their probabilities become counts")
    code: Code = Field(Recoded(), description="how drafts become bits")
    draw: Draw = Field(FromCounts(), description="what the drafted token is drawn from")
    policy: Policy = Field(FixedLength(), description="when to draft, send or wait")
    acceptance: Acceptance = Field(Rejection(), description="how the cloud judges")
    reply: Reply = Field(TokenReply(), description="what goes back, and who draws the correction")

    def made_of(self) -> Families:
        return Families(self.sparsifier, self.quantizer, self.code, self.draw, self.policy, self.acceptance, self.reply)
