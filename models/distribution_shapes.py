"""Next-token distributions of a real shape over a vocabulary of any size, and a drafter's distribution at an exact
distance from each.

Measured once on the pair `smollm2` with its former drafter (by a program of version 0.3): 64 shapes, probability by
rank, of the verifier's distributions on its own continuations at temperature 1, from the most certain 64th of all
positions to the least; and how certain it was where the pair's acceptance was so and so. Beyond rank 1,024 the measured
tail is stretched, in log rank, to the vocabulary asked for.

A distribution is a shape laid over the ids by one fixed permutation, moved round by a shift: 64 V distributions for the
memory of 64. The drafter's q exchanges a share w of the probability of each of the s likeliest ids with that of the id
s ranks below: TV(p, q) = w (p_1 + ... + p_s - p_{s+1} - ... - p_{2s}), which gives w. Of the choices of s tried, the
one below keeps the share of acceptance that K-SQS (K = 8, ell = 100) loses nearest to that pair's at equal
acceptance.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from kinds.arrays import Floats, Ints

TABLE = Path(__file__).parent / "weights" / "smollm2" / "law_shapes.json"
_HEAD = 1024  # ranks up to this are as measured whatever the vocabulary
_LARGEST_SHARE = 0.25
"""w is at most this where some s allows it; elsewhere s is the smallest that goes nearly as far as any."""
_NEARLY = 0.98


@dataclass(frozen=True)
class ShapeTable:
    """Table of measured shapes: R ranks of S shapes."""

    vocabulary: int
    ranks: Ints  # [R], from 1 to the vocabulary
    entropy_bits: Floats  # [S], ascending
    log_probability: Floats  # [S, R], natural
    by_acceptance: Ints  # [A, Q]: shapes at Q equally likely levels of certainty, where acceptance is in (i, i + 1) / A

    @classmethod
    @cache
    def read(cls) -> Self:
        fields = json.loads(TABLE.read_text(encoding="utf-8"))
        names = ("ranks", "entropy_bits", "log_probability", "by_acceptance")
        return cls(fields["vocabulary"], *(np.array(fields[name]) for name in names))

    def by_rank(self, shape: int, vocabulary: int, temperature: float) -> Floats:
        """A shape as a distribution [V], descending, raised to 1 / temperature."""
        logs = (
            np.interp(_log_ranks(self.vocabulary, vocabulary), np.log(self.ranks), self.log_probability[shape])
            / temperature
        )
        distribution: Floats = np.exp(logs - logs[0])
        distribution /= distribution.sum()
        return distribution

    def shape_at(self, acceptance: float, certainty: float, level: float) -> int:
        """The shape of a context of this acceptance, from two uniforms: one says how certain it is among those of about
        that acceptance, the other to which of the two nearest levels of acceptance it is counted."""
        levels, certainties = self.by_acceptance.shape
        row = min(max(int(np.floor(acceptance * levels - 0.5 + level)), 0), levels - 1)
        return int(self.by_acceptance[row, int(certainty * certainties)])


@lru_cache(maxsize=2)
def _log_ranks(measured: int, vocabulary: int) -> Floats:
    """[V], natural: the rank among the ids measured that each rank of this vocabulary has the probability of."""
    log_ranks = np.log(np.arange(1, vocabulary + 1))
    if vocabulary > _HEAD:
        head = np.log(_HEAD)
        stretch = (np.log(measured) - head) / (np.log(vocabulary) - head)
        log_ranks[_HEAD:] = head + stretch * (log_ranks[_HEAD:] - head)
    return log_ranks


class DistributionShape(NamedTuple):
    """Shape of a distribution over a vocabulary of V ids."""

    distribution: Floats  # [V], by id, at shift 0
    smallest: float
    distances: Floats  # TV(p, q) at w = 1, for s = 1, 2, 4, ..., V / 2 at most

    def exchange(self, distance: float) -> tuple[int, float] | None:
        """(s, w) for this TV(p, q); None where no exchange goes so far."""
        reach = max(distance, min(distance / _LARGEST_SHARE, _NEARLY * float(self.distances.max())))
        enough = np.flatnonzero(self.distances >= reach)
        return (1 << int(enough[0]), distance / float(self.distances[enough[0]])) if enough.size else None


class ShapedDistributions:
    """Shapes of a vocabulary's distributions at a temperature above 0. They are kept: 64 V numbers, 78 MB at V =
    151,936."""

    def __init__(self, vocabulary: int, temperature: float, order: Ints) -> None:
        self.vocabulary = vocabulary
        self._temperature = temperature
        self._order = order
        """[V]: the ids from the likeliest down, at shift 0."""
        self._shapes: dict[int, DistributionShape] = {}

    def write_verifier(self, out: Floats, shape: int, shift: int) -> None:
        """p [V] into `out`."""
        distribution = self._shape(shape).distribution
        out[shift:] = distribution[: self.vocabulary - shift]
        out[:shift] = distribution[self.vocabulary - shift :]

    def write_drafter(self, out: Floats, shape: int, shift: int, distance: float) -> None:
        """q [V] at TV(p, q) = `distance` into `out`."""
        self.write_verifier(out, shape, shift)
        found = self._shape(shape)
        way = found.exchange(distance)
        if way is None:  # nothing is farther than certainty of the least likely id
            out *= 1 - distance / (1 - found.smallest)
            out[(self._order[-1] + shift) % self.vocabulary] += distance / (1 - found.smallest)
            return
        below, share = way
        upper = (self._order[:below] + shift) % self.vocabulary
        lower = (self._order[below : 2 * below] + shift) % self.vocabulary
        high, low = out[upper], out[lower]
        out[upper] = (1 - share) * high + share * low
        out[lower] = (1 - share) * low + share * high

    def _shape(self, shape: int) -> DistributionShape:
        if (found := self._shapes.get(shape)) is None:
            by_rank = ShapeTable.read().by_rank(shape, self.vocabulary, self._temperature)
            distribution = np.empty(self.vocabulary)
            distribution[self._order] = by_rank
            distribution.setflags(write=False)
            held = np.concatenate([[0.0], np.cumsum(by_rank)])
            below = 1 << np.arange(self.vocabulary.bit_length() - 1)
            found = self._shapes[shape] = DistributionShape(
                distribution, float(by_rank[-1]), 2 * held[below] - held[2 * below]
            )
        return found
