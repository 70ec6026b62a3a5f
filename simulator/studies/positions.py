"""Rejections of drafts at each position of a round, beside their probability TV(qhat, p) and the bound TV(q, p) + alpha
+ covering bound on it, term by term. Rejections less the sum of TV(qhat, p) over the drafts reached are a martingale:
the cell's is asserted to lie within LIMIT standard deviations of 0."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import numpy as np

from kinds import ConfigError
from kinds.arrays import Floats
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer, together
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound
from simulator.run import simulate
from simulator.studies.study import Row, Study, StudyResult, drafts_from_distribution

LIMIT: Final = 5.0
"""Standard deviations. Where the variance is ENOUGH or more, at most one cell in 150,000 is beyond them by chance, one
in 1.7 million as it grows (at worst the tails are those of a Poisson count, in the end a Gaussian's)."""
ENOUGH: Final = 25.0
MEANS: Final = (
    "resampling_per_draft", "tv_qhat", "tv_mismatch", "dropped_mass", "tv_quantization", "covering_bound",
    "tv_compression", "rejection_bound",
)  # fmt: skip
"""Columns over the drafts verified at a position, in the order of `PositionSums.on_drafts`."""


class Positions(Study):
    """A row a position, 1 to L."""

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        if cell.fleet:
            raise ConfigError("fleet: positions are counted of one scheme; give scheme alone")
        tally = PositionSums(drafts_from_distribution(cell).max_drafts)
        result = simulate(cell, together(observer, tally), memory=memory, rounds_to=rounds_to)
        return StudyResult(tally.rows(), result.request_table)


class PositionSums(Observer):
    """Counts and sums of the drafts verified at each position."""

    def __init__(self, most_drafts: int) -> None:
        self._reached = np.zeros(most_drafts)
        self._sums = np.zeros((most_drafts, len(MEANS)))
        self._variance = 0.0

    def on_drafts(self, request: Request, notes: OpenRound) -> None:
        verified = notes.verified
        measured = verified.divergences.drafts
        for place, (sent, each) in enumerate(zip(notes.sent.drafts, measured, strict=False)):
            self._reached[place] += 1
            self._sums[place] += (
                place == verified.accepted, each.tv_qhat, each.tv_mismatch, sent.dropped_mass, sent.tv_quantization,
                sent.covering_bound, each.tv_compression, each.rejection_bound,
            )  # fmt: skip
            self._variance += each.tv_qhat * (1 - each.tv_qhat)

    def rows(self) -> list[Row]:
        """Raises AssertionError where the martingale is farther off than chance allows."""
        rejections, probability = self._sums[:, :2].sum(axis=0).tolist()
        deviations = (rejections - probability) / math.sqrt(self._variance) if self._variance > 0 else 0.0
        assert self._variance < ENOUGH or abs(deviations) <= LIMIT, (
            f"rejections are {deviations:.3g} standard deviations from the sum of TV(qhat, p)"
        )
        whole = {"rejections_z": deviations, "rejections_sd": math.sqrt(self._variance)}
        return [
            {"position": place + 1, "verified_drafts": reached, **_means(sums, reached), **whole}
            for place, (reached, sums) in enumerate(zip(self._reached.tolist(), self._sums, strict=True))
        ]


def _means(sums: Floats, reached: float) -> dict[str, float]:
    means = sums / reached if reached else np.full(len(MEANS), math.nan)
    named = dict(zip(MEANS, means.tolist(), strict=True))
    return named | {"rejection_slack": named["rejection_bound"] - named["tv_qhat"]}
