"""C-SQS: keep the tokens above a threshold that online conformal prediction moves (SQS-SD, section III-B)."""

from __future__ import annotations

from typing import Literal

from simulator.schemes.families import Families
from simulator.schemes.lattice_scheme import LatticeScheme
from simulator.schemes.sparsifiers.conformal import ConformalFields, KeepConformal


class CSqs(ConformalFields, LatticeScheme):
    """A support of varying size, so that the mass it drops meets `target` in the long run."""

    kind: Literal["c_sqs"] = "c_sqs"

    def made_of(self) -> Families:
        return self.keeping(KeepConformal.model_validate(self.model_dump(include={*ConformalFields.model_fields})))
