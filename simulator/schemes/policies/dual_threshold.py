"""Stop once the drafts so far, or the last of them, are unlikely to be accepted: PipeSD's trigger (arXiv 2605.13319).

A round ends after draft n where q_1(d_1) ... q_n(d_n) falls below one threshold or q_n(d_n) below another; q(d) is the
drafter's own probability of what it drew. With one of the two at 0 it is the rule of HSL or of EdgeLLM, which PipeSD
compares with. Draft n itself is sent: what is decided by it is whether there is a draft n + 1, so the text follows the
verifier's distribution. At temperature 0 every q(d) is 1 and no round ends so. Read for this: the paper's abstract,
reviews of it, and a public reproduction, which has .9 and .35 on HumanEval; PipeSD finds its thresholds by Bayesian
optimization as it runs, here they are tunables that stay.
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Literal

from pydantic import Field

from kinds.tunable import Tunable
from simulator.schemes.policy import DRAFT, SEND, Action, EdgeView, Policy, PolicyState


class DualThreshold(Policy):
    """Draft on while the product of the drafts' probabilities and the last of them are above their thresholds."""

    kind: Literal["dual_threshold"] = "dual_threshold"
    sequence: Annotated[float, Tunable(0.2, 0.5, 0.8, 0.95)] = Field(
        0.5, ge=0, le=1, description="the least product of the drafter's probabilities of the round's drafts"
    )
    token: Annotated[float, Tunable(0.3, 0.5, 0.7, 0.9)] = Field(
        0.7, ge=0, le=1, description="the least probability of the last draft"
    )

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        sure = [draft.confidence for draft in view.drafts]
        return (DRAFT if not sure or (prod(sure) >= self.sequence and sure[-1] >= self.token) else SEND), state
