"""Quantizers turn kept probabilities into the integer numerators that cross the air (rules:
`channels.codec.quantizers`). A user's own derives from `LatticeCounts`, whose counts sum to `resolution` and travel by
all lattice codes; one that derives from `Quantizer` needs a code of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from channels.codec import fp16, quantizers
from kinds import Choice
from kinds.arrays import Floats, Ints
from kinds.mistakes import Rule, broken_rule, is_foreign
from kinds.tunable import Tunable
from models.verification import total_variation
from simulator.schemes import answers

Resolution = Annotated[
    int,
    Field(ge=1, le=1 << 20, description="ell, the denominator of the lattice"),
    Tunable(3, 5, 10, 20, 50, 100, 400),
]


class Quantizer(Choice, family=True):
    """Maps probabilities to numerators of qhat over their sum."""

    method_rules: ClassVar[Mapping[str, Rule]] = {"quantize": answers.numerators}

    name: ClassVar[quantizers.Name | None] = None
    """Name in a wire format; None for a quantizer with a packet of its own."""

    @abstractmethod
    def quantize(self, mass: Floats) -> Ints:
        """Numerators of qhat, int64 [K], from the kept probabilities, float64 [K], of any positive sum."""

    @abstractmethod
    def covering_bound(self, size: int) -> float:
        """The most that quantizing a distribution on `size` tokens may move it, in total variation."""

    def moved(self, mass: Floats, numerators: Ints) -> float:
        """Returns the total variation by which it has moved the distribution of the kept probabilities [K]."""
        return float(total_variation(mass / float(mass.sum()), numerators / numerators.sum()))


class OnWire(Quantizer):
    """Quantizer of `channels.codec.quantizers`, by name and resolution."""

    resolution: Resolution = 100

    @cached_property
    def rule(self) -> quantizers.QuantizerRule:
        assert self.name is not None
        return quantizers.quantizer(self.name, self.resolution)

    def quantize(self, mass: Floats) -> Ints:
        return self.rule.quantize(mass)

    def covering_bound(self, size: int) -> float:
        return self.rule.covering_bound(size)


class LatticeCounts(OnWire):
    """Counts that sum to `resolution`, points of the type lattice: the nearest, unless a subclass has another rule in
    `quantize`, and in `covering_bound` how far that may move a distribution."""

    name: ClassVar[quantizers.Name | None] = "lattice"

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if is_foreign(cls.__module__) and "quantize" in cls.__dict__:
            cls.quantize = _summing(cls.quantize)  # type: ignore[method-assign, assignment]


class LatticeQuantizer(LatticeCounts):
    """The papers' lattice: the nearest counts (Reznik 2011)."""

    kind: Literal["lattice"] = "lattice"


class DualQuantizer(OnWire):
    """The dual lattice at the same scale: nearer, for more codewords."""

    name: ClassVar[quantizers.Name | None] = "dual"
    kind: Literal["dual"] = "dual"


class CubicQuantizer(OnWire):
    """Quantizer that rounds each probability by itself."""

    name: ClassVar[quantizers.Name | None] = "cubic"
    kind: Literal["cubic"] = "cubic"


class LogarithmicQuantizer(OnWire):
    """Equal steps of the logarithm."""

    name: ClassVar[quantizers.Name | None] = "logarithmic"
    kind: Literal["logarithmic"] = "logarithmic"
    resolution: Annotated[int, Tunable(4, 8, 16, 32, 64)] = Field(32, ge=2, le=1024, description="number of levels")


class Halves(Quantizer):
    """IEEE half-precision floats, as numerators of 2^-24."""

    kind: Literal["halves"] = "halves"

    def quantize(self, mass: Floats) -> Ints:
        return fp16.quantize(mass / mass.sum())

    def covering_bound(self, size: int) -> float:
        return fp16.covering_bound(size)


def _summing(quantize: Callable[[LatticeCounts, Floats], Ints]) -> Callable[[LatticeCounts, Floats], Ints]:
    """A user's rule that is refused where its counts do not sum to the resolution."""

    @wraps(quantize)
    def summing(self: LatticeCounts, mass: Floats) -> Ints:
        counts = quantize(self, mass)
        if (total := int(counts.sum())) != self.resolution:
            raise broken_rule(quantize, f"must return counts that sum to resolution = {self.resolution}, got {total}")
        return counts

    return summing


class Exact(Quantizer):
    """Quantizer for codes that send no distribution. Its numerators only mark the positive probabilities."""

    kind: Literal["exact"] = "exact"

    def quantize(self, mass: Floats) -> Ints:
        return (mass > 0).astype(np.int64)

    def moved(self, mass: Floats, numerators: Ints) -> float:
        return 0.0

    def covering_bound(self, size: int) -> float:
        return 0.0
