"""Rates that change at instants: the curve that traces and block fading share.

The curve is a growing table of instants and of the bits served by then; questions are answered by bisection. Segments
are asked for in order and remembered, so that a curve remains a pure function of its randomness.
"""

from __future__ import annotations

from abc import abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from math import inf

from channels.link.rates import Curve, Position
from channels.on_off import MOST_CHANGES, MOST_IDLE_CHANGES

_KEPT = 256
"""Segments that may lie in the past before they are cleared away."""


class StepCurve(Curve):
    """A piecewise constant rate from 0 s on. Segment k lasts from `_edges_s[k]` to `_edges_s[k + 1]`."""

    def __init__(self) -> None:
        self._edges_s = array("d", [0.0])
        self._served_bits = array("d", [0.0])
        self._rates_bps = array("d")
        self._grown = 0
        self._waited = 0
        self._idle = 0

    @abstractmethod
    def _segment(self, number: int) -> tuple[float, float]:
        """Returns the end of segment `number` (from 0), in seconds, and its rate, in bits per second. The last one ends
        at inf.

        Asked once for each, in order. One that rounding leaves without length, far from 0 s, is passed over.
        """

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        return self._total_bits(t1_s) - self._total_bits(t0_s) if t1_s > t0_s else 0.0

    def finish(self, position: Position, bits: float) -> Position:
        if bits <= 0:
            return position._replace(time_s=self.ready_s(position, bits))
        if self.over(position.time_s):
            return Position(inf, 0.0, position.message)
        goal_bits = self._total_bits(position.time_s) + bits
        while self._served_bits[-1] < goal_bits:
            if self._edges_s[-1] >= self.horizon_s:
                return Position(inf, 0.0, position.message)
            self._grow()
        segment = bisect_left(self._served_bits, goal_bits) - 1
        into_s = (goal_bits - self._served_bits[segment]) / self._rates_bps[segment]
        return Position(max(position.time_s, self._edges_s[segment] + into_s), 0.0, position.message)

    def ready_s(self, position: Position, bits: float) -> float:
        if self.over(position.time_s):
            return inf
        segment, time_s = self._segment_at(position.time_s), position.time_s
        while self._rates_bps[segment] == 0:
            segment, time_s = segment + 1, self._edges_s[segment + 1]
            if self.over(time_s):
                return inf
            if segment == len(self._rates_bps):
                self._grow()
        return time_s

    def forget(self, before_s: float) -> None:
        """An idle time is passed over segment by segment, without keeping them."""
        while self._edges_s[-1] <= before_s:
            self._grow()
            self._clear(before_s)
            self._waited -= 1
            self._idle += 1
            if self._idle > MOST_IDLE_CHANGES:
                raise self.endless(MOST_IDLE_CHANGES, self._edges_s[-1])
        self._clear(before_s)

    def heard(self) -> None:
        self._waited = self._idle = 0

    def _clear(self, before_s: float) -> None:
        if len(self._rates_bps) > _KEPT and self._edges_s[_KEPT] <= before_s:
            past = bisect_right(self._edges_s, before_s) - 1
            for table in (self._edges_s, self._served_bits, self._rates_bps):
                del table[:past]

    def _segment_at(self, time_s: float) -> int:
        assert time_s >= self._edges_s[0], f"I2: a question about {time_s} s, forgotten"
        while self._edges_s[-1] <= time_s:
            self._grow()
        return bisect_right(self._edges_s, time_s) - 1

    def _total_bits(self, time_s: float) -> float:
        segment = self._segment_at(time_s)
        return self._served_bits[segment] + self._rates_bps[segment] * (time_s - self._edges_s[segment])

    def _grow(self) -> None:
        self._waited += 1
        if self._waited > MOST_CHANGES:
            raise self.endless(MOST_CHANGES, self._edges_s[-1])
        end_s, rate_bps = self._next_segment()
        self._rates_bps.append(rate_bps)
        self._served_bits.append(self._served_bits[-1] + (rate_bps * (end_s - self._edges_s[-1]) if rate_bps else 0.0))
        self._edges_s.append(end_s)

    def _next_segment(self) -> tuple[float, float]:
        for _ in range(MOST_CHANGES):
            end_s, rate_bps = self._segment(self._grown)
            self._grown += 1
            if end_s > self._edges_s[-1]:
                return end_s, rate_bps
        raise self.endless(MOST_CHANGES, end_s)
