"""Rates and losses that were recorded: a list of instants and what held from then on, from the configuration or from a
file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from channels.link.losses import IndependentLosses, Loss, LossProcess
from channels.link.rates import Curve, Rate, Start, start_in, start_words
from channels.link.step_curve import StepCurve
from channels.uniforms import Uniforms
from kinds import ConfigError, Part
from kinds.csv_tables import read_header, read_table
from kinds.files import GivenPath

Points = tuple[tuple[float, float], ...]
Period = Annotated[
    float | None,
    Field(
        ge=1e-3,
        allow_inf_nan=False,
        description="Length after which the trace repeats, seconds, at least 1 ms; null: never.",
    ),
]


class _Columns(NamedTuple):
    """Recorded quantity, and its columns in a file."""

    time: str
    value: str
    fits: Callable[[float], bool]
    allowed: str
    flag: str = ""
    """A column that may stand in place of `value`: yes or no."""


_COUNTER = "counter"
_YES_NO = {"0": 0.0, "false": 0.0, "1": 1.0, "true": 1.0}


class _Recording(Part):
    """Points from the configuration or from a file; each holds until the next, the last until `period_s`."""

    columns: ClassVar[_Columns]
    points: Points
    path: GivenPath | None = None
    period_s: Period = None
    start_s: Start = None

    @model_validator(mode="after")
    def _points_make_sense(self) -> Self:
        points = self.read()
        _check_points([(f"point {number}", *point) for number, point in enumerate(points, 1)], self.columns)
        if self.period_s is not None and self.period_s <= points[-1][0]:
            raise ValueError(f"period_s = {self.period_s} must be past the last point, {points[-1][0]} s")
        return self

    def read(self) -> Points:
        """The points, from the file if there is one. Raises ConfigError on the first bad line of a file."""
        return self.points if self.path is None else read_points(self.path, self.columns)

    @property
    def begins(self) -> str:
        return start_words(self.start_s, self.period_s is not None)


class Trace(_Recording, Rate):
    """A piecewise constant rate: each point holds until the next, the last until `period_s`, when the trace repeats."""

    columns: ClassVar[_Columns] = _Columns("start_s", "bps", lambda bps: 0 <= bps < inf, "finite and at least 0")
    kind: Literal["trace"] = "trace"
    points: Points = Field(
        ((0.0, 100_000.0),), description="Pairs (start_s, bps), starts rising from 0; ignored where `path` is given."
    )
    path: GivenPath | None = Field(None, description="CSV file with the columns start_s and bps instead of `points`.")

    @model_validator(mode="after")
    def _carries_something(self) -> Self:
        if self.period_s is not None and not any(bps > 0 for _, bps in self.read()):
            raise ValueError("a trace that repeats must carry something: all its rates are 0")
        return self

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


class LossTrace(_Recording, Loss):
    """Losses from a trace. Each point holds until the next, the last until `period_s`, when the trace repeats. A packet
    meets the point at which its last bit leaves: it is lost with the probability there, 0 or 1 where each packet was
    recorded."""

    columns: ClassVar[_Columns] = _Columns("time_s", "probability", lambda chance: 0 <= chance <= 1, "0 to 1", "lost")
    kind: Literal["trace"] = "trace"
    points: Points = Field(
        ((0.0, 0.1),), description="Pairs (time_s, probability), times rising from 0; ignored where `path` is given."
    )
    path: GivenPath | None = Field(
        None,
        description="CSV file instead of `points`, with the columns time_s and probability, 0 to 1, or time_s and "
        "lost, 0 or 1, or time_s and counter, the numbers of frames that were heard: those left out were lost.",
    )

    def read(self) -> Points:
        values = {self.columns.value, self.columns.flag, _COUNTER}
        if self.path is not None and values & {*read_header(self.path)} == {_COUNTER}:
            return _between_heard(self.path, self.columns)
        return super().read()

    def process(self, uniforms: Uniforms) -> LossProcess:
        times_s, chances = zip(*self.read(), strict=True)
        period_s, start_s = self.period_s or inf, start_in(self.start_s, self.period_s, uniforms)

        def probability(now_s: float, bits: int, rate_bps: float) -> float:
            return float(chances[bisect_right(times_s, (start_s + now_s) % period_s) - 1])

        return IndependentLosses(probability, uniforms)

    @property
    def mean_loss(self) -> float | None:
        """Mean over time of a trace that repeats; None for one that ends with its last point for ever."""
        if self.period_s is None:
            return None
        ends_s = [*self.read(), (self.period_s, 0.0)]
        return sum(chance * (to_s - from_s) for (from_s, chance), (to_s, _) in pairwise(ends_s)) / self.period_s


def read_points(path: Path, columns: _Columns) -> Points:
    """The points of a CSV file with these columns. Raises ConfigError that names file and line."""
    flagged = columns.flag and columns.flag in read_header(path)
    value = columns.flag if flagged else columns.value
    points = []
    for place, (time, text) in read_table(path, (columns.time, value)):
        try:
            points.append((place, float(time), _YES_NO[text.strip().lower()] if flagged else float(text)))
        except (ValueError, KeyError):
            allowed = "a number, and 0 or 1" if flagged else "two numbers"
            raise ConfigError(f"{place}: {columns.time} and {value} must be {allowed}, got {time},{text}") from None
    _check_points(points, columns, path)
    return tuple((time_s, number) for _, time_s, number in points)


def _between_heard(path: Path, columns: _Columns) -> Points:
    """Returns the losses between the frames that were received, 0 s being the first: those whose counters are missing,
    sent at an even pace between the two beside them. A counter that falls began anew, and one heard again counts
    once."""
    heard, points = list[tuple[str, float, int]](), list[tuple[str, float, float]]()
    for place, (time, counter) in read_table(path, (columns.time, _COUNTER)):
        try:
            heard.append((place, float(time), int(counter)))
        except ValueError:
            message = f"{columns.time} and {_COUNTER} must be a number and a whole number, got {time},{counter}"
            raise ConfigError(f"{place}: {message}") from None
    for (_, before_s, before), (place, now_s, now) in pairwise([*heard[:1], *heard]):
        if now > before + 1:
            points.append((place, before_s + (now_s - before_s) / (now - before) - heard[0][1], 1.0))
        if now != before or not points:
            points.append((place, now_s - heard[0][1], 0.0))
    _check_points(points, columns, path)
    return tuple((time_s, lost) for _, time_s, lost in points)


def _check_points(points: list[tuple[str, float, float]], columns: _Columns, path: Path | None = None) -> None:
    """Raises ConfigError, which names the place, where there are no points, times do not rise from 0 s, or a value is
    none of its columns."""
    if not points:
        raise ConfigError("points: at least one" if path is None else f"{path}, line 2: at least one point")
    before_s = -1.0
    for place, time_s, _ in points:
        if before_s < 0 and time_s != 0:
            raise ConfigError(f"{place}: the first {columns.time} must be 0, got {time_s}")
        if not before_s < time_s < inf:
            raise ConfigError(f"{place}: {columns.time} must rise, got {time_s} after {before_s}")
        before_s = time_s
    for place, _, value in points:
        if not columns.fits(value):
            raise ConfigError(f"{place}: {columns.value} must be {columns.allowed}, got {value}")
