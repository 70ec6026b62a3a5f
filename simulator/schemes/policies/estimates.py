"""What an edge can estimate from its verification results, with older ones forgotten at an exponential rate.

Acceptance is that of drafts which were verified: those that were accepted, and the one that was rejected, of each
round. How long a round is away is a line in its bits, seconds = away_s + bits * s_per_bit, by least squares: the slope
is the uplink's, the intercept all that does not grow with the payload (propagation, headers, the cloud, the way back).
"""

from __future__ import annotations

from typing import NamedTuple, Self

from simulator.schemes.policy import SeenVerdict

STEADY = 1e-12
"""Bits that vary by less than this share of their mean square say nothing of the slope."""


class Estimates(NamedTuple):
    """Sums over rounds with drafts, discounted; a policy's state may begin with them. All 0 before the first."""

    accepted: float = 0.0
    verified: float = 0.0
    rounds: float = 0.0
    drafted: float = 0.0
    bits: float = 0.0
    seconds: float = 0.0
    bits_squared: float = 0.0
    bits_seconds: float = 0.0

    def with_acceptance(self, result: SeenVerdict, weight: float) -> Self:
        """With the acceptance of one round more; those before weigh `weight` of what they did."""
        new = result.accepted + (result.accepted < result.drafted)
        return self._replace(accepted=weight * self.accepted + result.accepted, verified=weight * self.verified + new)

    def time(self, result: SeenVerdict, weight: float) -> Self:
        """With the time of one round more. A request's first round tells nothing: it may have waited for the prompt."""
        bits, seconds = float(result.payload_bits), result.answered_s - result.sent_s
        new = (1.0, result.drafted, bits, seconds, bits * bits, bits * seconds)
        return type(self)(*self[:2], *(weight * old + more for old, more in zip(self[2:], new, strict=True)))

    def acceptance(self, prior: float) -> float:
        """The acceptance of a draft that is verified, as if one more had been accepted with probability `prior`."""
        return (self.accepted + prior) / (self.verified + 1.0)

    @property
    def bits_per_draft(self) -> float:
        return self.bits / max(1.0, self.drafted)

    @property
    def s_per_bit(self) -> float:
        """Slope of the line; where bits never varied, or time fell with them, 0. Not so steep that no bits took less
        than no time."""
        spread = self.rounds * self.bits_squared - self.bits**2
        if spread <= STEADY * self.rounds * self.bits_squared:
            return 0.0
        slope = (self.rounds * self.bits_seconds - self.bits * self.seconds) / spread
        return min(max(0.0, slope), self.seconds / self.bits)

    def away_s(self, bits: float) -> float:
        """How long a payload of so many bits is away, from its sending to the verification result."""
        mean_bits, mean_s = self.bits / self.rounds, self.seconds / self.rounds
        return max(0.0, mean_s + self.s_per_bit * (bits - mean_bits))
