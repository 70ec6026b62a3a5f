"""Workload as a user describes it: the times of requests and the tokens that they ask for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import log1p
from pathlib import Path
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from channels.uniforms import Uniforms
from kinds import Choice, ConfigError
from kinds.csv_tables import read_header, read_table
from kinds.files import GivenPath, placed, sha256
from simulator.cell.downtime import Downtime, NoDowntime

TRACE_COLUMNS: Final = {
    ("arrival_s", "prompt_tokens", "output_tokens"): 1.0,
    ("arrived_at", "num_prefill_tokens", "num_decode_tokens"): 1.0,
    ("arrival_time_us", "input_tokens", "output_tokens"): 1e-6,
}
"""The columns of a trace, with the seconds of its unit: ours, those of Vidur and of BLIS (trace v2)."""
MOST = 1_000_000
"""Requests of a device, and tokens of a request: more would take weeks, and is a slip of the pen."""

HORIZON_S: Final = 1e6
"""The horizon, s, of a workload that says nothing of when the run ends."""


@dataclass(frozen=True)
class Ask:
    """Request to come: at a time, or, if `at_s` is None, `think_s` after the last one ended. From the second `turn` of
    a conversation on, `prompt_tokens` are those that it adds to the text so far."""

    prompt_tokens: int
    output_tokens: int
    at_s: float | None = None
    think_s: float = 0.0
    turn: int = 1


class Workload(Choice, family=True):
    """Requests: how many devices, when they ask, for what, and for how long they wait."""

    open: ClassVar[bool] = False
    """True if requests come whether or not earlier ones have ended."""
    talks: ClassVar[bool] = False
    """True if a request may go on with the text of the one before it."""

    devices: int = Field(1, ge=1, le=100_000, description="edge devices, each with a processor of its own")
    prompt_tokens: int = Field(32, ge=1, le=MOST, description="tokens kept of each prompt, its first ones")
    output_tokens: int = Field(64, ge=1, le=MOST, description="tokens of each answer")
    stop_at_eos: bool = Field(False, description="an answer may end before its length, at the pair's end token")
    prompt_at_cloud: bool = Field(
        False, description="the cloud holds the prompt already; otherwise it is uploaded once and costs bits"
    )
    deadline_s: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="a request not answered by then is timed out, and its device tells the cloud in a message of a "
        "bare header: until that is there the cloud works on; null to wait",
    )
    slo_ttft_s: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        exclude_if=lambda limit: limit is None,
        description="service-level objective: the longest time to first token of a request that meets it; null: any",
    )
    slo_tpot_s: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        exclude_if=lambda limit: limit is None,
        description="service-level objective: the longest time per output token after the first; null: any",
    )
    horizon_s: float = Field(
        HORIZON_S,
        gt=0,
        allow_inf_nan=False,
        description="when the run ends at the latest; what is unanswered is in flight",
    )
    absences: Downtime = Field(NoDowntime(), description="when devices are away: what they do then is abandoned")
    distinct: int | None = Field(
        None,
        ge=1,
        le=MOST,
        description="requests share this many texts and random numbers, in turn, so that a large run decodes only "
        "these; null: each its own",
    )
    learning_requests: int = Field(
        0, ge=0, le=MOST, description="first requests of each device that are served and not counted in metrics"
    )

    @model_validator(mode="after")
    def _absences_of_devices(self) -> Self:
        self.absences.check_numbers(self.devices)
        return self

    @model_validator(mode="after")
    def _some_are_counted(self) -> Self:
        if self.learning_requests and self.learning_requests >= self.total // self.devices:
            most = self.total // self.devices - 1
            raise ValueError(f"learning_requests = {self.learning_requests}: must leave some to count, at most {most}")
        return self

    @abstractmethod
    def asks(self, device: int, uniforms: Uniforms) -> Iterator[Ask]:
        """The requests of one device, in order."""

    @property
    @abstractmethod
    def total(self) -> int:
        """Number of requests, all devices together."""

    @property
    def all_are_awaited(self) -> bool:
        """True if no request is given up: no deadline, no horizon set by the user, no device that leaves."""
        return self.deadline_s is None and self.horizon_s >= HORIZON_S and isinstance(self.absences, NoDowntime)

    @property
    def longest(self) -> tuple[int, int]:
        """The most prompt tokens and the most output tokens of any request."""
        return self.prompt_tokens, self.output_tokens

    @property
    def longest_piece(self) -> int:
        """The most tokens that a request takes of a prompt of the pair."""
        return self.longest[0]

    @property
    def only_turn(self) -> int:
        """Number of the turn that metrics count, if requests are turns of conversations; 0: all."""
        return 0

    def requests_of(self, device: int) -> int:
        """Returns the number of requests that come to this device."""
        return len(range(device, self.total, self.devices))

    def counted_of(self, device: int) -> int:
        """Returns the number of a device's requests that metrics count."""
        return max(0, self.requests_of(device) - self.learning_requests)


class _Counted(Workload):
    """A fixed number of equal requests for each device."""

    requests: int = Field(8, ge=1, le=MOST, description="requests of each device")

    @property
    def total(self) -> int:
        return self.devices * self.requests


class Closed(_Counted):
    """Closed loop: a device asks, waits for the answer, thinks, and asks again."""

    kind: Literal["closed"] = "closed"
    think_s: float = Field(0.0, ge=0, allow_inf_nan=False, description="between an answer and the next request")

    def asks(self, device: int, uniforms: Uniforms) -> Iterator[Ask]:
        for number in range(self.requests):
            yield Ask(self.prompt_tokens, self.output_tokens, think_s=self.think_s if number else 0.0)


class Poisson(_Counted):
    """Random arrivals: a device asks at random times, whether or not earlier requests are answered; its processor takes
    them in turn."""

    open: ClassVar[bool] = True
    kind: Literal["poisson"] = "poisson"
    rate_per_s: float = Field(0.05, gt=0, allow_inf_nan=False, description="requests a second of each device")

    def asks(self, device: int, uniforms: Uniforms) -> Iterator[Ask]:
        now_s = 0.0
        for number in range(self.requests):
            now_s -= log1p(-uniforms.uniform(device, number, 2)) / self.rate_per_s
            yield Ask(self.prompt_tokens, self.output_tokens, now_s)


class Bursts(_Counted):
    """Bursts: a device asks several times in a row, then pauses, whether or not earlier requests are answered, as in a
    talk."""

    open: ClassVar[bool] = True
    kind: Literal["bursts"] = "bursts"
    burst_requests: int = Field(4, ge=1, le=MOST, description="requests of a burst; the last burst may be cut")
    gap_s: float = Field(2.0, ge=0, allow_inf_nan=False, description="mean time between two requests of a burst")
    pause_s: float = Field(
        60.0, gt=0, allow_inf_nan=False, description="mean time before a burst; both are exponential"
    )

    def asks(self, device: int, uniforms: Uniforms) -> Iterator[Ask]:
        now_s = 0.0
        for number in range(self.requests):
            mean_s = self.gap_s if number % self.burst_requests else self.pause_s
            now_s -= log1p(-uniforms.uniform(device, number, 2)) * mean_s
            yield Ask(self.prompt_tokens, self.output_tokens, now_s)


class Ticks(_Counted):
    """Regular arrivals: a device asks once a period, at a phase of its own, whether or not earlier requests are
    answered, as a meter does."""

    open: ClassVar[bool] = True
    kind: Literal["ticks"] = "ticks"
    period_s: float = Field(60.0, gt=0, allow_inf_nan=False, description="time between two requests of a device")

    def asks(self, device: int, uniforms: Uniforms) -> Iterator[Ask]:
        phase = uniforms.uniform(device, 0, 2)
        for number in range(self.requests):
            yield Ask(self.prompt_tokens, self.output_tokens, (phase + number) * self.period_s)


class Arrivals(Workload):
    """Requests from a CSV file with the columns arrival_s, prompt_tokens, output_tokens, dealt to the devices in turn;
    or with those of Vidur (arrived_at, num_prefill_tokens, num_decode_tokens) or BLIS (arrival_time_us, input_tokens,
    output_tokens).

    `prompt_tokens` and `output_tokens` of the workload itself are not used.
    """

    open: ClassVar[bool] = True
    kind: Literal["arrivals"] = "arrivals"
    path: GivenPath = Field(description="the CSV file, times in order")
    sha256: str = Field("", description="hash of the file, filled in")

    @model_validator(mode="before")
    @classmethod
    def _fill_hash(cls, fields: object) -> object:
        if isinstance(fields, dict) and "path" in fields:
            try:
                found = sha256(placed(Path(fields["path"])))
            except TypeError:
                raise ConfigError(f"path = {fields['path']!r}: must name a file") from None
            if fields.get("sha256") not in (None, "", found):
                raise ConfigError(f"{fields['path']}: has changed since this cell was written")
            return {**fields, "sha256": found}
        return fields

    @model_validator(mode="after")
    def _parse(self) -> Arrivals:
        assert self._rows
        return self

    @property
    def total(self) -> int:
        return len(self._rows)

    @property
    def longest(self) -> tuple[int, int]:
        return max(ask.prompt_tokens for ask in self._rows), max(ask.output_tokens for ask in self._rows)

    def asks(self, device: int, uniforms: Uniforms) -> Iterator[Ask]:
        return iter(self._rows[device :: self.devices])

    @cached_property
    def _rows(self) -> list[Ask]:
        return requests_in(self.path)


def requests_in(path: Path) -> list[Ask]:
    """The requests of a trace, in order. Raises ConfigError where the file is none."""
    header = read_header(path)
    columns = next((each for each in TRACE_COLUMNS if {*each} <= {*header}), next(iter(TRACE_COLUMNS)))
    rows: list[Ask] = []
    for place, row in read_table(path, columns):
        rows.append(_ask(row, place, TRACE_COLUMNS[columns], rows[-1].at_s if rows else 0.0))
    if not rows:
        raise ConfigError(f"{path}: holds no request")
    return rows


def _ask(row: list[str], place: str, unit_s: float, after_s: float | None) -> Ask:
    try:
        arrival, prompt_tokens, output_tokens = row
        arrival_s, prompt, output = float(arrival) * unit_s, int(prompt_tokens), int(output_tokens)
    except ValueError:
        raise ConfigError(f"{place}: must be a number and two whole numbers") from None
    if not (after_s or 0.0) <= arrival_s < float("inf"):
        raise ConfigError(f"{place}: arrival_s = {arrival_s} must not be before the line above, nor negative")
    if not (1 <= prompt <= MOST and 1 <= output <= MOST):
        raise ConfigError(f"{place}: prompt_tokens and output_tokens must be at least 1 and at most {MOST:,}")
    return Ask(prompt, output, arrival_s)
