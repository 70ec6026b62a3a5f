"""How many candidates a correction takes: an exact recursion over what is refused, and the bounds of plain rejection
sampling, 1 / TV of them and (1 - TV)^m that m fail (von Neumann).

Candidate (y, c) has the area under p over y between heights c / ell and (c + 1) / ell; where it fails, c < count(y), no
later one is drawn from below (c + 1) / ell over y.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import sqrt

import numpy as np
import pytest
from simulated import written_cell

from channels.codec.lattice import quantize
from models.verification import total_variation
from simulator import Cell, simulate
from simulator.decoding.memory import Memory

V, ELL, DRAFTS = 6, 12, 3
P = np.array([0.42, 0.23, 0.15, 0.1, 0.07, 0.03])
Q = np.array([0.2, 0.35, 0.25, 0.04, 0.12, 0.04])
COUNTS = quantize(Q, ELL)
TV = float(total_variation(P, COUNTS / ELL))
Floors = tuple[int, ...]


def failing(floors: Floors) -> Iterator[tuple[float, Floors]]:
    """Each candidate that fails, by its probability and what is refused after it; heights below `floors` are."""
    left = [max(0.0, mass - floor / ELL) for mass, floor in zip(P, floors, strict=True)]
    for y, floor in enumerate(floors):
        for height in range(floor, int(COUNTS[y])):
            area = max(0.0, min(float(P[y]), (height + 1) / ELL) - height / ELL)
            if area > 0:
                yield area / sum(left), (*floors[:y], height + 1, *floors[y + 1 :])


@cache
def tail(floors: Floors, trials: int) -> float:
    """The probability that so many candidates fail."""
    return 1.0 if not trials else sum(share * tail(after, trials - 1) for share, after in failing(floors))


def of_rejections(trials: int) -> float:
    """The same after a rejection: of draft d with probability max(0, qhat(d) - p(d)) / TV, all of it refused."""
    beyond = np.maximum(COUNTS / ELL - P, 0.0) / TV
    return sum(float(share) * tail(tuple(ELL if y == d else 0 for y in range(V)), trials)
               for d, share in enumerate(beyond) if share > 0)  # fmt: skip


def test_what_is_refused_is_never_drawn_again_so_they_are_fewer_than_in_plain_rejection_sampling() -> None:
    tails = [of_rejections(trials) for trials in range(2 * ELL)]
    assert tails[0] == pytest.approx(1.0) and tails[-1] == 0.0, "all is refused after so many"
    assert all(mine < (1 - TV) ** trials for trials, mine in enumerate(tails) if trials)
    assert sum(tails) < 1 / TV < 4


def made(candidates: int) -> Cell:
    scheme = {"kind": "dssd_candidates", "candidates": candidates, "resolution": ELL, "max_drafts": DRAFTS}
    q, p = (tuple(map(tuple, np.tile(row, (V, 1)).tolist())) for row in (Q, P))  # whatever came before
    return written_cell(scheme, q, p, 300)


@pytest.mark.parametrize("candidates", [1, 2])
def test_further_round_trips_are_as_many_as_the_recursion_says(candidates: int) -> None:
    """At 5 sd: of the requests for more after a rejection, of rounds that have one, and of rejections themselves."""
    rounds = simulate(made(candidates), memory=Memory()).rounds
    rejected = rounds[rounds["accepted"] < rounds["drafted"]]
    requests, n = rejected["uplink_attempts"].to_numpy() - 1, len(rejected)
    tails = np.array([of_rejections(candidates * lists) for lists in range(1, ELL)])
    mean, square = float(tails.sum()), float((tails * (2 * np.arange(1, ELL) - 1)).sum())
    assert abs(requests.mean() - mean) < 5 * sqrt((square - mean**2) / n)
    assert abs(rejected["asked"].mean() - tails[0]) < 5 * sqrt(tails[0] * (1 - tails[0]) / n)
    assert requests.max() > 1 and not rounds["asked"][rounds["accepted"] == rounds["drafted"]].any()
    judged = int(rounds["verified"].sum())
    assert abs(n - judged * TV) < 5 * sqrt(judged * TV * (1 - TV))
