"""C-SQS: keep the tokens above a threshold that online conformal prediction moves (SQS-SD, section III-B)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from channels.codec.conformal import Rollback
from simulator.schemes.families import Families
from simulator.schemes.lattice_scheme import LatticeScheme
from simulator.schemes.sparsifier import Initial, KeepConformal, Step, Target


class CSqs(LatticeScheme):
    """A support of varying size, so that the mass it drops meets `target` in the long run."""

    kind: Literal["c_sqs"] = "c_sqs"
    target: Target = 5e-4
    step: Step = 1e-3
    initial: Initial = 0.1
    rollback: Rollback = Field("through_rejection", description="which updates of a round outlive its feedback")
    k_max: int | None = Field(None, ge=1, description="most tokens sent of a distribution; null for no cap")

    carry: bool = Field(True, description="a device's next request goes on from the threshold of its last")

    def made_of(self) -> Families:
        rule = self.model_dump(include=KeepConformal.model_fields.keys() - {"kind"})
        return self.keeping(KeepConformal.model_validate(rule))
