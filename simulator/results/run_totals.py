"""Totals of a run, before `metrics` and `energy` sum them up: requests, sums of rounds, stations and counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from channels.link.radio_power import OnAir
from kinds.arrays import Floats, Ints
from simulator.results.column_names import OVERLOAD, TURN, Columns
from simulator.results.station import Station

Charged = Literal["busy", "held", "both"]
CHARGED: Final[tuple[Charged, ...]] = ("busy", "held")
"""Server time that has a price."""


class Watts(NamedTuple):
    """Power at work, and while waiting."""

    busy_w: float
    idle_w: float


@dataclass(frozen=True)
class PowerAndPrice:
    """Power and price that a cell states; None for what it leaves out."""

    edges: Sequence[Watts | None] = ()
    """The busy and idle power of each device, W."""
    server: Watts | None = None
    """Power of all GPUs of one server."""
    server_usd_per_hour: float | None = None
    edges_usd_per_kwh: Sequence[float | None] = ()
    """Price of each device's energy, in US dollars per kWh."""
    whole_radios: bool = False
    """True if the radio of each device is stated in all of its states."""
    charged: Charged = "both"
    """Part of a server's time that costs: its passes, or all from the first arrival to the end of the last request."""


@dataclass(frozen=True)
class LinkTotals:
    """Totals of the links of one direction, link by link."""

    stations: Sequence[Station]
    bits: Sequence[float]
    """Put on each."""
    devices: Sequence[int]
    """Number of devices that share each link."""
    air_s: Sequence[float]
    """Time during which each link had a packet on the air, in seconds."""
    radios: Sequence[OnAir | None]
    """Cost of a packet on each link to a device; None if nothing is stated of it."""

    @property
    def bits_sent(self) -> float:
        """Put on all of them."""
        return sum(self.bits)

    def busy(self, over_s: float) -> float:
        """The share of the time that a link is taken, mean over the links."""
        return mean([station.busy_fraction(over_s) for station in self.stations])

    def queue(self, over_s: float) -> float:
        """Packets waiting or on the air, mean in time, all links together."""
        return sum(station.mean_present(over_s) for station in self.stations)


@dataclass(frozen=True)
class PlantTotals:
    """Totals of the plant's stations and counters at the end of a run, `over_s` after its start."""

    over_s: float
    uplink: LinkTotals
    downlink: LinkTotals
    edges: Sequence[Station]
    cloud: Station
    cloud_service_s: float
    """Server-seconds of passes."""
    dropped_packets: float
    cloud_evictions: float
    connected_j: float
    """Energy that the devices' radios have drawn, or will draw, because they stay connected, in joules."""
    open: bool
    """True if requests come whether or not earlier ones have ended."""
    figures: PowerAndPrice
    others: SharedWith | None = None
    """Share of a class of devices in its cloud; None if these are the totals of all."""


class SharedWith(NamedTuple):
    """The whole of which a class of devices has a part."""

    numbers: Sequence[int]
    """Numbers of the class's own devices."""
    devices: int
    """The number of devices of all classes."""
    cloud_service_s: float
    """Server-seconds of passes for all of them."""
    span_s: float
    """The time in which servers are held for all of them."""


class Slo(NamedTuple):
    """A service-level objective of a request, one for all or one by device; None: no limit."""

    ttft_s: float | Floats | None = None
    tpot_s: float | Floats | None = None


NO_SLO: Final = Slo()
SHARES: Final = (0.5, 0.9, 0.95, 0.99)
"""The quantiles that metrics report."""


@dataclass(frozen=True)
class Run:
    """Totals of one run. `sums`: of each numeric column of its counted rounds; `speculative`: those with drafts. The
    first `learning_requests` requests of each device are not counted; stations and bits on the air go by the tokens of
    all."""

    served: Columns
    """Table of all requests."""
    sums: Mapping[str, float]
    plant: PlantTotals
    learning_requests: int | Ints = 0
    """Number of learning requests, one for all or by device."""
    only_turn: int | Ints = 0
    """Likewise: the turn of conversations that is counted alone, 0: all."""
    gaps_s: Floats = field(default_factory=lambda: np.empty(0))
    """Gaps between the rounds of each answered request as they reached the device, in seconds."""
    slo: Slo = NO_SLO

    @cached_property
    def requests(self) -> Columns:
        """Table of the requests that are counted."""
        learning = self._by_device(self.learning_requests, self.served)
        found = self.served.where(self.served["request"] >= learning) if np.any(learning) else self.served
        if not np.any(self.only_turn):
            return found
        only = self._by_device(self.only_turn, found)
        return found.where((found[TURN] == only) | (only == 0))

    @staticmethod
    def _by_device(value: Any, rows: Columns) -> Any:
        return value[rows["device"]] if np.ndim(value) else value

    @cached_property
    def answered(self) -> Columns:
        """The requests that were."""
        return self.requests.where(self.requests["outcome"] == "answered")

    @cached_property
    def tokens(self) -> float:
        """Output tokens that have reached their device, of all counted requests."""
        return float(self.requests["output_tokens"].sum())

    @cached_property
    def served_tokens(self) -> float:
        """Likewise of all requests."""
        return float(self.served["output_tokens"].sum())

    @cached_property
    def answered_tokens(self) -> float:
        """Output tokens of the answered ones."""
        return float(self.answered["output_tokens"].astype(float).sum())

    @cached_property
    def latencies_per_token_s(self) -> Floats:
        """The latency per output token of each answered request, s."""
        per_token: Floats = self.answered["latency_s"] / self.answered["output_tokens"].astype(float)
        return per_token

    @cached_property
    def itl_s(self) -> Floats:
        """Inter-token latencies, s: gaps between successive tokens of answered requests. Those of one round arrive
        together, 0 apart."""
        together = int(self.answered_tokens) - len(self.answered) - len(self.gaps_s)
        return np.concatenate([np.zeros(together), self.gaps_s])

    @cached_property
    def met_slo(self) -> Columns | None:
        """The answered requests that met the objective; None where there is none."""
        limits = {name: limit for name, limit in self.slo._asdict().items() if limit is not None}
        met = [self.answered[name] <= self._by_device(limit, self.answered) for name, limit in limits.items()]
        return self.answered.where(np.logical_and.reduce(met)) if met else None

    @property
    def rejections(self) -> float:
        return self.sums["verified"] - self.sums["accepted"]

    @property
    def cloud_busy(self) -> float:
        others = self.plant.others
        service_s = self.plant.cloud_service_s if others is None else others.cloud_service_s
        return ratio(service_s, self.plant.cloud.servers * self.plant.over_s)

    @property
    def overloaded(self) -> bool:
        """True if a station at which work can pile up is busy for OVERLOAD of the time. A single device that waits for
        each answer before it asks again may keep a station busy all the time: that is no overload."""
        plant = self.plant
        links = [each for way in (plant.uplink, plant.downlink) for each in zip(way.stations, way.devices, strict=True)]
        busy = [(station.busy_fraction(plant.over_s), devices) for station, devices in links]
        busy.append((self.cloud_busy, len(plant.edges) if plant.others is None else plant.others.devices))
        return any(share >= OVERLOAD and (plant.open or devices > 1) for share, devices in busy)

    def share(self, outcome: str) -> float:
        """Requests with this outcome / requests arrived."""
        return mean(self.requests["outcome"] == outcome)

    def mean(self, column: str) -> float:
        """Returns the mean of a column over answered requests."""
        return mean(self.answered[column])

    def attainment(self) -> float:
        """Requests that met the objective / requests arrived."""
        return np.nan if self.met_slo is None else ratio(len(self.met_slo), len(self.requests))

    def goodput(self) -> float:
        """Tokens a second of the requests that met the objective."""
        return np.nan if self.met_slo is None else ratio(float(self.met_slo["output_tokens"].sum()), self.span_s())

    def span_s(self) -> float:
        """Time from the first arrival to the end of the last request: its answer, its deadline or its device's
        departure; to the end of the run if one is in flight."""
        return self._span_s(self.requests)

    def served_span_s(self) -> float:
        """Likewise of all requests."""
        return self._span_s(self.served)

    def _span_s(self, requests: Columns) -> float:
        if not len(requests):
            return np.nan
        ended_s = end_s(requests, self.plant.over_s)
        return float(ended_s.max() - requests["arrival_s"].min())


def quantiles(values: Floats) -> Mapping[float, float]:
    """The quantiles of values at SHARES, those that are nan left out; nan where there are none."""
    known = values[~np.isnan(values)]
    found = np.quantile(known, SHARES).tolist() if len(known) else [np.nan] * len(SHARES)
    return dict(zip(SHARES, found, strict=True))


def end_s(requests: Columns, over_s: float) -> Floats:
    """Returns the end of each request, or of the run if it is in flight."""
    finish_s: Floats = requests["finish_s"]
    return np.where(np.isnan(finish_s), over_s, finish_s)


def ratio(numerator: float, denominator: float) -> float:
    """nan where there is no denominator."""
    return numerator / denominator if denominator > 0 else float("nan")


def mean(values: Sequence[float] | npt.NDArray[Any]) -> float:
    """nan of nothing."""
    return float(np.mean(values)) if len(values) else float("nan")
