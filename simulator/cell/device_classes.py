"""The devices of a cell: what each computes with, and classes of a fleet that differ in what they have of their own.

A class is laid over the cell: what it leaves out is the cell's, and of a part that it gives without a kind each field
that it leaves out; of a workload of another kind each field that all kinds have. Its links, where it gives any, are
shared among its devices alone; all classes share the cloud, and those without links of their own the cell's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from channels.link.link_config import LinkConfig, check_both_ways
from channels.uniforms import Uniforms
from kinds import ConfigError, Part, meant, named
from models.latency.datasheets import DEVICES, SIZES
from models.latency.latency import LONGEST_S, Latency
from models.latency.roofline import Roofline
from models.power import KWH_PRICES, POWER_NEEDED, POWERS, Power
from simulator.cell.cloud_config import Batching, request_tokens
from simulator.cell.dotted_names import whole_fields
from simulator.cell.scheme import Scheme
from simulator.cell.workload import Ask, Workload
from simulator.results.column_names import ALL_CLASSES

PREPARED: Final = ("prepared", "cloud_first_prepared", "sent_ahead", "cloud_first_sent_ahead")
PREPARES: Final = "where rounds are prepared (scheme.prepared)"
THE_CELLS: Final = ("horizon_s",)
"""Fields of a workload that are one for the whole cell, whatever classes it has."""


def _kwh_price(value: object) -> object:
    """The price that goes by a name."""
    if isinstance(value, str) and value not in KWH_PRICES:
        raise ValueError(f"must be US dollars, or one of {', '.join(KWH_PRICES)}{meant(value, KWH_PRICES)}")
    return KWH_PRICES[value].usd if isinstance(value, str) else value


_KWH_PRICE: Final = BeforeValidator(_kwh_price, json_schema_input_type=float | str | None)


class Edge(Part):
    """A device: what it computes with."""

    latency: Latency = Field(
        Roofline(size=SIZES["opt_125m"], device=DEVICES["jetson_orin_nano_8gb"]),
        description="time of a drafter pass",
    )
    drafts_per_pass: int = Field(
        1,
        ge=1,
        le=1_024,
        exclude_if=lambda drafts: drafts == 1,
        description="drafts that one pass of the drafter makes, as a block (DFlash) or by several heads (MTP): L "
        "drafts take L / drafts_per_pass passes, rounded up. A matter of time alone: which drafts these are is the "
        "pair's",
    )
    concurrency: int = Field(
        1, ge=1, le=64, description="requests served side by side; they take turns at the processor, round by round"
    )
    gateway: Batching | None = Field(
        None,
        exclude_if=lambda batching: batching is None,
        description="the devices of a class are users of one gateway: a single drafter, whose passes they share as "
        "this way to batch says; encoding goes on beside them. null: each device drafts on a processor of its own",
    )
    encode_s_per_draft: float = Field(
        1e-4,
        ge=0,
        le=LONGEST_S,
        description="time to sparsify, quantize and encode one draft, of a tree one distribution (an assumption)",
    )
    memory_utilization: float = Field(
        0.9,
        gt=0,
        le=1,
        description="share of the device's memory for the drafter's weights, keys and values; the rest is for all else "
        "that runs there (an assumption)",
    )
    power: Annotated[Power | None, named(POWERS, "power", POWER_NEEDED)] = Field(
        None,
        exclude_if=lambda power: power is None,
        description="what its processor draws: a name of `sqsim list powers`, or watts; null: no figure",
    )
    usd_per_kwh: Annotated[float | None, _KWH_PRICE] = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        exclude_if=lambda price: price is None,
        description="what a kWh costs that it draws, its radio included: US dollars, or a name of `sqsim list powers`; "
        "null: nothing. It needs power and the radio of both links",
    )


class DeviceClass(Part):
    """Some of the devices, and what they have of their own; null: what the cell says."""

    name: str = Field(
        "device",
        min_length=1,
        description="what figures, tables and the column `class` call them; without any they are not told apart",
    )
    count: int = Field(1, ge=1, description="how many devices are like this")
    scheme: Scheme | None = Field(None, description="their scheme")
    edge: Edge | None = Field(None, description="what they compute with")
    uplink: LinkConfig | None = Field(None, description="an uplink shared among them only")
    downlink: LinkConfig | None = Field(None, description="a downlink shared among them only")
    workload: Workload | None = Field(
        None,
        exclude_if=lambda workload: workload is None,
        description="when they ask, for what, and their objective (slo_ttft_s, slo_tpot_s); its devices are count, "
        "numbered from 0 in the class, its horizon_s the cell's",
    )
    prompts: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        exclude_if=lambda kinds: kinds is None,
        description="kinds of the pair's prompts that they ask with, such as [question]; null: all",
    )

    def to_fields(self, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """The class as it is laid over a cell again: its parts whole, with the label of its scheme."""
        parts = {name: value for name, value in self if isinstance(value, Part)}
        return self.model_dump(mode=mode) | {name: whole_fields(value, mode) for name, value in parts.items()}

    @model_validator(mode="before")
    @classmethod
    def _holds_these(cls, fields: object) -> object:
        for name, value in fields.items() if isinstance(fields, dict) else ():
            if name not in cls.model_fields:
                details = {"path": str(name), "got": value, "known": ", ".join(cls.model_fields)}
                raise PydanticCustomError("no_such_field", "no such field; a class may hold {known}", details)
        return fields

    @field_validator("name")
    @classmethod
    def _is_a_word(cls, name: str) -> str:
        if name == ALL_CLASSES or name.isdecimal() or {*name} & {*".,="}:
            raise ValueError(f"must be no number, not {ALL_CLASSES!r}, and without any of . , =")
        return name


@dataclass(frozen=True)
class Equipped:
    """A class of devices with nothing left open. `name` is its prefix in field names, `called` what tables call it, ""
    where no class has a name; `first` is the number of its first device."""

    name: str
    called: str
    first: int
    count: int
    scheme: Scheme
    edge: Edge
    uplink: LinkConfig
    downlink: LinkConfig
    workload: Workload
    own_workload: bool
    prompts: tuple[str, ...] | None

    @property
    def devices(self) -> range:
        """The numbers of its devices."""
        return range(self.first, self.first + self.count)

    @property
    def requests(self) -> int:
        """Number of requests of all its devices."""
        work = self.workload
        if self.own_workload:
            return work.total
        return sum(map(work.requests_of, self.devices))

    @property
    def places(self) -> int:
        """Number of requests that a device serves at one time: 1 in a closed loop."""
        return self.edge.concurrency if self.workload.open else 1

    @property
    def sequences(self) -> int:
        """Number of requests that one drafter serves at one time: those of all its devices at a gateway."""
        return self.places * (self.count if self.edge.gateway else 1)

    @property
    def request_tokens(self) -> int:
        """The most tokens that one of them ever has cached."""
        return request_tokens(*self.workload.longest, self.scheme.drafts)

    @property
    def counted_requests(self) -> int:
        """Number of requests that metrics count: none that a device learns from, and of conversations one turn only if
        the workload says so."""
        devices = range(self.count) if self.own_workload else self.devices
        return sum(map(self.workload.counted_of, devices))

    def asks(self, device: int, users: Uniforms) -> Iterator[Ask]:
        """The requests of one of its devices, in order. `users`: the numbers that users of the cell draw; those of a
        workload of its own are the class's, and do not depend on how many devices other classes have."""
        return self.workload.asks(*self._user(device, users))

    def absences(self, device: int, users: Uniforms) -> Iterator[tuple[float, float]]:
        """Yields the periods in which one of its devices is away."""
        return self.workload.absences.times(*self._user(device, users))

    def _user(self, device: int, users: Uniforms) -> tuple[int, Uniforms]:
        if not self.own_workload:
            return device, users
        return device - self.first, users.keyed(*self.called.encode())

    @property
    def drafts_per_pass(self) -> int:
        """Drafts that a pass on the device makes; a model that decodes alone makes a token a pass."""
        return 1 if self.scheme.protocol == "local" else self.edge.drafts_per_pass

    @property
    def watts(self) -> float:
        """Power of the device's processor at work, W; nan where the cell states none."""
        return nan if self.edge.power is None else self.edge.power.busy_w

    @property
    def draft_latency(self) -> Latency:
        """The latency model of what drafts on the device."""
        return self.scheme.draft_latency(self.edge.latency)

    def check_scheme(self, vocabulary: int) -> None:
        """Raises ConfigError where scheme and vocabulary do not fit."""
        try:
            self.scheme.format(vocabulary)
        except ValueError as error:
            raise ConfigError(f"{self.name}scheme.{error}") from None

    def check_clock(self, prompt: int, output: int) -> None:
        """Raises ConfigError where a pass of the device may be one that its clock knows nothing of."""
        if self.scheme.protocol != "stream":
            try:
                block = self.drafts_per_pass
                if block > 1 and self.scheme.protocol in PREPARED:
                    raise ConfigError(f"{self.name}edge.drafts_per_pass = {block}: must be 1 {PREPARES}")
                new = max(prompt, block * self.scheme.drafts_a_pass) + block - 1
                together = min(self.sequences, self.edge.gateway.cap) if self.edge.gateway else 1
                self.draft_latency.check_range((together, new, prompt + output + self.scheme.drafts))
            except ValueError as error:
                raise ConfigError(f"{self.name}edge.latency = {error}") from None

    def check_memory(self, tokens: int, requests: int) -> None:
        """Raises ConfigError where the drafter does not fit the device beside the keys and values of so many requests
        of so many tokens."""
        model = self.draft_latency.footprint if self.scheme.protocol != "stream" else None
        if model is None:
            return
        share, kv_bytes = self.edge.memory_utilization, requests * tokens * model.token_bytes
        room_bytes = share * model.device_bytes
        if model.weights_bytes + kv_bytes > room_bytes:
            raise ConfigError(
                f"{self.name}edge.latency.size = {model.model}: takes {model.weights_bytes / 1e9:,.1f} GB for its "
                f"weights and {kv_bytes / 1e9:,.2g} GB for keys and values of {tokens:,} tokens"
                f"{f' of {requests} requests each' if requests > 1 else ''}, of {room_bytes / 1e9:,.1f} GB that "
                f"{self.name}edge.memory_utilization = {share:g} leaves on {model.device}; a "
                "smaller model, fewer bytes_per_parameter or another device"
            )

    def check_power(self) -> None:
        """Raises ConfigError where a policy counts joules and the device states no power."""
        if self.edge.power is None and self.scheme.counts_joules:
            raise ConfigError(
                f"{self.name}scheme.policy: its budget of joules needs {self.name}edge.power; `sqsim list powers` has "
                "figures"
            )

    def check_concurrency(self) -> None:
        """Raises ConfigError where requests cannot be served side by side, or not at a gateway."""
        message = None
        if self.edge.gateway and self.edge.power:
            reason = "of a gateway no user's share of the energy is known"
            raise ConfigError(f"{self.name}edge.power: must be null with {self.name}edge.gateway; {reason}")
        if self.edge.gateway:
            message = f"at a gateway, whose users are devices ({self.name}edge.gateway)"
        elif self.scheme.protocol in ("ahead", "cloud_first_ahead"):
            message = "where rounds are drafted ahead (scheme.depth)"
        elif self.scheme.protocol in PREPARED:
            message = PREPARES
        elif self.downlink.listens.windows_s:
            message = f"where a device hears only after sending ({self.name}downlink.listens)"
        elif self.scheme.sends_parts and not self.uplink.sharing.first_come:
            message = (
                f"where parts of a round leave in turn with other packets (scheme.partial, {self.name}uplink.sharing)"
            )
        if message and self.edge.concurrency > 1:
            raise ConfigError(f"{self.name}edge.concurrency = {self.edge.concurrency}: must be 1 {message}")

    def check_links(self, devices: int) -> None:
        """Raises ConfigError where its two ways do not fit each other, or a cell of so many devices."""
        check_both_ways(f"{self.name}uplink", self.uplink, f"{self.name}downlink", self.downlink)
        for way, link in (("uplink", self.uplink), ("downlink", self.downlink)):
            try:
                link.sharing.check(devices, link.rate)
            except ValueError as error:
                raise ConfigError(f"{self.name}{way}.sharing.{error}") from None
