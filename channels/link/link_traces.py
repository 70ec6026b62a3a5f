"""Rates and losses that were recorded: a list of instants and what held from then on, from the configuration or from a
file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from channels.link.losses import Loss, LossProcess, PacketIndex
from channels.link.rates import Curve, Rate, Start, start_in, start_words
from channels.link.step_curve import StepCurve
from channels.uniforms import Uniforms
from kinds import ConfigError
from kinds.files import GivenPath, read_header, read_table

Points = tuple[tuple[float, float], ...]


Period = Annotated[
    float | None,
    Field(
        ge=1e-3,
        allow_inf_nan=False,
        description="Length after which the trace repeats, seconds, at least 1 ms; null: never.",
    ),
]


class _Kind(NamedTuple):
    """What is recorded, and the columns it has in a file."""

    time: str
    value: str
    fits: Callable[[float], bool]
    allowed: str


_RATES = _Kind("start_s", "bps", lambda bps: 0 <= bps < inf, "finite and at least 0")
_LOSSES = _Kind("time_s", "probability", lambda chance: 0 <= chance <= 1, "0 to 1")
_LOST = {"0": 0.0, "false": 0.0, "1": 1.0, "true": 1.0}


class Trace(Rate):
    """A piecewise constant rate: each point holds until the next, the last until `period_s`, when the trace repeats."""

    kind: Literal["trace"] = "trace"
    points: Points = Field(
        ((0.0, 100_000.0),), description="Pairs (start_s, bps), starts rising from 0; ignored where `path` is given."
    )
    path: GivenPath | None = Field(None, description="CSV file with the columns start_s and bps instead of `points`.")
    period_s: Period = None
    start_s: Start = None

    @model_validator(mode="after")
    def _points_make_sense(self) -> Self:
        points = self.read()
        _check_given(points, _RATES, self.period_s)
        if self.period_s is not None and not any(bps > 0 for _, bps in points):
            raise ValueError("a trace that repeats must carry something: all its rates are 0")
        return self

    def read(self) -> Points:
        """The points, from the file if there is one. Raises ConfigError on the first bad line of a file."""
        return self.points if self.path is None else read_trace(self.path)

    @property
    def begins(self) -> str:
        return start_words(self.start_s, self.period_s is not None)

    def curve(self, uniforms: Uniforms) -> Curve:
        return TraceCurve(self.read(), self.period_s, start_in(self.start_s, self.period_s, uniforms))


class TraceCurve(StepCurve):
    """The points from `start_s` of them on, once or over and over."""

    def __init__(self, points: Points, period_s: float | None, start_s: float = 0.0) -> None:
        super().__init__()
        self._points = points
        self._period_s = period_s
        self._start_s = start_s
        self._first = bisect_right(points, start_s, key=lambda point: point[0]) - 1

    def _segment(self, number: int) -> tuple[float, float]:
        lap, place = divmod(self._first + number, len(self._points))
        bps = self._points[place][1]
        if place + 1 < len(self._points):
            return lap * (self._period_s or 0.0) + self._points[place + 1][0] - self._start_s, bps
        return (inf if self._period_s is None else (lap + 1) * self._period_s - self._start_s), bps


def read_trace(path: Path) -> Points:
    """The points of a CSV file with the columns start_s and bps. Raises ConfigError that names file and line."""
    points = []
    for place, row in read_table(path, ("start_s", "bps")):
        try:
            start_s, bps = (float(value) for value in row)
        except ValueError:
            raise ConfigError(f"{place}: two numbers, got {','.join(row)!r}") from None
        points.append((place, start_s, bps))
    _check_points(points, _RATES, path)
    return tuple((start_s, bps) for _, start_s, bps in points)


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
        _check_given(self.read(), _LOSSES, self.period_s)
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
    for place, (time, text) in read_table(path, ("time_s", value)):
        try:
            points.append((place, float(time), _LOST[text.strip().lower()] if value == "lost" else float(text)))
        except (ValueError, KeyError):
            allowed = "a number, and 0 or 1" if value == "lost" else "two numbers"
            raise ConfigError(f"{place}: time_s and {value} must be {allowed}, got {time},{text}") from None
    _check_points(points, _LOSSES, path)
    return tuple((time_s, chance) for _, time_s, chance in points)


def _check_points(points: list[tuple[str, float, float]], kind: _Kind, path: Path | None = None) -> None:
    """Raises ConfigError, which names the place, where there are no points, times do not rise from 0 s, or a value is
    none of its kind."""
    if not points:
        raise ConfigError("points: at least one" if path is None else f"{path}, line 2: at least one point")
    before_s = -1.0
    for place, time_s, _ in points:
        if before_s < 0 and time_s != 0:
            raise ConfigError(f"{place}: the first {kind.time} must be 0, got {time_s}")
        if not before_s < time_s < inf:
            raise ConfigError(f"{place}: {kind.time} must rise, got {time_s} after {before_s}")
        before_s = time_s
    for place, _, value in points:
        if not kind.fits(value):
            raise ConfigError(f"{place}: {kind.value} must be {kind.allowed}, got {value}")


def _check_given(points: Points, kind: _Kind, period_s: float | None) -> None:
    _check_points([(f"point {number}", *point) for number, point in enumerate(points, 1)], kind)
    if period_s is not None and period_s <= points[-1][0]:
        raise ValueError(f"period_s = {period_s} must be past the last point, {points[-1][0]} s")
