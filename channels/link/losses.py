"""Which packets a link loses. The loss of a packet is decided once, when its last bit has left the sender."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, Protocol

import numpy as np
from pydantic import Field

from channels.link.rates import Curve, Rate
from channels.uniforms import Uniforms
from kinds import Choice
from kinds.mistakes import Rule, broken_rule

PacketIndex = tuple[int, int, int, int, int]
"""(device, request, round, fragment, attempt), attempts counted from 0: the address of one packet on the air."""


class LossProcess(Protocol):
    """The losses of one link. One whose answer is a pure function of its arguments, without memory of earlier packets,
    says so by an attribute `memoryless`, true; without it, it is taken to remember."""

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        """Whether the packet at this address, of `bits` with its header, never arrives.

        Its last bit leaves at now_s; `rate_bps` is the mean rate at which it went out, inf where that took no time.
        """
        ...


class Loss(Choice, family=True):
    """The loss model of a link, chosen by `kind`."""

    _of_number: ClassVar[tuple[str, str]] = "bernoulli", "probability"
    by_airtime: ClassVar[bool] = False
    """Whether it needs the airtime of each packet, which a link that sends several at once cannot tell."""

    method_rules: ClassVar[Mapping[str, Rule]] = {
        "process": lambda process, _: CheckedLosses(process),
        "over": lambda process, *_: CheckedLosses(process),
    }

    @abstractmethod
    def process(self, uniforms: Uniforms) -> LossProcess:
        """The losses of one link that draws its randomness from `uniforms`."""

    def over(self, curve: Curve, uniforms: Uniforms) -> LossProcess:
        """The losses of one link with this service curve: for kinds that follow its fades. Here, whatever the curve."""
        return self.process(uniforms)

    def require_fit(self, rate: Rate, packet_bits: int) -> None:
        """Raises ValueError, one line, where a link of this rate would with this loss make no progress, or no sense.

        `packet_bits`: a size that packets will have, header included.
        """

    @property
    def begins(self) -> str:
        """As `Rate.begins`, of recorded losses."""
        return ""

    @property
    def mean_loss(self) -> float | None:
        """The share of packets lost in the long run; None where the kind does not say, or where it depends on the
        packet. An axis may run along it."""
        return None


class NoLoss(Loss):
    """Every packet arrives."""

    kind: Literal["none"] = "none"

    def process(self, uniforms: Uniforms) -> LossProcess:
        return _NEVER

    @property
    def mean_loss(self) -> float:
        return 0.0


class Bernoulli(Loss):
    """Each packet is lost independently with the same probability."""

    kind: Literal["bernoulli"] = "bernoulli"
    probability: float = Field(0.1, ge=0, lt=1, description="Probability that a packet is lost, 0 to below 1.")

    def process(self, uniforms: Uniforms) -> LossProcess:
        return _Independent(self.probability, uniforms)

    @property
    def mean_loss(self) -> float:
        return self.probability


def is_memoryless(process: object) -> bool:
    """Whether a process of losses or delays says that it answers by its arguments alone."""
    return getattr(process, "memoryless", False) is True


class CheckedLosses:
    """The losses of a user's class. Raises ConfigError where they are not told by true or false."""

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


class _Never:
    __slots__ = ()
    memoryless = True

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        return False


_NEVER = _Never()


class _Independent:
    memoryless = True

    def __init__(self, probability: float, uniforms: Uniforms) -> None:
        self._probability = probability
        self._uniform = uniforms.uniform

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        return self._uniform(*index) < self._probability
