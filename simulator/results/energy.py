"""Joules and money of a run: busy seconds of its stations times what the cell says that this draws and costs.

A device draws `busy_w` while its processor works and `idle_w` for the rest of the time in which a request is open
there; a radio while a packet is on the air and, of some, until its connection is given up. What a server draws and
costs depends on which of its time is charged for: its passes alone (busy), or all of it, with `idle_w` between them
(held); each is a metric of its own. nan where a figure is needed and none is given.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Final

import numpy as np

from channels.link.radio_power import Connection
from models.power import JOULES_PER_KWH
from simulator.results.column_names import Columns
from simulator.results.observer import Airing, Observer
from simulator.results.run_totals import Charged, Run, end_s, ratio

HOUR_S: Final = 3600.0
MONTH_H: Final = 730.0
"""Hours of use in a month, h: servers are held, and devices ask as in the run, day and night."""


def edges_j(run: Run) -> float:
    """The joules of the processors of all devices."""
    watts = [each for each in run.plant.figures.edges if each is not None]
    if not watts or len(watts) < len(run.plant.edges):
        return np.nan
    open_by_device_s = open_s(run.served, run.plant.over_s)
    joules = 0.0
    numbers = range(len(watts)) if run.plant.others is None else run.plant.others.numbers
    for device, each, station in zip(numbers, watts, run.plant.edges, strict=True):
        busy_s = station.busy_s
        joules += each.busy_w * busy_s + each.idle_w * max(0.0, open_by_device_s.get(device, 0.0) - busy_s)
    return joules


def radios_j(run: Run) -> float:
    """The joules of the devices' radios: sending on the uplinks, receiving on the downlinks, and connected in
    between."""
    ways = (run.plant.uplink, run.plant.downlink)
    links = [each for way in ways for each in zip(way.radios, way.air_s, way.bits, strict=True)]
    on_air = [np.nan if radio is None else radio.watts * air_s + radio.j_per_bit * bits for radio, air_s, bits in links]
    return sum(on_air) + run.plant.connected_j if links else np.nan


class Connections(Observer):
    """Time during which the radios of some devices stay connected. Packets are reported as they leave, in both
    directions."""

    def __init__(self, radios: Mapping[int, Sequence[Connection]]) -> None:
        """`radios`: by device, the connections that draw on top of each other, the longest that ends first."""
        self.radios = radios
        self._spans: dict[tuple[int, Connection], list[tuple[float, float]]] = {}

    def on_packet(self, airing: Airing) -> None:
        self.aired(airing.address[0], airing.began_s, airing.left_s)

    def aired(self, device: int, began_s: float, left_s: float) -> None:
        """A packet of this device, or for it, was on the air, and left no earlier than those reported before."""
        for radio in self.radios.get(device, ()):
            spans, from_s, to_s = self._spans.setdefault((device, radio), []), began_s, left_s + radio.tail_s
            while spans and spans[-1][1] >= from_s:
                from_s = min(from_s, spans.pop()[0])
            spans.append((from_s, to_s))

    @property
    def joules(self) -> float:
        """The joules of the connections of all devices."""
        return self.joules_of(self.radios)

    def joules_of(self, devices: Container[int]) -> float:
        """The joules of the connections of these devices, from the first packet of each until its tail is over,
        possibly after the end of the run."""
        connected = {device: radios[0] for device, radios in self.radios.items() if (device, radios[0]) in self._spans}
        ends_s = {device: self._spans[device, longest][-1][1] for device, longest in connected.items()}
        return sum(
            radio.set_up_j + radio.watts * (min(to_s, ends_s[device]) - from_s)
            for (device, radio), spans in self._spans.items()
            if device in devices
            for from_s, to_s in spans
        )


def battery_j(run: Run) -> float:
    """The joules of all devices, processors and radios; nan where either has no figure, or a radio is not stated in all
    of its states."""
    return edges_j(run) + radios_j(run) if run.plant.figures.whole_radios else np.nan


def cloud_j(run: Run, charged: Charged) -> float:
    """Joules of all servers in the time that is charged for, nan without watts or where other time is charged for."""
    watts, busy_s, cost_s = run.plant.figures.server, run.plant.cloud_service_s, charged_s(run, charged)
    if watts is None or np.isnan(cost_s):
        return np.nan
    return watts.busy_w * busy_s + watts.idle_w * max(0.0, cost_s - busy_s)


def usd(run: Run, charged: Charged) -> float:
    """Price of all servers in the time that is charged for, and of the devices' joules where they have one; nan without
    a price of servers, without a figure of joules that cost, where other time is charged for, or where devices pay
    differently."""
    figures = run.plant.figures
    if figures.server_usd_per_hour is None:
        return np.nan
    rent = figures.server_usd_per_hour / HOUR_S * charged_s(run, charged)
    prices = {*figures.edges_usd_per_kwh}
    own = prices.pop() if len(prices) == 1 else np.nan
    return rent + own / JOULES_PER_KWH * battery_j(run) if own else rent


def charged_s(run: Run, charged: Charged) -> float:
    """Server-seconds that cost, nan where the cell has others charged for. A class of devices has the part of those in
    which servers are held that it has of the passes; nan where there are none."""
    plant = run.plant
    if plant.figures.charged not in (charged, "both"):
        return np.nan
    if charged == "busy":
        return plant.cloud_service_s
    if plant.others is None:
        return plant.cloud.servers * run.served_span_s()
    return plant.cloud.servers * plant.others.span_s * ratio(plant.cloud_service_s, plant.others.cloud_service_s)


def open_s(requests: Columns, over_s: float) -> dict[int, float]:
    """Seconds, by device, in which one of its requests was open there, waiting for another of them or being served."""
    order = np.lexsort((requests["arrival_s"], requests["device"]))
    devices, arrived_s = requests["device"][order], requests["arrival_s"][order]
    ended_s = end_s(requests, over_s)[order]
    spans: dict[int, float] = {}
    for device in np.unique(devices).tolist():
        from_s, to_s = arrived_s[devices == device], ended_s[devices == device]
        begins_s = np.maximum(from_s, np.concatenate([from_s[:1], np.maximum.accumulate(to_s)[:-1]]))
        spans[device] = float(np.maximum(0.0, to_s - begins_s).sum())
    return spans


def per_token(total: Callable[[Run], float]) -> Callable[[Run], float]:
    """A total of the run / output tokens at their devices, of all requests: also of those that are never answered, and
    of those that are there to learn from. nan without a figure or tokens, and always the same nan, so that equal
    summaries are equal."""

    def value(run: Run) -> float:
        found = total(run)
        return np.nan if np.isnan(found) or not run.served_tokens else found / run.served_tokens

    return value


def per_device_month(total: Callable[[Run], float]) -> Callable[[Run], float]:
    """A total of the run / devices, if the run goes on as it was for MONTH_H hours."""

    def value(run: Run) -> float:
        span_s = run.served_span_s() if run.plant.others is None else run.plant.others.span_s
        return ratio(total(run) * MONTH_H * HOUR_S, span_s * len(run.plant.edges))

    return value
