"""Plant of a cell: cloud, links, devices, arrivals; how it is built, and what it adds up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import nan
from typing import Final

import simpy

from channels.link.link_config import LinkConfig, answer_s
from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.cell.power_figures import connections_of, power_figures
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.protocols.decoded_answer import is_decodable
from simulator.protocols.machine import DOWNLINK, UPLINK
from simulator.results.energy import Connections
from simulator.results.observer import Observer, receives, together
from simulator.results.recorder import Recorder
from simulator.results.run_totals import LinkTotals, PlantTotals, PowerAndPrice, SharedWith
from simulator.results.station import Station
from simulator.timing.arrivals import RequestArrivals
from simulator.timing.cloud import Cloud
from simulator.timing.conversation import Conversation
from simulator.timing.device import Device, EdgePasses
from simulator.timing.event_loop import OwnClock
from simulator.timing.gateway import GatewayRequest, GatewayUser, gateway
from simulator.timing.half_duplex import keep_half_duplex
from simulator.timing.invariants import check_link, check_station
from simulator.timing.link import Link
from simulator.timing.receive_windows import ReceiveWindows
from simulator.timing.request_process import WALKS, Network, Serving, serve

IN_ORDER: Final = (
    Observer.on_round, Observer.on_drafts, Observer.on_packet, Observer.on_pass, Observer.on_unserved,
    Observer.on_doing, Observer.on_spent,
)  # fmt: skip
"""Calls of observers that come in the order in which things happen, of all devices."""


@dataclass(frozen=True)
class Plant:
    """The cloud, every link, every device, and their arrivals."""

    env: simpy.Environment
    cloud: Cloud
    uplinks: Sequence[Link]
    downlinks: Sequence[Link]
    devices: Sequence[Device]
    arrivals: RequestArrivals
    sharers: Mapping[Link, int]
    """Number of devices that share each link; 1 if each has a transmitter of its own."""
    ways: Sequence[tuple[Link, Link]]
    """The uplink and the downlink of each device."""
    connections: Connections
    """The connections of radios that are known to keep one."""
    figures: PowerAndPrice
    """The power and price that the cell states."""

    @property
    def links(self) -> list[Link]:
        return [*self.uplinks, *self.downlinks]

    @property
    def stations(self) -> list[Station]:
        """Every queue: links, cloud, devices."""
        links = [link.station for link in self.links]
        return [*links, self.cloud.station, *(device.station for device in self.devices)]

    def check(self) -> None:
        """Raises AssertionError on the first broken invariant of links and queues."""
        for link in self.links:
            check_link(link)
        for station in self.stations:
            check_station(station)

    def totals(self) -> PlantTotals:
        """Returns the present totals of its stations and counters."""
        ways = [
            LinkTotals(
                [link.station for link in links],
                [link.bits_sent for link in links],
                [self.sharers[link] for link in links],
                [link.air_s for link in links],
                [link.config.on_air(sends=links is self.uplinks) for link in links],
            )
            for links in (self.uplinks, self.downlinks)
        ]
        return PlantTotals(
            over_s=self.env.now,
            uplink=ways[0],
            downlink=ways[1],
            edges=[device.station for device in self.devices],
            cloud=self.cloud.station,
            cloud_service_s=self.cloud.service_s,
            dropped_packets=sum(link.dropped for link in self.links),
            cloud_evictions=self.cloud.evictions,
            connected_j=self.connections.joules,
            open=self.arrivals.open,
            figures=self.figures,
        )

    def class_totals(self, name: str, totals: PlantTotals, span_s: float, numbers: Sequence[int]) -> PlantTotals:
        """Returns the part of the totals that belongs to a class of devices. `span_s`: the time in which servers are
        held for all. Stations that they share with others are the whole ones; whose caches were thrown out is not
        counted by class, and nan."""
        mine = frozenset(numbers)
        links = [dict.fromkeys(self.ways[device][way] for device in numbers) for way in (0, 1)]
        ways = [
            LinkTotals(
                [link.station for link in own],
                [link.bits_of(mine) for link in own],
                [self.sharers[link] for link in own],
                [link.air_of_s(mine) for link in own],
                [link.config.on_air(sends=way == 0) for link in own],
            )
            for way, own in enumerate(links)
        ]
        own = [link for each in links for link in each]
        return replace(
            totals,
            uplink=ways[0],
            downlink=ways[1],
            edges=[self.devices[number].station for number in numbers],
            cloud_service_s=self.cloud.class_use.service_s(name, self.env.now),
            dropped_packets=sum(link.dropped_of(mine) for link in own),
            cloud_evictions=nan,
            connected_j=self.connections.joules_of(mine),
            figures=replace(
                self.figures,
                edges=[self.figures.edges[number] for number in numbers],
                edges_usd_per_kwh=[self.figures.edges_usd_per_kwh[number] for number in numbers],
            ),
            others=SharedWith(numbers, len(self.devices), totals.cloud_service_s, span_s),
        )


def build(cell: Cell, memory: Memory, recorder: Recorder, observer: Observer | None = None) -> Plant:
    """The plant of a cell, at time 0."""
    env = simpy.Environment()
    spells = Uniforms.of(cell.seed, "spells")
    pass_times, names = Uniforms.of(cell.seed, "cloud passes"), cell.class_names
    cloud = Cloud(env, cell.cloud, cell.kv_tokens, pass_times, spells, observer, names)
    decoder = Decoder(cell, memory)
    arrivals = RequestArrivals(env, cell, decoder, recorder, Uniforms.of(cell.seed, "users"), observer)
    windows = ReceiveWindows(env) if any(each.downlink.listens.windows_s for each in cell.classes) else None
    connections = connections_of(cell)
    watching = together(windows, connections if connections.radios else None, observer)
    clocks: dict[int, OwnClock] = {}
    uplinks, downlinks = (_Links(env, cell, way, watching, clocks) for way in ("uplink", "downlink"))
    by_class = [(uplinks.of_class(place), downlinks.of_class(place)) for place in range(len(cell.classes))]
    devices: list[Device] = []
    ways: list[tuple[Link, Link]] = []
    for each, both, serving in zip(cell.classes, by_class, servings(cell, by_class, watching), strict=True):
        passes = EdgePasses(each.draft_latency, Uniforms.of(cell.seed, "edge passes"), spells, each.drafts_per_pass)
        talks = {device: Conversation(env, cloud, each.workload) for device in each.devices if each.workload.talks}
        links = dict(zip((UPLINK, DOWNLINK), both, strict=True))
        make: Callable[..., Device] = Device
        network = Network(env, links, cloud, each, passes, serving, windows, talks)
        if serving is Serving.GATEWAY:
            network.driven = GatewayRequest
            make = partial(GatewayUser, gateway(env, each, Uniforms.of(cell.seed, "edge passes"), spells))
        if serving is Serving.WALKED_AHEAD:
            network.clocks = {device: OwnClock(each.workload.horizon_s) for device in each.devices}
            clocks |= network.clocks
        if windows is not None and each.downlink.listens.windows_s:
            windows.add(each.devices, *both)
        ways += [both] * each.count
        life = partial(serve, network, decoder)
        devices += [make(number, env, life, arrivals.ended, each.edge.concurrency) for number in each.devices]
    for link in uplinks.built:
        link.reverse = lambda device: ways[device][1]
    for link in downlinks.built:
        link.reverse = lambda device: ways[device][0]
    keep_half_duplex(env, ways)
    arrivals.start(devices)
    sharers = {**uplinks.devices, **downlinks.devices}
    figures = power_figures(cell)
    stations = uplinks.built, downlinks.built, devices
    return Plant(env, cloud, *stations, arrivals, sharers, ways, connections, figures)


def servings(cell: Cell, links: Sequence[tuple[Link, Link]], watching: Observer | None) -> list[Serving]:
    """Returns how the requests of each class are served, and why: all that is decided of it is decided here. `links`:
    the uplink and the downlink of each class."""
    watched = watching is not None and any(receives(watching, call) for call in IN_ORDER)
    found: list[Serving] = []
    for each, both in zip(cell.classes, links, strict=True):
        if each.edge.gateway is not None:
            found.append(Serving.GATEWAY)
        elif not is_decodable(each.scheme):
            found.append(Serving.TIME_DECIDES)
        elif each.edge.concurrency > 1 or not each.workload.all_are_awaited or each.workload.talks:
            found.append(Serving.GIVEN_UP)
        elif not all(link.is_foreseeable for link in both):
            found.append(Serving.LINKS)
        elif each.downlink.has_power:
            found.append(Serving.LISTENS)
        elif watched:
            found.append(Serving.WATCHED)
        elif any(link.is_shared for link in both):
            found.append(Serving.WALKED)
        else:
            found.append(Serving.WALKED_AHEAD)
    driven = {link for both, serving in zip(links, found, strict=True) for link in both if serving not in WALKS}
    return [
        Serving.BESIDE if serving is Serving.WALKED and any(link.is_shared for link in driven & {*both}) else serving
        for both, serving in zip(links, found, strict=True)
    ]


class _Links:
    """The links of one way: the cell's, shared by all classes of devices that have none of their own."""

    def __init__(
        self, env: simpy.Environment, cell: Cell, way: str, observer: Observer | None, clocks: Mapping[int, OwnClock]
    ) -> None:
        self._env = env
        self._cell = cell
        self._way = way
        self._observer = observer
        self._clocks = clocks
        self._links: dict[tuple[LinkConfig, int], Link] = {}
        self.devices: Counter[Link] = Counter()
        """How many share each of them."""

    @property
    def built(self) -> list[Link]:
        return list(self._links.values())

    def of_class(self, place: int) -> Link:
        """The link of a class, one of its own where the class says so, else the cell's; called once for each."""
        cell, way = self._cell, self._way
        has_own = cell.fleet and getattr(cell.fleet[place], way) is not None
        key = config, own = getattr(cell.classes[place], way), place if has_own else -1
        if key not in self._links:
            name, stream = (f"{cell.fleet[place].name} {way}", f"{way} of class {place}") if own >= 0 else (way, way)
            reverse = "downlink" if way == "uplink" else "uplink"
            back_s = [answer_s(config, getattr(each, reverse)) for each in cell.classes for _ in range(each.count)]
            self._links[key] = Link(
                self._env,
                config,
                Uniforms.of(cell.seed, stream),
                name,
                back_s.__getitem__,
                self._observer,
                cell.workload.horizon_s,
                Uniforms.of(cell.seed, "places"),
                self._clocks,
            )
        link = self._links[key]
        self.devices[link] = (
            1 if config.sharing.transmitter_per_device else self.devices[link] + cell.classes[place].count
        )
        return link
