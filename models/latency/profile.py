"""A latency model that looks passes up in a table of measured ones (`pass_table`): a user's CSV file, such as `sqsim
calibrate` writes (batch, new_tokens, cached_tokens of each sequence, seconds, maybe provenance), or one by name.
Nothing is extrapolated unless `beyond` says so."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from kinds import meant
from kinds.files import GivenPath
from models.latency.cited_passes import FOLDER, PROFILES, CitedProfile, ProfileName
from models.latency.latency import Footprint, Latency, Work
from models.latency.pass_table import Beyond, Grid, Point, check_reach, read_passes, seconds_in


def _known(name: object) -> object:
    """The name. Raises ValueError for one that is none, with what was probably meant."""
    if isinstance(name, str) and name not in (names := get_args(ProfileName)):
        raise ValueError(f"must be one of {', '.join(names)}{meant(name, names)}")
    return name


class Profile(Latency):
    """Measured passes by sequences, new and cached tokens, interpolated."""

    kind: Literal["profile"] = "profile"
    name: Annotated[ProfileName | None, BeforeValidator(_known)] = Field(
        None, description="a profile that comes along (`sqsim list clocks`); or `file`"
    )
    file: GivenPath | None = Field(
        None, description="a CSV file: batch, new_tokens, cached_tokens, seconds, as `sqsim calibrate` writes it"
    )
    beyond: Beyond = "refuse"
    speed: float = Field(
        1.0,
        ge=0.01,
        le=100,
        description="how many times as fast as measured, in all passes alike: a machine that nobody has measured",
    )

    @model_validator(mode="after")
    def _one_table(self) -> Self:
        if (self.name is None) == (self.file is None):
            raise ValueError("name, file: one of the two must be given; `sqsim list clocks` has the names")
        assert self.table
        return self

    @property
    def path(self) -> Path:
        return self.file if self.file is not None else FOLDER / f"{self.name}.csv"

    @property
    def cited(self) -> CitedProfile | None:
        """Cited measurement of a profile by name, None for a file, which names no source."""
        return None if self.name is None else PROFILES[self.name]

    @property
    def what(self) -> str:
        """The machine that was measured, or the file, and how many times as fast it is taken to be."""
        return f"{self.file if self.cited is None else self.cited.what}{self.faster}"

    @property
    def faster(self) -> str:
        """Text of the speed against the measured one, such as `, 2 times as fast`; "" at the measured speed."""
        return "" if self.speed == 1 else f", {self.speed:g} times as fast"

    @property
    def gpus(self) -> int | None:
        """The GPUs of a measured server, for power and price."""
        return None if self.cited is None else self.cited.roofline.gpus

    @property
    def footprint(self) -> Footprint | None:
        return None if self.cited is None else self.cited.roofline.footprint

    @property
    def weight_bytes(self) -> float | None:
        return None if self.cited is None else self.cited.roofline.weight_bytes

    @cached_property
    def table(self) -> Grid:
        """Raises ConfigError, one line, where the file is not a table of passes."""
        return read_passes(self.path)

    def pass_s(self, work: Work) -> float:
        """Returns the time of a pass, as `Latency.pass_s`. Raises ConfigError on a pass beyond the table if `beyond`
        refuses it."""
        return seconds_in(self.table, work, self.beyond, self._called) / self.speed

    def check_range(self, most: Point) -> None:
        check_reach(self.table, most, self.beyond, self._called)

    @property
    def _called(self) -> str:
        return f"profile {self.name or self.file}"
