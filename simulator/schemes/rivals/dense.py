"""Q-S: the whole distribution on the lattice, no sparsification (arXiv 2507.00605). The dense baseline."""

from __future__ import annotations

from typing import Literal

from simulator.schemes.families import Families
from simulator.schemes.lattice_scheme import LatticeScheme
from simulator.schemes.sparsifiers.by_count import KeepAll


class Dense(LatticeScheme):
    """Quantize-then-sample over the full vocabulary: no subset is sent, one composition of ell over V is.

    Q-S's own code is `code` = enumerative with `token` = flat.
    """

    kind: Literal["dense"] = "dense"

    def made_of(self) -> Families:
        return self.keeping(KeepAll())
