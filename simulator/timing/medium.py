"""Half duplex: while one direction sends, the other does not, where both use one medium.

A medium is a device's radio, or the air that all stations share; LinkConfig.half_duplex says which. While a packet is
on it, no other starts; then the one goes that joined its queue first, of those whose transmitter is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count

import simpy

from channels.link.sharing import Gate
from simulator.timing.event_loop import later
from simulator.timing.link import Link
from simulator.timing.messages import Fragment, Lane

Serve = Callable[[Lane, float], None]


def share_media(env: simpy.Environment, pairs: Iterable[tuple[Link, Link]]) -> None:
    """Puts both links of each pair on one medium, and so all that pairs connect, where they are half duplex."""
    media: dict[Link, Medium] = {}
    for pair in (pair for pair in pairs if pair[0].config.half_duplex is not None):
        known = [media[link] for link in pair if link in media]
        medium = known[0] if known else Medium(env, per_device=pair[0].config.half_duplex == "device")
        media |= dict.fromkeys([*pair, *(link for link in media if media[link] in known)], medium)
    for link, medium in media.items():
        link.guard(medium.gate(link.serve))


class Medium:
    """What both directions of some links have in common: one medium for all devices, or one for each.

    Packets wait lane by lane, and each has a number in the order of joining.
    """

    def __init__(self, env: simpy.Environment, per_device: bool) -> None:
        self._env = env
        self._per_device = per_device
        self._order = count()
        self._on_air: dict[int, Fragment] = {}
        self._waiting: dict[int, dict[Lane, dict[Fragment, int]]] = {}
        self._serve: dict[Lane, Serve] = {}

    def gate(self, serve: Serve) -> Gate[Fragment]:
        """The gate of one link; `serve` has a lane of that link start what may start at this instant."""
        return _HalfDuplex(self, serve)

    def joined(self, packet: Fragment, serve: Serve) -> None:
        """A packet waits for the medium from now on."""
        lane = packet.port.lane
        self._serve[lane] = serve
        self._waiting.setdefault(self._key(packet), {}).setdefault(lane, {})[packet] = next(self._order)

    def admits(self, packet: Fragment) -> bool:
        """Whether the medium is free, and no lane that could use it has a packet that joined before this one."""
        key, own = self._key(packet), packet.port.lane
        if key in self._on_air:
            return False
        lanes = self._waiting[key]
        number = lanes[own][packet]
        others = (next(iter(packets.values())) for lane, packets in lanes.items() if lane is not own and _free(lane))
        return all(number < other for other in others)

    def started(self, packet: Fragment) -> None:
        """The medium is taken."""
        self._on_air[self._key(packet)] = packet
        self._remove(packet)

    def left(self, packet: Fragment) -> None:
        """The medium is free: those who wait for it have their turn once the packet's own lane has had one."""
        key = self._key(packet)
        del self._on_air[key]
        if key in self._waiting:
            later(self._env, 0.0, lambda _: self._wake(key))

    def _remove(self, packet: Fragment) -> None:
        key, lane = self._key(packet), packet.port.lane
        lanes = self._waiting[key]
        del lanes[lane][packet]
        if not lanes[lane]:
            del lanes[lane]
        if not lanes:
            del self._waiting[key]

    def discarded(self, packet: Fragment) -> None:
        """One that waited will not start: another may have waited for it alone."""
        self._remove(packet)
        key = self._key(packet)
        if key in self._waiting:
            later(self._env, 0.0, lambda _: self._wake(key))

    def _wake(self, key: int) -> None:
        for lane in sorted(self._waiting.get(key, {}), key=lambda lane: next(iter(self._waiting[key][lane].values()))):
            self._serve[lane](lane, self._env.now)

    def _key(self, packet: Fragment) -> int:
        return packet.index[0] if self._per_device else 0


class _HalfDuplex(Gate[Fragment]):
    """The gate of one link to the medium."""

    def __init__(self, medium: Medium, serve: Serve) -> None:
        self._medium = medium
        self._serve = serve

    def joined(self, packet: Fragment) -> None:
        self._medium.joined(packet, self._serve)

    def admits(self, packet: Fragment) -> bool:
        return self._medium.admits(packet)

    def started(self, packet: Fragment) -> None:
        self._medium.started(packet)

    def left(self, packet: Fragment) -> None:
        self._medium.left(packet)

    def discarded(self, packet: Fragment) -> None:
        self._medium.discarded(packet)


def _free(lane: Lane) -> bool:
    return lane.server.free
