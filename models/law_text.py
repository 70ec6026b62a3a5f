"""The texts of models without a network: laws are written where they are asked for, and nothing costs time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kinds.arrays import Floats
from models.interface import TokenTree, require_text, require_tree, require_tree_passed

WriteLaw = Callable[[Floats, tuple[int, ...], int], None]
"""write(out, tokens, end): the law of the token after tokens[:end] into out [V]; a pure function of these tokens."""


class LawText:
    """A `CachedText` whose laws are a function of the text. `cached` is tracked as a real cache would hold it."""

    def __init__(self, write: WriteLaw, vocabulary: int, context_tokens: int) -> None:
        self._write = write
        self._vocabulary = vocabulary
        self._context_tokens = context_tokens
        self._cached: tuple[int, ...] = ()
        self._tree: TokenTree | None = None

    @property
    def cached(self) -> tuple[int, ...]:
        return self._cached

    def laws(self, tokens: tuple[int, ...], last: int) -> Floats:
        """See `CachedText.laws`: [last, V], row i after tokens[: len(tokens) - last + 1 + i]."""
        require_text(tokens, last, self._context_tokens)
        laws = np.empty((last, self._vocabulary))
        for i, out in enumerate(laws):
            self._write(out, tokens, len(tokens) - last + 1 + i)
        self._cached, self._tree = tokens, None
        return laws

    def tree_laws(self, tokens: tuple[int, ...], tree: TokenTree) -> Floats:
        """See `CachedText.tree_laws`: [N + 1, V]."""
        require_tree(tokens, tree, self._context_tokens)
        laws = np.empty((len(tree.tokens) + 1, self._vocabulary))
        for node, out in enumerate(laws, start=-1):
            text = (*tokens, *tree.along(tree.path_to(node)))
            self._write(out, text, len(text))
        self._cached, self._tree = tokens, tree
        return laws

    def graft(self, path: tuple[int, ...]) -> None:
        """See `CachedText.graft`."""
        self._cached += require_tree_passed(self._tree).along(path)
        self._tree = None

    def crop(self, length: int) -> None:
        self._cached, self._tree = self._cached[:length], None


class LawModel:
    """A `LanguageModel` whose laws are a function of the text and the temperature."""

    def __init__(
        self, write_at: Callable[[float], WriteLaw], vocabulary: int, context_tokens: int, fingerprint: str
    ) -> None:
        self.vocabulary = vocabulary
        self.context_tokens = context_tokens
        self.fingerprint = fingerprint
        self._write_at = write_at

    def open(self, temperature: float) -> LawText:
        return LawText(self._write_at(temperature), self.vocabulary, self.context_tokens)
