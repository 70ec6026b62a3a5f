"""Rayleigh block fading: a fresh channel each coherence time, its rate by Shannon's formula."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from channels.link.rates import Curve, Rate
from channels.link.step_curve import StepCurve
from channels.uniforms import Uniforms


class Rayleigh(Rate):
    """W log2(1 + g SNR) with g exponential of mean 1, drawn anew each block."""

    kind: Literal["rayleigh"] = "rayleigh"
    bandwidth_hz: float = Field(
        180_000.0, ge=1, allow_inf_nan=False, description="Bandwidth W, Hz (an LTE block: 180e3)."
    )
    mean_snr_db: float = Field(3.0, ge=-60, le=100, description="Mean signal-to-noise ratio, dB.")
    coherence_s: float = Field(
        0.05,
        ge=1e-5,
        allow_inf_nan=False,
        description="Time that one fade lasts, seconds; at least 10 microseconds, far below what any motion gives.",
    )

    def curve(self, uniforms: Uniforms) -> Curve:
        return _RayleighCurve(self, uniforms)


class _RayleighCurve(StepCurve):
    def __init__(self, rate: Rayleigh, uniforms: Uniforms) -> None:
        super().__init__()
        self._rate = rate
        self._mean_snr = 10 ** (rate.mean_snr_db / 10)
        self._uniform = uniforms.uniform

    def _segment(self, number: int) -> tuple[float, float]:
        gain = -math.log1p(-self._uniform(number))
        bps = self._rate.bandwidth_hz * math.log2(1 + gain * self._mean_snr)
        return (number + 1) * self._rate.coherence_s, bps
