"""Losses of a link's packets. The loss of a packet is decided once, when its last bit has left the sender."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Mapping
from math import expm1, log1p
from typing import ClassVar, Literal, Protocol, Self

import numpy as np
from pydantic import Field, model_validator

from channels.on_off import MOST_IDLE_CHANGES, SHORTEST_S
from channels.uniforms import Uniforms
from kinds import Choice, ConfigError
from kinds.mistakes import Rule, broken_rule

_LEAST_CHANCE = 1e-3
"""The least probability that a full packet gets through: with less, a run would hardly end."""
_KEPT = 256
"""Changes of state that may lie in the past before they are cleared away."""
PacketIndex = tuple[int, int, int, int, int]
"""(device, request, round, fragment, attempt), attempts counted from 0: the address of one packet on the air."""


class LossProcess(Protocol):
    """The losses of one link. One whose answer is a pure function of its arguments, without memory of earlier packets,
    states so by an attribute `memoryless`, true; without it, it is taken to remember."""

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        """True if the packet at this address, of `bits` with its header, never arrives.

        Its last bit leaves at now_s; `rate_bps` is the mean rate at which it went out, inf where that took no time.
        """
        ...


class Loss(Choice, family=True):
    """The loss model of a link, chosen by `kind`."""

    _of_number: ClassVar[tuple[str, str]] = "bernoulli", "probability"

    method_rules: ClassVar[Mapping[str, Rule]] = {"process": lambda process, _: CheckedLosses(process)}

    @abstractmethod
    def process(self, uniforms: Uniforms) -> LossProcess:
        """The losses of one link that draws its randomness from `uniforms`."""

    def require_fit(self, packet_bits: int) -> None:
        """Raises ValueError, one line, if a link with this loss would make no progress.

        `packet_bits`: a size that packets will have, header included.
        """

    @property
    def begins(self) -> str:
        """Place at which recorded losses begin, as `Rate.begins`."""
        return ""

    @property
    def mean_loss(self) -> float | None:
        """The share of packets lost in the long run; None where the kind does not state it, or where it depends on the
        packet. An axis may run along it."""
        return None


class NoLoss(Loss):
    """Every packet arrives."""

    kind: Literal["none"] = "none"

    def process(self, uniforms: Uniforms) -> LossProcess:
        return IndependentLosses(lambda now_s, bits, rate_bps: 0.0, uniforms)

    @property
    def mean_loss(self) -> float:
        return 0.0


class Bernoulli(Loss):
    """Loss of each packet independently with the same probability."""

    kind: Literal["bernoulli"] = "bernoulli"
    probability: float = Field(0.1, ge=0, lt=1, description="Probability that a packet is lost, 0 to below 1.")

    def process(self, uniforms: Uniforms) -> LossProcess:
        return IndependentLosses(lambda now_s, bits, rate_bps: self.probability, uniforms)

    @property
    def mean_loss(self) -> float:
        return self.probability


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
        return IndependentLosses(lambda now_s, bits, rate_bps: self.packet_loss(bits), uniforms)

    def require_fit(self, packet_bits: int) -> None:
        if self.packet_loss(packet_bits) > 1 - _LEAST_CHANCE:
            raise ValueError(
                f"bit_error_rate = {self.bit_error_rate:g}: fewer than {_LEAST_CHANCE:.1%} of packets of "
                f"{packet_bits} bits would arrive; lower it, or mtu_bits"
            )

    @property
    def mean_loss(self) -> float | None:
        return None if self.reference_bits is None else self.packet_loss(self.reference_bits)


class GilbertElliott(Loss):
    """Starts in its stationary distribution, bad with probability `to_bad / (to_bad + to_good)`. Per packet the chain
    steps with each packet on the air; per second it jumps at these rates."""

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

    @model_validator(mode="after")
    def _steps_are_probabilities(self) -> Self:
        if self.per == "packet" and max(self.to_bad, self.to_good) > 1:
            raise ValueError("to_bad and to_good are probabilities per packet: at most 1")
        return self

    def process(self, uniforms: Uniforms) -> LossProcess:
        return _PerPacket(self, uniforms) if self.per == "packet" else _PerSecond(self, uniforms)

    @property
    def bad_share(self) -> float:
        """The stationary probability of the bad state."""
        return self.to_bad / (self.to_bad + self.to_good)

    @property
    def mean_loss(self) -> float:
        """The mean loss of packets sent without regard to the state."""
        return self.bad_share * self.loss_bad + (1 - self.bad_share) * self.loss_good


def is_memoryless(process: object) -> bool:
    """True if a process of losses or delays states that its results depend on its arguments alone."""
    return getattr(process, "memoryless", False) is True


class CheckedLosses:
    """The losses of a user's class. Raises ConfigError where a result is not true or false."""

    def __init__(self, process: object) -> None:
        if not callable(getattr(process, "lost", None)):
            raise ValueError(f"must return an object with a method lost, got {process!r}")
        self._lost: Callable[..., object] = process.lost  # type: ignore[attr-defined]
        self.memoryless = is_memoryless(process)

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        answer = self._lost(now_s, bits, rate_bps, index)
        if not isinstance(answer, bool | np.bool_):
            raise broken_rule(self._lost, f"must return True or False, got {answer!r}")
        return bool(answer)


class IndependentLosses:
    """Loses each packet by a number of its own, with a probability that follows from when its last bit leaves, its bits
    and its rate."""

    memoryless = True
    """True as long as the probability is a pure function."""

    def __init__(self, probability: Callable[[float, int, float], float], uniforms: Uniforms) -> None:
        self._probability = probability
        self._uniform = uniforms.uniform

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        probability = self._probability(now_s, bits, rate_bps)
        return probability >= 1 or (probability > 0 and self._uniform(*index) < probability)


class _PerPacket(IndependentLosses):
    """The k-th packet on the air finds the state that k steps lead to."""

    memoryless = False

    def __init__(self, loss: GilbertElliott, uniforms: Uniforms) -> None:
        super().__init__(self._next, uniforms.under(1))
        self._loss = loss
        self._steps = uniforms.under(0)
        self._bad = uniforms.under(2).uniform(0) < loss.bad_share
        self._packets = 0

    def _next(self, now_s: float, bits: int, rate_bps: float) -> float:
        step = self._steps.uniform(self._packets)
        self._bad = step >= self._loss.to_good if self._bad else step < self._loss.to_bad
        self._packets += 1
        return self._loss.loss_bad if self._bad else self._loss.loss_good


class _PerSecond(IndependentLosses):
    """Sojourns are exponential; the k-th ends by the k-th number, whoever sends in between."""

    def __init__(self, loss: GilbertElliott, uniforms: Uniforms) -> None:
        super().__init__(self._at, uniforms.under(1))
        self._loss = loss
        self._sojourns = uniforms.under(0)
        self._changes_s: list[float] = [0.0]
        self._begins_bad = uniforms.under(2).uniform(0) < loss.bad_share
        self._forgotten = 0

    def _at(self, now_s: float, bits: int, rate_bps: float) -> float:
        self._follow(now_s)
        changes = self._forgotten + bisect_right(self._changes_s, now_s)
        assert changes > self._forgotten, f"I2: a question about {now_s} s, forgotten"
        return self._loss.loss_bad if self._is_bad(changes) else self._loss.loss_good

    def _is_bad(self, sojourn: int) -> bool:
        """True if the chain is bad in this sojourn, 1 being the first."""
        return (sojourn % 2 == 0) != self._begins_bad

    def _follow(self, now_s: float) -> None:
        since_s = self._changes_s[-1]
        for _ in range(MOST_IDLE_CHANGES):
            if self._changes_s[-1] > now_s:
                return
            if len(self._changes_s) > _KEPT:
                self._forgotten += len(self._changes_s) - 1
                del self._changes_s[:-1]
            number = self._forgotten + len(self._changes_s)
            rate = self._loss.to_good if self._is_bad(number) else self._loss.to_bad
            self._changes_s.append(self._changes_s[-1] - log1p(-self._sojourns.uniform(number)) / rate)
        raise ConfigError(
            f"loss.to_bad, loss.to_good: more than {MOST_IDLE_CHANGES:,} changes of state between two packets, "
            f"from {since_s:g} s to {now_s:g} s; at most so many"
        )
