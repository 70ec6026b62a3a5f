"""A clock that draws each pass from measured ones, with the spread that a real machine has: from one second to the
next, for all passes alike, and from pass to pass.

The file's columns are those of the clock `profile`, but each point has many rows, each one pass that was timed there;
`sqsim calibrate --cell` writes such a file. `pass_samples` says how what lies between is filled in. Nothing is
extrapolated unless `beyond` says so.
"""

from __future__ import annotations

from functools import cached_property
from statistics import fmean
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from kinds.files import GivenPath
from models.clocks.beyond import Beyond, check_reach, seconds_in
from models.clocks.latency import Latency, Work
from models.clocks.pass_samples import PassSamples, read_samples
from models.clocks.pass_table import Point


class Empirical(Latency):
    """Passes drawn from measured ones by sequences, new and cached tokens, their quantiles interpolated."""

    random: ClassVar[bool] = True
    kind: Literal["empirical"] = "empirical"
    file: GivenPath = Field(
        description="a CSV file: batch, new_tokens, cached_tokens, seconds, many rows a point, as "
        "`sqsim calibrate --cell` writes it; rows of one number in a last column, spell, were measured within a "
        "second or two: a request has all its passes from a slow spell or all from a fast one"
    )
    beyond: Beyond = "refuse"

    @model_validator(mode="after")
    def _readable(self) -> Self:
        assert self.samples
        return self

    @cached_property
    def samples(self) -> PassSamples:
        """Raises ConfigError, one line, where the file is not a table of passes."""
        return read_samples(self.file)

    def pass_s(self, work: Work) -> float:
        """The mean of all draws: at a point of the table, of what was measured there. Raises ConfigError on a pass
        beyond the table where `beyond` has it refused."""
        return fmean(seconds_in(level, work, self.beyond, self._called) for level in self.samples.levels)

    def drawn_s(self, work: Work, uniform: float, spell: float) -> float:
        """The quantile of `uniform` in the spell of `spell`. Raises as `pass_s` does."""
        steady_s = seconds_in(self.samples.level(uniform), work, self.beyond, self._called)
        return steady_s * self.samples.factor(spell)

    def check_range(self, most: Point) -> None:
        check_reach(self.samples.levels[0], most, self.beyond, self._called)

    @property
    def _called(self) -> str:
        return f"table {self.file}"
