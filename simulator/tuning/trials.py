"""Settings tried on common seeds: what is best, who cannot be ranked, who leads, and the search from there."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Generic, Self, TypeVar

import numpy as np

from kinds import ConfigError, meant
from simulator.cell.cell import Cell
from simulator.cell.power_figures import lacking
from simulator.cell.settings import expand, held_by
from simulator.results.column_names import ATTAINMENT, ENOUGH, LOSSLESS_TV
from simulator.results.intervals import CONFIDENCE, wilson
from simulator.results.metrics import ON_REQUEST, higher_is_better
from simulator.tuning.alternatives import Alternatives, Values

T = TypeVar("T")

FIRST_SEED: Final = 1_000_000
"""Trials begin at this seed: none that is shown."""
KEPT: Final = ("answered", "tv_output")
"""Metrics needed of each trial besides the one that decides."""
UNANSWERED, LOSSY, NO_NUMBER = "leaves requests unanswered", "text departs", "no number"
"""Reasons for which a setting cannot be ranked."""
Row = Mapping[str, float]
Rows = Mapping[str, Row]
"""The metric, KEPT and what the limits are of, of each cell tried, by its id."""
MOST_SEEDS: Final = 48
"""A race ends with so many, however near the two best are."""


AIMS: Final = (
    "latency_per_token_s", "latency_per_token_p50_s", "latency_per_token_p90_s", "latency_per_token_p99_s", "latency_s",
    "ttft_s", "tpot_s", "tpot_p95_s", "tokens_per_s", "uplink_bits_per_token", "cloud_s_per_token",
    "battery_j_per_token", "battery_j_per_request", "radio_j_per_token", "cloud_busy_j_per_token",
    "cloud_held_j_per_token", "busy_usd_per_million_tokens", "held_usd_per_million_tokens",
)  # fmt: skip
"""Metrics that can be aimed at."""


@dataclass(frozen=True)
class Aim:
    """Aim of a race: the least `metric`, or the most if `higher`, within limits if there are any: `limits` are those
    that all devices share, by the metric that is limited."""

    metric: str
    higher: bool = False
    confidence: float = CONFIDENCE
    limited: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def needed(self) -> list[str]:
        """The metrics that are needed of each trial."""
        return list(dict.fromkeys([self.metric, *KEPT, *([ATTAINMENT] if self.limited else []), *self.limits]))

    @classmethod
    def of(cls, metric: str, cells: Iterable[Cell]) -> Self:
        """The aim of this metric. Raises ConfigError where there is none, or a cell lacks what it is computed from."""
        plain, known = metric.rpartition(".")[2], (*AIMS, *ON_REQUEST)
        if plain not in known:
            text = f"must be one of {', '.join(known)}; of a class of devices CLASS.METRIC"
            raise ConfigError(f"metric = {metric!r}: {text}{meant(plain, known)}")
        for cell in cells:
            if without := lacking(cell, plain):
                raise ConfigError(f"metric = {metric}: needs {' and '.join(without)}; `sqsim list powers` has figures")
        classes = [each.workload for cell in cells for each in cell.classes]
        typed = {(work.slo_ttft_s, work.slo_tpot_s) for work in classes}
        shared = zip(("ttft_s", "tpot_s"), *typed, strict=True) if len(typed) == 1 else ()
        limits = {name: limit for name, limit in shared if limit is not None}
        return cls(metric, higher_is_better(metric), limited=bool(limits) or len(typed) > 1, limits=limits)

    def unfit(self, cell: Cell, row: Row) -> str:
        """Returns the reason for which a trial cannot be ranked, "" if it can. A text may depart if the scheme says
        that it does."""
        if row["answered"] < 1:
            return UNANSWERED
        if not 0 < row[self.metric] < math.inf:
            return NO_NUMBER
        return LOSSY if cell.scheme.lossless and not row["tv_output"] <= LOSSLESS_TV else ""

    def excess(self, trials: Sequence[Row]) -> float:
        """Returns 0 if the requests of the trials meet the limits, or there are none; else their mean overshoot."""
        if not self.limited or _attained(trials) >= ENOUGH:
            return 0.0
        return sum(map(self.overshoot, trials)) / len(trials)

    def overshoot(self, row: Row) -> float:
        """The largest of a trial's limited times over its limit; of classes with limits of their own, by the share of
        requests that miss them."""
        return max((row[name] / limit for name, limit in self.limits.items()), default=2 - row[ATTAINMENT])

    def surely_over(self, trials: Sequence[Row]) -> bool:
        """True if the share of requests within the limits is below ENOUGH with its whole interval, a trial counted as
        one request."""
        return self.limited and wilson(round(_attained(trials) * len(trials)), len(trials))[1] < ENOUGH

    def rank(self, cells: Sequence[Cell], rows: Rows) -> tuple[float, float]:
        """Rank of a setting on these seeds: its distance from the limits, then its mean ln cost."""
        costs = [self.cost(cell, rows[cell.id]) for cell in cells]
        return self.excess([rows[cell.id] for cell in cells]), float(np.log(costs).mean())

    def cost(self, cell: Cell, row: Row) -> float:
        """A positive number, less is better; inf where it cannot be ranked."""
        if self.unfit(cell, row):
            return math.inf
        return 1 / row[self.metric] if self.higher else row[self.metric]


def _attained(trials: Sequence[Row]) -> float:
    return sum(row[ATTAINMENT] for row in trials) / len(trials)


@dataclass(frozen=True)
class Budget:
    """Budget of a choice.

    `settings` start, on `looks[0]` seeds; `steps` times the neighbours of the one in the lead join. After each look
    those go on that are not clearly worse than another, a `kept`-th of them at most, but at least two. It is enough if
    the leader is known to be `within` a share of the best. A tuner gives this budget to each place.
    """

    settings: int = 24
    looks: tuple[int, ...] = (2, 4, 8)
    kept: int = 4
    steps: int = 3
    within: float | None = None

    def trials(self, modes: int, fields: int) -> int:
        """The most trials of a place alone with so many serving modes and open fields."""
        first, *_ = looks = self.looks
        modes = modes if modes > 1 else 0
        settings = self.settings + modes + 1
        entered = max(2, settings // self.kept) + 3
        second = looks[1:2] or looks
        found = modes * looks[len(looks) // 2] + settings * first
        found += (entered + 2 * fields * self.steps) * second[0]
        for before, seeds in pairwise(looks[1:]):
            entered = max(2, entered // self.kept) + 2
            found += entered * (seeds - before)
        return found


@dataclass
class SeededCell:
    """A cell on common seeds from `first` on, changed by `base`; each is made once."""

    cell: Cell
    base: Mapping[str, object] = field(default_factory=dict)
    first: int = FIRST_SEED

    def __post_init__(self) -> None:
        self._known: list[Cell] = []

    def on(self, seeds: int) -> list[Cell]:
        """Returns the cell on the first seeds."""
        if len(self._known) < seeds:
            further = range(self.first + len(self._known), self.first + seeds)
            self._known += expand(self.cell, {"seed": list(further)}, held_by(self.cell, self.base))
        return self._known[:seeds]


@dataclass
class CommonSeeds:
    """The settings of a place on common seeds from `first` on, in cells changed by `base`."""

    place: Alternatives
    aim: Aim
    base: Mapping[str, object] = field(default_factory=dict)
    first: int = FIRST_SEED

    def __post_init__(self) -> None:
        self._known: dict[tuple[tuple[str, object], ...], SeededCell] = {}

    def at(self, setting: Values) -> SeededCell:
        """Returns the cell with this setting."""
        key = tuple(setting.items())
        if key not in self._known:
            cell = self.place.at(setting)
            assert cell is not None
            self._known[key] = SeededCell(cell, self.base, self.first)
        return self._known[key]

    def cells(self, settings: Sequence[Values], seeds: int) -> list[Cell]:
        """The settings on the first seeds."""
        return [cell for setting in settings for cell in self.at(setting).on(seeds)]

    def ranked(self, settings: Sequence[Values], seeds: int, rows: Rows) -> list[Values]:
        """The settings that meet the limits first, from the least geometric mean on; of equals the first stays
        first."""
        return sorted(settings, key=lambda setting: self.aim.rank(self.at(setting).on(seeds), rows))

    def searched(self, settings: Sequence[Values], seeds: int, steps: int) -> Generator[list[Cell], Rows, list[Values]]:
        """Ranks the settings, then with them those a step away from the one in the lead, until it stays in the lead,
        `steps` times at most. Asks for cells, is sent the rows of all so far."""
        rows = yield self.cells(settings, seeds)
        ranked = self.ranked(settings, seeds, rows)
        for _ in range(steps):
            near = [each for each in self.place.near(ranked[0]) if each not in ranked]
            if not near:
                break
            rows = yield self.cells(near, seeds)
            leader, ranked = ranked[0], self.ranked([*ranked, *near], seeds, rows)
            if ranked[0] == leader:
                break
        return ranked


class Course(Generic[T]):
    """A search or a race under way, one of several that are fed from one table. `wanted` is what it asks for next;
    `ended` holds what it found, once it has."""

    def __init__(self, steps: Generator[list[Cell], Rows, T]) -> None:
        self._steps = steps
        self.wanted: list[Cell] = []
        self.ended: list[T] = []
        self._on(None)

    def take(self, rows: Rows) -> None:
        """Goes on for as long as the rows have what it asks for."""
        while not self.ended and all(cell.id in rows for cell in self.wanted):
            self._on(rows)

    def _on(self, rows: Rows | None) -> None:
        try:
            self.wanted = next(self._steps) if rows is None else self._steps.send(rows)
        except StopIteration as ended:
            self.wanted, self.ended = [], [ended.value]


def each_once(cells: Iterable[Cell]) -> list[Cell]:
    """The cells without those that are there already."""
    return list({cell.id: cell for cell in cells}.values())
