"""Half duplex: while one direction sends, the other does not, where both use one medium.

A medium is a device's radio, or the air that all stations share; LinkConfig.half_duplex says which. While a packet is
on it, no other starts; then the one goes that joined its queue first, of those whose transmitter is free.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import simpy

from channels.link.sharing import Gate
from simulator.timing.event_loop import later
from simulator.timing.link import Link
from simulator.timing.messages import Fragment, LinkTransmitter


def share_media(env: simpy.Environment, pairs: Iterable[tuple[Link, Link]]) -> None:
    """Puts both links of each pair on one medium, and so all that pairs connect, where they are half duplex."""
    media: dict[Link, Medium] = {}
    for pair in (pair for pair in pairs if pair[0].config.half_duplex is not None):
        known = [media[link] for link in pair if link in media]
        medium = known[0] if known else Medium(env, per_device=pair[0].config.half_duplex == "device")
        media |= dict.fromkeys([*pair, *(link for link in media if media[link] in known)], medium)
    for link, medium in media.items():
        link.guard(medium)


class Medium(Gate[Fragment]):
    """What both directions of some links have in common: one medium for all devices, or one for each.

    Packets wait transmitter by transmitter, and each has a number in the order of joining.
    """

    def __init__(self, env: simpy.Environment, per_device: bool) -> None:
        self._env = env
        self._per_device = per_device
        self._order = count()
        self._on_air: dict[int, Fragment] = {}
        self._waiting: dict[int, dict[LinkTransmitter, dict[Fragment, int]]] = {}

    def joined(self, packet: Fragment) -> None:
        """A packet waits for the medium from now on."""
        transmitter = packet.sender.transmitter
        self._waiting.setdefault(self._key(packet), {}).setdefault(transmitter, {})[packet] = next(self._order)

    def admits(self, packet: Fragment) -> bool:
        """Whether the medium is free, and no transmitter that could use it has a packet that joined before this one."""
        key, own = self._key(packet), packet.sender.transmitter
        if key in self._on_air:
            return False
        transmitters = self._waiting[key]
        number = transmitters[own][packet]
        others = (
            next(iter(packets.values()))
            for transmitter, packets in transmitters.items()
            if transmitter is not own and _free(transmitter)
        )
        return all(number < other for other in others)

    def started(self, packet: Fragment) -> None:
        """The medium is taken."""
        self._on_air[self._key(packet)] = packet
        self._remove(packet)

    def left(self, packet: Fragment) -> None:
        """The medium is free: those who wait for it have their turn once the packet's own transmitter has had one."""
        key = self._key(packet)
        del self._on_air[key]
        if key in self._waiting:
            later(self._env, 0.0, lambda _: self._wake(key))

    def _remove(self, packet: Fragment) -> None:
        key, transmitter = self._key(packet), packet.sender.transmitter
        transmitters = self._waiting[key]
        del transmitters[transmitter][packet]
        if not transmitters[transmitter]:
            del transmitters[transmitter]
        if not transmitters:
            del self._waiting[key]

    def discarded(self, packet: Fragment) -> None:
        """One that waited will not start: another may have waited for it alone."""
        self._remove(packet)
        key = self._key(packet)
        if key in self._waiting:
            later(self._env, 0.0, lambda _: self._wake(key))

    def _wake(self, key: int) -> None:
        for transmitter in sorted(
            self._waiting.get(key, {}), key=lambda transmitter: next(iter(self._waiting[key][transmitter].values()))
        ):
            transmitter.serve(transmitter, self._env.now)

    def _key(self, packet: Fragment) -> int:
        return packet.index[0] if self._per_device else 0


def _free(transmitter: LinkTransmitter) -> bool:
    return transmitter.server.free
