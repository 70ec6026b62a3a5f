"""Sparsifiers that keep a number of the most probable tokens: all, top-k, a multiple of the perplexity."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from channels.codec import sparsify
from kinds.arrays import Floats, Ints
from kinds.tunable import Tunable
from simulator.schemes.sparsifier import Sparsifier, State

SupportSize = Annotated[
    int,
    Field(ge=1, description="K, tokens kept of each draft distribution; at most the vocabulary"),
    Tunable(1, 2, 4, 8, 16, 32),
]


class KeepAll(Sparsifier):
    """The whole vocabulary."""

    kind: Literal["all"] = "all"

    @property
    def keeps_all(self) -> bool:
        return True

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.All().support(q)


class KeepTopK(Sparsifier):
    """The k most probable tokens; both ends know K, so it is not sent."""

    kind: Literal["top_k"] = "top_k"
    k: SupportSize = 8

    @property
    def fixed_size(self) -> int:
        return self.k

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.TopK(self.k).support(q)


class KeepByEntropy(Sparsifier):
    """The most probable tokens, as many as `scale` times the perplexity of the distribution: a flat distribution keeps
    more."""

    kind: Literal["entropy_k"] = "entropy_k"
    scale: Annotated[float, Tunable(0.25, 0.5, 1.0, 2.0, 4.0)] = Field(
        1.0, gt=0, allow_inf_nan=False, description="tokens kept, as a multiple of 2^entropy"
    )

    def support(self, q: Floats, state: State) -> Ints:
        return sparsify.EntropyK(self.scale).support(q)
