"""Sites of a study: a base cell, and the fields in which each site has a value of its own, at a number drawn under the
base's seed, the field's name and the site; its seed is SITES_MOST * (the base's) + i. So a site is the same alone, in
any order and on any cluster."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import exp
from statistics import NormalDist
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from channels.uniforms import Uniforms
from kinds import Choice, ConfigError, Part, one_line
from kinds.mistakes import is_number
from simulator.cell.cell import Cell
from simulator.cell.quantities import number
from simulator.cell.settings import expand
from simulator.sweeps.worker_pools import Sent, received, sent

SITES_MOST: Final = 1_000_000
"""The most sites of a study; two studies whose base cells have different seeds share no site's seed."""
Number = Annotated[int | float, Field(allow_inf_nan=False)]
SentSites = tuple[Sent, int, Mapping[str, Mapping[str, object]]]
"""Sites as they travel to a worker."""


class SiteDraw(Choice, family=True):
    """Variation of a field from site to site: a value for each number in [0, 1)."""

    @abstractmethod
    def value(self, uniform: float) -> object:
        """The value of the site that has drawn this number."""

    @abstractmethod
    def extremes(self) -> Sequence[object]:
        """Values that are tried before a study begins: the lowest and the highest, or all."""

    @property
    def numeric(self) -> bool:
        """True if every site has a number."""
        return all(map(is_number, self.extremes()))


class OneOf(SiteDraw):
    """Choice among these values, each as likely as the others."""

    kind: Literal["one_of"] = "one_of"
    values: tuple[object, ...] = Field(min_length=1, description="the values")

    def value(self, uniform: float) -> object:
        return self.values[int(uniform * len(self.values))]

    def extremes(self) -> Sequence[object]:
        return self.values


class UniformDraw(SiteDraw):
    """Evenly between two numbers; a whole number, both ends included, where both are whole."""

    kind: Literal["uniform"] = "uniform"
    low: Number = Field(description="the lowest")
    high: Number = Field(description="the highest")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low = {self.low}: must be below high = {self.high}")
        return self

    def value(self, uniform: float) -> object:
        if isinstance(self.low, int) and isinstance(self.high, int):
            return self.low + int(uniform * (self.high - self.low + 1))
        return self.low + uniform * (self.high - self.low)

    def extremes(self) -> Sequence[object]:
        return self.low, self.high


class Lognormal(SiteDraw):
    """Lognormal: the logarithm is Gaussian."""

    kind: Literal["lognormal"] = "lognormal"
    median: Number = Field(gt=0, description="half of the sites have more")
    sigma: Number = Field(gt=0, le=5, description="standard deviation of the natural logarithm")

    def value(self, uniform: float) -> object:
        return self.median * exp(self.sigma * NormalDist().inv_cdf(max(uniform, 2.0**-54)))

    def extremes(self) -> Sequence[object]:
        return self.value(0.001), self.value(0.999)


class _Varied(Part):
    draw: SiteDraw


@dataclass(frozen=True)
class Sites:
    """`number` sites: `cell` with a seed of its own each, and other values of the fields in `vary`."""

    cell: Cell
    number: int
    vary: Mapping[str, SiteDraw]

    @classmethod
    def of(cls, cell: Cell, number: int, vary: Mapping[str, object]) -> Self:
        """Sites of which `vary` has, by a field's dotted name, a list of values as likely as each other, or a mapping
        with the kind of a draw. Raises ConfigError, one line, also where a value does not fit the cell."""
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= SITES_MOST:
            raise ConfigError(f"sites = {number!r}: must be a whole number from 1 to {SITES_MOST:,}")
        if "seed" in vary:
            raise ConfigError("vary seed: each site has a seed of its own; leave it out")
        found = cls(cell, number, {field: _draw(field, given) for field, given in vary.items()})
        found.site(number - 1).check_served()
        for field, draw in found.vary.items():
            for value in draw.extremes():
                (extreme,) = expand(cell, {field: [value]})
                extreme.check_served()
        return found

    @cached_property
    def _uniforms(self) -> Mapping[str, Uniforms]:
        return {field: Uniforms.of(self.cell.seed, f"sites {field}") for field in self.vary}

    def drawn(self, index: int) -> dict[str, object]:
        """The values of the varied fields at a site."""
        return {field: draw.value(self._uniforms[field].uniform(index)) for field, draw in self.vary.items()}

    def site(self, index: int) -> Cell:
        """The cell of a site, by its number from 0. Raises ConfigError where what it has drawn does not fit."""
        if not 0 <= index < self.number:
            raise ConfigError(f"site = {index}: must be from 0 to {self.number - 1}, there are {self.number}")
        axes = {field: [value] for field, value in self.drawn(index).items()}
        (found,) = expand(self.cell, axes, {"seed": self.cell.seed * SITES_MOST + index})
        return found

    def columns(self, index: int) -> dict[str, object]:
        """The values of the varied fields at a site as a table has them: numbers, or text."""
        values = self.drawn(index)
        return {
            field: float(values[field]) if draw.numeric else json.dumps(values[field], default=str)  # type: ignore[arg-type]
            for field, draw in self.vary.items()
        }

    def sent(self) -> SentSites:
        """The sites as they travel to a worker."""
        return sent(self.cell), self.number, {field: draw.model_dump() for field, draw in self.vary.items()}

    @classmethod
    def received(cls, given: SentSites) -> Self:
        """The sites that were sent. Raises ConfigError where the cell's files are others here, or away."""
        cell, number, vary = given
        return cls(received(cell), number, {field: _draw(field, each) for field, each in vary.items()})


def _draw(field: str, given: object) -> SiteDraw:
    """The draw of a field, whose numbers may be written as those of the field itself: `10k`."""
    fields = {"kind": "one_of", "values": given} if isinstance(given, list | tuple | range) else given
    if isinstance(fields, Mapping):
        fields = {name: each if name == "kind" else _number(each, field) for name, each in fields.items()}
    try:
        return _Varied.model_validate({"draw": fields}).draw
    except ValidationError as error:
        text = str(one_line(error)).removeprefix("draw.").removeprefix("draw: ")
        raise ConfigError(f"vary {field}: {text}") from None


def _number(given: object, field: str) -> object:
    """Returns the value as a number of the field's unit, alone or in a list; any other value as it is."""
    if isinstance(given, list | tuple | range):
        return tuple(_number(each, field) for each in given)
    with suppress(ConfigError):
        return number(given, field) if isinstance(given, str) else given
    return given
