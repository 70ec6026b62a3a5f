"""A policy of your own: when the edge drafts one more token, sends the round, or waits.

    sqsim run latency_vs_bandwidth --quick --set models.pair=sotu --import examples/own_policy.py \
        --grid 'scheme=k_sqs,{kind: composed, max_drafts: 8, policy: {kind: while_sure, least: 0.4}}' \
        --grid uplink.rate.bps=1e4,1e6 --seeds 3 --out results/own_policy

A policy is asked before each draft and sees what an edge can see (`EdgeView`): the drafts so far, earlier verification
results, the clock, what the link has shown. It never sees the draft that it stops before, so the text still follows the
verifier.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.schemes import Policy
from simulator.schemes.policy import DRAFT, SEND, Action, EdgeView


class WhileSure(Policy):
    """Drafts on while the drafter was sure of its last draft."""

    kind: Literal["while_sure"] = "while_sure"
    least: float = Field(0.4, ge=0, le=1, description="probability of a draft below which it is the round's last")

    def next(self, view: EdgeView, state: tuple[float, ...]) -> tuple[Action, tuple[float, ...]]:
        if view.drafts and view.drafts[-1].confidence < self.least:
            return SEND, state
        return DRAFT, state
