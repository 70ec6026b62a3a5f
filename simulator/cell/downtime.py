"""Absences of devices: a family of schedules, numbered by the device."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from channels.on_off import SHORTEST_S, Window, exponential_windows, require_in_order
from channels.uniforms import Uniforms
from kinds import Choice


class Downtime(Choice, family=True):
    """The times at which numbered devices are away."""

    @abstractmethod
    def times(self, number: int, uniforms: Uniforms) -> Iterator[Window]:
        """The times (from_s, to_s) at which device `number` is away, in order and apart; may go on for ever."""

    def check_numbers(self, count: int) -> None:
        """Raises ValueError where the schedule names a device that is not among 0 to count - 1."""


class NoDowntime(Downtime):
    """Always there."""

    kind: Literal["none"] = "none"

    def times(self, number: int, uniforms: Uniforms) -> Iterator[Window]:
        return iter(())


class ScheduledDowntime(Downtime):
    """Away at given times."""

    kind: Literal["scheduled"] = "scheduled"
    away: tuple[tuple[int, float, float], ...] = Field(
        (), description="triples (number, from_s, to_s), those of one number in order and apart; to_s may be inf"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for number in dict.fromkeys(number for number, _, _ in self.away):
            if number < 0:
                raise ValueError(f"away names number {number}; the first one is 0")
            require_in_order(f"away of {number}", self._windows(number))
        return self

    def times(self, number: int, uniforms: Uniforms) -> Iterator[Window]:
        return self._windows(number)

    def check_numbers(self, count: int) -> None:
        last = max((number for number, _, _ in self.away), default=0)
        if last >= count:
            raise ValueError(f"absences.away names device {last}; the last one is {count - 1}")

    def _windows(self, number: int) -> Iterator[Window]:
        return ((from_s, to_s) for which, from_s, to_s in self.away if which == number)


class RandomDowntime(Downtime):
    """Exponential times there and away, each device by its own numbers."""

    kind: Literal["random"] = "random"
    mean_there_s: float = Field(
        600.0, ge=SHORTEST_S, allow_inf_nan=False, description="mean time there, between two absences; at least 1 ms"
    )
    mean_away_s: float = Field(30.0, ge=SHORTEST_S, allow_inf_nan=False, description="mean time away; at least 1 ms")

    def times(self, number: int, uniforms: Uniforms) -> Iterator[Window]:
        return exponential_windows(self.mean_there_s, self.mean_away_s, uniforms.under(number))
