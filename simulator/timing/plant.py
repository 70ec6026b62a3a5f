"""All that runs in one cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import simpy

from simulator.results.station import Station
from simulator.timing.cloud import Cloud
from simulator.timing.device import Device
from simulator.timing.invariants import check_link, check_station
from simulator.timing.link import Link
from simulator.timing.users import Users


@dataclass(frozen=True)
class Plant:
    """The cloud, every link, every device, and their users."""

    env: simpy.Environment
    cloud: Cloud
    links: Sequence[Link]
    devices: Sequence[Device]
    users: Users

    @property
    def uplinks(self) -> list[Link]:
        return [link for link in self.links if link.name.endswith("uplink")]

    @property
    def downlinks(self) -> list[Link]:
        return [link for link in self.links if link.name.endswith("downlink")]

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
