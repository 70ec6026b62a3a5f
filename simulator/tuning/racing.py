"""A race of several settings on common seeds: who is stopped, and when it ends (`successive_halving` enters them).

At each look every setting is compared with every other by a one-sided t test of ln(cost), paired by seed. With n
settings and `looks` looks each test has (1 - confidence) / (looks (n - 1)) of the false alarms (Bonferroni). The only
comparisons by which the best setting b could be worse are the n - 1 of b with another, at each look; so, as far as
the differences of ln(cost) are normal, b is still there at the end with at least that confidence. In the same event
`behind` holds: how much more than b the leader costs at most. Racing is Maron and Moore's (1994) word for it; they
bound by Hoeffding's inequality, which needs a known range. Where the budget keeps a part of those only, those go on
beside the first `held` that lead; then the promise is of these.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinds.arrays import Floats
from simulator.cell.cell import Cell
from simulator.results.intervals import CONFIDENCE, ROUNDING
from simulator.tuning.trials import Aim, Budget, Row, Rows, SeededCell

Flags = npt.NDArray[np.bool_]


class Standing(NamedTuple):
    """State of a race after a look at some of its settings [n]."""

    leader: int
    """The least geometric mean."""
    worse: Flags
    """[n]: clearly worse than another."""
    behind: float
    """The share by which the leader costs more, at most, than the best of those that are not clearly worse; inf of one
    seed."""


@dataclass(frozen=True)
class Race:
    """`settings` that start, all `looks` together at one `confidence`."""

    settings: int
    looks: int
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        if self.settings < 1 or self.looks < 1 or not 0 < self.confidence < 1:
            raise ValueError(f"{self}: at least one setting and one look, and a confidence between 0 and 1")

    @property
    def false_alarms(self) -> float:
        """The probability of a false alarm of one test."""
        return (1 - self.confidence) / (self.looks * max(1, self.settings - 1))

    def look(self, costs: Floats) -> Standing:
        """The standing of those still in the race, `costs` [n, seeds], the same seeds of all. Raises ValueError where a
        cost is no positive number."""
        if costs.ndim != 2 or not costs.size or not (np.isfinite(costs) & (costs > 0)).all():
            raise ValueError(f"costs {costs.shape}: [n, seeds] of positive numbers are needed")
        logs = np.log(costs)
        means = logs.mean(axis=1)
        difference = means[:, None] - means[None, :]  # [n, n]
        difference[np.abs(difference) <= ROUNDING] = 0.0
        half = self._half_widths(logs)
        least = difference - half
        leader = int(np.argmin(means))
        worse = (least > 0).any(axis=1)
        behind = float(np.expm1((difference[leader] + half[leader])[~worse].max()))
        return Standing(leader, worse, max(0.0, behind))

    def _half_widths(self, logs: Floats) -> Floats:
        """Half-widths of the differences of each two [n, n]: t sqrt(var / seeds); inf of one seed, 0 with itself."""
        from scipy.special import stdtrit  # here: it costs a quarter of a second that a plain `--help` should not pay

        n, seeds = logs.shape
        if seeds == 1:
            half = np.full((n, n), np.inf)
            np.fill_diagonal(half, 0.0)
            return half
        covariance = np.atleast_2d(np.cov(logs))
        own = np.diag(covariance)
        variance = np.maximum(own[:, None] + own[None, :] - 2 * covariance, 0.0)
        variance[variance <= ROUNDING**2] = 0.0
        found: Floats = float(stdtrit(seeds - 1, 1 - self.false_alarms)) * np.sqrt(variance / seeds)
        return found


@dataclass
class RaceGroup:
    """Settings that are ranked with each other. `raced` has each setting's cells, one for each of the places that it is
    raced at: a seed's cost is the geometric mean over these. The first `held` are stopped only if they are clearly
    worse. `behind` says how much more than the best of them the leader costs at most. With limits those that meet them
    are compared by the metric; if none does, all by how far they are from the limits."""

    raced: Sequence[Sequence[SeededCell]]
    aim: Aim
    budget: Budget
    held: int = 0
    seeds: int = 0
    leader: int = 0
    behind: float = math.inf
    ended: bool = False
    stopped: dict[int, int] = field(default_factory=dict)
    """The settings that are out, each with the number of its seeds by then."""
    unfit: set[int] = field(default_factory=set)
    """Settings that are out because they cannot be ranked."""

    def __post_init__(self) -> None:
        self._race = Race(len(self.raced), len(self.budget.looks), self.aim.confidence)

    @property
    def racing(self) -> list[int]:
        """The places of those that are still in."""
        return [place for place in range(len(self.raced)) if place not in self.stopped]

    @property
    def ranked(self) -> list[int]:
        """The places of those that are still in, or were stopped as worse than another."""
        return [place for place in range(len(self.raced)) if place not in self.unfit]

    def cells(self, seeds: int) -> list[Cell]:
        """Returns the cells of all that are still in."""
        return [cell for place in self.racing for each in self.raced[place] for cell in each.on(seeds)]

    def costs(self, places: Sequence[int], rows: Rows) -> Floats:
        """Costs of these settings on their common seeds [n, seeds], without the places at which none can be ranked;
        inf where a setting cannot."""
        seeds = min(self.seeds_of(place) for place in places)
        given = np.array(
            [
                [[self.aim.cost(at, rows[at.id]) for at in cell.on(seeds)] for cell in self.raced[place]]
                for place in places
            ]
        )  # [n, places, seeds]
        ranked = np.isfinite(given).any(axis=(0, 2))
        found: Floats = np.exp(np.log(given[:, ranked if ranked.any() else slice(None)]).mean(axis=1))
        return found

    def seeds_of(self, place: int) -> int:
        """Returns how many seeds a setting was raced on."""
        return self.stopped.get(place, self.seeds)

    def _rows(self, place: int, rows: Rows) -> list[Row]:
        return [rows[cell.id] for each in self.raced[place] for cell in each.on(self.seeds_of(place))]

    def look(self, rows: Rows, seeds: int) -> None:
        """Stops who cannot be ranked, is clearly worse, or is not among those that the budget keeps."""
        self.seeds, racing = seeds, self.racing
        unfit = np.array(racing)[~np.isfinite(self.costs(racing, rows)).all(axis=1)].tolist()
        self.unfit |= {*unfit}
        self._stop(unfit)
        if not self.racing:
            self.ended = True
            return
        racing = [place for place in self.racing if not self.aim.excess(self._rows(place, rows))]
        if racing:  # what misses the limits is not compared with what meets them
            self._stop([place for place in self.racing if self.aim.surely_over(self._rows(place, rows))])
        racing, within = racing or self.racing, bool(racing)
        overshoots = [[self.aim.overshoot(row) for row in self._rows(place, rows)] for place in racing if not within]
        costs = np.array(overshoots) if overshoots else self.costs(racing, rows)
        standing = self._race.look(costs)
        self._stop([place for place, worse in zip(racing, standing.worse, strict=True) if worse])
        self.leader, self.behind = racing[standing.leader], standing.behind
        if self.seeds < self.budget.looks[-1]:
            left = [near for near in np.argsort(np.log(costs).mean(axis=1), kind="stable") if not standing.worse[near]]
            others = [racing[near] for near in left if racing[near] >= self.held]
            self._stop(others[max(2, len(others) // self.budget.kept) :])
        enough = self.budget.within is not None and self.behind <= self.budget.within
        self.ended = len(self.racing) == 1 or enough or self.seeds >= self.budget.looks[-1]

    def _stop(self, places: Sequence[int]) -> None:
        self.stopped |= dict.fromkeys(places, self.seeds)


def looks(groups: Sequence[RaceGroup], budget: Budget) -> Generator[list[Cell], Rows, Rows]:
    """Races the groups side by side until each has ended: asks for cells, is sent the rows of all so far. Returns the
    last rows."""
    rows: Rows = {}
    for seeds in budget.looks:
        racing = [group for group in groups if not group.ended]
        if not racing:
            break
        rows = yield [cell for group in racing for cell in group.cells(seeds)]
        for group in racing:
            group.look(rows, seeds)
    return rows
