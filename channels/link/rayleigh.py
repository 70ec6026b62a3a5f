"""Rayleigh block fading: a fresh channel each coherence time, its rate that of Shannon's formula."""

from __future__ import annotations

import math
from typing import Final, Literal

from pydantic import Field

from channels.link.rates import Curve, Rate
from channels.link.step_curve import StepCurve
from channels.uniforms import Uniforms

SHORTEST_FADE_S: Final = 1e-5
"""Far below what any motion gives."""


class Rayleigh(Rate):
    """W log2(1 + g SNR) with g exponential of mean 1, drawn anew each block, known to the sender."""

    kind: Literal["rayleigh"] = "rayleigh"
    bandwidth_hz: float = Field(
        180_000.0, ge=1, allow_inf_nan=False, description="Bandwidth W, Hz (an LTE block: 180e3)."
    )
    mean_snr_db: float = Field(3.0, ge=-60, le=100, description="Mean signal-to-noise ratio, dB.")
    coherence_s: float = Field(
        0.05,
        ge=SHORTEST_FADE_S,
        allow_inf_nan=False,
        description="Time that one fade lasts, seconds; at least 10 microseconds, far below what any motion gives.",
    )

    @property
    def mean_bps(self) -> float:
        """W e^x E1(x) / ln 2 at x = 1 / SNR, the ergodic capacity; far out by its expansion."""
        from scipy.special import exp1  # here: it costs a quarter of a second that a plain `--help` should not pay

        x = 10 ** (-self.mean_snr_db / 10)
        scaled = math.exp(x) * float(exp1(x)) if x < 500 else (1 - 1 / x + 2 / x**2) / x
        return self.bandwidth_hz * scaled / math.log(2)

    def curve(self, uniforms: Uniforms) -> Curve:
        return _RayleighCurve(self, uniforms)


class _RayleighCurve(StepCurve):
    """Fade k, from k to k + 1 coherence times, has the number at k."""

    def __init__(self, rate: Rayleigh, uniforms: Uniforms) -> None:
        super().__init__()
        self._mean_snr = 10 ** (rate.mean_snr_db / 10)
        self._coherence_s = rate.coherence_s
        self._bandwidth_hz = rate.bandwidth_hz
        self._uniform = uniforms.uniform

    def _segment(self, number: int) -> tuple[float, float]:
        snr = -math.log1p(-self._uniform(number)) * self._mean_snr
        return (number + 1) * self._coherence_s, self._bandwidth_hz * math.log2(1 + snr)
