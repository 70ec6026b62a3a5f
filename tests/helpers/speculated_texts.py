"""Texts that a pair writes by speculative decoding of its own prompts, round by round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kinds.arrays import Floats
from models.interface import LoadedPair
from models.verification import verify


class Speculated(NamedTuple):
    """A round: the number of its prompt, the text before it, its drafts, and q [L, V] and p [L + 1, V] along them."""

    prompt: int
    text: tuple[int, ...]
    drafts: list[int]
    q: list[Floats]
    p: Floats


def speculated(pair: LoadedPair, rounds: int, length: int) -> Iterator[Speculated]:
    """So many rounds of `length` drafts at temperature 1, as many of each prompt."""
    rng = np.random.default_rng(1)
    each = -(-rounds // len(pair.prompts))
    for number, prompt in enumerate(pair.prompts):
        edge, cloud, text = pair.drafter.open(1.0), pair.verifier.open(1.0), prompt.tokens
        for _ in range(min(each, rounds)):
            rounds -= 1
            q, drafts = list[Floats](), list[int]()
            for _ in range(length):
                q.append(edge.laws((*text, *drafts), 1)[0])
                drafts.append(int(rng.choice(pair.vocabulary, p=q[-1])))
            p = cloud.laws((*text, *drafts), length + 1)
            yield Speculated(number, text, drafts, q, p)
            verdict = verify(p, np.array(drafts), np.array(q), rng.random(length + 1))
            text = (*text, *drafts[: verdict.accepted], verdict.token)
