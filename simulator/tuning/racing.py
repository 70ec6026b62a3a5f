"""A race of many settings on common seeds: who enters it, who is stopped, and when it ends. `sqsim recommend` races all
its settings, a scenario those of each scheme (`successive_halving`).

At each look every setting is compared with every other by a one-sided t test of ln(cost), paired by seed. With n
settings and `looks` looks each test has (1 - confidence) / (looks (n - 1)) of the false alarms (Bonferroni). The only
comparisons by which the best setting b could be worse are the n - 1 of b with another, at each look; so, as far as
the differences of ln(cost) are normal, b is still there at the end with at least that confidence. In the same event
`behind` holds: how much more than b the leader costs at most. Racing is Maron and Moore's (1994) word for it; they
bound by Hoeffding's inequality, which needs a known range. Where the budget keeps a part of those only, as a scenario's
does, those go on beside the first `held` that lead; then the promise is of these.

Of each place its own setting enters, an even sample at the draft lengths of least predicted time (`draft_lengths`),
and what a search finds from the best of those. Predictions and search have seeds of their own. So who enters does not
depend on the seeds of the race, and what the race promises of n settings holds of those that enter, sampled or found.
Seeds are added to the settings that may still be the best, until the best is known well enough, or seeds or trials run
out. All seeds here are others than those that the answer is shown on.

Trials are counted, not seconds: the same question has the same answer on any machine, with any number of workers, and
when it is asked again.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kinds import ConfigError
from kinds.arrays import Floats, Ints
from simulator.cell.cell import Cell
from simulator.results.intervals import CONFIDENCE, ROUNDING
from simulator.tuning.alternatives import Alternatives, Values
from simulator.tuning.draft_lengths import is_ordered, shortened
from simulator.tuning.trials import FIRST_SEED, OVER, Aim, Budget, CommonSeeds, Course, Row, Rows, SeededCell, each_once

Flags = npt.NDArray[np.bool_]
LEAST_SEEDS: Final = 3
"""The first look has at least so many, however small the budget is."""
WORSE: Final = "clearly worse"
"""Reason for which a setting that can be ranked was stopped."""
BEHIND: Final = "not among the best that the budget keeps"
"""Reason for which a setting that is not clearly worse was stopped."""
SPENT: Final = "the budget is spent"
"""Reason for which a race was cut."""
Try = Callable[[Sequence["Cell"], str], Rows]
"""Simulates cells for the purpose named, in silence for ""; what each gave by its id, of those and of all before."""
SEARCH_SEED: Final = 2 * FIRST_SEED
"""The first of the search: none of a race."""
SEARCH_SEEDS: Final = 2


class Standing(NamedTuple):
    """State of a race after a look at some of its settings [n]."""

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
    """Reason for which a setting left the race, the number of seeds by then, and the setting that was better."""

    seeds: int
    why: str
    than: int | None = None


@dataclass
class RaceGroup:
    """Settings that are ranked with each other: lossless and lossy ones race apart. `raced` has each setting's cells,
    one for each of the places that it is raced at: a seed's cost is the geometric mean over these. The first `held` are
    stopped only if they are clearly worse. `ended` says why the race is over, `behind` how much more than the best of
    them the leader costs at most. With limits those that meet them are compared by the metric; if none does, all by how
    far they are from the limits."""

    raced: Sequence[Sequence[SeededCell]]
    aim: Aim
    budget: Budget
    held: int = 0
    seeds: int = 0
    leader: int = 0
    behind: float = math.inf
    ended: str = ""
    stopped: dict[int, Stopped] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._race = Race(len(self.raced), len(self.budget.looks), self.aim.confidence)

    @property
    def settings(self) -> list[Cell]:
        """Returns each setting at its first place."""
        return [cells[0].cell for cells in self.raced]

    @property
    def racing(self) -> list[int]:
        """The places of those that are still in."""
        return [place for place in range(len(self.raced)) if place not in self.stopped]

    @property
    def ranked(self) -> list[int]:
        """The places of those that are still in, or were stopped as worse than another."""
        rankable = {place for place, stop in self.stopped.items() if stop.why in (WORSE, OVER, BEHIND)}
        return sorted({*self.racing, *rankable})

    def at(self, place: int, seeds: int) -> list[Cell]:
        """A setting on its first seeds."""
        return [cell for each in self.raced[place] for cell in each.on(seeds)]

    def cells(self, seeds: int) -> list[Cell]:
        """Returns the cells of all that are still in."""
        return [cell for place in self.racing for cell in self.at(place, seeds)]

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
        return self.stopped[place].seeds if place in self.stopped else self.seeds

    def _rows(self, place: int, rows: Rows) -> list[Row]:
        return [rows[cell.id] for cell in self.at(place, self.seeds_of(place))]

    def look(self, rows: Rows, seeds: int) -> None:
        """Stops who cannot be ranked, is clearly worse, or is not among those that the budget keeps."""
        self.seeds, racing = seeds, self.racing
        unfit = ~np.isfinite(self.costs(racing, rows)).all(axis=1)
        self.stopped |= {place: Stopped(seeds, self._unfit(place, rows)) for place in np.array(racing)[unfit].tolist()}
        if not self.racing:
            self.ended = f"each is out: {self.stopped[racing[0]].why}"
            return
        racing = [place for place in self.racing if not self.excess(place, rows)]
        if racing:  # what misses the limits is not compared with what meets them
            over = [place for place in self.racing if self.aim.surely_over(self._rows(place, rows))]
            self.stopped |= {place: Stopped(seeds, OVER) for place in over}
        racing, within = racing or self.racing, bool(racing)
        overshoots = [[self.aim.overshoot(row) for row in self._rows(place, rows)] for place in racing if not within]
        costs = np.array(overshoots) if overshoots else self.costs(racing, rows)
        standing = self._race.look(costs)
        for near, place in enumerate(racing):
            if standing.worse[near]:
                self.stopped[place] = Stopped(self.seeds, WORSE, racing[standing.than[near]])
        self.leader, self.behind = racing[standing.leader], standing.behind
        if self.seeds < self.budget.looks[-1]:
            left = [near for near in np.argsort(np.log(costs).mean(axis=1), kind="stable") if not standing.worse[near]]
            others = [racing[near] for near in left if racing[near] >= self.held]
            most = max(2, len(others) // self.budget.kept)
            self.stopped |= {place: Stopped(self.seeds, BEHIND) for place in others[most:]}
        if len(self.racing) == 1:
            self.ended = "one is left"
        elif self.budget.within is not None and self.behind <= self.budget.within:
            self.ended = f"the leader is within {self.budget.within:.2g} of the best"
        elif self.seeds >= self.budget.looks[-1]:
            self.ended = f"{self.seeds} seeds are the most"

    def _unfit(self, place: int, rows: Rows) -> str:
        """Returns the reason for which a setting cannot be ranked, from the first of its seeds with one."""
        return next(filter(None, (self.aim.unfit(cell, rows[cell.id]) for cell in self.at(place, self.seeds))))

    def best_of_kinds(self, rows: Rows) -> list[int]:
        """The leader, then of each other kind of scheme the best: those within the limits first, then of those that
        raced longest the least mean."""
        settings = self.settings
        kinds: dict[str, int] = {settings[self.leader].scheme.kind: self.leader}
        for place in sorted(self.ranked, key=lambda place: self._rank(place, rows)):
            kinds.setdefault(settings[place].scheme.kind, place)
        return list(kinds.values())

    def _rank(self, place: int, rows: Rows) -> tuple[float, ...]:
        (costs,) = self.costs([place], rows)
        return (self.excess(place, rows), -len(costs), float(np.log(costs).mean()))

    def excess(self, place: int, rows: Rows) -> float:
        """Returns the distance of a setting from the limits on the seeds it was tried on; 0 within them, and without
        limits."""
        return self.aim.excess(self._rows(place, rows))


class Trials:
    """Counts the trials of a race, runs of one setting on one seed, of which it may make `most`. Each counts once,
    whether it is simulated now or was before."""

    def __init__(self, trying: Try, most: float) -> None:
        self._trying, self._most = trying, most
        self._made: set[str] = set()

    @property
    def left(self) -> float:
        """Number of trials that may still be made."""
        return max(0.0, self._most - len(self._made))

    def more(self, cells: Sequence[Cell]) -> int:
        """Returns the number of the cells that were not tried yet."""
        return len({cell.id for cell in cells} - self._made)

    def __call__(self, cells: Sequence[Cell], what: str) -> Rows:
        """Tries the cells; returns the rows of all so far."""
        self._made.update(cell.id for cell in cells)
        return self._trying(cells, what)


def looks(
    groups: Sequence[RaceGroup], budget: Budget, affordable: Callable[[Sequence[Cell]], bool] = lambda cells: True
) -> Generator[list[Cell], Rows, Rows]:
    """Races the groups side by side until each has ended: asks for cells, is sent the rows of all so far. Where not all
    can be afforded on the seeds of a look, they have fewer seeds. Returns the last rows."""
    rows: Rows = {}
    had = 0
    for number, most in enumerate(budget.looks, 1):
        racing = [group for group in groups if not group.ended]
        if not racing:
            break

        def cells(seeds: int, racing: Sequence[RaceGroup] = racing) -> list[Cell]:
            return [cell for group in racing for cell in group.cells(seeds)]

        least = had + 2  # one more would be no look of its own
        if number == 1:
            had = least = min(LEAST_SEEDS, most)
        seeds = had + bisect_left(range(had + 1, most + 1), True, key=lambda n: not affordable(cells(n)))
        if seeds >= least:
            rows = yield cells(seeds)
            for group in racing:
                group.look(rows, seeds)
            had = seeds
        for group in racing:
            group.ended = group.ended or (SPENT if seeds < most else "")
    return rows


def race(settings: Sequence[Cell], aim: Aim, budget: Budget, trials: Trials) -> list[RaceGroup]:
    """Returns the finished groups, lossless settings first. Raises ConfigError where nobody in a group can be
    ranked."""
    apart = ([cell for cell in settings if bool(cell.scheme.lossless) is lossless] for lossless in (True, False))
    groups = [RaceGroup([[SeededCell(cell)] for cell in cells], aim, budget) for cells in apart if cells]
    course, number = looks(groups, budget, lambda cells: trials.more(cells) <= trials.left), 1
    with suppress(StopIteration):
        wanted = next(course)
        while True:
            wanted = course.send(trials(wanted, f"look {number} of at most {len(budget.looks)}"))
            number += 1
    for group in groups:
        if not group.racing:
            raise ConfigError(f"metric = {aim.metric}: of no setting here, {group.ended}")
    return groups


@dataclass(frozen=True)
class Entrants:
    """The settings that race, `sampled` of which are of the sample, of the `whole` that a larger budget has;
    `searched`: True if others were searched for, or none are left."""

    settings: Sequence[Cell]
    sampled: int
    whole: int
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


def entrants(places: Sequence[Alternatives], aim: Aim, budget: Budget, trials: Trials) -> Entrants:
    """Returns as many settings as the budget has a first look for, each place's own in every serving mode among them,
    and, where it has trials for more than that of `budget.settings`, also what a search finds from the best of each
    place."""
    most, look = budget.settings, budget.looks[0]
    short = _shortened(places, aim, trials)

    def entering(settings: int) -> list[list[Values]]:
        found = zip(places, short, samples(short, settings), strict=True)
        every = ([*mine, place.own, *one.modes()] for place, one, mine in found)
        return [list({tuple(each.items()): each for each in mine}.values()) for mine in every]

    def affordable(settings: int, seeds: int) -> bool:
        return len(_cells(places, entering(settings))) * seeds <= trials.left

    found = entering(most)
    whole = len(_cells(places, found))
    if not affordable(most, look):
        fewer = _cells(places, entering(bisect_left(range(1, most), True, key=lambda n: not affordable(n, look))))
        return Entrants(fewer, len(fewer), whole, False)
    partly = [at for at, place in enumerate(places) if len(found[at]) < place.number()]
    if not affordable(most, look + SEARCH_SEEDS):
        return Entrants(_cells(places, found), whole, whole, not partly)
    searches = {
        at: Course(CommonSeeds(places[at], aim, first=SEARCH_SEED).searched(found[at], SEARCH_SEEDS, budget.steps))
        for at in partly
    }
    while wanted := each_once(cell for search in searches.values() for cell in search.wanted):
        rows = trials(wanted, "search from the best of each kind")
        for search in searches.values():
            search.take(rows)
    for at, search in searches.items():
        (ranked,) = search.ended
        found[at] += [each for each in ranked if each not in found[at]]
    return Entrants(_cells(places, found), whole, whole, True)


def _shortened(places: Sequence[Alternatives], aim: Aim, trials: Trials) -> list[Alternatives]:
    """The places at the draft lengths that the closed form has first, where it orders them."""
    shown = {
        at: CommonSeeds(place, aim, first=SEARCH_SEED).cells([place.own], SEARCH_SEEDS)
        for at, place in enumerate(places)
        if is_ordered(place, aim)
    }
    cells = each_once(cell for mine in shown.values() for cell in mine)
    rows = trials(cells, "draft lengths") if cells else {}
    return [
        shortened(place, [rows[cell.id] for cell in shown[at]]) if at in shown else place
        for at, place in enumerate(places)
    ]


def _cells(places: Sequence[Alternatives], settings: Sequence[Sequence[Values]]) -> list[Cell]:
    cells = (place.at(each) for place, mine in zip(places, settings, strict=True) for each in mine)
    return each_once(cell for cell in cells if cell is not None)
