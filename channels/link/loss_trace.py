"""Losses that were recorded: a list of times, and whether packets were lost then or how likely that was, from the
configuration or from a file."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from channels.link.losses import Loss, LossProcess, PacketIndex
from channels.link.rate_trace import Period, Points, check_period, check_times
from channels.link.rates import Start, start_in, start_words
from channels.uniforms import Uniforms
from kinds import ConfigError
from kinds.files import GivenPath, read_header, read_table

_LOST = {"0": 0.0, "false": 0.0, "1": 1.0, "true": 1.0}


class LossTrace(Loss):
    """Each point holds until the next, the last until `period_s`, when the trace repeats. A packet meets the point at
    which its last bit leaves: it is lost with the probability there, 0 or 1 where each packet was recorded."""

    kind: Literal["trace"] = "trace"
    points: Points = Field(
        ((0.0, 0.1),), description="Pairs (time_s, probability), times rising from 0; ignored where `path` is given."
    )
    path: GivenPath | None = Field(
        None,
        description="CSV file instead of `points`, with the columns time_s and probability, 0 to 1, or time_s and "
        "lost, 0 or 1.",
    )
    period_s: Period = None
    start_s: Start = None

    @model_validator(mode="after")
    def _points_make_sense(self) -> Self:
        points = self.read()
        _check([(f"point {number}", *point) for number, point in enumerate(points, 1)], None)
        check_period(self.period_s, points)
        return self

    def read(self) -> Points:
        """The points, from the file if there is one. Raises ConfigError on the first bad line of a file."""
        return self.points if self.path is None else read_loss_trace(self.path)

    def process(self, uniforms: Uniforms) -> LossProcess:
        start_s = start_in(self.start_s, self.period_s, uniforms)
        return _Recorded(self.read(), self.period_s or inf, start_s, uniforms)

    @property
    def begins(self) -> str:
        return start_words(self.start_s, self.period_s is not None)

    @property
    def mean_loss(self) -> float | None:
        """Over time, of a trace that repeats; None of one that ends with its last point for ever."""
        if self.period_s is None:
            return None
        ends_s = [*self.read(), (self.period_s, 0.0)]
        return sum(chance * (to_s - from_s) for (from_s, chance), (to_s, _) in pairwise(ends_s)) / self.period_s


class _Recorded:
    memoryless = True

    def __init__(self, points: Points, period_s: float, start_s: float, uniforms: Uniforms) -> None:
        self._times_s = [time_s for time_s, _ in points]
        self._chances = [chance for _, chance in points]
        self._period_s, self._start_s = period_s, start_s
        self._uniform = uniforms.uniform

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        chance = self._chances[bisect_right(self._times_s, (self._start_s + now_s) % self._period_s) - 1]
        return chance >= 1 or (chance > 0 and self._uniform(*index) < chance)


def read_loss_trace(path: Path) -> Points:
    """The points of a CSV file. Raises ConfigError that names file and line."""
    value = "lost" if "lost" in read_header(path) else "probability"
    points = []
    for place, (time, told) in read_table(path, ("time_s", value)):
        try:
            points.append((place, float(time), _LOST[told.strip().lower()] if value == "lost" else float(told)))
        except (ValueError, KeyError):
            allowed = "a number, and 0 or 1" if value == "lost" else "two numbers"
            raise ConfigError(f"{place}: time_s and {value} must be {allowed}, got {time},{told}") from None
    _check(points, path)
    return tuple((time_s, chance) for _, time_s, chance in points)


def _check(points: list[tuple[str, float, float]], path: Path | None) -> None:
    """Raises ConfigError, which names the place, where times do not rise from 0 s or a probability is none."""
    check_times([(place, time_s) for place, time_s, _ in points], "time_s", path)
    for place, _, chance in points:
        if not 0 <= chance <= 1:
            raise ConfigError(f"{place}: probability must be 0 to 1, got {chance}")
