"""Rayleigh block fading: a fresh channel each coherence time, its rate a share of Shannon's formula."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, Literal

from pydantic import Field

from channels.link.rates import Curve, Fade, Rate
from channels.link.step_curve import StepCurve
from channels.on_off import MOST_CHANGES
from channels.uniforms import Uniforms
from kinds import ConfigError

SHORTEST_FADE_S: Final = 1e-5
"""Far below what any motion gives."""


class Rayleigh(Rate):
    """s W log2(1 + g SNR) with g exponential of mean 1, drawn anew each block, known to the sender."""

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
    capacity_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Share s of the capacity of the moment at which the sender transmits; below 1 a margin against "
        "the loss `block_errors`, which at 1 takes almost half of all blocks.",
    )

    @property
    def fading(self) -> bool:
        return True

    @property
    def mean_bps(self) -> float:
        """s W e^x E1(x) / ln 2 at x = 1 / SNR, the ergodic capacity; far out by its expansion."""
        from scipy.special import exp1  # here: it costs a quarter of a second that a plain `--help` should not pay

        x = 10 ** (-self.mean_snr_db / 10)
        scaled = math.exp(x) * float(exp1(x)) if x < 500 else (1 - 1 / x + 2 / x**2) / x
        return self.capacity_share * self.bandwidth_hz * scaled / math.log(2)

    def curve(self, uniforms: Uniforms) -> Curve:
        return _RayleighCurve(self, uniforms)


class RayleighFading:
    """The channel itself, a pure function of time: fade k, from k to k + 1 coherence times, has the number at k."""

    def __init__(self, mean_snr_db: float, coherence_s: float, bandwidth_hz: float, uniforms: Uniforms) -> None:
        self._mean_snr = 10 ** (mean_snr_db / 10)
        self._coherence_s = coherence_s
        self._uses_per_s = 2 * bandwidth_hz
        self._uniform = uniforms.uniform

    def snr(self, number: int) -> float:
        """The signal-to-noise ratio of a fade, as a factor."""
        return -math.log1p(-self._uniform(number)) * self._mean_snr

    def end_s(self, number: int) -> float:
        """When a fade ends, seconds."""
        return (number + 1) * self._coherence_s

    def fades(self, t0_s: float, t1_s: float) -> Iterator[Fade]:
        """The fades between two instants, in order, as far as they lie there. Raises ConfigError, before the first,
        where they are more than a run can count."""
        if t1_s - t0_s > MOST_CHANGES * self._coherence_s:
            raise ConfigError(
                f"loss.coherence_s = {self._coherence_s:g}: a packet of {t1_s - t0_s:g} s on the air would last over "
                f"{(t1_s - t0_s) / self._coherence_s:,.0f} fades; at most {MOST_CHANGES:,}"
            )
        number = int(t0_s / self._coherence_s)
        if self.end_s(number) <= t0_s:
            number += 1  # the quotient was rounded down to a whole number
        while t0_s < t1_s:
            until_s = min(t1_s, self.end_s(number))
            yield Fade(self._uses_per_s * (until_s - t0_s), self.snr(number))
            t0_s, number = until_s, number + 1


class _RayleighCurve(StepCurve):
    def __init__(self, rate: Rayleigh, uniforms: Uniforms) -> None:
        super().__init__()
        self._fading = RayleighFading(rate.mean_snr_db, rate.coherence_s, rate.bandwidth_hz, uniforms)
        self._reached_hz = rate.capacity_share * rate.bandwidth_hz

    def _segment(self, number: int) -> tuple[float, float]:
        return self._fading.end_s(number), self._reached_hz * math.log2(1 + self._fading.snr(number))

    def fades(self, t0_s: float, t1_s: float) -> Iterator[Fade]:
        return self._fading.fades(t0_s, t1_s)
