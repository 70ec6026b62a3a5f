"""Draft length by load: a schedule of the most drafts by the batch of the cloud's last pass, down to none.

After vLLM's `num_speculative_tokens_per_batch_size` (pull request 32374, merged 2026): a batch size leads to a draft
length, sizes between two entries have that of the entry before, and the scheme's own limit holds as well. Its older
`disable_by_batch_size` (pull request 4592) is the schedule of one entry with length 0, the default here.

Where passes are bound by arithmetic each draft that is verified takes time from others, and L drafts commit fewer
tokens than L + 1 passes of one token. What the edge learns of the load is the batch of the job that was answered last,
which its replies report; sessions whose devices draft are in no batch, so the load that is seen rises when they stream.
That number was there before the round, so the text follows the verifier's distribution.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from kinds.tunable import Tunable
from simulator.schemes.policy import Action, CloudDecodes, DraftRound, EdgeView, Policy, PolicyState


class Entry(NamedTuple):
    """Entry of the schedule: from this batch on, so many drafts at most; 0: the cloud streams."""

    batch: int
    drafts: int

    def __repr__(self) -> str:
        """Returns the pair as it is typed."""
        return str(tuple(self))


class DraftsByLoad(Policy):
    """Draft lengths by the cloud's batch.

    It drafts as many as the scheme allows below the first entry, and as many as the last entry reached states from
    there on."""

    kind: Literal["drafts_by_load"] = "drafts_by_load"
    hears_cloud: ClassVar[bool] = True
    decides_rounds: ClassVar[bool] = True
    schedule: Annotated[
        tuple[Entry, ...],
        Tunable(((4, 0),), ((16, 0),), ((32, 0),), ((4, 2), (16, 1)), ((4, 2), (16, 1), (64, 0)), ((8, 1), (32, 0))),
    ] = Field(
        (Entry(16, 0),),
        min_length=1,
        description="[jobs of the last pass, its own included, from which on; most drafts of a round], batches rising; "
        "0 drafts: the cloud streams",
    )
    tokens: Annotated[int, Tunable(4, 16, 64)] = Field(
        16, ge=1, le=1_000_000, description="that the cloud decodes before the edge looks at its load again"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        batches = [entry.batch for entry in self.schedule]
        if batches != sorted(set(batches)) or batches[0] < 1 or min(entry.drafts for entry in self.schedule) < 0:
            raise ValueError("schedule: must have batches of 1 or more that rise, and drafts of 0 or more")
        return self

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        reached = [entry.drafts for entry in self.schedule if view.cloud.batch >= entry.batch]
        most = min([view.most_drafts, *reached[-1:]])
        return (DraftRound(most) if most else CloudDecodes(min(self.tokens, view.remaining_tokens))), state
