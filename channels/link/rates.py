"""Rates at which a link carries bits: service curves without a clock.

A `Rate` is a description; its `Curve` answers two questions about time, and holds no state that an answer changes: how
many bits a busy link carries between two instants, and where it stands after a given number of bits. What is left over
(half an opportunity, a part of a bucket) travels in the `Position`, so that nothing is lost between two packets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import inf
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from channels.uniforms import Uniforms
from kinds import Choice, ConfigError
from kinds.mistakes import Rule, broken_rule, is_number

MessageIndex = tuple[int, int, int]
"""(device, request, round): the address of a message. Below round 0 are messages of no round."""
Start = Annotated[
    float | None,
    Field(
        ge=0,
        allow_inf_nan=False,
        description="where in the recording a run begins, seconds; null: at an instant of each seed's own, if it "
        "repeats",
    ),
]
"""The type of `start_s`, which recordings have."""
ROUNDING_S = 1e-9
"""Largest error of a user's curve."""


class Position(NamedTuple):
    """Position of a link between two packets."""

    time_s: float
    credit_bits: float = 0.0
    """Service already granted and not yet used (negative: owed). What it means is the curve's own business."""
    message: MessageIndex = (0, 0, 0)


class Curve(ABC):
    """The service that one link offers over time."""

    field: str = "rate"
    """Name of the field for complaints."""
    horizon_s: float = inf
    """Time at which all ends: what would come to an end later may as well never do."""

    def bound(self, field: str, horizon_s: float) -> None:
        """Sets what a user calls it, and when all ends. Whoever owns the clock does so before the first question."""
        self.field = field
        self.horizon_s = horizon_s

    def place(self, uniforms: Uniforms) -> None:  # noqa: B027 - most curves are the same wherever a device is
        """Sets what decides where each device is, for a curve that depends on it: alike for both ways of a device.
        Whoever builds links does so before the first question; else it follows from the curve's own numbers."""

    def over(self, time_s: float) -> bool:
        """True if this is past the horizon."""
        return time_s > self.horizon_s or time_s == inf

    def endless(self, changes: int, until_s: float) -> ConfigError:
        """The complaint about a rate that changes so often before a packet comes through."""
        return ConfigError(
            f"{self.field}: changes more than {changes:,} times until {until_s:g} s before a packet comes through; at "
            "most so many: slower changes, a faster rate or a nearer workload.horizon_s"
        )

    @abstractmethod
    def served_bits(self, t0_s: float, t1_s: float) -> float:
        """The bits that a link, fresh at t0_s and busy since, has carried at t1_s >= t0_s."""

    @abstractmethod
    def finish(self, position: Position, bits: float) -> Position:
        """Returns the position when `bits` more have gone through without a pause; time inf if they never do, or only
        after the horizon."""

    def ready_s(self, position: Position, bits: float) -> float:
        """Returns the time at which the first of `bits` more goes out; the link is silent until then, and nobody
        transmits."""
        return position.time_s

    def carry(self, position: Position, bits: float) -> tuple[float, Position]:
        """Returns the time at which the first of `bits` more goes out, and the position when the last has."""
        return self.ready_s(position, bits), self.finish(position, bits)

    def idle(self, position: Position, now_s: float, message: MessageIndex = (0, 0, 0)) -> Position:
        """Returns the position, when a message comes, of a link that had nothing to carry since `position`; here,
        without credit."""
        return Position(now_s, 0.0, message)

    def with_overhead(self, overhead_s: float) -> Curve:
        """The same service where each packet takes `overhead_s` of airtime before its first payload bit."""
        return _WithOverhead(self, overhead_s)

    def forget(self, before_s: float) -> None:  # noqa: B027 - most curves remember nothing
        """No question will concern an instant before this one any more: what is known of it may go."""

    def heard(self) -> None:  # noqa: B027 - most curves count nothing
        """A packet has been acknowledged: changes that were waited through for it are no longer counted."""


class Rate(Choice, family=True):
    """The rate of a link, chosen by `kind`."""

    _of_number: ClassVar[tuple[str, str]] = "constant", "bps"
    time_alone: ClassVar[bool] = True
    """True if the service at an instant depends on that instant only, not on what was sent before."""
    in_slots: ClassVar[bool] = False
    """True if it is the rate of each device in a slot, for a sharing that gives slots out."""

    method_rules: ClassVar[Mapping[str, Rule]] = {"curve": lambda curve, _: CheckedCurve(curve)}

    @property
    def fastest_bps(self) -> float | None:
        """A rate that it never exceeds, bits per second; None where the kind does not state it."""
        return None

    @property
    def mean_bps(self) -> float | None:
        """The mean in time, bits per second; None where the kind does not state it."""
        return None

    @property
    def begins_at_once(self) -> bool:
        """True if nothing that was sent before makes a packet wait once its sender is free."""
        return self.time_alone

    @property
    def begins(self) -> str:
        """Words for the place in a recording at which a run begins, to be stated beside its numbers; "" if it is no
        recording."""
        return ""

    @abstractmethod
    def curve(self, uniforms: Uniforms) -> Curve:
        """The service curve of one link that draws its randomness, if any, from `uniforms`."""


def start_in(start_s: float | None, period_s: float | None, uniforms: Uniforms) -> float:
    """Returns the place in a recording at which a run begins, in seconds: as given, or at an instant that `uniforms`
    draw if it repeats."""
    if start_s is None:
        return 0.0 if period_s is None else uniforms.uniform(0) * period_s
    return start_s if period_s is None else start_s % period_s


def start_words(start_s: float | None, repeats: bool) -> str:
    """`Rate.begins` of a recording."""
    if start_s is None and repeats:
        return "each seed begins at an instant of its own"
    at = f"{start_s or 0:g} s"
    return f"all seeds begin at {at}" + ("" if repeats else ", and the recording does not repeat")


class WrappedCurve(Curve):
    """Another curve, some of whose answers are changed."""

    def __init__(self, curve: Curve) -> None:
        self._curve = curve

    def bound(self, field: str, horizon_s: float) -> None:
        super().bound(field, horizon_s)
        self._curve.bound(field, horizon_s)

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        return self._curve.served_bits(t0_s, t1_s)

    def finish(self, position: Position, bits: float) -> Position:
        return self._curve.finish(position, bits)

    def ready_s(self, position: Position, bits: float) -> float:
        return self._curve.ready_s(position, bits)

    def idle(self, position: Position, now_s: float, message: MessageIndex = (0, 0, 0)) -> Position:
        return self._curve.idle(position, now_s, message)

    def forget(self, before_s: float) -> None:
        self._curve.forget(before_s)

    def heard(self) -> None:
        self._curve.heard()


class CheckedCurve(WrappedCurve):
    """The curve of a user's class. Raises ConfigError where it carries bits against time, as a negative rate does."""

    def __init__(self, curve: object) -> None:
        if not isinstance(curve, Curve):
            raise ValueError(f"must return a Curve (channels.link.rates), got {curve!r}")
        super().__init__(curve)

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        bits = self._curve.served_bits(t0_s, t1_s)
        if not is_number(bits) or not bits >= 0:
            raise broken_rule(self._curve.served_bits, f"must return bits, 0 or more, got {bits!r}: no negative rate")
        return bits

    def finish(self, position: Position, bits: float) -> Position:
        end = self._curve.finish(position, bits)
        if not isinstance(end, Position) or not is_number(end.time_s) or not end.time_s >= position.time_s - ROUNDING_S:
            rule = f"must end no earlier than it begins, at {position.time_s:g} s, got {end!r}: no negative rate"
            raise broken_rule(self._curve.finish, rule)
        return end

    def ready_s(self, position: Position, bits: float) -> float:
        ready_s = self._curve.ready_s(position, bits)
        if not is_number(ready_s) or not ready_s >= position.time_s - ROUNDING_S:
            raise broken_rule(self._curve.ready_s, f"must not lie before {position.time_s:g} s, got {ready_s!r}")
        return ready_s


class ConstantRate(Rate):
    """The same rate for ever. `inf` carries everything at once, 0 carries nothing."""

    kind: Literal["constant"] = "constant"
    bps: float = Field(
        100_000.0, ge=0, description="Rate of the link, bits per second; inf is legal, 0 waits for ever."
    )

    @property
    def fastest_bps(self) -> float:
        return self.bps

    @property
    def mean_bps(self) -> float:
        return self.bps

    def curve(self, uniforms: Uniforms) -> Curve:
        return ConstantCurve(self.bps)


class ConstantCurve(Curve):
    """Bits over rate."""

    def __init__(self, bps: float) -> None:
        self._bps = bps

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        return self._bps * (t1_s - t0_s) if t1_s > t0_s else 0.0

    def ready_s(self, position: Position, bits: float) -> float:
        return position.time_s if self._bps > 0 else inf

    def finish(self, position: Position, bits: float) -> Position:
        busy_s = bits / self._bps if self._bps > 0 else inf
        return Position(position.time_s + busy_s, 0.0, position.message)

    def carry(self, position: Position, bits: float) -> tuple[float, Position]:
        time_s, _, message = position
        if self._bps <= 0:
            return inf, Position(inf, 0.0, message)
        return time_s, Position(time_s + bits / self._bps, 0.0, message)


class _WithOverhead(WrappedCurve):
    """Another curve, of a rate of time alone, on which each packet takes `overhead_s` before its first payload bit.
    `served_bits` leaves it out: how much of it there is depends on the packets."""

    def __init__(self, curve: Curve, overhead_s: float) -> None:
        super().__init__(curve)
        self._overhead_s = overhead_s

    def finish(self, position: Position, bits: float) -> Position:
        payload_s = self.ready_s(position, bits) + self._overhead_s
        if self.over(payload_s):
            return Position(inf, 0.0, position.message)
        return self._curve.finish(self._curve.idle(position, payload_s, position.message), bits)
