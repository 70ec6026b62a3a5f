"""Pairs of which only acceptance is known: published ones by name, and any whose figures a user gives.

No network runs. Where a text is, an acceptance a is laid out along it (`acceptance_mix`), fitted so that the rounds of
the source's draft length L survive as published, or commit as many tokens. The verifier's distribution p has a shape
measured on a real verifier where a real pair had about that acceptance (`distribution_shapes`); the drafter's
distribution q is at TV(p, q) = 1 - a exactly, so that a draft drawn from q itself stands with probability a. What a
scheme keeps of q then decides what it loses, as with a real pair.

The layout could hold at every temperature: temperature sharpens the shapes and leaves a as it is; at 0, where
distributions are one-hot, drafter and verifier prefer the same id with probability a. But a real pair's acceptance
changes with it, so a published pair is refused at another temperature than its figures were measured at, unless `kept`
says what share of AL - 1 is left there: every acceptance of the fitted layout then falls by one factor
(`acceptance_mix.keep`). Figures of one's own (kind `acceptance`) are taken to be those of the cell's temperature, or of
one where `kept` was more.

The figures are those of a text's beginning: `drift` and `aging` say what is lost of each acceptance later in it, and in
later prompts. Nobody has published how much that is; a field of one's own.

At another draft length than L the same text is met otherwise, as it would be of the real pair: Llama-3.3-70B with
Llama-3.2-1B, fitted to its survival at 8 drafts, gives AL 3.36 and 4.49 at 3 and 5, published are 3.38 and 4.52.
"""

from __future__ import annotations

import hashlib
import struct
from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property, lru_cache, partial
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from kinds.arrays import Floats, Ints
from models.acceptance_mix import CONCENTRATION, AlongText, fit_accepted_length, fit_survival, keep, missed
from models.computed_text import ComputedModel, WriteDistribution
from models.distribution_shapes import TABLE, ShapedDistributions, ShapeTable
from models.interface import LoadedPair, Pair, Prompt
from models.published_figures import (
    KEPT_LEAST,
    KEPT_MOST,
    NEXT_CHOICE,
    NEXT_CHOICE_LEAST,
    NEXT_CHOICE_MOST,
    Figures,
    PresetName,
)
from models.published_figures import PRESETS as PRESETS

_TOLERATED = 0.03  # A survival that every layout misses by more is refused
_GEOMETRIC = tuple(0.8**drafts for drafts in range(1, 9))
"""The survival of a pair of which nothing is given: acceptance .8 everywhere."""
_GOLDEN = (5**0.5 - 1) / 2
"""Step of the quantile at which a text starts, from one prompt to the next, modulo 1."""
_RANKED = 8
"""Choices of a drafter that are ranked at temperature 0."""
_SHARES = 0.5 ** np.arange(_RANKED) / (2 - 0.5 ** (_RANKED - 1))
_ORDER, _PROMPTS, _START = (1 << 62) + np.arange(3)  # philox counters


class OfAcceptance(Pair):
    """A drafter and a verifier made from what is known of their acceptance."""

    repeats: ClassVar[bool] = False

    prompts: int = Field(default=256, ge=1, le=10_000, description="how many prompts, of ids drawn evenly")
    prompt_tokens: int = Field(default=64, ge=1, description="length of each prompt")
    context: int = Field(default=8192, ge=2, description="longest text, in tokens")
    stretch_tokens: int = Field(default=64, ge=2, description="for how many tokens of a text an acceptance stays")
    seed: int = Field(
        default=0, ge=0, lt=1 << 60, description="decides the distributions, the prompts and where texts start"
    )
    kept: float | None = Field(
        default=None,
        gt=0,
        le=1,
        exclude_if=lambda kept: kept is None,
        description="share of AL - 1, tokens a verify pass less one, that is left at the cell's temperature of "
        f"what was measured: from 0 to 1 published models keep {KEPT_LEAST} to {KEPT_MOST}; null: the figures hold as "
        "they are, and published ones at their own temperature alone",
    )

    drift: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        exclude_if=lambda drift: drift == 0,
        description="share of each acceptance that is lost within 1,000 tokens behind the prompt, of what is left in "
        "the next 1,000 as much: an answer, or a conversation, that leads away from what the drafter knows",
    )
    next_choice: float = Field(
        default=NEXT_CHOICE,
        ge=0,
        le=1,
        exclude_if=lambda share: share == NEXT_CHOICE,
        description="share of the corrections at temperature 0 that are the drafter's next choice after its draft, "
        "and of the others that are the one after that, for rounds that are prepared; bundled pairs have "
        f"{NEXT_CHOICE_LEAST} to {NEXT_CHOICE_MOST}",
    )
    aging: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        exclude_if=lambda aging: aging == 0,
        description="share of each acceptance that is lost from the pair's first prompt to its last, evenly: over a "
        "day of requests, or as the verifier is trained on while drafters stay (FlexSpec, arXiv 2601.00644)",
    )

    @property
    @abstractmethod
    def figures(self) -> Figures:
        """Published figures of the pair."""

    @cached_property
    def along(self) -> AlongText:
        """Acceptance along the text: as measured, or less if less is kept."""
        return self.measured if self.kept is None else keep(self.measured, self.figures.drafts, self.kept)

    @cached_property
    def measured(self) -> AlongText:
        """Acceptance along the text, fitted to the figures at the draft length at which they were measured."""
        figures = self.figures
        if figures.survival:
            return fit_survival(figures.survival, self.stretch_tokens)
        return fit_accepted_length(figures.accepted_length, figures.drafts, figures.concentration, self.stretch_tokens)

    @model_validator(mode="after")
    def _feasible(self) -> Self:
        if self.prompts > self.vocabulary:
            raise ValueError(f"prompts at most size = {self.vocabulary} allowed: each starts with an id of its own")
        if self.prompt_tokens > self.context:
            raise ValueError(f"prompt_tokens at most context = {self.context} allowed")
        if self.stretch_tokens <= self.figures.drafts:
            raise ValueError(f"stretch_tokens above the drafts of a round, {self.figures.drafts}, allowed")
        return self

    @cached_property
    def context_tokens(self) -> int:
        return self.context

    @cached_property
    def fingerprint(self) -> str:
        described = f"{self.kind}/2 numpy {np.__version__} {self.figures} {TABLE.read_text()} {self.model_dump_json()}"
        return hashlib.sha256(described.encode()).hexdigest()

    def load(self) -> LoadedPair:
        """Fits the layout and makes both models. Their distributions are made when first asked for."""
        texts = PublishedTexts(self.vocabulary, self.along, self.seed, self.left, self.next_choice)
        drafter = ComputedModel(texts.drafter_at, self.vocabulary, self.context, self.fingerprint + "/drafter")
        verifier = ComputedModel(texts.verifier_at, self.vocabulary, self.context, self.fingerprint + "/verifier")
        ranks = ComputedModel(texts.choices_at, self.vocabulary, self.context, self.fingerprint + "/choices")
        return LoadedPair(drafter, verifier, tuple(map(self._prompt, range(self.prompts))), choices=ranks)

    def left(self, prompt: int, position: int) -> float:
        """The share of its acceptance that a text from this prompt has left at a position."""
        aged = 1 - self.aging * min(prompt, self.prompts - 1) / max(1, self.prompts - 1)
        return aged * float((1 - self.drift) ** (max(0, position - self.prompt_tokens) / 1000))

    def _prompt(self, index: int) -> Prompt:
        """Returns a prompt. Its first id names the prompt from which a text comes."""
        ids = _stream(self.seed, int(_PROMPTS), index).integers(self.vocabulary, size=self.prompt_tokens)
        return Prompt(f"{self.kind}-{index}", self.kind, (index, *ids[1:].tolist()))


class Published(OfAcceptance):
    """A pair of which measurements were published; `PRESETS` has them, with their source."""

    summary: ClassVar[str] = (
        "their acceptance as published, over distributions of the shape of a smaller verifier's, no network"
    )

    kind: Literal["published"] = "published"
    name: PresetName = Field(
        default="llama_1b_70b", description="which pair; models/published_figures.py has its source"
    )
    size: int | None = Field(
        default=None, ge=256, le=1 << 20, description="V, number of token ids; null: the pair's own"
    )

    @property
    def figures(self) -> Figures:
        return PRESETS[self.name]

    @property
    def remark(self) -> str:
        assumed = self.figures.assumed
        opened = f"; the source leaves open, and is assumed: {assumed}" if assumed else ""
        return f"acceptance of {self.name} was measured on one task, {self.task}{opened}"

    @property
    def reads_features(self) -> bool:
        return self.figures.reads_features

    @property
    def task(self) -> str:
        """The task that its acceptance was measured on."""
        return self.figures.task

    @property
    def weight_bytes(self) -> float | None:
        return self.figures.weight_bytes

    def check_temperature(self, temperature: float) -> None:
        own = self.figures.temperature
        if temperature == own and self.kept not in (None, 1):
            raise ValueError(
                f"pair.kept = {self.kept:g}: must be null at temperature = {own:g}, at which the acceptance of "
                f"{self.name} was measured"
            )
        if temperature != own and (self.kept is None or temperature < own):
            scaled = "; above it pair.kept says what is left of it" if temperature < own else ", or pair.kept given"
            raise ValueError(
                f"temperature = {temperature:g}: must be {own:g}, at which the acceptance of {self.name} was "
                f"measured{scaled}; pair kind acceptance takes figures of your own"
            )

    def scaled_to(self, temperature: float) -> str:
        if self.kept is None or temperature == self.figures.temperature:
            return ""
        return (
            f"acceptance scaled from temperature {self.figures.temperature:g} to {temperature:g} by {self.kept:g} of "
            f"AL - 1 (from 0 to 1 published models keep {KEPT_LEAST} to {KEPT_MOST})"
        )

    @property
    def verifier(self) -> str:
        """Name of the verifier on the hub; no file of it is read."""
        return self.figures.verifier

    @property
    def drafter(self) -> str:
        """Name of the drafter on the hub; no file of it is read."""
        return self.figures.drafter

    @cached_property
    def vocabulary(self) -> int:
        return self.size or self.figures.vocabulary


class KnownAcceptance(OfAcceptance):
    """A pair by figures of one's own: survival by position, or a mean accepted length, or a mean share of drafts."""

    summary: ClassVar[str] = "distributions of a real shape at an acceptance of one's own measurement, no network"

    kind: Literal["acceptance"] = "acceptance"
    survival: tuple[float, ...] | None = Field(
        default=None, min_length=1, max_length=32, description="P(the first 1, 2, ... drafts of a round all stand)"
    )
    accepted_length: float | None = Field(
        default=None, gt=1, description="AL, tokens that a round commits, with its correction or bonus; needs drafts"
    )
    share: float | None = Field(default=None, gt=0, lt=1, description="mean share of drafts that stand; needs drafts")
    drafts: int = Field(default=8, ge=1, le=32, description="L, drafts of a round where AL or the share was measured")
    concentration: float = Field(
        default=CONCENTRATION,
        ge=0.1,
        le=1000,
        description="alpha + beta of the Beta distribution about AL or share: spread",
    )
    size: int = Field(default=32_000, ge=256, le=1 << 20, description="V, number of token ids")

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        given = [name for name in ("survival", "accepted_length", "share") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"one of survival, accepted_length and share allowed, not {' and '.join(given)}")
        if self.accepted_length is not None or self.share is not None:
            self._check_length()
            return self
        survival = self.figures.survival
        falls = all(0 < after <= before <= 1 for before, after in zip((1.0, *survival), survival, strict=False))
        if not falls:
            raise ValueError("survival of falling numbers within 0 and 1 allowed")
        if missed(self.measured, np.array(survival)) > _TOLERATED:
            nearest = ", ".join(f"{each:.3f}" for each in self.measured.survival(len(survival)))
            raise ValueError(f"survival that some text can have allowed: the nearest found is {nearest}")
        return self

    def _check_length(self) -> None:
        least, most = 1.02, 1 + 0.98 * self.drafts  # that a fit can reach
        if least <= self.figures.accepted_length <= most:
            return
        if self.share is None:
            raise ValueError(f"accepted_length within {least:g} and {most:g} of {self.drafts} drafts allowed")
        raise ValueError(f"share within {(least - 1) / self.drafts:.4g} and {(most - 1) / self.drafts:.4g} allowed")

    @property
    def figures(self) -> Figures:
        if self.share is not None:
            return Figures("", "", self.size, self.drafts, (), 1 + self.share * self.drafts, self.concentration)
        if self.accepted_length is not None:
            return Figures("", "", self.size, self.drafts, (), self.accepted_length, self.concentration)
        survival = self.survival or _GEOMETRIC
        return Figures("", "", self.size, len(survival), survival)

    def scaled_to(self, temperature: float) -> str:
        return "" if self.kept in (None, 1) else f"acceptance scaled by {self.kept:g} of AL - 1 from the figures given"

    @cached_property
    def vocabulary(self) -> int:
        return self.size


class PublishedTexts:
    """Distributions of drafter and verifier after a text: functions of its first id, its last two, and its length."""

    def __init__(
        self,
        vocabulary: int,
        along: AlongText,
        seed: int,
        left: Callable[[int, int], float] = lambda _, __: 1.0,
        next_choice: float = NEXT_CHOICE,
    ) -> None:
        """`left`: the share of an acceptance that is left, by the text's first id and a position."""
        self._next_choice = next_choice
        self._left = left
        self._vocabulary = vocabulary
        self._along = along
        self._seed = seed
        self._start = float(_stream(seed, int(_START)).random())
        self._order: Ints = _stream(seed, int(_ORDER)).permutation(vocabulary)
        self._shaped = lru_cache(maxsize=2)(
            lambda temperature: ShapedDistributions(vocabulary, temperature, self._order) if temperature else None
        )
        self._table = ShapeTable.read()

    def acceptance(self, tokens: tuple[int, ...], end: int) -> float:
        """Returns the acceptance of a draft that follows tokens[:end]."""
        start = (self._start + tokens[0] * _GOLDEN) % 1.0 if tokens else self._start
        return self._along.acceptance(start, end) * self._left(tokens[0] if tokens else 0, end)

    def verifier_at(self, temperature: float) -> WriteDistribution:
        """p, as `ComputedText` asks for it."""
        return partial(self._write, self._shaped(temperature), "verifier")

    def drafter_at(self, temperature: float) -> WriteDistribution:
        """q, as `ComputedText` asks for it."""
        return partial(self._write, self._shaped(temperature), "drafter")

    def choices_at(self, _: float) -> WriteDistribution:
        """The drafter's first choices at temperature 0, as of a distribution. Where the first is not the verifier's
        token, each next one is it with probability `next_choice` if none before it is."""
        return self._rank

    def _rank(self, out: Floats, tokens: tuple[int, ...], end: int) -> None:
        first, level, shift = self._numbers(tokens, end)
        places = list(range(_RANKED + 1))
        if first >= self.acceptance(tokens, end):
            missed = 1 - self._next_choice
            behind = sum(level >= 1 - missed**guesses for guesses in range(1, _RANKED))
            places = [*places[1 : behind + 2], 0, *places[behind + 2 :]]
        out[:] = 0.0
        out[(self._order[places[:_RANKED]] + shift) % self._vocabulary] = _SHARES

    def _write(
        self,
        shaped: ShapedDistributions | None,
        role: Literal["drafter", "verifier"],
        out: Floats,
        tokens: tuple[int, ...],
        end: int,
    ) -> None:
        """`shaped`: None at temperature 0, where distributions are one-hot."""
        first, level, shift = self._numbers(tokens, end)
        acceptance = self.acceptance(tokens, end)
        if shaped is None:
            differs = role == "drafter" and first >= acceptance
            out[:] = 0.0
            out[(self._order[int(differs)] + shift) % self._vocabulary] = 1.0
            return
        shape = self._table.shape_at(acceptance, first, level)
        if role == "drafter":
            shaped.write_drafter(out, shape, shift, 1 - acceptance)
        else:
            shaped.write_verifier(out, shape, shift)

    def _numbers(self, tokens: tuple[int, ...], end: int) -> tuple[float, float, int]:
        """Two uniforms and a shift below V, by seed, position and the last two ids."""
        last = tokens[max(0, end - 2) : end]
        digest = hashlib.blake2b(struct.pack(f"<{2 + len(last)}q", self._seed, end, *last), digest_size=24).digest()
        certainty, level, shift = struct.unpack("<3Q", digest)
        return (certainty >> 11) * 2.0**-53, (level >> 11) * 2.0**-53, shift % self._vocabulary


def _stream(seed: int, purpose: int, index: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, purpose + (index << 3)], dtype=np.uint64)))
