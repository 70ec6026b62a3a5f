"""Amounts of turns, tokens or seconds: the same each time, or drawn. A bare number is fixed."""

from __future__ import annotations

from abc import abstractmethod
from math import exp, inf
from statistics import NormalDist
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from kinds import Choice
from kinds.mistakes import is_number

MOST: Final = 1_000_000
"""Largest amount, unless a field states another: more would be a slip of the pen."""


class Amount(Choice, family=True):
    """Amount of something each time."""

    _of_number: ClassVar[tuple[str, str]] = "fixed", "value"

    @abstractmethod
    def at(self, uniform: float) -> float:
        """The amount at a quantile in [0, 1)."""

    @property
    @abstractmethod
    def greatest(self) -> float:
        """The most that is ever drawn."""

    def whole(self, uniform: float) -> int:
        """The amount as a whole number, at least 1."""
        return max(1, round(self.at(uniform)))


class Fixed(Amount):
    """The same each time."""

    kind: Literal["fixed"] = "fixed"
    value: float = Field(1.0, ge=0, le=MOST, description="how much")

    def at(self, uniform: float) -> float:
        return self.value

    @property
    def greatest(self) -> float:
        return self.value


class LogNormal(Amount):
    """Log-normal, cut at `most`: as lengths of prompts and pauses of people are, a few of them long."""

    kind: Literal["log_normal"] = "log_normal"
    median: float = Field(1.0, gt=0, le=MOST, description="median")
    sigma: float = Field(1.0, ge=0, le=5, description="standard deviation of the natural logarithm")
    most: float = Field(MOST, gt=0, le=MOST, description="what is above is cut to this")

    @model_validator(mode="after")
    def _is_below(self) -> Self:
        if self.median > self.most:
            raise ValueError(f"median = {self.median:g}: must be at most most = {self.most:g}")
        return self

    def at(self, uniform: float) -> float:
        deviates = NormalDist().inv_cdf(uniform) if uniform else -inf
        return min(self.most, self.median * exp(self.sigma * deviates)) if self.sigma else self.median

    @property
    def greatest(self) -> float:
        return self.most


def _of_number(value: object) -> object:
    return {"kind": "fixed", "value": value} if is_number(value) else value


Given = Annotated[Amount, BeforeValidator(_of_number, json_schema_input_type=float | Amount)]
"""A field's amount; a number typed in its place is fixed."""
