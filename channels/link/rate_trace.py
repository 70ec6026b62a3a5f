"""Rates that were measured: a list of instants and rates, from the configuration or from a file."""

from __future__ import annotations

from bisect import bisect_right
from math import inf
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from channels.link.rates import Curve, Rate, Start, start_in, start_words
from channels.link.step_curve import StepCurve
from channels.uniforms import Uniforms
from kinds import ConfigError
from kinds.files import GivenPath, read_table

Points = tuple[tuple[float, float], ...]


Period = Annotated[
    float | None,
    Field(
        ge=1e-3,
        allow_inf_nan=False,
        description="Length after which the trace repeats, seconds, at least 1 ms; null: never.",
    ),
]


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
        _check([(f"point {number}", *point) for number, point in enumerate(points, 1)])
        check_period(self.period_s, points)
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
    _check(points, path)
    return tuple((start_s, bps) for _, start_s, bps in points)


def _check(points: list[tuple[str, float, float]], path: Path | None = None) -> None:
    """Starts rise from 0 s, rates are finite and not negative; otherwise a ConfigError that names the place."""
    check_times([(place, start_s) for place, start_s, _ in points], "start_s", path)
    for place, _, bps in points:
        if not 0 <= bps < inf:
            raise ConfigError(f"{place}: bps must be finite and at least 0, got {bps}")


def check_period(period_s: float | None, points: Points) -> None:
    """Raises ValueError where a recording repeats before its last point."""
    if period_s is not None and period_s <= points[-1][0]:
        raise ValueError(f"period_s = {period_s} must be past the last point, {points[-1][0]} s")


def check_times(times: list[tuple[str, float]], name: str, path: Path | None) -> None:
    """Raises ConfigError, which names the place, where there are no times, or they do not rise from 0 s."""
    if not times:
        raise ConfigError("points: at least one" if path is None else f"{path}, line 2: at least one point")
    before_s = -1.0
    for place, time_s in times:
        if before_s < 0 and time_s != 0:
            raise ConfigError(f"{place}: the first {name} must be 0, got {time_s}")
        if not before_s < time_s < inf:
            raise ConfigError(f"{place}: {name} must rise, got {time_s} after {before_s}")
        before_s = time_s
