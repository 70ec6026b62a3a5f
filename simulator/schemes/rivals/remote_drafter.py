"""A serving engine whose drafter is another machine: ids up, how many stand and one id down.

SGLang's decoupled speculation (pull requests 22520 and 27634 of sgl-project/sglang) and vLLM's remote drafter (request
for comments 42109 of vllm-project/vllm) run the drafter as a process of its own: greedy drafts, of which nothing but
their ids travels, verified at any temperature, most often 0. SGLang's first version drafts the next round while one is
verified and drops it after a rejection, which is `depth` = 1. What both now plan, to draft beforehand for every outcome
of the round under way (K + 1 lengths times a few guesses of the next id), is not modelled: it takes (K + 1) F K drafts
a round, which a phone does not make. `token` = flat is ceil(log2 V) bits an id; their messages hold 32 or 64 and names.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kinds.tunable import Tunable
from simulator.schemes.ids_only_greedy import IdsOnlyGreedy


class RemoteDrafter(IdsOnlyGreedy):
    """Flat ids of greedy drafts, one round drafted ahead of the one that is verified."""

    kind: Literal["remote_drafter"] = "remote_drafter"  # type: ignore[assignment]
    token: Literal["flat", "coded"] = Field("flat", description="an id: ceil(log2 V) bits, or coded by a prior")
    depth: Annotated[int, Tunable(0, 1, 2, serving=True)] = Field(
        1, ge=0, le=16, description="rounds drafted ahead of the one that is verified; 0: none"
    )
