"""What the simulator asks of a language model: laws of next tokens after a sequence, from a cache it never sees.

A `CachedText` is one text with its keys and values. The caller always hands over the whole text and says how many
trailing laws it wants; cached entries that are a prefix of it are kept, the rest dropped, and one forward pass runs
over what is missing. Accepting, rejecting and starting over are therefore the same call.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Protocol

from kinds import Choice
from kinds.arrays import Floats

Laws = Floats
"""float64 [n, V]: each row a law."""
DeviceName = Literal["auto", "cpu", "cuda"]


class CachedText(Protocol):
    """One text and its cache. Not thread-safe; cheap to open, costly to fill."""

    @property
    def cached(self) -> tuple[int, ...]:
        """The token ids whose keys and values are held, oldest first."""
        ...

    def laws(self, tokens: tuple[int, ...], last: int) -> Laws:
        """The `last` trailing next-token laws of `tokens`, shape [last, V], float64, rows sum to 1.

        Row i is the law of the token that follows tokens[: len(tokens) - last + 1 + i]. Cached entries that are not a
        prefix of `tokens`, and those whose laws are asked for again, are dropped first; then one forward pass runs over
        the rest. Afterwards `cached == tokens`. `last = 0` fills the cache only. Raises ValueError when
        `last > len(tokens)`, and when the text exceeds the model's context.
        """
        ...

    def crop(self, length: int) -> None:
        """Forgets all cached entries past the first `length`."""
        ...


def require_text(tokens: tuple[int, ...], last: int, context_tokens: int) -> None:
    """Raises ValueError where a text has not that many laws, or does not fit the context."""
    if not 0 <= last <= len(tokens):
        raise ValueError(f"last = {last}: 0 to {len(tokens)} laws of a text of that length")
    if len(tokens) > context_tokens:
        raise ValueError(f"text of {len(tokens)} tokens: at most {context_tokens}")


class LanguageModel(Protocol):
    """A causal language model with a fixed vocabulary."""

    @property
    def vocabulary(self) -> int:
        """V, the number of token ids."""
        ...

    @property
    def context_tokens(self) -> int:
        """The longest text it can hold, in tokens."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of weights, dtype and library versions: two models with equal fingerprints give equal laws."""
        ...

    def open(self, temperature: float) -> CachedText:
        """A new, empty text. Temperature 0 is greedy: the law is one-hot at the lowest-id argmax."""
        ...


@dataclass(frozen=True)
class Prompt:
    """A text that a request starts from."""

    name: str
    kind: str
    tokens: tuple[int, ...]

    def first(self, tokens: int) -> Prompt:
        """The prompt cut after that many tokens."""
        return Prompt(self.name, self.kind, self.tokens[:tokens])


@dataclass(frozen=True)
class LoadedPair:
    """A drafter and a verifier over one vocabulary, and the prompts they are tried on."""

    drafter: LanguageModel
    verifier: LanguageModel
    prompts: tuple[Prompt, ...]
    end_token: int | None = None
    """The id that ends a text, where the vocabulary has one."""

    @property
    def vocabulary(self) -> int:
        return self.verifier.vocabulary


class Pair(Choice, family=True):
    """Which drafter and verifier decide the tokens. A description only: nothing is read before `load`."""

    summary: ClassVar[str]
    """One line for a person: what runs."""
    has_laws: ClassVar[bool] = True
    """Whether its laws say more than which token it is: schemes that send the drafter's laws need them."""

    @property
    def at_hand(self) -> bool:
        """Whether vocabulary, context and fingerprint can be told without the network. Where not, they raise
        ConfigError until `prepare` has been called: describing a pair never reaches the network."""
        return True

    @cached_property
    @abstractmethod
    def vocabulary(self) -> int:
        """V, known without loading weights."""

    @cached_property
    @abstractmethod
    def context_tokens(self) -> int:
        """The longest text both models can hold, known without loading weights."""

    @cached_property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of all that decides the laws and the prompts: weights, dtype, library versions, parameters."""

    def prepare(self) -> None:
        """Fetches or makes what every `load` on this machine needs and only the first has to, before several processes
        ask for it at once. Raises ConfigError as `load` does."""

    @abstractmethod
    def load(self) -> LoadedPair:
        """Reads the weights. Raises ConfigError when a file is missing or its hash is not the recorded one."""
