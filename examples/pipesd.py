"""A scheme of another paper as two parts of your own: PipeSD (arXiv 2605.13319), its preset and its policy.

    sqsim run latency_vs_bandwidth --quick --set models.pair=sotu --import examples/pipesd.py \
        --grid 'scheme=k_sqs,{kind: pipesd, policy: {kind: dual_threshold, token: 0.5}}' \
        --grid uplink.rate.bps=1e6,1e7 --seeds 3 --out results/own_pipesd

Each draft leaves in a packet of its own while the next one is drafted (partial rounds), with the probabilities of all
of V. A round ends after draft n if q_1(d_1) ... q_n(d_n) falls below one threshold or q_n(d_n) below another. Draft n
itself is sent, so the text follows the verifier's distribution.

The paper also merges drafts into batches, drafts on while a round is verified, and tunes its thresholds as it runs.
These are left out. Read for this: its abstract and a public reproduction (github.com/Nuyoahwjl/PipeSD).
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Annotated, Literal

from pydantic import Field

from simulator.schemes import Families, HalfDense, Policy, Tunable
from simulator.schemes.policy import DRAFT, SEND, Action, EdgeView


class DualThreshold(Policy):
    """Drafts on while the drafts so far, and the last of them, are likely to be accepted."""

    kind: Literal["dual_threshold"] = "dual_threshold"
    sequence: Annotated[float, Tunable(0.2, 0.5, 0.8, 0.95)] = Field(
        0.5, ge=0, le=1, description="least product of the drafter's probabilities of the round's drafts"
    )
    token: Annotated[float, Tunable(0.3, 0.5, 0.7, 0.9)] = Field(
        0.7, ge=0, le=1, description="least probability of the last draft"
    )

    def next(self, view: EdgeView, state: tuple[float, ...]) -> tuple[Action, tuple[float, ...]]:
        sure = [draft.confidence for draft in view.drafts]
        goes_on = not sure or (prod(sure) >= self.sequence and sure[-1] >= self.token)
        return (DRAFT if goes_on else SEND), state


class PipeSd(HalfDense):
    """Sends every probability of each draft's distribution as it is drawn, until the drafter is unsure."""

    kind: Literal["pipesd"] = "pipesd"  # type: ignore[assignment]
    partial: bool = Field(True, description="each draft goes out in a packet of its own once it is drawn")
    policy: Policy = Field(DualThreshold(), description="when a round ends")

    def made_of(self) -> Families:
        return replace(super().made_of(), policy=self.policy)
