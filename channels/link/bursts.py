"""Gilbert and Elliott's two-state loss: a good and a bad state, stepping per packet or living in time."""

from __future__ import annotations

from bisect import bisect_right
from math import log1p
from typing import Literal, Self

from pydantic import Field, model_validator

from channels.link.losses import Loss, LossProcess, PacketIndex
from channels.on_off import MOST_IDLE_CHANGES, SHORTEST_S
from channels.uniforms import Uniforms
from kinds import ConfigError

_KEPT = 256
"""Changes of state that may lie in the past before they are cleared away."""


class GilbertElliott(Loss):
    """Starts good. Per packet the chain steps with each packet on the air; per second it jumps at these rates."""

    kind: Literal["gilbert_elliott"] = "gilbert_elliott"
    per: Literal["packet", "second"] = Field("packet", description="What the chain steps by: packets, or seconds.")
    to_bad: float = Field(
        0.02,
        gt=0,
        le=1 / SHORTEST_S,
        description="From good to bad: probability per packet, or rate per second, at most a thousand.",
    )
    to_good: float = Field(
        0.2,
        gt=0,
        le=1 / SHORTEST_S,
        description="From bad to good: probability per packet, or rate per second, at most a thousand.",
    )
    loss_good: float = Field(0.0, ge=0, lt=1, description="Probability of loss in the good state.")
    loss_bad: float = Field(1.0, ge=0, le=1, description="Probability of loss in the bad state.")

    @classmethod
    def of_mean(cls, loss: float, burst: float) -> Self:
        """Per packet: this share of packets lost (0 to below 1), in bursts of this mean length (packets, at least 1).

        Raises ValidationError when such bursts leave too little room between them: loss / (1 - loss) > burst.
        """
        return cls(to_bad=loss / (1 - loss) / burst, to_good=1 / burst)

    @model_validator(mode="after")
    def _steps_are_probabilities(self) -> Self:
        if self.per == "packet" and max(self.to_bad, self.to_good) > 1:
            raise ValueError("to_bad and to_good are probabilities per packet: at most 1")
        return self

    def process(self, uniforms: Uniforms) -> LossProcess:
        return _PerPacket(self, uniforms) if self.per == "packet" else _PerSecond(self, uniforms)

    @property
    def mean_loss(self) -> float:
        """Of packets sent without regard to the state."""
        bad = self.to_bad / (self.to_bad + self.to_good)
        return bad * self.loss_bad + (1 - bad) * self.loss_good


class _States:
    """The loss probability of each state, and the numbers that decide."""

    def __init__(self, loss: GilbertElliott, uniforms: Uniforms) -> None:
        self._loss = loss
        self._uniform = uniforms.uniform

    def _lost_in(self, bad: bool, index: PacketIndex) -> bool:
        probability = self._loss.loss_bad if bad else self._loss.loss_good
        return probability >= 1 or (probability > 0 and self._uniform(1, *index) < probability)


class _PerPacket(_States):
    """The k-th packet on the air finds the state that k steps lead to."""

    memoryless = False

    def __init__(self, loss: GilbertElliott, uniforms: Uniforms) -> None:
        super().__init__(loss, uniforms)
        self._bad = False
        self._packets = 0

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        step = self._uniform(0, self._packets)
        self._bad = step >= self._loss.to_good if self._bad else step < self._loss.to_bad
        self._packets += 1
        return self._lost_in(self._bad, index)


class _PerSecond(_States):
    """Sojourns are exponential; the k-th ends by the k-th number, whoever sends in between."""

    memoryless = True

    def __init__(self, loss: GilbertElliott, uniforms: Uniforms) -> None:
        super().__init__(loss, uniforms)
        self._changes_s: list[float] = [0.0]
        self._forgotten = 0

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        self._follow(now_s)
        changes = self._forgotten + bisect_right(self._changes_s, now_s)
        assert changes > self._forgotten, f"I2: a question about {now_s} s, forgotten"
        return self._lost_in(changes % 2 == 0, index)

    def _follow(self, now_s: float) -> None:
        since_s = self._changes_s[-1]
        for _ in range(MOST_IDLE_CHANGES):
            if self._changes_s[-1] > now_s:
                return
            if len(self._changes_s) > _KEPT:
                self._forgotten += len(self._changes_s) - 1
                del self._changes_s[:-1]
            number = self._forgotten + len(self._changes_s)
            rate = self._loss.to_bad if number % 2 else self._loss.to_good
            self._changes_s.append(self._changes_s[-1] - log1p(-self._uniform(0, number)) / rate)
        raise ConfigError(
            f"loss.to_bad, loss.to_good: more than {MOST_IDLE_CHANGES:,} changes of state between two packets, "
            f"from {since_s:g} s to {now_s:g} s; at most so many"
        )
