"""Exact small Markov distributions in float64: a model pair without a network, for theory, tests and very large sweeps.

The next-token distribution depends on the last `order` tokens only, through one of `contexts` rows. Row s of the
verifier is softmax(b g_s) with Gaussian g_s and b such that its entropy is the one asked for. Row s of the drafter is
(1 - w) p_s + w r_s, where r_s holds p_s's probabilities in reverse order of likelihood (or, where that is too near, is
certain of p_s's least likely token) and w makes TV(p_s, q_s) the distance asked for. Both hold at temperature 1; at
another temperature a row is raised to 1/T and normalized.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property, partial
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from kinds.arrays import Floats
from models.computed_text import ComputedModel, WriteDistribution
from models.interface import LoadedPair, Pair, Prompt
from models.verification import entropy_bits, inverse_cdf, total_variation

_PROMPT_STREAM = 1 << 62  # philox counter of the prompts' uniforms, apart from every row's


class Synthetic(Pair):
    """A drafter and a verifier at a chosen distance, made from a seed."""

    summary: ClassVar[str] = "synthetic Markov distributions in float64, no network"

    kind: Literal["synthetic"] = "synthetic"
    size: int = Field(default=256, ge=2, le=1 << 20, description="V, number of token ids")
    order: int = Field(default=1, ge=1, le=2, description="how many past tokens the next one depends on")
    contexts: int = Field(
        default=256, ge=1, le=1 << 20, description="most distinct next-token distributions of a model"
    )
    entropy_bits: float = Field(
        default=4.0, gt=0, description="entropy of each distribution of the verifier, at most log2 V"
    )
    distance: float = Field(
        default=0.2, ge=0, lt=1, description="TV(p, q) of each distribution of the pair, at temperature 1"
    )
    prompts: int = Field(
        default=24, ge=1, le=10_000, description="how many prompts, drawn from the verifier's distribution"
    )
    prompt_tokens: int = Field(default=64, ge=1, description="length of each prompt")
    context: int = Field(default=4096, ge=2, description="longest text, in tokens")
    seed: int = Field(default=0, ge=0, lt=1 << 60, description="decides the distributions and the prompts")

    @model_validator(mode="after")
    def _feasible(self) -> Self:
        if self.entropy_bits > np.log2(self.size):
            raise ValueError(f"entropy_bits at most log2 of size = {np.log2(self.size):.6g} allowed")
        if self.prompt_tokens > self.context:
            raise ValueError(f"prompt_tokens at most context = {self.context} allowed")
        if self.distance > 1 - 1 / self.size:
            raise ValueError(f"distance at most 1 - 1/size = {1 - 1 / self.size:.6g} allowed")
        return self

    @cached_property
    def vocabulary(self) -> int:
        return self.size

    @cached_property
    def context_tokens(self) -> int:
        return self.context

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"synthetic/1 numpy {np.__version__} {self.model_dump_json()}".encode()).hexdigest()

    def load(self) -> LoadedPair:
        """Makes both models and draws the prompts. Rows are made when first asked for and kept."""
        model = partial(MarkovModel, self.size, order=self.order, contexts=self.contexts, context_tokens=self.context)
        verifier = model(
            lambda state: with_entropy(self._stream(state).standard_normal(self.size), self.entropy_bits),
            fingerprint=self.fingerprint + "/verifier",
        )
        drafter = model(
            lambda context: self._drafter_row(verifier.in_context(context, 1.0)),
            fingerprint=self.fingerprint + "/drafter",
        )
        return LoadedPair(drafter, verifier, tuple(self._prompt(verifier, i) for i in range(self.prompts)))

    def _drafter_row(self, p: Floats) -> Floats:
        other = reversed_likelihood(p)
        if total_variation(p, other) < self.distance:
            other = np.zeros_like(p)
            other[np.argmin(p)] = 1.0
        weight = self.distance / float(total_variation(p, other)) if self.distance > 0 else 0.0
        q: Floats = (1 - weight) * p + weight * other
        q /= q.sum()
        return q

    def _prompt(self, verifier: MarkovModel, index: int) -> Prompt:
        uniforms = self._stream(_PROMPT_STREAM + index).random(self.prompt_tokens)
        tokens = [int(uniforms[0] * self.size)]
        for u in uniforms[1:]:
            tokens.append(inverse_cdf(verifier.row(tuple(tokens[-self.order :]), 1.0), float(u)))
        return Prompt(f"synthetic-{index}", "synthetic", tuple(tokens))

    def _stream(self, index: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=np.array([self.seed, index], dtype=np.uint64)))


class MarkovModel(ComputedModel):
    """A `LanguageModel` whose distributions are rows of a table: `row_of(s)` [V] is the distribution in context s =
    0..contexts-1. After tokens ..., x, y the context is y (order 1) or V x + y (order 2), modulo `contexts`; a missing
    x counts as 0."""

    def __init__(
        self,
        vocabulary: int,
        row_of: Callable[[int], Floats],
        *,
        order: int = 1,
        contexts: int | None = None,
        context_tokens: int = 4096,
        fingerprint: str = "markov",
    ) -> None:
        def write_at(temperature: float) -> WriteDistribution:
            def write(out: Floats, tokens: tuple[int, ...], end: int) -> None:
                out[:] = self.row(tokens[max(0, end - 2) : end], temperature)

            return write

        super().__init__(write_at, vocabulary, context_tokens, fingerprint)
        self._row_of = row_of
        self._order = order
        self._contexts = contexts or vocabulary**order
        self._rows: dict[tuple[float, int], Floats] = {}

    @classmethod
    def from_table(cls, table: Floats) -> Self:
        """The order-1 model with distribution table[x] after token x; table [V, V], rows sum to 1."""
        digest = hashlib.sha256(np.ascontiguousarray(table, dtype=np.float64).tobytes()).hexdigest()
        return cls(len(table), lambda state: table[state], fingerprint=digest)

    def row(self, tokens: tuple[int, ...], temperature: float) -> Floats:
        """The distribution [V] of the token after a text that ends in `tokens`."""
        state = 0
        for token in tokens[-self._order :]:
            state = state * self.vocabulary + token
        return self.in_context(state % self._contexts, temperature)

    def in_context(self, context: int, temperature: float) -> Floats:
        """The distribution [V] in a context, made when first asked for and kept."""
        key = temperature, context
        if (row := self._rows.get(key)) is None:
            row = self._rows[key] = _at_temperature(self._row_of(context), temperature)
            row.setflags(write=False)
        return row


def with_entropy(logits: Floats, bits: float) -> Floats:
    """softmax(b logits) [V] with b >= 0 found by bisection, so that its entropy is `bits`.

    To the last bit of b: scipy's brentq stops a few roundings earlier, where two of three distributions have other last
    bits, and with them every table. What the bisection asks is computed near the root alone: elsewhere Newton's method
    has told it.
    """
    row, scratch = np.empty_like(logits), np.empty_like(logits)  # kept, since pages that are new each time cost most
    near, reach = _nearly(logits, bits, row)

    def above(b: float) -> bool:
        if abs(b - near) > reach:
            return b < near
        return entropy_bits(_softmax(np.multiply(logits, b, out=row)), scratch) > bits

    low, high = 0.0, 1.0
    while above(high) and high < 1e12:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if above(middle) else (low, middle)
    return _softmax(np.multiply(logits, high, out=row))


_SURE_BITS = 1e-12
"""An entropy that is farther than this from another, times the larger of it and 1, is so in floats too: the roundings
of an entropy are a hundredth of that."""


def _nearly(logits: Floats, bits: float, weights: Floats) -> tuple[float, float]:
    """b by Newton's method, and how far from it a float's entropy may be on the other side of `bits`; infinitely far
    where it was not found; `weights` [V] is overwritten. With Z = sum exp(b g) and mean and variance under p, H = ln Z
    - b mean, H' = -b variance."""
    wanted, squares, largest = bits * np.log(2), logits * logits, float(logits.max())
    below = logits - largest
    b = float(np.sqrt(max(2 * (np.log(logits.size) - wanted), 1e-6)))  # where there are as many as expected of each
    for _ in range(_MOST_STEPS):
        np.exp(np.multiply(below, b, out=weights), out=weights)
        total = float(weights.sum())
        mean = float(np.einsum("i,i->", weights, logits)) / total
        slope = b * (float(np.einsum("i,i->", weights, squares)) / total - mean * mean)
        if not slope > 0:
            break
        step = (np.log(total) + b * (largest - mean) - wanted) / slope
        b, before = max(b / 2, b + step), b
        if abs(b - before) <= 1e-9 * b and b <= _LARGEST:
            return b, _SURE_BITS * max(1.0, bits) * np.log(2) / slope
    return 0.0, np.inf


_MOST_STEPS, _LARGEST = 20, 64.0
"""Most steps and largest b: a larger b's product with a logit is rounded too coarsely."""


def _softmax(logits: Floats) -> Floats:
    logits -= logits.max()
    np.exp(logits, out=logits)
    logits /= logits.sum()
    return logits


def reversed_likelihood(distribution: Floats) -> Floats:
    """The same probabilities with the order of likelihood reversed: of all permutations, the farthest in TV."""
    order = np.argsort(distribution)
    rising = distribution[order]
    if (rising[1:] == rising[:-1]).any():  # of equals the lowest id first
        order = np.argsort(distribution, kind="stable")
    out = np.empty_like(distribution)
    out[order] = distribution[order[::-1]]
    return out


def _at_temperature(distribution: Floats, temperature: float) -> Floats:
    """distribution^(1/T), normalized; at 0 one-hot at the lowest-id argmax."""
    if temperature == 0:
        out = np.zeros_like(distribution)
        out[np.argmax(distribution)] = 1.0
        return out
    if temperature == 1:
        return distribution.copy()
    with np.errstate(divide="ignore"):
        return _softmax(np.log(distribution) / temperature)
