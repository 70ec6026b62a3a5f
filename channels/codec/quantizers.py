"""Quantizers behind one interface: probabilities to counts, integers that stand for themselves over their sum.

`lattice` is the papers' type lattice (module `lattice`). `dual` is A*_{K-1} at the same scale: K shifted type lattices,
counts with sum K ell, all alike modulo K. `cubic` rounds each probability by itself. `logarithmic` compands: equal
steps of -log2 p down to 2^-16. What each sends is a number below its `codewords`; each bounds the total variation it
causes. A quantizer's counts are what `wire.Draft` holds; `Format.quantizer` names it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import log2
from typing import Literal, Protocol

import numpy as np

from channels.codec import lattice
from channels.codec.coder.fixed_point import ONE, exp2
from channels.codec.paper_counts import lattice_bits
from kinds.arrays import Floats, Ints

Name = Literal["lattice", "dual", "cubic", "logarithmic"]

OCTAVES = 16  # how far down `logarithmic` reaches


class QuantizerRule(Protocol):
    """Maps a distribution on K tokens to counts; `resolution` sets how fine."""

    @property
    def resolution(self) -> int: ...

    def quantize(self, probabilities: Floats) -> Ints:
        """Counts int64 [K], non-negative, not all zero, of probabilities float64 [K] (they need not sum to 1).

        Raises ValueError unless those are non-negative with a positive, finite sum.
        """
        ...

    def covering_bound(self, size: int) -> float:
        """No distribution on `size` tokens is farther than this, in total variation, from counts / their sum."""
        ...

    def codewords(self, size: int) -> int:
        """Returns the number of count vectors on `size` tokens, exactly."""
        ...

    def bound_bits(self, size: int) -> float:
        """The most bits that positive counts on `size` tokens cost on the wire."""
        ...

    def largest_ratio(self, size: int) -> int:
        """No sum of positive counts on `size` tokens is more than this many times one of them."""
        ...


@dataclass(frozen=True)
class TypeLattice:
    """The scaled A_{K-1} of the papers: counts with sum `resolution`."""

    resolution: int

    def quantize(self, probabilities: Floats) -> Ints:
        return lattice.quantize(probabilities, self.resolution)

    def covering_bound(self, size: int) -> float:
        return lattice.covering_bound(size, self.resolution)

    def codewords(self, size: int) -> int:
        return lattice.codewords(size, self.resolution)

    def bound_bits(self, size: int) -> float:
        return lattice_bits(size, self.resolution)

    def largest_ratio(self, size: int) -> int:
        return self.resolution


@dataclass(frozen=True)
class DualLattice(TypeLattice):
    """A*_{K-1} within the simplex: counts j + K n, n non-negative with sum ell - j, j = 0..min(K - 1, ell).

    Candidates are those of the nearest-point rule of A* (round, then one more for the entries rounded down farthest,
    one after another, each shifted back to sum ell) that stay non-negative; of the one nearest in L2 and the type
    lattice's point, the one nearer in total variation. So it is never farther than the type lattice. Where j = 0 the
    common factor K is left out: their sum is then ell.
    """

    def quantize(self, probabilities: Floats) -> Ints:
        size, ell = probabilities.size, self.resolution
        plain = super().quantize(probabilities)
        target = probabilities / probabilities.sum() * ell  # [K]
        rounded = np.floor(target + 0.5).astype(np.int64)
        order = np.argsort(rounded - target, kind="stable")  # rounded down farthest first
        steps = np.arange(size)  # candidate i: one more on the first i of `order`
        shift = ell - rounded.sum() - steps  # over K, what each entry is shifted by
        error = (rounded - target)[order]
        squares = (error**2).sum() + np.concatenate([[0.0], np.cumsum(2 * error + 1)[:-1]]) - shift**2 / size
        fallen = np.minimum.accumulate(rounded[order][::-1])[::-1]  # least of those without one more
        risen = np.minimum.accumulate(np.concatenate([[ell], rounded[order][:-1] + 1]))
        valid = size * np.minimum(fallen, risen) + shift >= 0
        if not valid.any():
            return plain
        best = int(np.where(valid, squares, np.inf).argmin())
        counts: Ints = size * rounded + shift[best]
        counts[order[:best]] += size
        if counts[0] % size == 0 or _distance(counts, target, ell) >= _distance(plain, target, ell):
            return plain
        return counts

    def codewords(self, size: int) -> int:
        shifts = range(min(size - 1, self.resolution) + 1)
        return sum(lattice.codewords(size, self.resolution - shift) for shift in shifts)

    def bound_bits(self, size: int) -> float:
        return log2(min(size, self.resolution + 1)) + super().bound_bits(size)

    def largest_ratio(self, size: int) -> int:
        return size * self.resolution


@dataclass(frozen=True)
class _Levels:
    """A level 0..ell for each token by itself."""

    resolution: int

    def codewords(self, size: int) -> int:
        codewords: int = (self.resolution + 1) ** size - 1
        return codewords

    def bound_bits(self, size: int) -> float:
        return size * log2(self.resolution)


@dataclass(frozen=True)
class CubicLattice(_Levels):
    """Rounds each probability by itself to a level c = floor(ell p + 1/2); all zero: the likeliest gets 1.

    qhat is levels over their sum. With e = c - ell p, TV <= (sum |e| + |sum e|) / (2 ell) <= K / (2 ell).
    """

    def quantize(self, probabilities: Floats) -> Ints:
        scaled = probabilities / lattice.total_mass(probabilities) * self.resolution  # [K]
        levels: Ints = np.floor(scaled + 0.5).astype(np.int64)
        if not levels.any():
            levels[probabilities.argmax()] = 1
        return levels

    def covering_bound(self, size: int) -> float:
        return min(1.0, size / (2 * self.resolution))

    def largest_ratio(self, size: int) -> int:
        return size * self.resolution


@dataclass(frozen=True)
class Logarithmic(_Levels):
    """Levels 1..ell stand for 2^-(16 (ell - level) / (ell - 1)), level 0 for nothing; ell is within 2 and 1024.

    With d = 2^(step / 2) - 1 the largest relative error, z = 2^-(16 + step / 2) what may be lost on each token, and the
    counts' own rounding, TV <= d / (2 + d) + K (z + 2^-23): the worst is half the mass up by d, half down.
    """

    def quantize(self, probabilities: Floats) -> Ints:
        p = probabilities / lattice.total_mass(probabilities)
        with np.errstate(divide="ignore"):
            depth = -np.log2(p) / self.step_octaves  # [K]
        levels = np.where(depth <= self.resolution - 0.5, self.resolution - np.rint(np.minimum(depth, 1e9)), 0)
        counts: Ints = self.table()[levels.astype(np.int64)]
        if not counts.any():
            counts[p.argmax()] = self.table()[1]
        return counts

    @property
    def step_octaves(self) -> float:
        """Step between levels, in octaves."""
        return OCTAVES / (self.resolution - 1)

    def table(self) -> Ints:
        """Counts of the levels, int64 [ell + 1], ascending from 0; integers only, so alike on both ends."""
        return _logarithmic_table(self.resolution)

    def covering_bound(self, size: int) -> float:
        lost = size * (2.0 ** -(OCTAVES + self.step_octaves / 2) + 2.0**-23)
        error = 2.0 ** (self.step_octaves / 2) - 1
        return float(min(1.0, error / (2 + error) + lost))

    def largest_ratio(self, size: int) -> int:
        return size << OCTAVES


@cache
def _logarithmic_table(resolution: int) -> Ints:
    steps = resolution - 1
    depths = (OCTAVES * ONE * step // steps for step in range(steps, -1, -1))
    table = np.array([0, *(exp2(depth) >> 8 for depth in depths)], dtype=np.int64)
    table.flags.writeable = False
    return table


def quantizer(name: Name, resolution: int) -> QuantizerRule:
    """The quantizer of that name. Raises ValueError on an unknown name or a resolution out of range."""
    kinds: dict[str, Callable[[int], QuantizerRule]] = {
        "lattice": TypeLattice,
        "dual": DualLattice,
        "cubic": CubicLattice,
        "logarithmic": Logarithmic,
    }
    if name not in kinds:
        raise ValueError(f"quantizer = {name!r}: must be one of {', '.join(kinds)}")
    least, most = (2, 1024) if name == "logarithmic" else (1, lattice.LARGEST_RESOLUTION)
    if not least <= resolution <= most:
        raise ValueError(f"resolution = {resolution}: must be within {least} and {most}")
    return kinds[name](resolution)


def _distance(counts: Ints, target: Floats, ell: int) -> float:
    """Twice the total variation between counts / their sum and target / ell."""
    return float(np.abs(counts / counts.sum() - target / ell).sum())
