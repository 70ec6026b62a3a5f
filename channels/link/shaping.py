"""Rates that remember what was sent: a token bucket, and a duty cycle that answers airtime with silence.

In both the position's credit is 0 for a link that has long been idle; after it has sent, minus what it still owes.
"""

from __future__ import annotations

from math import inf
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from channels.link.rates import Curve, MessageIndex, Position, Rate
from channels.uniforms import Uniforms


class TokenBucket(Rate):
    """Tokens drip in at `bps` up to `burst_bits`; a packet leaves once they cover it, no faster than the peak."""

    kind: Literal["token_bucket"] = "token_bucket"
    time_alone: ClassVar[bool] = False
    bps: float = Field(100_000.0, gt=0, allow_inf_nan=False, description="Rate of the tokens, bits per second.")
    burst_bits: float = Field(
        12_000.0, ge=0, allow_inf_nan=False, description="Size of the bucket, full at first, bits."
    )
    peak_bps: float = Field(inf, gt=0, description="Rate of the line behind the bucket, bits per second.")

    @model_validator(mode="after")
    def _peak_is_above(self) -> Self:
        if self.peak_bps < self.bps:
            raise ValueError(f"peak_bps = {self.peak_bps} must be at least bps = {self.bps}")
        return self

    @property
    def fastest_bps(self) -> float:
        return self.peak_bps

    def curve(self, uniforms: Uniforms) -> Curve:
        return _BucketCurve(self)


class DutyCycle(Rate):
    """After an airtime a, silence of a (1/d - 1), as LoRaWAN devices keep under ETSI EN 300 220."""

    kind: Literal["duty_cycle"] = "duty_cycle"
    time_alone: ClassVar[bool] = False
    bps: float = Field(
        5_470.0, gt=0, allow_inf_nan=False, description="Rate on the air, bits per second (LoRa SF7: 5470)."
    )
    duty: float = Field(0.01, gt=0, le=1, description="Most of the time that may be airtime, 0 to 1 (EU868: 0.01).")

    @property
    def fastest_bps(self) -> float:
        return self.bps

    @property
    def airtime_share(self) -> float:
        return self.duty

    def curve(self, uniforms: Uniforms) -> Curve:
        return _DutyCurve(self)


class _BucketCurve(Curve):
    """Tokens now: burst + credit."""

    def __init__(self, rate: TokenBucket) -> None:
        self._rate = rate

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        if t1_s <= t0_s:
            return 0.0
        return min(self._rate.peak_bps * (t1_s - t0_s), self._rate.burst_bits + self._rate.bps * (t1_s - t0_s))

    def ready_s(self, position: Position, bits: float) -> float:
        return position.time_s + self._busy_s(position, bits) - bits / self._rate.peak_bps

    def finish(self, position: Position, bits: float) -> Position:
        busy_s = self._busy_s(position, bits)
        credit_bits = min(0.0, position.credit_bits + self._rate.bps * busy_s - bits)
        return Position(position.time_s + busy_s, credit_bits, position.message)

    def idle(self, position: Position, now_s: float, message: MessageIndex = (0, 0, 0)) -> Position:
        credit_bits = position.credit_bits + self._rate.bps * (now_s - position.time_s)
        return Position(now_s, min(0.0, credit_bits), message)

    def _busy_s(self, position: Position, bits: float) -> float:
        tokens_bits = self._rate.burst_bits + position.credit_bits
        return max(0.0, (bits - tokens_bits) / self._rate.bps, bits / self._rate.peak_bps)


class _DutyCurve(Curve):
    """Credit: minus the bits that the owed silence would have carried."""

    def __init__(self, rate: DutyCycle) -> None:
        self._bps = rate.bps
        self._owed_per_bit = 1 / rate.duty - 1

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        """The long-run share of the rate: how it falls into airtime and silence depends on the packets."""
        return self._bps * (t1_s - t0_s) / (1 + self._owed_per_bit) if t1_s > t0_s else 0.0

    def ready_s(self, position: Position, bits: float) -> float:
        return position.time_s - position.credit_bits / self._bps

    def finish(self, position: Position, bits: float) -> Position:
        end_s = self.ready_s(position, bits) + bits / self._bps
        return Position(end_s, -bits * self._owed_per_bit, position.message)

    def idle(self, position: Position, now_s: float, message: MessageIndex = (0, 0, 0)) -> Position:
        credit_bits = position.credit_bits + self._bps * (now_s - position.time_s)
        return Position(now_s, min(0.0, credit_bits), message)
