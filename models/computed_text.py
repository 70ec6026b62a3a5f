"""Texts whose next-token distributions are computed from the tokens, without a network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kinds.arrays import Floats
from models.interface import (
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
