"""Measures a model's passes into a table that the latency model `profile` reads, and fits others to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from statistics import median
from typing import NamedTuple, Protocol

import numpy as np
from scipy.optimize import OptimizeResult, least_squares, nnls

from kinds.arrays import Floats
from models.latency.datasheets import Accelerator, ModelSize
from models.latency.latency import LONGEST_S, Affine, Latency
from models.latency.pass_table import TimedPass
from models.latency.roofline import Roofline

FLOAT32_BYTES = 4.0
VERIFIED_TOKENS = 16
"""New tokens up to which a pass is asked for the distribution after each; behind more, for the last."""
DAMPING = 1e-3  # of the roofline's fit: keeps a figure that no pass depends on where the search began


class Axes(NamedTuple):
    """Grid of measured passes: each number of sequences with each of new and of cached tokens."""

    batch: tuple[int, ...]
    new_tokens: tuple[int, ...]
    cached_tokens: tuple[int, ...]

    def within(self, context_tokens: int) -> Axes:
        """The part that fits a context: fewer new tokens first, then what leaves room for the most of them."""
        new = tuple(each for each in self.new_tokens if each <= context_tokens) or (context_tokens,)
        room = context_tokens - max(new)
        return Axes(self.batch, new, tuple(sorted({min(each, room) for each in self.cached_tokens})))

    @property
    def points(self) -> list[tuple[int, int, int]]:
        """Sequences, new and cached tokens of each, those with the same caches together."""
        return [(b, n, c) for b, c, n in product(self.batch, self.cached_tokens, self.new_tokens)]


class PassTimer(Protocol):
    """Runs passes of a model and tells how long they take."""

    @property
    def most_sequences(self) -> int | None:
        """The most of one pass, None for no limit."""
        ...

    def pass_s(self, batch: int, new_tokens: int, cached_tokens: int) -> float:
        """Seconds of one pass over so many equal sequences, their caches filled before."""
        ...


def measure(
    timer: PassTimer, points: Sequence[tuple[int, int, int]], rounds: int, note: Callable[[int, int], object]
) -> list[TimedPass]:
    """The median of `rounds` passes at each point. A round visits every point, so that other work on the machine hits
    some measurements of many points and not all of a few. `note(done, total)` hears of each pass."""
    found: dict[tuple[int, int, int], list[float]] = {point: [] for point in points}
    for number in range(rounds):
        for place, point in enumerate(points, 1):
            found[point].append(timer.pass_s(*point))
            note(number * len(points) + place, rounds * len(points))
    return [
        TimedPass(*point, seconds=median(taken_s), provenance="measured") for point, taken_s in sorted(found.items())
    ]


def relative_errors(latency: Latency, rows: Sequence[TimedPass]) -> Floats:
    """Returns how far the latency model is above each measured row, as a share of that. float64, [rows]."""
    predicted_s = [latency.pass_s([(row.new_tokens, row.cached_tokens)] * row.batch) for row in rows]
    errors: Floats = np.array(predicted_s) / [row.seconds for row in rows] - 1
    return errors


def fitted_affine(rows: Sequence[TimedPass]) -> Affine:
    """The affine latency model of the least sum of squared relative errors; no term is negative."""
    terms = np.array([(1, row.batch, row.batch * row.new_tokens, row.batch * row.cached_tokens) for row in rows])
    seconds = np.array([row.seconds for row in rows])
    found = nnls(terms / seconds[:, None], np.ones(len(rows)))[0]
    base_s, sequence_s, token_s, cached_s = (float(f"{each:.4g}") for each in found)
    return Affine(base_s=base_s, per_sequence_s=sequence_s, per_token_s=token_s, per_cached_token_s=cached_s)


def fitted_roofline(rows: Sequence[TimedPass], size: ModelSize) -> Roofline:
    """The roofline of a model in float32 whose arithmetic, bandwidth and overhead have the least squared logarithmic
    errors. Its device's figures are what passes reached, not a data sheet's."""
    seconds = np.log([row.seconds for row in rows])

    def roofline(figures: Floats) -> Roofline:
        flops_per_s, bytes_per_s, overhead_s = (float(f"{each:.12g}") for each in np.exp(figures))
        overhead_s = min(overhead_s, LONGEST_S)  # a search may step beyond
        device = Accelerator(
            name="measured_here", flops_per_s=flops_per_s, bytes_per_s=bytes_per_s, source="sqsim calibrate"
        )
        share = {"compute_efficiency": 1.0, "memory_efficiency": 1.0}
        width = {"bytes_per_parameter": FLOAT32_BYTES, "bytes_per_kv": FLOAT32_BYTES}
        return Roofline(size=size, device=device, overhead_s=overhead_s, **share, **width)

    def searched(start: Floats) -> OptimizeResult:
        def misses(figures: Floats) -> Floats:
            predicted_s = [roofline(figures).pass_s([(row.new_tokens, row.cached_tokens)] * row.batch) for row in rows]
            return np.concatenate([np.log(predicted_s) - seconds, DAMPING * (figures - start)])

        return least_squares(misses, start, diff_step=1e-3)

    fastest, fullest = min(rows, key=lambda row: row.seconds), max(rows, key=lambda row: row.batch * row.new_tokens)
    flops_per_s = 2 * size.parameters * fullest.batch * fullest.new_tokens / fullest.seconds
    starts = (
        np.log(
            [flops_per_s, FLOAT32_BYTES * size.parameters / ((1 - share) * fastest.seconds), share * fastest.seconds]
        )
        for share in (0.1, 0.5, 0.9)  # of the fastest pass, what is overhead
    )
    return roofline(_rounded(min(map(searched, starts), key=lambda found: float(found.cost)).x))


def _rounded(logarithms: Floats) -> Floats:
    return np.log([float(f"{each:.4g}") for each in np.exp(logarithms)])
