"""A link that is out at times: the rate behind it goes on in time, but carries nothing meanwhile.

A packet on the air waits out the outage and goes on. Outages last exponential times.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import count
from math import inf
from typing import Literal, Self

from pydantic import Field, model_validator

from channels.link.rates import ConstantRate, Curve, Position, Rate, WrappedCurve
from channels.on_off import MOST_CHANGES, MOST_IDLE_CHANGES, SHORTEST_S, Window, exponential_windows
from channels.uniforms import Uniforms


class RandomOutages(Rate):
    """Another rate, up and out for exponential times, up at 0 s."""

    kind: Literal["random_outages"] = "random_outages"
    rate: Rate = Field(ConstantRate(), description="The rate between outages; it must depend on time alone.")
    mean_up_s: float = Field(
        60.0,
        ge=SHORTEST_S,
        allow_inf_nan=False,
        description="Mean time between two outages, seconds; at least 1 ms: what is faster is a lower rate.",
    )
    mean_out_s: float = Field(
        2.0, ge=SHORTEST_S, allow_inf_nan=False, description="Mean length of an outage, seconds; at least 1 ms."
    )

    @model_validator(mode="after")
    def _of_time_alone(self) -> Self:
        if not self.rate.time_alone:
            raise ValueError("outages need a rate that depends on time alone")
        return self

    @property
    def fastest_bps(self) -> float | None:
        return self.rate.fastest_bps

    @property
    def begins(self) -> str:
        return self.rate.begins

    def curve(self, uniforms: Uniforms) -> Curve:
        return InterruptedCurve(self.rate.curve(uniforms.under(0)), self.outages(uniforms.under(1)))

    def outages(self, uniforms: Uniforms) -> Iterator[Window]:
        """The outages in order, (start_s, end_s) with start_s < end_s, apart from each other."""
        windows = exponential_windows(self.mean_up_s, self.mean_out_s, uniforms)
        return ((start_s, end_s) for start_s, end_s in windows if start_s < end_s)


class InterruptedCurve(WrappedCurve):
    """The inner curve over the time that is left."""

    def __init__(self, inner: Curve, outages: Iterator[Window]) -> None:
        super().__init__(inner)
        self._coming = outages
        self._known: list[Window] = []
        self._ends_s: list[float] = []
        self._waited = 0
        self._idle = 0

    def bound(self, field: str, horizon_s: float) -> None:
        super().bound(field, horizon_s)
        self._curve.bound(f"{field}.rate", horizon_s)

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        total_bits, at_s = 0.0, t0_s
        for start_s, end_s in self._from(t0_s):
            if start_s >= t1_s:
                break
            total_bits += self._curve.served_bits(at_s, start_s)
            at_s = max(at_s, end_s)
        return total_bits + self._curve.served_bits(at_s, t1_s)

    def finish(self, position: Position, bits: float) -> Position:
        left_bits = bits
        for start_s, end_s in self._from(position.time_s):
            end = self._curve.finish(position, left_bits)
            begins = self._curve.ready_s(position, left_bits) < start_s
            if (begins and end.time_s <= start_s) or self.over(start_s) or end.time_s == inf:
                return end
            left_bits -= position.credit_bits + self._curve.served_bits(position.time_s, max(position.time_s, start_s))
            position = Position(max(position.time_s, end_s), 0.0, position.message)
        return self._curve.finish(position, left_bits)

    def ready_s(self, position: Position, bits: float) -> float:
        for start_s, end_s in self._from(position.time_s):
            ready_s = self._curve.ready_s(position, bits)
            if ready_s < start_s or self.over(start_s) or ready_s == inf:
                return ready_s
            position = Position(max(position.time_s, end_s), 0.0, position.message)
        return self._curve.ready_s(position, bits)

    def forget(self, before_s: float) -> None:
        self._curve.forget(before_s)
        past = bisect_right(self._ends_s, before_s)
        del self._known[:past], self._ends_s[:past]
        while not self._known and self._learn():
            self._waited -= 1
            self._idle += 1
            if self._idle > MOST_IDLE_CHANGES:
                raise self.endless(MOST_IDLE_CHANGES, self._ends_s[-1])
            if self._ends_s[0] <= before_s:
                del self._known[:], self._ends_s[:]

    def heard(self) -> None:
        self._curve.heard()
        self._waited = self._idle = 0

    def _from(self, time_s: float) -> Iterator[Window]:
        """The outages that end after an instant, in order."""
        for number in count(bisect_right(self._ends_s, time_s)):
            if number == len(self._known) and not self._learn():
                return
            if self._known[number][1] > time_s:
                yield self._known[number]

    def _learn(self) -> bool:
        """Takes note of one more outage; False where none is to come."""
        coming = next(self._coming, (inf, inf))
        if coming[0] == inf:
            return False
        self._known.append(coming)
        self._ends_s.append(coming[1])
        self._waited += 1
        if self._waited > MOST_CHANGES:
            raise self.endless(MOST_CHANGES, coming[0])
        return True
