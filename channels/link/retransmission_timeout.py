"""Time for which a sender waits for an acknowledgement: a fixed time, or one learned from the round trips it has seen,
longer after each expiry, and each wait drawn out a little at random."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import inf
from typing import Literal, Self

from pydantic import Field, model_validator

from channels.uniforms import Uniforms
from kinds import Choice


class RunningTimer:
    """The timer of one sender: what it estimates, times a factor that grows with each expiry (Karn)."""

    __slots__ = ("_backoff", "_estimate", "_factor", "_learns", "_longest_s", "timeout_s")

    def __init__(self, estimate: Estimate, backoff: float, longest_s: float) -> None:
        """`backoff`: the factor after each expiry; it leads to no more than `longest_s`."""
        self.timeout_s = estimate.timeout_s
        """How long the next attempt waits for its acknowledgement, seconds."""
        self._estimate = estimate
        self._backoff = backoff
        self._longest_s = longest_s
        self._factor = 1.0
        self._learns = type(estimate) is not Estimate

    def on_sample(self, round_trip_s: float) -> None:
        """A packet sent once was acknowledged after this time: the network is back, and so is the estimate."""
        if self._learns or self._factor > 1.0:
            self._estimate.on_sample(round_trip_s)
            self._factor = 1.0
            self.timeout_s = self._estimate.timeout_s

    def on_expiry(self, expiries: int) -> None:
        """The timer of one packet has run out, for the `expiries`-th time."""
        if self._backoff > 1.0:
            self._factor = max(self._factor, self._backoff ** min(expiries, 64))
            estimate_s = self._estimate.timeout_s
            self.timeout_s = max(estimate_s, min(self._longest_s, estimate_s * self._factor))


@dataclass(frozen=True, slots=True)
class TimerJitter:
    """Draws waits out by up to a share of them, so that no repeat keeps step with what it failed on (RFC 7252, 4.2).

    Never shorter: an acknowledgement that the timer alone would have awaited is still in time.
    """

    share: float
    uniforms: Uniforms

    def wait_s(self, timeout_s: float, *index: int) -> float:
        """Returns the actual wait at this index, in seconds."""
        return timeout_s * (1.0 + self.share * self.uniforms.uniform(*index)) if self.share else timeout_s


class Estimate:
    """Estimate of one sender's round trips. This one learns nothing from them."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        """The wait of a first attempt, seconds."""

    def on_sample(self, round_trip_s: float) -> None:
        """A packet sent once was acknowledged after this time."""


class Timer(Choice, family=True):
    """Setting of the retransmission timer, chosen by `kind`."""

    @property
    def longest_s(self) -> float:
        """The longest timeout that it learns, seconds, however long the round trips are."""
        return inf

    @abstractmethod
    def estimate(self, first_s: float) -> Estimate:
        """A fresh estimate that waits `first_s` until it knows better."""


class FixedTimer(Timer):
    """Always `arq.timeout_s`."""

    kind: Literal["fixed"] = "fixed"

    def estimate(self, first_s: float) -> Estimate:
        return Estimate(first_s)


class JacobsonTimer(Timer):
    """Jacobson's mean and deviation with the constants of RFC 6298; Karn's rule is the sender's."""

    kind: Literal["jacobson"] = "jacobson"
    min_s: float = Field(0.2, ge=0, allow_inf_nan=False, description="Shortest timeout, seconds (Linux: 0.2).")
    max_s: float = Field(60.0, gt=0, allow_inf_nan=False, description="Longest timeout, seconds (RFC 6298: 60).")
    granularity_s: float = Field(
        0.001, ge=0, allow_inf_nan=False, description="Least margin over the smoothed round trip, seconds (RFC: G)."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_s > self.max_s:
            raise ValueError(f"min_s = {self.min_s} must not exceed max_s = {self.max_s}")
        return self

    @property
    def longest_s(self) -> float:
        return self.max_s

    def estimate(self, first_s: float) -> Estimate:
        return _Jacobson(self, first_s)


class _Jacobson(Estimate):
    """RFC 6298, section 2: SRTT, RTTVAR, RTO = SRTT + max(G, 4 RTTVAR)."""

    def __init__(self, timer: JacobsonTimer, first_s: float) -> None:
        super().__init__(first_s)
        self._timer = timer
        self._smoothed_s: float | None = None
        self._deviation_s = 0.0

    def on_sample(self, round_trip_s: float) -> None:
        if self._smoothed_s is None:
            self._smoothed_s = round_trip_s
            self._deviation_s = round_trip_s / 2
        else:
            self._deviation_s += (abs(self._smoothed_s - round_trip_s) - self._deviation_s) / 4
            self._smoothed_s += (round_trip_s - self._smoothed_s) / 8
        margin_s = max(self._timer.granularity_s, 4 * self._deviation_s)
        self.timeout_s = min(self._timer.max_s, max(self._timer.min_s, self._smoothed_s + margin_s))
