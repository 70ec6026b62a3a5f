"""Half duplex: a device's radio sends or receives, and while it does one, what the other direction has for it waits.

Then the packet goes that joined its queue first, of those whose transmitter is free.
"""

from __future__ import annotations

from collections.abc import Iterable

import simpy

from channels.link.sharing import Gate
from simulator.timing.event_loop import later
from simulator.timing.link import Link
from simulator.timing.messages import Fragment


def keep_half_duplex(env: simpy.Environment, pairs: Iterable[tuple[Link, Link]]) -> None:
    """Lets each device use one of its two links at a time, where they are half duplex."""
    gate = HalfDuplex(env)
    for link in {link: None for pair in pairs for link in pair if link.config.half_duplex is not None}:
        link.guard(gate)


class HalfDuplex(Gate[Fragment]):
    """The radios of all devices whose links are half duplex."""

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._on_air: set[int] = set()
        """The devices whose radio is in use."""
        self._waiting: dict[int, dict[Fragment, None]] = {}
        """By device, its packets that wait, in the order in which they joined."""

    def joined(self, packet: Fragment) -> None:
        """A packet waits for the radio from now on."""
        self._waiting.setdefault(packet.index[0], {})[packet] = None

    def admits(self, packet: Fragment) -> bool:
        """True if the radio is free, and no packet that joined before this one could use it."""
        device, own = packet.index[0], packet.sender.transmitter
        if device in self._on_air:
            return False
        for other in self._waiting[device]:
            if other is packet:
                break
            server = other.sender.transmitter.server
            if other.sender.transmitter is not own and server is not None and server.free:
                return False
        return True

    def started(self, packet: Fragment) -> None:
        """The radio is taken."""
        self._on_air.add(packet.index[0])
        self._remove(packet)

    def left(self, packet: Fragment) -> None:
        """The radio is free: those who wait for it have their turn once the packet's own transmitter has had one."""
        self._on_air.remove(packet.index[0])
        self._look_again(packet.index[0])

    def discarded(self, packet: Fragment) -> None:
        """One that waited will not start: another may have waited for it alone."""
        self._remove(packet)
        self._look_again(packet.index[0])

    def _remove(self, packet: Fragment) -> None:
        waiting = self._waiting[packet.index[0]]
        del waiting[packet]
        if not waiting:
            del self._waiting[packet.index[0]]

    def _look_again(self, device: int) -> None:
        if device in self._waiting:
            later(self._env, 0.0, lambda _: self._wake(device))

    def _wake(self, device: int) -> None:
        for transmitter in {each.sender.transmitter: None for each in self._waiting.get(device, {})}:
            transmitter.serve(transmitter, self._env.now)
