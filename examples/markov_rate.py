"""A rate of your own: a channel with two states, of which each round finds one, as in Quantize-Sample-and-Verify.

    sqsim run traces --quick --set models.pair=sotu --set scheme=k_sqs --import examples/markov_rate.py \
        --grid 'uplink.rate={kind: constant, bps: 4e6},{kind: two_state},{kind: two_state, stays: 0.95}' \
        --seeds 3 --out results/own_rate

Q-S (arXiv 2507.00605) redraws its uplink, 2 or 6 Mbit/s, in each round with probability one half. A rate answers by a
curve: when have so many bits gone through? Its random numbers are addressed by what they decide, so that a run is the
same whatever happens first. A rate that changes with time, and not with the round, is a `StepCurve`, as `rayleigh` is.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from channels.link.rates import Curve, Position, Rate
from channels.uniforms import Uniforms

JOINS = 1 << 62
"""Added to the round in the address of a message by which a device joins a cloud that decodes."""


class TwoState(Rate):
    """A Markov chain of two rates that steps once per round of a request, from a random state."""

    kind: Literal["two_state"] = "two_state"
    time_alone: ClassVar[bool] = False
    bps: tuple[float, float] = Field((2e6, 6e6), description="rates of the two states, bits per second, above 0")
    stays: float = Field(0.5, ge=0, le=1, description="probability that a round finds the state of the one before it")

    @property
    def fastest_bps(self) -> float:
        """With it a sender's window holds what the link can carry in a round trip, and no more."""
        return max(self.bps)

    def curve(self, uniforms: Uniforms) -> Curve:
        return _ByRound(self, uniforms)


class _ByRound(Curve):
    """The rate that each packet of a round finds, its repeats too."""

    def __init__(self, rate: TwoState, uniforms: Uniforms) -> None:
        self._rate, self._uniform = rate, uniforms.uniform

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        return self._bps(Position(t0_s)) * (t1_s - t0_s)

    def finish(self, position: Position, bits: float) -> Position:
        return Position(position.time_s + bits / self._bps(position), 0.0, position.message)

    def _bps(self, position: Position) -> float:
        device, request, message = position.message
        rounds = range(1, max(0, message) % JOINS + 1)
        state = self._uniform(device, request, 0) >= 0.5
        changes = sum(self._uniform(device, request, number) >= self._rate.stays for number in rounds)
        return self._rate.bps[(state + changes) % 2]
