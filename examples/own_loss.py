"""A loss model of your own: which packets never arrive.

    sqsim run latency_vs_bandwidth --quick --set models.pair=sotu --set scheme=k_sqs --import examples/own_loss.py \
        --grid 'uplink.loss=none,{kind: radar, period_s: 0.35, sweep_s: 0.1}' \
        --grid uplink.rate.bps=1e4,1e6 --seeds 3 --out results/own_loss

A loss is told when a packet's last bit leaves, how large it is and at what rate it went. Rates, delays, clocks,
workloads are families of the same make: one class with a `kind`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from channels.link.losses import Loss, LossProcess, PacketIndex
from channels.uniforms import Uniforms


class Radar(Loss):
    """A radar beam that passes once a turn, and all is lost meanwhile."""

    kind: Literal["radar"] = "radar"
    period_s: float = Field(0.35, gt=0, allow_inf_nan=False, description="time of a turn")
    sweep_s: float = Field(0.1, ge=0, allow_inf_nan=False, description="for how long of it the beam is here")

    @property
    def mean_loss(self) -> float:
        """The share in the long run: with it, the kind has a place on the axis of the scenario `lossy_uplink`."""
        return min(1.0, self.sweep_s / self.period_s)

    def process(self, uniforms: Uniforms) -> LossProcess:
        return self  # it draws nothing and remembers nothing; one that does returns an object of its own

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        return now_s % self.period_s < self.sweep_s
