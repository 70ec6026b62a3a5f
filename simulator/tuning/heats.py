"""A race against the clock: seeds are added to the settings that may still be the best, until the best is known well
enough, seeds run out, or time does.

Lossless and lossy settings race apart. All seeds here are others than those that the answer is shown on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from kinds import ConfigError
from simulator.cell.settings import expand
from simulator.results.intervals import Difference, paired_values
from simulator.tuning.race import Race, Standing
from simulator.tuning.trials import FIRST_SEED, Aim, Rows

if TYPE_CHECKING:
    from simulator.cell.cell import Cell

LOOKS: Final = (6, 12, 24, 48)
"""Seeds at each look. Fewer at the first would tell next to nothing worse: t at 1e-4 of a tail is 37 with 3 seeds less
one, 8 with 6."""
LEAST_SEEDS: Final = 3
"""Of the first look, be time as short as it may."""
FAR: Final = 0.25
"""A kind whose best setting surely costs this share more than the leader is told from the race, not measured again."""
WORSE: Final = "clearly worse"
"""Why a setting was stopped that can be ranked."""
TIME_IS_UP: Final = "time is up"
"""Why a race was cut."""
Try = Callable[[Sequence["Cell"], str], Rows]
"""Simulates cells for what is said, in silence for ""; what each gave by its id, of those and of all before."""


@dataclass(frozen=True)
class Stopped:
    """Why a setting left the race, after how many seeds, and as worse than which other."""

    seeds: int
    why: str
    than: int | None = None


@dataclass
class Heat:
    """Settings that are ranked with each other. `ended` says why the race is over, `behind` how much more than the best
    of them the leader costs at most (`simulator.tuning.race`)."""

    settings: Sequence[Cell]
    aim: Aim
    seeds: int = 0
    leader: int = 0
    behind: float = math.inf
    ended: str = ""
    stopped: dict[int, Stopped] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._race = Race(len(self.settings), len(LOOKS), self.aim.confidence)
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
        """Of all that are still in."""
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
        self._note(standing, racing)

    def _note(self, standing: Standing, racing: Sequence[int]) -> None:
        for near, place in enumerate(racing):
            if standing.worse[near]:
                self.stopped[place] = Stopped(self.seeds, WORSE, racing[standing.than[near]])
        self.leader, self.behind = racing[standing.leader], standing.behind
        if len(self.racing) == 1:
            self.ended = "one is left"
        elif self.behind <= self.aim.within:
            self.ended = f"the leader is within {self.aim.within:.2g} of the best"
        elif self.seeds >= LOOKS[-1]:
            self.ended = f"{self.seeds} seeds are the most"

    def _unfit(self, place: int, rows: Rows) -> str:
        """Why a setting cannot be ranked, by the first of its seeds on which it cannot; "" where it can."""
        return next(filter(None, (self.aim.unfit(cell, rows[cell.id]) for cell in self.at(place, self.seeds))), "")

    def best_of_kinds(self, rows: Rows) -> list[int]:
        """The leader, then of each other kind of scheme the best: of those that raced longest the least mean."""
        kinds: dict[str, int] = {self.settings[self.leader].scheme.kind: self.leader}
        ranked = [place for place in range(len(self.settings)) if self._ranks(place)]
        for place in sorted(ranked, key=lambda place: self._rank(place, rows)):
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

    def _ranks(self, place: int) -> bool:
        return place not in self.stopped or self.stopped[place].why == WORSE

    def _rank(self, place: int, rows: Rows) -> tuple[int, float]:
        costs = self.costs(place, rows)
        return -len(costs), float(np.log(costs).mean())


@dataclass
class TimeLimit:
    """Wall time of a race and of `reserved` cells that are shown after it, which get half of it at most."""

    minutes: float
    reserved: int
    now: Callable[[], float] = time.monotonic
    cost_s: float = math.nan
    """What a cell took, of the last that were timed."""

    def __post_init__(self) -> None:
        self._started_s = self.now()

    @property
    def left_s(self) -> float:
        """What is left of all."""
        return 60 * self.minutes - (self.now() - self._started_s)

    @property
    def cells(self) -> float:
        """How many more the race has time for."""
        if not self.cost_s > 0:
            return math.inf
        kept_s = min(self.reserved * self.cost_s, 60 * self.minutes / 2)
        return max(0.0, (self.left_s - kept_s) / self.cost_s)

    def minutes_for(self, settings: int) -> float:
        """About how many minutes a first look of so many settings takes, and what is shown after it."""
        return (settings * LOOKS[0] + self.reserved) * self.cost_s / 60

    def timed(self, trying: Try, missing: Callable[[Sequence[Cell]], int]) -> Try:
        """`trying`, with an eye on the clock; `missing`: how many of some cells are still to be simulated."""

        def told(cells: Sequence[Cell], what: str) -> Rows:
            new, before_s = missing(cells), self.now()
            rows = trying(cells, what)
            self.cost_s = (self.now() - before_s) / new if new else self.cost_s
            return rows

        return told


def race(settings: Sequence[Cell], aim: Aim, trying: Try, limit: TimeLimit) -> list[Heat]:
    """The finished heats, lossless settings first. Raises ConfigError where a heat has nobody who can be ranked."""
    apart = ([cell for cell in settings if bool(cell.scheme.lossless) is lossless] for lossless in (True, False))
    heats = [Heat(cells, aim) for cells in apart if cells]
    had = 0
    for number, most in enumerate(LOOKS, 1):
        racing = [heat for heat in heats if not heat.ended]
        if not racing:
            break
        least = LEAST_SEEDS if number == 1 else had + 2  # one more would be no look of its own
        affordable = had + limit.cells / sum(len(heat.racing) for heat in racing)
        seeds = most if affordable >= most else max(int(affordable), LEAST_SEEDS)
        if seeds >= least:
            cells = [cell for heat in racing for cell in heat.cells(seeds)]
            rows = trying(cells, f"look {number} of at most {len(LOOKS)}")
            for heat in racing:
                heat.look(rows, seeds)
            had = seeds
        for heat in racing:
            heat.ended = heat.ended or (TIME_IS_UP if seeds < most else "")
    return heats
