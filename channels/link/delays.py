"""Travel time of a packet after its last bit has left. Propagation never holds the link."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from math import inf, log1p, nextafter
from typing import ClassVar, Literal, Protocol

from pydantic import Field

from channels.link.losses import PacketIndex, is_memoryless
from channels.uniforms import Uniforms
from kinds import Choice
from kinds.mistakes import Rule, broken_rule, is_number


class DelayProcess(Protocol):
    """The travel times of one link; `memoryless` means the same as for a LossProcess."""

    def delay_s(self, now_s: float, index: PacketIndex) -> float:
        """Seconds from the last bit leaving at now_s to its arrival, for the packet at this address."""
        ...


class Delay(Choice, family=True):
    """The propagation delay of a link, chosen by `kind`."""

    _of_number: ClassVar[tuple[str, str]] = "constant", "delay_s"
    method_rules: ClassVar[Mapping[str, Rule]] = {"process": lambda process, _: CheckedDelays(process)}

    @property
    @abstractmethod
    def mean_s(self) -> float:
        """The mean travel time, seconds: what a timer is compared with, and what an acknowledgement takes."""

    @property
    def keeps_order(self) -> bool:
        """True if no packet overtakes an earlier one of its device: only then does a missing packet count as lost when
        a later one comes."""
        return False

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

    @property
    def keeps_order(self) -> bool:
        return True

    def process(self, uniforms: Uniforms) -> DelayProcess:
        return _Drawn(self.delay_s, 0.0, uniforms)


class Jitter(Delay):
    """A floor and an exponential extra, drawn per packet."""

    kind: Literal["jitter"] = "jitter"
    delay_s: float = Field(0.02, ge=0, allow_inf_nan=False, description="Least one-way delay, seconds.")
    jitter_s: float = Field(0.005, ge=0, allow_inf_nan=False, description="Mean of the extra delay, seconds.")
    reorder: bool = Field(
        False, description="Whether a packet may overtake an earlier one of its device; false: it arrives with it."
    )

    @property
    def mean_s(self) -> float:
        """Floor plus mean extra; without reordering packets may wait a little longer for those before them."""
        return self.delay_s + self.jitter_s

    @property
    def keeps_order(self) -> bool:
        return not self.reorder

    def process(self, uniforms: Uniforms) -> DelayProcess:
        drawn = _Drawn(self.delay_s, self.jitter_s, uniforms)
        return drawn if self.reorder else _InOrder(drawn)


class CheckedDelays:
    """The travel times of a user's class. Raises ConfigError where one is no number of seconds."""

    def __init__(self, process: object) -> None:
        if not callable(getattr(process, "delay_s", None)):
            raise ValueError(f"must return an object with a method delay_s, got {process!r}")
        self._delay_s: Callable[..., object] = process.delay_s  # type: ignore[attr-defined]
        self.memoryless = is_memoryless(process)

    def delay_s(self, now_s: float, index: PacketIndex) -> float:
        answer = self._delay_s(now_s, index)
        if not is_number(answer) or not 0 <= answer < inf:
            raise broken_rule(self._delay_s, f"must return seconds, 0 or more, got {answer!r}")
        return answer


class _Drawn:
    """A least delay, and an extra of mean `jitter_s` that each packet draws."""

    memoryless = True

    def __init__(self, delay_s: float, jitter_s: float, uniforms: Uniforms) -> None:
        self._delay_s, self._jitter_s = delay_s, jitter_s
        self._uniform = uniforms.uniform

    def delay_s(self, now_s: float, index: PacketIndex) -> float:
        return self._delay_s - self._jitter_s * log1p(-self._uniform(*index)) if self._jitter_s else self._delay_s


class _InOrder:
    """Never before the packet of the same device that left before."""

    memoryless = False

    def __init__(self, drawn: DelayProcess) -> None:
        self._drawn = drawn
        self._latest_s: dict[int, float] = {}

    def delay_s(self, now_s: float, index: PacketIndex) -> float:
        latest_s = self._latest_s.get(index[0], 0.0)
        delay_s = max(self._drawn.delay_s(now_s, index), latest_s - now_s)
        while now_s + delay_s < latest_s:  # by rounding
            delay_s = nextafter(delay_s, inf)
        self._latest_s[index[0]] = now_s + delay_s
        return delay_s
