"""PipeSD: drafts that travel as they are drawn, in rounds that two thresholds end (arXiv 2605.13319).

Each draft leaves in a packet of its own while the next one is drafted (partial rounds), with the probabilities of all
of V, as in a public reproduction (github.com/Nuyoahwjl/PipeSD), which uploads 258 kB a draft, eight bytes a token of
the vocabulary; here they are halves. PipeSD merges drafts into batches by dynamic programming, from what a batch takes
beside its drafts, a draft's time on the uplink and at the drafter; where the last is above the other two together,
batches of one are its plan too. It also drafts on while a round is verified, which is left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from simulator.schemes.families import Families
from simulator.schemes.policies.dual_threshold import DualThreshold
from simulator.schemes.policy import Policy
from simulator.schemes.rivals.half_precision import HalfDense


class PipeSd(HalfDense):
    """Every probability of each draft's distribution, sent as it is drawn, until the drafter is unsure."""

    kind: Literal["pipesd"] = "pipesd"  # type: ignore[assignment]
    partial: bool = Field(True, description="each draft goes out in a packet of its own once it is drawn")
    policy: Policy = Field(DualThreshold(), description="when a round ends")

    def made_of(self) -> Families:
        return replace(super().made_of(), policy=self.policy)
