"""Independent bit errors: a packet is lost if any of its bits is wrong, so long packets are lost more often."""

from __future__ import annotations

from math import expm1, log1p
from typing import Literal

from pydantic import Field

from channels.link.losses import Loss, LossProcess, PacketIndex
from channels.link.rates import Rate
from channels.uniforms import Uniforms

_LEAST_CHANCE = 1e-3
"""Of a full packet to get through: with less, a run waits for its luck alone."""


class BitErrors(Loss):
    """A packet of n bits, header included, is lost with probability 1 - (1 - p)^n: no bit error is corrected."""

    kind: Literal["bit_errors"] = "bit_errors"
    bit_error_rate: float = Field(
        1e-5, ge=0, lt=1, description="Probability p that a bit arrives wrong, errors independent; 0 to below 1."
    )
    reference_bits: int | None = Field(
        None,
        gt=0,
        description="Size of packet, header included, whose loss places this link on an axis of mean losses, bits; "
        "null: it has no place there. Nothing else depends on it.",
    )

    def packet_loss(self, bits: int) -> float:
        """The probability that a packet of so many bits is lost, exact for tiny rates too."""
        return -expm1(bits * log1p(-self.bit_error_rate))

    def process(self, uniforms: Uniforms) -> LossProcess:
        return _BySize(self, uniforms)

    def require_fit(self, rate: Rate, packet_bits: int) -> None:
        if self.packet_loss(packet_bits) > 1 - _LEAST_CHANCE:
            raise ValueError(
                f"bit_error_rate = {self.bit_error_rate:g}: fewer than {_LEAST_CHANCE:.1%} of packets of "
                f"{packet_bits} bits would arrive; lower it, or mtu_bits"
            )

    @property
    def mean_loss(self) -> float | None:
        return None if self.reference_bits is None else self.packet_loss(self.reference_bits)


class _BySize:
    memoryless = True

    def __init__(self, loss: BitErrors, uniforms: Uniforms) -> None:
        self._packet_loss = loss.packet_loss
        self._uniform = uniforms.uniform

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        return self._uniform(*index) < self._packet_loss(bits)
