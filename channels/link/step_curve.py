"""Rates that change at instants: the curve that traces, Markov chains and block fading share.

The curve is a growing table of instants and of the bits served by then; questions are answered by bisection. Segments
are asked for in order and remembered, so that a curve remains a pure function of its randomness.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left, bisect_right
from math import inf

from channels.link.rates import Curve, Position

_KEPT = 256
"""Segments that may lie in the past before they are cleared away."""


class StepCurve(Curve):
    """A piecewise constant rate from 0 s on. Segment k lasts from `_edges_s[k]` to `_edges_s[k + 1]`."""

    def __init__(self) -> None:
        self._edges_s: list[float] = [0.0]
        self._served_bits: list[float] = [0.0]
        self._rates_bps: list[float] = []
        self._forgotten = 0

    @abstractmethod
    def _segment(self, number: int) -> tuple[float, float]:
        """Where segment `number` (from 0) ends, seconds, and its rate, bits per second. The last one ends at inf."""

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        return self._total_bits(t1_s) - self._total_bits(t0_s) if t1_s > t0_s else 0.0

    def finish(self, position: Position, bits: float) -> Position:
        if bits <= 0:
            return position
        goal_bits = self._total_bits(position.time_s) + bits
        while self._served_bits[-1] < goal_bits:
            if self._edges_s[-1] == inf:
                return Position(inf, 0.0, position.message)
            self._grow()
        segment = bisect_left(self._served_bits, goal_bits) - 1
        into_s = (goal_bits - self._served_bits[segment]) / self._rates_bps[segment]
        return Position(max(position.time_s, self._edges_s[segment] + into_s), 0.0, position.message)

    def ready_s(self, position: Position, bits: float) -> float:
        segment, time_s = self._segment_at(position.time_s), position.time_s
        while self._rates_bps[segment] == 0:
            segment, time_s = segment + 1, self._edges_s[segment + 1]
            if time_s == inf:
                return inf
            if segment == len(self._rates_bps):
                self._grow()
        return time_s

    def forget(self, before_s: float) -> None:
        if len(self._rates_bps) <= _KEPT or self._edges_s[_KEPT] > before_s:
            return
        past = bisect_right(self._edges_s, before_s) - 1
        for table in (self._edges_s, self._served_bits, self._rates_bps):
            del table[:past]
        self._forgotten += past

    def rate_bps(self, time_s: float) -> float:
        """The rate at an instant, bits per second; at a change, the new one."""
        return self._rates_bps[self._segment_at(time_s)]

    def _segment_at(self, time_s: float) -> int:
        assert time_s >= self._edges_s[0], f"I2: a question about {time_s} s, forgotten"
        while self._edges_s[-1] <= time_s:
            self._grow()
        return bisect_right(self._edges_s, time_s) - 1

    def _total_bits(self, time_s: float) -> float:
        segment = self._segment_at(time_s)
        return self._served_bits[segment] + self._rates_bps[segment] * (time_s - self._edges_s[segment])

    def _grow(self) -> None:
        end_s, rate_bps = self._segment(self._forgotten + len(self._rates_bps))
        assert end_s > self._edges_s[-1], "I2: a rate segment ends before it begins"
        self._rates_bps.append(rate_bps)
        self._served_bits.append(self._served_bits[-1] + (rate_bps * (end_s - self._edges_s[-1]) if rate_bps else 0.0))
        self._edges_s.append(end_s)
