"""A clock that looks passes up in a table of measured ones: a CSV file of the user's, or one that comes by name.

The file's columns are batch, new_tokens, cached_tokens (of each sequence), seconds, and, where it has one, provenance;
`sqsim calibrate` writes such a file. `pass_table` says how what lies between is filled in. Nothing is extrapolated
unless `beyond` says so.
"""

from __future__ import annotations

from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from kinds import ConfigError
from models.clocks.bundled_profiles import FOLDER, ProfileName
from models.clocks.bundled_profiles import PROFILES as PROFILES
from models.clocks.latency import Latency, Work, require_work
from models.clocks.pass_table import AXES, LOWEST, PassTable, Point, read_passes


class Profile(Latency):
    """Measured passes by sequences, new and cached tokens, interpolated."""

    kind: Literal["profile"] = "profile"
    name: ProfileName | None = Field(None, description="a profile that comes along (`sqsim list clocks`); or `file`")
    file: Path | None = Field(
        None, description="a CSV file: batch, new_tokens, cached_tokens, seconds, as `sqsim calibrate` writes it"
    )
    beyond: Literal["refuse", "hold", "extend"] = Field(
        "refuse",
        description="a pass outside what was measured is refused, takes as long as the nearest measured one, or goes "
        "on as the last measured ones do (below them: the nearest)",
    )

    @model_validator(mode="after")
    def _one_table(self) -> Self:
        if (self.name is None) == (self.file is None):
            raise ValueError("name, file: one of the two must be given; `sqsim list clocks` has the names")
        assert self.table
        return self

    @property
    def path(self) -> Path:
        """Where its table is."""
        return self.file if self.file is not None else FOLDER / f"{self.name}.csv"

    @property
    def gpus(self) -> int | None:
        """Of a server that was measured, for power and price; None of a file, which does not tell."""
        return None if self.name is None else PROFILES[self.name].clock.gpus

    @cached_property
    def table(self) -> PassTable:
        """Raises ConfigError, one line, where the file is not a table of passes."""
        return read_passes(self.path)

    def pass_s(self, work: Work) -> float:
        """See `Latency.pass_s`. Raises ConfigError on a pass beyond the table where `beyond` has it refused."""
        require_work(work)
        new = cached = 0
        for new_tokens, cached_tokens in work:
            new += new_tokens
            cached += cached_tokens
        sequences = len(work)
        point = (sequences, new / sequences, cached / sequences)
        place = self.table.beyond(point)
        if place is None or self.beyond == "hold":
            return self.table.at(point)
        if self.beyond == "refuse":
            raise ConfigError(self._refusal("a pass", point, place))
        return self.table.extended(point)

    def check_range(self, most: Point) -> None:
        if self.beyond != "refuse":
            return
        for point in (most, LOWEST):
            if (place := self.table.beyond(point)) is not None:
                raise ValueError(self._refusal("there are passes", point, place))

    def _refusal(self, what: str, point: Point, place: int) -> str:
        axis, value = self.table.axes[place], point[place]
        shown = f"{ceil(value):,}" if value > axis[-1] else f"{value:,.4g}"
        measured = f"{axis[0]:,} to {axis[-1]:,}" if len(axis) > 1 else f"{axis[0]:,} alone"
        return (
            f"profile {self.name or self.file}: {what} of {shown} {AXES[place]}, measured: {measured}; "
            "another profile or workload, or `hold` or `extend` for its field beyond"
        )
