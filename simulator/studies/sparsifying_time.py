"""What sparsifying costs in wall time: choosing the support and moving the state, beside the softmax that made the
distribution, in turn on the same distributions. What has a state is timed after ever more accepted tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from kinds import ConfigError
from kinds.arrays import Floats
from models.pair_cards import load
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.sparsifier import State
from simulator.studies.study import Study, StudyResult

TOKENS: Final = (16, 256, 4096)  # rows of what has a state are after so many
DISTRIBUTIONS: Final = 16  # that the tokens meet in turn
REPEATS: Final = 9


class SparsifyingTime(Study):
    """Medians over distributions and REPEATS repetitions: one row, or a row a length where there is a state."""

    deterministic: ClassVar[bool] = False
    of_requests: ClassVar[bool] = False

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        scheme = cell.scheme
        if not isinstance(scheme, DraftScheme):
            raise ConfigError(f"scheme = {scheme.kind!r}: keeps no part of a distribution")
        return StudyResult(list(_rows(scheme, _distributions(cell))))


def _distributions(cell: Cell) -> Sequence[Floats]:
    pair = load(cell.models.pair)
    tokens = pair.prompts[0].tokens
    return list(pair.drafter.open(cell.models.temperature).distributions(tokens, min(DISTRIBUTIONS, len(tokens))))


def _rows(scheme: DraftScheme, distributions: Sequence[Floats]) -> Iterator[dict[str, float]]:
    state, done = scheme.entry(None), 0
    if scheme.advance(distributions[0], state) == state:
        yield _row(scheme, distributions, state)
        return
    for tokens in TOKENS:
        for place in range(done, tokens):
            state = scheme.advance(distributions[place % len(distributions)], state)
        done = tokens
        yield {"tokens": tokens, **_row(scheme, distributions, state)}


def _row(scheme: DraftScheme, distributions: Sequence[Floats], state: State) -> dict[str, float]:
    softmax_s, sparsifying_s = _medians_s(scheme, distributions, state)
    return {
        "sparsifying_s": sparsifying_s,
        "softmax_s": softmax_s,
        "sparsifying_over_softmax": sparsifying_s / softmax_s,
        "support_size": float(np.mean([scheme.support(q, state).size for q in distributions])),
    }


def _medians_s(scheme: DraftScheme, distributions: Sequence[Floats], state: State) -> tuple[float, float]:
    with np.errstate(divide="ignore"):
        logits = [np.log(q).astype(np.float32) for q in distributions]
    softmax_s, sparsifying_s = [], []
    for _ in range(REPEATS):
        for q, each in zip(distributions, logits, strict=True):
            began = perf_counter()
            softmax(each)
            made = perf_counter()
            scheme.support(q, state)
            scheme.advance(q, state)
            softmax_s.append(made - began)
            sparsifying_s.append(perf_counter() - made)
    return median(softmax_s), median(sparsifying_s)


def softmax(logits: npt.NDArray[np.float32]) -> Floats:
    """A distribution, float64 [V], of a network's output [V], as the models make it: in double precision, in place."""
    distribution = logits.astype(np.float64)
    distribution -= distribution.max()
    np.exp(distribution, out=distribution)
    distribution /= distribution.sum()
    return distribution
