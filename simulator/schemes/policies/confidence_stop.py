"""Stop where the drafter is unsure: after a pass, before the draw from it.

The papers stop on the probability of the token that was drawn (assisted generation's confidence threshold, with DISCO,
arXiv 2405.04304; Kangaroo, arXiv 2404.18911). That bends the output distribution where the token drawn last is dropped;
so the distribution itself is verified here: by its largest probability, or by its entropy as in SVIP (arXiv
2411.18462).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from kinds.arrays import Floats
from kinds.tunable import Tunable
from simulator.schemes.policy import DRAFT, SEND, Action, EdgeView, Policy, PolicyState


class ConfidenceStop(Policy):
    """The round is sent before a draft whose distribution is too flat; the pass that showed it was made for nothing."""

    looks_at_law: ClassVar[bool] = True
    kind: Literal["confidence_stop"] = "confidence_stop"
    measure: Literal["probability", "entropy_bits"] = Field(
        "probability", description="what a distribution is judged by: its largest probability, or its entropy in bits"
    )
    threshold: Annotated[float, Tunable(0.2, 0.4, 0.6, 0.8)] = Field(
        0.4, ge=0, allow_inf_nan=False, description="the least probability, or the most entropy, to draw by"
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.measure == "probability" and self.threshold > 1:
            raise ValueError(f"threshold = {self.threshold:g}: must be at most 1, a probability")
        return self

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        if view.distribution is None:
            return DRAFT, state
        if self.measure == "probability":
            sure = bool(view.distribution.max() >= self.threshold)
        else:
            sure = entropy_bits(view.distribution) <= self.threshold
        return (DRAFT if sure else SEND), state


def entropy_bits(distribution: Floats) -> float:
    """The entropy of a distribution [V], bits."""
    positive = distribution[distribution > 0]
    return float(-(positive * np.log2(positive)).sum())
