"""Q-S: the whole distribution on the lattice, no sparsification (arXiv 2507.00605). The dense baseline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from channels.codec import wire
from simulator.schemes.families import Families
from simulator.schemes.lattice_scheme import LatticeScheme
from simulator.schemes.sparsifier import KeepAll


class Dense(LatticeScheme):
    """Quantize-then-sample over the full vocabulary: no subset is sent, one composition of ell over V is.

    By default it is coded as published, with a flat id.
    """

    kind: Literal["dense"] = "dense"
    code: wire.Code = Field("enumerative", description="how counts become bits: enumerative is Q-S's own")
    token: Literal["flat", "coded"] = Field("flat", description="the drafted id: a number below V, or at -log2 qhat")

    def made_of(self) -> Families:
        return self.keeping(KeepAll())
