"""Texts that a model writes, and a model's laws along texts: what a prior for a pair is learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from kinds.arrays import Int32s
from models.interface import LanguageModel, Prompt
from models.verification import inverse_cdf

TOP = 256
Told = Callable[[float, int, str], None]
"""Hears (done, all, of what)."""


def written(
    model: LanguageModel, prompts: Sequence[Prompt], number: int, length: int, temperature: float, seed: int, told: Told
) -> Int32s:
    """Texts of `length` tokens, int32 [number, length]: the first quarter of each is a prompt's, or as much of it as
    there is, the rest is drawn from the model's law. Prompts go round; each text has randomness of its own."""
    texts = np.empty((number, length), np.int32)
    for index in range(number):
        rng, text = np.random.default_rng([seed, index]), model.open(temperature)
        tokens = prompts[index % len(prompts)].tokens[: max(1, length // 4)]
        while len(tokens) < length:
            tokens = (*tokens, inverse_cdf(text.laws(tokens, 1)[0], float(rng.random())))
        texts[index] = tokens
        told(index + 1, number, "texts")
    return texts


def likeliest(
    model: LanguageModel, texts: Int32s, temperature: float, told: Told
) -> tuple[Int32s, npt.NDArray[np.float32]]:
    """After each token of texts [N, T], the M = min(V, TOP) likeliest next ids, largest first, int32 [N, T, M]; and
    their probabilities, float32 [N, T, M]. One pass a text."""
    most = min(TOP, model.vocabulary)
    ids = np.empty((*texts.shape, most), np.int32)
    probabilities = np.empty(ids.shape, np.float32)
    for index, text in enumerate(texts):
        laws = model.open(temperature).laws(tuple(text.tolist()), len(text))  # [T, V]
        kept = np.argpartition(-laws, most - 1, axis=-1)[:, :most]
        shares = np.take_along_axis(laws, kept, -1)
        order = np.argsort(-shares, axis=-1, kind="stable")
        ids[index], probabilities[index] = (np.take_along_axis(part, order, -1) for part in (kept, shares))
        told(index + 1, len(texts), "laws")
    return ids, probabilities
