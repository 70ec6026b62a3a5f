"""A latency model that draws each pass from measured ones, with the spread that a real machine has: from one second to
the next, for all passes alike, and from pass to pass.

The file's columns are those of the latency model `profile`, but each point has many rows, each one pass that was timed
there; `sqsim calibrate --cell` writes such a file. Nothing is extrapolated unless `beyond` says so.

A machine is slow or fast for a second or more, a spell, and passes of one spell are so together. A spell's factor F is
the mean over its passes of their seconds over their point's mean, as a share of the mean of all spells, moved towards 1
until factors vary by no more than chance leaves over: the mean of a few passes differs from another where no spell
does. What is left, seconds / F, scaled to the mean that was measured at its point, is spread from pass to pass.

Level k of n is a grid of its own: at each point the k-th shortest of its n passes, rid of their spells. A draw picks a
level, looks the pass up there, so that between points the quantile functions are interpolated, and takes it times a
factor. The mean of all draws at a point is therefore that of what was measured there, and where there is one spell, its
own passes come up, each as often as the others. Nothing is smoothed: a point may be faster than one of less work.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import product
from math import sqrt
from pathlib import Path
from statistics import fmean, pvariance, variance
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from kinds import ConfigError
from kinds.arrays import Floats
from kinds.files import GivenPath
from models.latency.latency import Latency, Work
from models.latency.pass_table import (
    Beyond,
    Grid,
    Point,
    TimedPass,
    check_reach,
    full_axes,
    read_once,
    read_rows,
    seconds_in,
)


class Empirical(Latency):
    """Passes drawn from measured ones by sequences, new and cached tokens, their quantiles interpolated."""

    random: ClassVar[bool] = True
    kind: Literal["empirical"] = "empirical"
    file: GivenPath = Field(
        description="a CSV file: batch, new_tokens, cached_tokens, seconds, many rows a point, as "
        "`sqsim calibrate --cell` writes it; rows of one number in a last column, spell, were measured within a "
        "second or two: a request has all its passes from a slow spell or all from a fast one"
    )
    beyond: Beyond = "refuse"

    @model_validator(mode="after")
    def _readable(self) -> Self:
        assert self.samples
        return self

    @cached_property
    def samples(self) -> PassSamples:
        """Raises ConfigError, one line, where the file is not a table of passes."""
        return read_samples(self.file)

    def pass_s(self, work: Work) -> float:
        """The mean of all draws: at a point of the table, of what was measured there. Raises ConfigError on a pass
        beyond the table where `beyond` has it refused."""
        return fmean(seconds_in(level, work, self.beyond, self._called) for level in self.samples.levels)

    def drawn_s(self, work: Work, uniform: float, spell: float) -> float:
        """The quantile of `uniform` in the spell of `spell`. Raises as `pass_s` does."""
        steady_s = seconds_in(self.samples.level(uniform), work, self.beyond, self._called)
        return steady_s * self.samples.factor(spell)

    def check_range(self, most: Point) -> None:
        check_reach(self.samples.levels[0], most, self.beyond, self._called)

    @property
    def _called(self) -> str:
        return f"table {self.file}"


Spell = int | None


class PassSamples:
    """Grids over the same axes and factors of the slow periods, whose mean is 1; the fastest first."""

    def __init__(self, levels: tuple[Grid, ...], factors: tuple[float, ...]) -> None:
        self.levels = levels
        self.factors = factors

    def level(self, uniform: float) -> Grid:
        """The level that a number in [0, 1) stands for."""
        return self.levels[int(uniform * len(self.levels))]

    def factor(self, spell: float) -> float:
        """Returns the factor of the slow period that a number in [0, 1) stands for: larger ones for slower spells, so
        that one number stands for a slow spell in whichever table it is looked up."""
        return self.factors[int(spell * len(self.factors))]


def samples_of(path: Path) -> PassSamples:
    """The samples in a CSV file, each a row; without a column `spell` all of one. A point with fewer of them than
    another has each stand for several, as evenly as may be. Raises ConfigError that names file, line, value and what is
    allowed."""
    at: dict[tuple[int, int, int], list[TimedPass]] = {}
    for _, row in read_rows(path):
        at.setdefault((row.batch, row.new_tokens, row.cached_tokens), []).append(row)
    if not at:
        raise ConfigError(f"{path}: holds no pass")
    axes = full_axes(path, at)
    factors = _factors(at.values())
    levels = max(len(rows) for rows in at.values())
    spread = [_spread(at[b, n, c], factors, levels) for b, n, c in product(*axes)]
    shape = [len(axis) for axis in axes]
    grids = tuple(Grid(axes, seconds.reshape(shape)) for seconds in np.array(spread).T)
    return PassSamples(grids, tuple(sorted(factors.values())))


def _factors(points: Iterable[list[TimedPass]]) -> dict[Spell, float]:
    """Returns the slow-down factor per drift period (1 if the model has a single period)."""
    shares: dict[Spell, list[float]] = {}
    for rows in points:
        mean_s = fmean(row.seconds for row in rows)
        for row in rows:
            shares.setdefault(row.spell, []).append(row.seconds / mean_s)
    if len(shares) == 1:
        return dict.fromkeys(shares, 1.0)
    means = {spell: fmean(each) for spell, each in shares.items()}
    middle = fmean(means.values())
    kept = _more_than_chance(list(shares.values()), variance(means.values()))
    return {spell: 1 + kept * (mean / middle - 1) for spell, mean in means.items()}


def _more_than_chance(spells: list[list[float]], found: float) -> float:
    """The share of the standard deviation of spells' means that is theirs, where `found` is their variance, and not
    that of so few passes: 0 where there is no more."""
    freedom = sum(len(shares) - 1 for shares in spells)
    if not found or not freedom:
        return 1.0
    within = sum(pvariance(shares) * len(shares) for shares in spells) / freedom
    chance = fmean(within / len(shares) for shares in spells)
    return sqrt(max(0.0, 1 - chance / found))


def _spread(rows: list[TimedPass], factors: dict[Spell, float], levels: int) -> Floats:
    """Seconds at so many levels, [levels], of a point's passes, rid of their spells."""
    middles = (np.arange(levels) + 0.5) / levels
    rid = np.sort([row.seconds / factors[row.spell] for row in rows])
    seconds: Floats = rid[(middles * len(rows)).astype(int)]
    if len(factors) > 1:
        seconds *= fmean(row.seconds for row in rows) / seconds.mean()
    return seconds


read_samples = read_once(samples_of)  # as `samples_of`, but read once a process while the file stands as it is
