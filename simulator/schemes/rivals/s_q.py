"""S-Q: draw from q, quantize afterwards (arXiv 2507.00605). The biased baseline: not the verifier's distribution."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from simulator.schemes.draw import FromUnquantized
from simulator.schemes.families import Families
from simulator.schemes.lattice_scheme import LatticeScheme
from simulator.schemes.sparsifiers.by_count import KeepTopK, SupportSize


class SQ(LatticeScheme):
    """K-SQS with the two steps in the wrong order."""

    kind: Literal["s_q"] = "s_q"
    k: SupportSize = 8

    def made_of(self) -> Families:
        return replace(self.keeping(KeepTopK(k=self.k)), draw=FromUnquantized())
