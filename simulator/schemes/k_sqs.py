"""K-SQS: keep the K most probable tokens (SQS-SD, arXiv 2510.09942, section III-A)."""

from __future__ import annotations

from typing import Literal

from simulator.schemes.families import Families
from simulator.schemes.lattice_scheme import LatticeScheme
from simulator.schemes.sparsifiers.by_count import KeepTopK, SupportSize


class KSqs(LatticeScheme):
    """Sparsify to K tokens, quantize, then draw."""

    kind: Literal["k_sqs"] = "k_sqs"
    k: SupportSize = 8

    def made_of(self) -> Families:
        return self.keeping(KeepTopK(k=self.k))
