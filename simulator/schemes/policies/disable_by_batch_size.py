"""Speculation is switched off above a load: the cloud streams while its passes are full, and the edge drafts again when
they are not. After vLLM's `disable_by_batch_size` (pull request 4592, 2024), which goes by the requests that run.

Where passes are bound by arithmetic each draft that is verified takes time from others, and L drafts commit fewer
tokens than L + 1 passes of one token. What the edge learns of the load is the batch of the job that was answered last,
which its replies report; sessions whose devices draft are in no batch, so the load that is seen rises when they stream.
That number was there before the round, so the text follows the verifier's distribution.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kinds.tunable import Tunable
from simulator.schemes.policy import DRAFT, Action, CloudDecodes, DraftRound, EdgeView, Policy, PolicyState


class DisableByBatchSize(Policy):
    """Leave some tokens to the cloud while so many jobs share its passes, else draft as many as the scheme allows."""

    kind: Literal["disable_by_batch_size"] = "disable_by_batch_size"
    hears_cloud: ClassVar[bool] = True
    decides_rounds: ClassVar[bool] = True
    batch: Annotated[int, Tunable(4, 8, 16, 32)] = Field(
        16, ge=1, le=10_000, description="jobs of the last pass, its own included, from which on the cloud streams"
    )
    tokens: Annotated[int, Tunable(4, 16, 64)] = Field(
        16, ge=1, le=1_000_000, description="that the cloud decodes before the edge looks at its load again"
    )

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        if not view.drafts and view.cloud.batch >= self.batch:
            return CloudDecodes(min(self.tokens, view.remaining_tokens)), state
        return DraftRound(view.most_drafts) if view.whole else DRAFT, state
