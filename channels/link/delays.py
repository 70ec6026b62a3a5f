"""How long a packet travels after its last bit has left. Propagation never holds the link."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, Protocol

from pydantic import Field

from channels.link.losses import PacketIndex
from channels.link.uniforms import Uniforms
from kinds import Choice


class DelayProcess(Protocol):
    """The travel times of one link."""

    def delay_s(self, now_s: float, index: PacketIndex) -> float:
        """Seconds from the last bit leaving at now_s to its arrival, for the packet at this address."""
        ...


class Delay(Choice):
    """The propagation delay of a link, chosen by `kind`."""

    @property
    @abstractmethod
    def mean_s(self) -> float:
        """The mean travel time, seconds: what a timer is compared with, and what an acknowledgement takes."""

    @abstractmethod
    def process(self, uniforms: Uniforms) -> DelayProcess:
        """The travel times of one link that draws its randomness, if any, from `uniforms`."""


class ConstantDelay(Delay):
    """The same delay for each packet."""

    kind: Literal["constant"] = "constant"
    delay_s: float = Field(0.02, ge=0, allow_inf_nan=False, description="One-way propagation delay, seconds.")

    @property
    def mean_s(self) -> float:
        return self.delay_s

    def process(self, uniforms: Uniforms) -> DelayProcess:
        return _Same(self.delay_s)


class _Same:
    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s

    def delay_s(self, now_s: float, index: PacketIndex) -> float:
        return self._delay_s
