"""Prompt lookup: drafts copied from the prompt and the text so far, without a drafter model.

Saxena's prompt-lookup decoding (2023; github.com/apoorvumang/prompt-lookup-decoding), vLLM's method `ngram`. The last
n tokens are looked for earlier in the text, n from `longest` down to `shortest`; the draft is the token behind the
latest earlier occurrence of the longest. Each draft is looked up behind the drafts before it, so a copy may follow a
later place, or run on into its own drafts, where vLLM copies on from the one place and ends with the text.

q is a point mass that is a function of the text alone, so rejection accepts d with probability p(d) and keeps the
verifier's distribution. Where nothing matches the round has no draft: a bare header asks for one token.

A cloud that looks up by itself (`colocated_lookup`) finds the same drafts, and no bit of them crosses the air.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kinds.arrays import Floats
from kinds.tunable import Tunable
from models.computed_text import ComputedModel
from models.interface import LanguageModel, LoadedPair
from models.latency.latency import ConstantLatency, Latency
from simulator.cell.scheme import Scheme
from simulator.schemes.hosted import HostedScheme
from simulator.schemes.ids_only_greedy import IdsOnlyGreedy


class CopiesText(Scheme):
    """Drafts are copied from the text."""

    longest: Annotated[int, Tunable(2, 3, 4, 6)] = Field(
        3, ge=1, le=64, description="tokens, the longest end of the text that is looked for earlier in it"
    )
    shortest: int = Field(1, ge=1, le=64, description="tokens, the shortest end of the text that may match")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.shortest > self.longest:
            raise ValueError(f"shortest = {self.shortest}: must be at most longest = {self.longest}")
        return self

    @property
    def copies_text(self) -> bool:
        return True

    @property
    def drafts_in_cloud(self) -> bool:
        return False

    def drafter(self, pair: LoadedPair) -> LanguageModel:
        fingerprint = f"prompt lookup {self.longest} {self.shortest}"
        return ComputedModel(lambda _: self._write, pair.vocabulary, pair.verifier.context_tokens, fingerprint)

    def draft_latency(self, model: Latency) -> Latency:
        """A lookup takes microseconds: nothing."""
        return ConstantLatency(per_pass_s=0.0)

    def foreseen_drafts(self, text: Sequence[int], most: int) -> int:
        return 0 if copied(text, self.longest, self.shortest) is None else most

    def _write(self, out: Floats, tokens: tuple[int, ...], end: int) -> None:
        out[:] = 0.0
        token = copied(tokens[:end], self.longest, self.shortest)
        if token is not None:
            out[token] = 1.0


class PromptLookup(CopiesText, IdsOnlyGreedy):
    """The edge copies drafts from the text, and their ids go up."""

    kind: Literal["prompt_lookup"] = "prompt_lookup"  # type: ignore[assignment]
    partial: Literal[False] = Field(False, description="never: a round's drafts are there at once")


class ColocatedLookup(CopiesText, HostedScheme):
    """The cloud copies drafts from the text, and the device gets tokens alone."""

    kind: Literal["colocated_lookup"] = "colocated_lookup"
    max_drafts: Annotated[int, Tunable(1, 2, 3, 4, 6, 8)] = Field(4, ge=1, le=1024, description="L, drafts of a round")

    @property
    def drafts(self) -> int:
        return self.max_drafts


def copied(text: Sequence[int], longest: int, shortest: int) -> int | None:
    """Returns the token behind the latest earlier occurrence of the longest end of the text, of `longest` to `shortest`
    tokens, that has one; None where none has."""
    matched, token = shortest - 1, None
    for end in range(len(text) - 1, 0, -1):
        length = 0
        while length < min(longest, end) and text[end - 1 - length] == text[-1 - length]:
            length += 1
        if length > matched:
            matched, token = length, text[end]
        if matched == longest:
            break
    return token
