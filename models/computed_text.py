"""Texts whose next-token distributions are computed from the tokens, without a network, and texts that drift: each
logit with a normal number of its own, decided by text and token, as another library or precision would have it (float32
sums in another order some 1e-6, half precision 1e-3 to 1e-2)."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import numpy as np

from kinds.arrays import Floats
from models.interface import (
    CachedText,
    Distributions,
    LanguageModel,
    TokenTree,
    require_text,
    require_tree,
    require_tree_passed,
)

WriteDistribution = Callable[[Floats, tuple[int, ...], int], None]
"""write(out, tokens, end): puts the distribution after tokens[:end] into out [V]; a pure function of these."""


class ComputedText:
    """A `CachedText` whose distributions are a function of the text; `cached` is as a real cache would hold it."""

    def __init__(self, write: WriteDistribution, vocabulary: int, context_tokens: int) -> None:
        self._write = write
        self._vocabulary = vocabulary
        self._context_tokens = context_tokens
        self._cached: tuple[int, ...] = ()
        self._tree: TokenTree | None = None

    @property
    def cached(self) -> tuple[int, ...]:
        return self._cached

    def distributions(self, tokens: tuple[int, ...], last: int) -> Floats:
        require_text(tokens, last, self._context_tokens)
        distributions = np.empty((last, self._vocabulary))
        for i, out in enumerate(distributions):
            self._write(out, tokens, len(tokens) - last + 1 + i)
        self._cached, self._tree = tokens, None
        return distributions

    def tree_distributions(self, tokens: tuple[int, ...], tree: TokenTree) -> Floats:
        require_tree(tokens, tree, self._context_tokens)
        distributions = np.empty((len(tree.tokens) + 1, self._vocabulary))
        for node, out in enumerate(distributions, start=-1):
            text = (*tokens, *tree.along(tree.path_to(node)))
            self._write(out, text, len(text))
        self._cached, self._tree = tokens, tree
        return distributions

    def graft(self, path: tuple[int, ...]) -> None:
        self._cached += require_tree_passed(self._tree).along(path)
        self._tree = None

    def crop(self, length: int) -> None:
        self._cached, self._tree = self._cached[:length], None


class ComputedModel:
    """A `LanguageModel` whose distributions are a function of the text and the temperature."""

    def __init__(
        self, write_at: Callable[[float], WriteDistribution], vocabulary: int, context_tokens: int, fingerprint: str
    ) -> None:
        self.vocabulary = vocabulary
        self.context_tokens = context_tokens
        self.fingerprint = fingerprint
        self._write_at = write_at

    def open(self, temperature: float) -> ComputedText:
        return ComputedText(self._write_at(temperature), self.vocabulary, self.context_tokens)


def open_drifted(model: LanguageModel, temperature: float, drift: float) -> CachedText:
    """As `LanguageModel.open`, with logits off by `drift`; greedy distributions stay as they are."""
    text = model.open(temperature)
    return DriftedText(text, drift / temperature) if temperature > 0 and drift > 0 else text


class DriftedText:
    """A `CachedText` whose log distributions are off by `drift`."""

    def __init__(self, text: CachedText, drift: float) -> None:
        self._text = text
        self._drift = drift

    @property
    def cached(self) -> tuple[int, ...]:
        return self._text.cached

    def distributions(self, tokens: tuple[int, ...], last: int) -> Distributions:
        distributions = self._text.distributions(tokens, last).copy()
        for row, end in zip(distributions, range(len(tokens) - last + 1, len(tokens) + 1), strict=True):
            self._move(row, tokens[:end])
        return distributions

    def tree_distributions(self, tokens: tuple[int, ...], tree: TokenTree) -> Distributions:
        distributions = self._text.tree_distributions(tokens, tree).copy()
        for node, row in enumerate(distributions, start=-1):
            self._move(row, (*tokens, *tree.along(tree.path_to(node))))
        return distributions

    def graft(self, path: tuple[int, ...]) -> None:
        self._text.graft(path)

    def crop(self, length: int) -> None:
        self._text.crop(length)

    def _move(self, distribution: Floats, text: tuple[int, ...]) -> None:
        key = blake2b(np.array(text, dtype="<i8").tobytes(), digest_size=16).digest()
        normals = np.random.Generator(np.random.Philox(key=np.frombuffer(key, dtype="<u8").astype(np.uint64)))
        distribution *= np.exp(self._drift * normals.standard_normal(distribution.size))
        distribution /= distribution.sum()
