"""A race of many settings on common seeds: who enters it, who is stopped as clearly worse, and when it ends.

At each look every setting is compared with every other by a one-sided t test of ln(cost), paired by seed. With n
settings and `looks` looks each test has (1 - confidence) / (looks (n - 1)) of the false alarms (Bonferroni). The only
comparisons by which the best setting b could be worse are the n - 1 of b with another, at each look; so, as far as
the differences of ln(cost) are normal, b is still there at the end with at least that confidence. In the same event
`behind` holds: how much more than b the leader costs at most. Racing is Maron and Moore's (1994) word for it; they
bound by Hoeffding's inequality, which needs a known range.

Of each place its own setting enters, an even sample, and what a search finds from the best of those. The search has
seeds of its own. So who enters does not depend on the seeds of the race, and what the race promises of n settings holds
of those that enter, sampled or found. Seeds are added to the settings that may still be the best, until the best is
known well enough, seeds run out, or time does. All seeds here are others than those that the answer is shown on.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kinds import ConfigError
from kinds.arrays import Floats, Ints
from simulator.cell.cell import Cell
from simulator.cell.settings import expand
from simulator.results.intervals import CONFIDENCE, ROUNDING, Difference, paired_values
from simulator.tuning.alternatives import Alternatives, Values
from simulator.tuning.trials import FIRST_SEED, Aim, Budget, CommonSeeds, Course, Rows, each_once

Flags = npt.NDArray[np.bool_]
LEAST_SEEDS: Final = 3
"""The first look has at least so many, however short time is."""
FAR: Final = 0.25
"""A kind whose best setting surely costs this share more than the leader is not measured again after the race."""
WORSE: Final = "clearly worse"
"""Why a setting was stopped that can be ranked."""
TIME_IS_UP: Final = "time is up"
"""Why a race was cut."""
Try = Callable[[Sequence["Cell"], str], Rows]
"""Simulates cells for the purpose named, in silence for ""; what each gave by its id, of those and of all before."""
SEARCH_SEED: Final = 2 * FIRST_SEED
"""The first of the search: none of a race."""
SEARCH_SEEDS: Final = 2
SOME: Final = 4
"""Settings of a place that tell what its settings take."""
STEADY: Final = 0.8
"""Where a cell takes no less than this share of what one took before, that is what a cell takes."""


class Standing(NamedTuple):
    """How a race stands after a look at some of its settings [n]."""

    leader: int
    """The least geometric mean."""
    worse: Flags
    """[n]: clearly worse than another."""
    than: Ints
    """[n]: the one than which it is most clearly so; itself where it is not."""
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
        return Standing(leader, worse, least.argmax(axis=1), max(0.0, behind))

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


@dataclass(frozen=True)
class Stopped:
    """Why a setting left the race, after how many seeds, and as worse than which other."""

    seeds: int
    why: str
    than: int | None = None


@dataclass
class RaceGroup:
    """Settings that are ranked with each other: lossless and lossy ones race apart. `ended` says why the race is over,
    `behind` how much more than the best of them the leader costs at most."""

    settings: Sequence[Cell]
    aim: Aim
    budget: Budget
    seeds: int = 0
    leader: int = 0
    behind: float = math.inf
    ended: str = ""
    stopped: dict[int, Stopped] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._race = Race(len(self.settings), len(self.budget.looks), self.aim.confidence)
        self._cells = [dict[int, "Cell"]() for _ in self.settings]

    @property
    def racing(self) -> list[int]:
        """The places of those that are still in."""
        return [place for place in range(len(self.settings)) if place not in self.stopped]

    def at(self, place: int, seeds: int) -> list[Cell]:
        """A setting on its first seeds."""
        known = self._cells[place]
        for seed in range(len(known), seeds):
            (known[seed],) = expand(self.settings[place], {}, {"seed": FIRST_SEED + seed})
        return [known[seed] for seed in range(seeds)]

    def cells(self, seeds: int) -> list[Cell]:
        """Returns the cells of all that are still in."""
        return [cell for place in self.racing for cell in self.at(place, seeds)]

    def costs(self, place: int, rows: Rows) -> list[float]:
        """On each seed that the setting was tried on by the looks."""
        seeds = self.stopped[place].seeds if place in self.stopped else self.seeds
        return [self.aim.cost(cell, rows[cell.id]) for cell in self.at(place, seeds)]

    def look(self, rows: Rows, seeds: int) -> None:
        """Stops who is clearly worse, or cannot be ranked. Raises ConfigError where nobody can."""
        self.seeds = seeds
        unfit = {place: why for place in self.racing if (why := self._unfit(place, rows))}
        if len(unfit) == len(self.racing):
            reason = next(iter(unfit.values()))
            raise ConfigError(f"metric = {self.aim.metric}: of no setting here, each is out: {reason}")
        self.stopped |= {place: Stopped(seeds, why) for place, why in unfit.items()}
        racing = self.racing
        standing = self._race.look(np.array([self.costs(place, rows) for place in racing]))
        for near, place in enumerate(racing):
            if standing.worse[near]:
                self.stopped[place] = Stopped(self.seeds, WORSE, racing[standing.than[near]])
        self.leader, self.behind = racing[standing.leader], standing.behind
        if len(self.racing) == 1:
            self.ended = "one is left"
        elif self.budget.within is not None and self.behind <= self.budget.within:
            self.ended = f"the leader is within {self.budget.within:.2g} of the best"
        elif self.seeds >= self.budget.looks[-1]:
            self.ended = f"{self.seeds} seeds are the most"

    def _unfit(self, place: int, rows: Rows) -> str:
        """Why a setting cannot be ranked, by the first of its seeds on which it cannot; "" where it can."""
        return next(filter(None, (self.aim.unfit(cell, rows[cell.id]) for cell in self.at(place, self.seeds))), "")

    def best_of_kinds(self, rows: Rows) -> list[int]:
        """The leader, then of each other kind of scheme the best: of those that raced longest the least mean."""
        kinds: dict[str, int] = {self.settings[self.leader].scheme.kind: self.leader}
        costs = {
            place: self.costs(place, rows)
            for place in range(len(self.settings))
            if place not in self.stopped or self.stopped[place].why == WORSE
        }
        for place in sorted(costs, key=lambda place: (-len(costs[place]), float(np.log(costs[place]).mean()))):
            kinds.setdefault(self.settings[place].scheme.kind, place)
        return list(kinds.values())

    def behind_leader(self, place: int, rows: Rows) -> Difference:
        """The metric of a setting against the leader's, on the seeds that both raced on."""
        metric, seeds = self.aim.metric, len(self.costs(place, rows))
        mine, leaders = (
            np.array([rows[cell.id][metric] for cell in self.at(each, seeds)]) for each in (place, self.leader)
        )
        return paired_values(metric, mine, leaders)

    def far_behind(self, place: int, rows: Rows) -> bool:
        """Whether the race has stopped it as worse, and by more than FAR, the interval's near end too."""
        stopped = self.stopped.get(place)
        if stopped is None or stopped.why != WORSE:
            return False
        behind = self.behind_leader(place, rows)
        return 1 + behind.high < 1 / (1 + FAR) if self.aim.higher else behind.low > FAR

    def far_kinds(self, rows: Rows) -> set[str]:
        """The kinds of schemes of which no setting will be measured again."""
        places = self.best_of_kinds(rows)
        return {self.settings[place].scheme.kind for place in places if self.far_behind(place, rows)}


@dataclass
class TimeLimit:
    """Wall time of a race and of what is shown after it: of each kind of scheme so many cells are `reserved`, which get
    half of the time at most. `at_once`: how many cells are simulated at one time; `missing`: those of some cells that
    are still to be simulated."""

    minutes: float
    reserved: Mapping[str, float] = field(default_factory=dict)
    at_once: int = 1
    missing: Callable[[Sequence[Cell]], Sequence[Cell]] = list
    now: Callable[[], float] = time.monotonic
    cost_s: dict[str, float] = field(default_factory=dict)
    """What a cell of each kind of scheme took, of the last that were timed: one kind takes ten times what another
    does."""

    def __post_init__(self) -> None:
        self._started_s = self.now()

    @property
    def left_s(self) -> float:
        """What is left of all."""
        return 60 * self.minutes - (self.now() - self._started_s)

    @property
    def race_s(self) -> float:
        """What the race has left."""
        return max(0.0, self.left_s - min(self._reserved_s, 60 * self.minutes / 2))

    @property
    def _reserved_s(self) -> float:
        return sum(number * self._cost_s(kind) for kind, number in self.reserved.items())

    def _cost_s(self, kind: str) -> float:
        """What a cell of this kind takes: that of the others where it was not timed, nothing where none was."""
        known = self.cost_s
        return known[kind] if kind in known else sum(known.values()) / max(1, len(known))

    def takes_s(self, cells: Sequence[Cell]) -> float:
        """About how long it takes to simulate those of the cells that are missing."""
        return self._all_s(self.missing(cells))

    def _all_s(self, cells: Sequence[Cell]) -> float:
        return sum(self._cost_s(cell.scheme.kind) for cell in cells)

    def minutes_for(self, settings: Sequence[Cell], seeds: int) -> float:
        """About how many minutes settings on so many seeds take, and what is shown after them."""
        return (seeds * self._all_s(settings) + self._reserved_s) / 60

    def timed(self, trying: Try) -> Try:
        """`trying`, with an eye on the clock."""

        def timed(cells: Sequence[Cell], what: str) -> Rows:
            new, before_s = self.missing(cells), self.now()
            rows = trying(cells, what)
            if new:
                self._took(new, self.now() - before_s)
            return rows

        return timed

    def _took(self, cells: Sequence[Cell], took_s: float) -> None:
        """Notes what cells took; those of several kinds in the ratio that was seen where they were timed apart."""
        before_s, expected_s = {cell.scheme.kind: self._cost_s(cell.scheme.kind) for cell in cells}, self._all_s(cells)
        self.cost_s |= {
            kind: took_s * (each_s / expected_s if expected_s > 0 else 1 / len(cells))
            for kind, each_s in before_s.items()
        }


def race(settings: Sequence[Cell], aim: Aim, budget: Budget, trying: Try, limit: TimeLimit) -> list[RaceGroup]:
    """Returns the finished groups, lossless settings first. Raises ConfigError where nobody in a group can be
    ranked."""
    apart = ([cell for cell in settings if bool(cell.scheme.lossless) is lossless] for lossless in (True, False))
    groups = [RaceGroup(cells, aim, budget) for cells in apart if cells]
    had = 0
    for number, most in enumerate(budget.looks, 1):
        racing = [group for group in groups if not group.ended]
        if not racing:
            break

        def takes_s(seeds: int, racing: Sequence[RaceGroup] = racing) -> float:
            return limit.takes_s([cell for group in racing for cell in group.cells(seeds)])

        what = f"look {number} of at most {len(budget.looks)}"
        least = had + 2  # one more would be no look of its own
        if number == 1:
            had = least = min(LEAST_SEEDS, most)
            trying([cell for group in racing for cell in group.cells(had)], what)  # tells what all of them take
        seeds = had + bisect_left(range(had + 1, most + 1), True, key=lambda n: takes_s(n) > limit.race_s)
        if seeds >= least:
            rows = trying([cell for group in racing for cell in group.cells(seeds)], what)
            for group in racing:
                group.look(rows, seeds)
                limit.reserved = {kind: n for kind, n in limit.reserved.items() if kind not in group.far_kinds(rows)}
            had = seeds
        for group in racing:
            group.ended = group.ended or (TIME_IS_UP if seeds < most else "")
    return groups


@dataclass(frozen=True)
class Entrants:
    """The settings that race, `sampled` of which are of the sample; `searched`: whether there was time to look for
    others, or none are left."""

    settings: Sequence[Cell]
    sampled: int
    searched: bool


def samples(places: Sequence[Alternatives], most: int) -> list[list[Values]]:
    """Samples each place, its own setting first, so that they are `most` together: as many of each as of any other, or
    all it has; one at least."""
    sizes, share = [place.number() for place in places], 1
    while share < max(sizes) and sum(min(size, share + 1) for size in sizes) <= most:
        share += 1
    return [place.sample(share) for place in places]


def sampled(places: Sequence[Alternatives], most: int) -> list[Cell]:
    """The cells of `samples`, each once."""
    return _cells(places, samples(places, most))


def entrants(places: Sequence[Alternatives], aim: Aim, budget: Budget, trying: Try, limit: TimeLimit) -> Entrants:
    """Returns as many settings as there is time for a first look of, and, where there is time for more than that of
    `budget.settings`, also what a search finds from the best of each place."""
    most, look = budget.settings, budget.looks[0]
    _time(places, look, trying, limit)
    common = [CommonSeeds(place, aim) for place in places]

    def affordable(settings: int, seeds: int) -> bool:
        tried = zip(common, samples(places, settings), strict=True)
        return limit.takes_s([cell for one, mine in tried for cell in one.cells(mine, seeds)]) <= limit.race_s

    whole = sampled(places, most)
    if not affordable(most, look):
        fewer = sampled(places, bisect_left(range(1, most), True, key=lambda n: not affordable(n, look)))
        return Entrants(fewer, len(fewer), False)
    found = samples(places, most)
    partly = [at for at, place in enumerate(places) if len(found[at]) < place.number()]
    if not affordable(most, look + SEARCH_SEEDS):
        return Entrants(whole, len(whole), not partly)
    searches = {
        at: Course(CommonSeeds(places[at], aim, first=SEARCH_SEED).searched(found[at], SEARCH_SEEDS, budget.steps))
        for at in partly
    }
    while wanted := each_once(cell for search in searches.values() for cell in search.wanted):
        rows = trying(wanted, "search from the best of each kind")
        for search in searches.values():
            search.take(rows)
    for at, search in searches.items():
        (ranked,) = search.ended
        found[at] += [each for each in ranked if each not in found[at]]
    return Entrants(_cells(places, found), len(whole), True)


def _time(places: Sequence[Alternatives], most_seeds: int, trying: Try, limit: TimeLimit) -> None:
    """Tells the limit how long a cell of each kind of scheme takes: kind by kind as many as are simulated at one time,
    again and again while they take ever less (at first workers start, models are loaded, code is compiled), then
    some settings of all kinds together, as they are in the race."""
    kinds = {place.cell.scheme.kind: CommonSeeds(place, Aim("")) for place in reversed(places)}
    at_once = min(limit.at_once, max(1, most_seeds // 2))
    for kind, one in kinds.items():
        before_s = math.inf
        for seeds in range(at_once, most_seeds + 1, at_once):
            trying(one.cells([one.place.own], seeds), "")
            took_s = limit.cost_s.get(kind, 0.0)
            if took_s > STEADY * before_s or not limit.race_s:
                break
            before_s = took_s
    some = [cell for place in places for cell in CommonSeeds(place, Aim("")).cells(place.sample(SOME), 1)]
    if limit.takes_s(some) < limit.race_s / 2:
        trying(each_once(some), "")


def _cells(places: Sequence[Alternatives], settings: Sequence[Sequence[Values]]) -> list[Cell]:
    cells = (place.at(each) for place, mine in zip(places, settings, strict=True) for each in mine)
    return each_once(cell for cell in cells if cell is not None)
