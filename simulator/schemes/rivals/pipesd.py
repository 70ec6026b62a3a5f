"""PipeSD: drafts that travel as they are drawn, in rounds that two thresholds end (arXiv 2605.13319).

Each draft leaves in a packet of its own while the next one is drafted (partial rounds). PipeSD merges drafts into
batches by dynamic programming, from the time that a batch takes beside its tokens, a token's on the uplink and a
token's at the drafter; where the last is the longest of the three sums of them, batches of one are its plan too. It
also drafts on while a round is verified, which is left out. Drafts are greedy and travel as ids: what PipeSD's packets
hold could not be read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from simulator.schemes.families import Families
from simulator.schemes.ids_only_greedy import IdsOnlyGreedy
from simulator.schemes.policies.dual_threshold import DualThreshold
from simulator.schemes.policy import Policy


class PipeSd(IdsOnlyGreedy):
    """Ids of the likeliest tokens, each sent as it is drawn, until the drafter is unsure."""

    kind: Literal["pipesd"] = "pipesd"  # type: ignore[assignment]
    partial: bool = Field(True, description="each draft goes out in a packet of its own once it is drawn")
    policy: Policy = Field(DualThreshold(), description="when a round ends")

    def made_of(self) -> Families:
        return replace(super().made_of(), policy=self.policy)
