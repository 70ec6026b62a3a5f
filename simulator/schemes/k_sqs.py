"""K-SQS: keep the K most probable tokens (SQS-SD, arXiv 2510.09942, section III-A)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.schemes.families import Families
from simulator.schemes.lattice_scheme import LatticeScheme
from simulator.schemes.sparsifier import KeepTopK


class KSqs(LatticeScheme):
    """Sparsify to K tokens, quantize, then draw."""

    kind: Literal["k_sqs"] = "k_sqs"
    k: int = Field(8, ge=1, description="K, tokens kept of each draft distribution; at most the vocabulary")

    def made_of(self) -> Families:
        return self.keeping(KeepTopK(k=self.k))
