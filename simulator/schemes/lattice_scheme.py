"""Base of the schemes on the papers' lattice: a resolution, a code, and the form in which ids travel."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, model_validator

from channels.codec import wire
from kinds.arrays import Floats, Ints
from simulator.schemes.acceptance import Acceptance, AcceptanceByQhat
from simulator.schemes.code import Enumerative, Prior, Recoded
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.families import Families
from simulator.schemes.quantizer import LatticeQuantizer, Resolution
from simulator.schemes.reply import TokenReply
from simulator.schemes.sparsifier import Sparsifier, State


class LatticeScheme(DraftScheme):
    """Counts on the type lattice of resolution ell. A subclass says what is kept: by `made_of`, or by `support`."""

    resolution: Resolution = 100
    code: wire.Code = Field(
        "recoded", description="how supports and counts become bits: enumerative is the paper's count; same drafts"
    )
    token: Literal["flat", "coded"] = Field(
        "coded", description="the drafted id: a number below V, or coded at -log2 qhat; flat in partial rounds"
    )
    prior: Prior = None
    reply_token: Literal["flat", "coded"] = Field(
        "flat", description="the token of a reply: a number below V, or coded by what the prior says of the text so far"
    )

    acceptance: AcceptanceByQhat = "rejection"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if type(self).support is DraftScheme.support and type(self).made_of is LatticeScheme.made_of:
            raise ValueError("must say what is kept of q: by `support`, or by `made_of` with a sparsifier")
        if self.prior and self.code != "recoded":
            raise ValueError(f"prior = {self.prior!r}: only the code recoded reads one, code is {self.code!r}")
        return self

    def made_of(self) -> Families:
        enumerative = self.code == "enumerative"
        code = Enumerative(token=self.token) if enumerative else Recoded(token=self.token, prior=self.prior)
        return Families(
            sparsifier=_Own(kind="own"),
            quantizer=LatticeQuantizer(resolution=self.resolution),
            code=code,
            acceptance=Acceptance.of(self.acceptance),
            reply=TokenReply(token=self.reply_token),
        )

    def keeping(self, sparsifier: Sparsifier) -> Families:
        """Returns its parts with this sparsifier."""
        return replace(LatticeScheme.made_of(self), sparsifier=sparsifier)


class _Own(Sparsifier):
    """The sparsifier of a scheme with a `support` of its own. It is no alternative of the family: its kind has no
    default."""

    kind: Literal["own"]

    def support(self, q: Floats, state: State) -> Ints:
        raise AssertionError("the scheme itself is asked")
