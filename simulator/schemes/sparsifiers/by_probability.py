"""Tokens by their probability: top-p (nucleus), min-p, a threshold that stays."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from channels.codec import sparsify
from kinds.arrays import Floats, Ints
from kinds.tunable import Tunable
from simulator.schemes.sparsifier import Sparsifier, State


class KeepTopP(Sparsifier):
    """The fewest most probable tokens that hold at least `mass` (nucleus)."""

    kind: Literal["top_p"] = "top_p"
    mass: Annotated[float, Tunable(0.5, 0.8, 0.9, 0.95, 0.99)] = Field(
        0.9, gt=0, le=1, description="probability that the kept tokens hold at least"
    )

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.TopP(self.mass).support(q)


class KeepMinP(Sparsifier):
    """Every token at least `ratio` times as probable as the most probable one."""

    kind: Literal["min_p"] = "min_p"
    ratio: Annotated[float, Tunable(0.3, 0.1, 0.05, 0.02, 0.01)] = Field(
        0.05, ge=0, le=1, description="least probability kept, as a share of the largest"
    )

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.MinP(self.ratio).support(q)


class KeepAbove(Sparsifier):
    """Every token at least as probable as a threshold that stays."""

    kind: Literal["threshold"] = "threshold"
    beta: Annotated[float, Tunable(0.3, 0.1, 0.03, 0.01, 0.003)] = Field(
        0.05, le=1, allow_inf_nan=False, description="least probability kept"
    )

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.Threshold(self.beta).support(q)
