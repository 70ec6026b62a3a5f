"""Airtime that each packet takes beside its bits: preambles, back-off, gaps between frames, a frame's own answer."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from channels.link.rates import Curve, Fade, MessageIndex, Position


class WithOverhead(Curve):
    """Another curve, of a rate of time alone, on which each packet takes `overhead_s` before its first payload bit."""

    def __init__(self, curve: Curve, overhead_s: float) -> None:
        self._curve = curve
        self._overhead_s = overhead_s

    def bound(self, field: str, horizon_s: float) -> None:
        super().bound(field, horizon_s)
        self._curve.bound(field, horizon_s)

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        """Without overhead: how much of that there is depends on the packets."""
        return self._curve.served_bits(t0_s, t1_s)

    def ready_s(self, position: Position, bits: float) -> float:
        return self._curve.ready_s(position, bits)

    def finish(self, position: Position, bits: float) -> Position:
        payload_s = self.ready_s(position, bits) + self._overhead_s
        if self.over(payload_s):
            return Position(inf, 0.0, position.message)
        return self._curve.finish(self._curve.idle(position, payload_s, position.message), bits)

    def idle(self, position: Position, now_s: float, message: MessageIndex = (0, 0, 0)) -> Position:
        return self._curve.idle(position, now_s, message)

    def forget(self, before_s: float) -> None:
        self._curve.forget(before_s)

    def fades(self, t0_s: float, t1_s: float) -> Iterable[Fade]:
        return self._curve.fades(t0_s, t1_s)

    def heard(self) -> None:
        self._curve.heard()
