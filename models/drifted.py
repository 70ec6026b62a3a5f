"""The same weights under another library, precision or machine: laws that differ in their last digits.

Each logit gets a normal number of its own, with a given standard deviation, decided by the text and the token. Sums in
another order shift float32 logits by some 1e-6, half-precision weights or activations by 1e-3 to 1e-2.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from kinds.arrays import Floats
from models.interface import CachedText, LanguageModel, Laws, TokenTree


def open_drifted(model: LanguageModel, temperature: float, drift: float) -> CachedText:
    """As `LanguageModel.open`, with logits off by `drift`; greedy laws stay as they are."""
    text = model.open(temperature)
    return DriftedText(text, drift / temperature) if temperature > 0 and drift > 0 else text


class DriftedText:
    """A `CachedText` whose log laws are off by `drift`."""

    def __init__(self, text: CachedText, drift: float) -> None:
        self._text = text
        self._drift = drift

    @property
    def cached(self) -> tuple[int, ...]:
        return self._text.cached

    def laws(self, tokens: tuple[int, ...], last: int) -> Laws:
        """See `CachedText.laws`: [last, V]."""
        laws = self._text.laws(tokens, last).copy()
        for row, end in zip(laws, range(len(tokens) - last + 1, len(tokens) + 1), strict=True):
            self._move(row, tokens[:end])
        return laws

    def tree_laws(self, tokens: tuple[int, ...], tree: TokenTree) -> Laws:
        """See `CachedText.tree_laws`: [N + 1, V]."""
        laws = self._text.tree_laws(tokens, tree).copy()
        for node, row in enumerate(laws, start=-1):
            self._move(row, (*tokens, *tree.along(tree.path_to(node))))
        return laws

    def graft(self, path: tuple[int, ...]) -> None:
        """See `CachedText.graft`."""
        self._text.graft(path)

    def crop(self, length: int) -> None:
        """See `CachedText.crop`."""
        self._text.crop(length)

    def _move(self, law: Floats, text: tuple[int, ...]) -> None:
        """The law [V] after a text, moved in place."""
        key = blake2b(np.array(text, dtype="<i8").tobytes(), digest_size=16).digest()
        normals = np.random.Generator(np.random.Philox(key=np.frombuffer(key, dtype="<u8").astype(np.uint64)))
        law *= np.exp(self._drift * normals.standard_normal(law.size))
        law /= law.sum()
