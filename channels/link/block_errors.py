"""Each packet as one block of an ideal code over a Gaussian channel: how often it is lost follows from its bits, its
airtime and the signal-to-noise ratio meanwhile.

The curve is the normal approximation of Polyanskiy, Poor and Verdu, Channel Coding Rate in the Finite Blocklength
Regime, IEEE Trans. Inf. Theory 56(5), 2010: over n uses of a channel of capacity C and dispersion V the best code for
k bits fails with probability Q((n C - k + log2(n) / 2) / sqrt(n V)). A block that lasts over several fades is coded
over all of them: their capacities and dispersions add up. The approximation is good from some hundred uses on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import e, erfc, log1p, log2, sqrt
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from channels.link.losses import IndependentLosses, Loss, LossProcess
from channels.link.rates import Curve, Fade, Rate
from channels.link.rayleigh import SHORTEST_FADE_S, RayleighFading
from channels.uniforms import Uniforms

_NAT_BITS: Final = log2(e)


class BlockErrors(Loss):
    """One block per packet, header included. At a rate chosen for the fade it is lost by the noise; at a
    fixed rate over a fading channel, by fades too deep for it (outages). Airtime runs from the first bit to the last;
    only the fades of a rate leave out what such a rate's `scheduled_outages` or `random_outages` cut out of it."""

    kind: Literal["block_errors"] = "block_errors"
    by_airtime: ClassVar[bool] = True
    snr_db: float | None = Field(
        3.0,
        ge=-60,
        le=100,
        description="Signal-to-noise ratio, dB, the mean where it fades; null: that of the very fades which the link's "
        "rate follows, of kind rayleigh, with its bandwidth.",
    )
    coherence_s: float | None = Field(
        None,
        ge=SHORTEST_FADE_S,
        allow_inf_nan=False,
        description="Time that one Rayleigh fade around `snr_db` lasts, seconds, at least 10 microseconds; null: no "
        "fading.",
    )
    bandwidth_hz: float = Field(
        180_000.0,
        gt=0,
        allow_inf_nan=False,
        description="Bandwidth of the channel, Hz: each second of airtime is so many complex symbols; not used where "
        "snr_db is null.",
    )

    @model_validator(mode="after")
    def _fades_around_something(self) -> Self:
        if self.snr_db is None and self.coherence_s is not None:
            raise ValueError(f"coherence_s = {self.coherence_s}: must be null where snr_db is null (the rate has it)")
        return self

    def process(self, uniforms: Uniforms) -> LossProcess:
        if self.snr_db is None:
            raise ValueError("snr_db = null: needs a link whose rate is rayleigh")
        if self.coherence_s is None:
            return _coded(_steady(self.snr_db, self.bandwidth_hz), uniforms)
        fading = RayleighFading(self.snr_db, self.coherence_s, self.bandwidth_hz, uniforms.under(1))
        return _coded(fading.fades, uniforms.under(0))

    def over(self, curve: Curve, uniforms: Uniforms) -> LossProcess:
        return _coded(curve.fades, uniforms.under(0)) if self.snr_db is None else self.process(uniforms)

    def require_fit(self, rate: Rate, packet_bits: int) -> None:
        if self.snr_db is None:
            if not rate.fading:
                raise ValueError(f"snr_db = null: must be a number where the rate is {rate.kind}, not rayleigh")
            return
        capacity_bps = self.bandwidth_hz * log1p(10 ** (self.snr_db / 10)) * _NAT_BITS
        if rate.fastest_bps is not None and rate.fastest_bps > capacity_bps:
            raise ValueError(
                f"snr_db = {self.snr_db:g}: a rate of {rate.fastest_bps:g} bit/s is above the capacity of "
                f"{self.bandwidth_hz:g} Hz there, {capacity_bps:.6g} bit/s: most blocks would be lost"
            )


def block_error_rate(bits: float, fades: Iterable[Fade]) -> float:
    """The probability that a block of so many bits, coded over all of `fades`, is not decoded.

    Per real channel use C = log2(1 + snr) / 2 and V = snr (snr + 2) / (2 (snr + 1)^2) log2(e)^2.
    """
    uses = capacity_bits = dispersion = 0.0
    for fade in fades:
        uses += fade.uses
        capacity_bits += fade.uses * log1p(fade.snr) * _NAT_BITS / 2
        dispersion += fade.uses * fade.snr * (fade.snr + 2) / (2 * (fade.snr + 1) ** 2) * _NAT_BITS**2
    if dispersion <= 0:
        return 1.0 if bits > 0 else 0.0
    margin_bits = capacity_bits - bits + log2(uses) / 2
    return erfc(margin_bits / sqrt(2 * dispersion)) / 2


def _coded(fades: Callable[[float, float], Iterable[Fade]], uniforms: Uniforms) -> LossProcess:
    """The losses of blocks over these fades, which are asked for between two instants."""

    def probability(now_s: float, bits: int, rate_bps: float) -> float:
        return block_error_rate(bits, fades(max(0.0, now_s - bits / rate_bps), now_s))

    return IndependentLosses(probability, uniforms)


def _steady(snr_db: float, bandwidth_hz: float) -> Callable[[float, float], Iterable[Fade]]:
    """A channel that does not fade."""
    snr = 10 ** (snr_db / 10)
    return lambda t0_s, t1_s: (Fade(2 * bandwidth_hz * (t1_s - t0_s), snr),)
