"""Rates that remember what was sent: a token bucket, and LoRa, whose duty cycle answers airtime with silence.

In both of them the position's credit is 0 for a link that has long been idle; after it has sent, minus what it still
owes.
"""

from __future__ import annotations

from math import ceil, inf
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from channels.link.rates import Curve, MessageIndex, Position, Rate
from channels.uniforms import Uniforms

_LONG_SYMBOL_S: Final = 0.016


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


class LoRa(Rate):
    """Frames of LoRa, each with its preamble and header, under a duty cycle: after an airtime a the sender is silent
    for a (1/d - 1).

    Time on air by Semtech's formula (SX1276 data sheet, 4.1.1.7; AN1200.13), explicit header: a symbol lasts 2^SF / W;
    there are P + 4.25 symbols of preamble, 8 that hold the header and the first bits, and a block of 4 + C symbols for
    each further 4 (SF - 2 E) bits, begun blocks in full.
    """

    kind: Literal["lora"] = "lora"
    time_alone: ClassVar[bool] = False
    duty: float = Field(0.01, gt=0, le=1, description="Most of the time that may be airtime, 0 to 1 (EU868: 0.01).")
    spreading_factor: int = Field(7, ge=7, le=12, description="Spreading factor SF, 7 to 12.")
    bandwidth_hz: float = Field(125_000.0, ge=7_800, le=500_000, description="Bandwidth W, Hz.")
    coding_rate: int = Field(1, ge=1, le=4, description="Check bits C on each 4 bits, 1 to 4 (LoRaWAN: 1).")
    preamble_symbols: int = Field(8, ge=6, le=65_535, description="Symbols of preamble P (LoRaWAN: 8).")
    crc: bool = Field(True, description="Whether 16 check bits end the payload: those of LoRaWAN do up, and not down.")

    @property
    def begins_at_once(self) -> bool:
        return self.duty == 1

    @property
    def fastest_bps(self) -> float:
        return self._block_bits / (self._block_symbols * self._symbol_s)

    def curve(self, uniforms: Uniforms) -> Curve:
        return _DutyCurve(self)

    def airtime_s(self, bits: float) -> float:
        """Returns the time for which a packet of so many bits, header included, is on the air."""
        beyond_bits = 8 * ceil(bits / 8) - 4 * self.spreading_factor + 28 + 16 * self.crc
        blocks = max(0, ceil(beyond_bits / self._block_bits))
        return (self.preamble_symbols + 4.25 + 8 + blocks * self._block_symbols) * self._symbol_s

    @property
    def _symbol_s(self) -> float:
        return (1 << self.spreading_factor) / self.bandwidth_hz

    @property
    def _block_symbols(self) -> int:
        return 4 + self.coding_rate

    @property
    def _block_bits(self) -> int:
        """E, the optimization for low data rates, is on where a symbol is longer than 16 ms: there it is mandated."""
        return 4 * (self.spreading_factor - 2 * (self._symbol_s > _LONG_SYMBOL_S))


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
    """Credit: minus the seconds of silence that are owed."""

    def __init__(self, rate: LoRa) -> None:
        self._rate = rate
        self._owed = 1 / rate.duty - 1

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        """The long-run share of the rate: how it falls into airtime and silence depends on the packets."""
        return self._rate.fastest_bps * (t1_s - t0_s) * self._rate.duty if t1_s > t0_s else 0.0

    def ready_s(self, position: Position, bits: float) -> float:
        return position.time_s - position.credit_bits

    def finish(self, position: Position, bits: float) -> Position:
        airtime_s = self._rate.airtime_s(bits)
        return Position(self.ready_s(position, bits) + airtime_s, -airtime_s * self._owed, position.message)

    def idle(self, position: Position, now_s: float, message: MessageIndex = (0, 0, 0)) -> Position:
        return Position(now_s, min(0.0, position.credit_bits + now_s - position.time_s), message)
