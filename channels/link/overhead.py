"""Airtime that each packet takes beside its bits: preambles, back-off, gaps between frames, a frame's own answer."""

from __future__ import annotations

from channels.link.rates import Curve, MessageIndex, Position


class WithOverhead(Curve):
    """Another curve, of a rate of time alone, on which each packet takes `overhead_s` before its first payload bit."""

    def __init__(self, curve: Curve, overhead_s: float) -> None:
        self._curve = curve
        self._overhead_s = overhead_s

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        """Without overhead: how much of that there is depends on the packets."""
        return self._curve.served_bits(t0_s, t1_s)

    def ready_s(self, position: Position, bits: float) -> float:
        return self._curve.ready_s(position, bits)

    def finish(self, position: Position, bits: float) -> Position:
        payload_s = self.ready_s(position, bits) + self._overhead_s
        return self._curve.finish(self._curve.idle(position, payload_s, position.message), bits)

    def idle(self, position: Position, now_s: float, message: MessageIndex = (0, 0, 0)) -> Position:
        return self._curve.idle(position, now_s, message)

    def forget(self, before_s: float) -> None:
        self._curve.forget(before_s)
