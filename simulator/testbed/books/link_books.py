"""The books of one link: what the letters on it were doing at each time, and what its queue and its air saw in all.

A letter is a `Message` of the simulator's, its packets are `Fragment`s; they enter the states that they enter there, at
the times that the journals tell. HELLO and RESTORE, which a cloud that has begun anew brings with it, take the link as
all letters do: they count in its queue, its air and its bits, and in no round's payload or reply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf

from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.results.run_totals import LinkTotals
from simulator.results.station import Clock, Station
from simulator.testbed.books.moments import Flight, Told
from simulator.testbed.letters import Address, Way
from simulator.testbed.plan import link
from simulator.timing.lanes import Lanes
from simulator.timing.messages import (
    PROPAGATION,
    QUEUE,
    RETRANSMIT,
    TIMEOUT_WAIT,
    TRANSMIT,
    Fragment,
    Message,
    unheard,
    unreported,
)


class Carried:
    """The letters on one link."""

    def __init__(self, cell: Cell, way: Way, clock: Clock) -> None:
        self._clock = clock
        self._config = link(cell, way)
        self._lanes = Lanes(clock, self._config, Uniforms.of(cell.seed, way), lambda _: 0.0, way, inf)
        self._letters: dict[Address, Message] = {}

    def put(self, address: Address, content: bytes, report: Callable[[Message, str], None] = unreported) -> Message:
        """A letter gets in line. One of the same name that was under way is no more."""
        self.withdraw(address)
        now_s, index = self._clock.now, address.message
        message = self._letters[address] = Message(index, (content,), unheard, report)
        port = self._lanes.ports.get(address.device) or self._lanes.open_port(address.device)
        sizes = self._config.packets_bits(message.bits)
        message.put_s, message.unacked = now_s, len(sizes)
        message.packets = [Fragment(bits, message, index, number, port) for number, bits in enumerate(sizes)]
        message.does(QUEUE, now_s)
        return message

    def join(self, flight: Flight) -> None:
        """An attempt joins the queue."""
        message = self._letters.get(flight.address)
        if message is None or flight.acknowledges or flight.fragment >= len(message.packets):
            return
        flight.packet = packet = message.packets[flight.fragment]
        if flight.attempt:
            packet.enter(QUEUE, self._clock.now)

    def air(self, flight: Flight) -> None:
        """Its first bit goes out."""
        if (packet := flight.packet) is not None:
            packet.message.sent_bits += flight.bits
            packet.message.attempts += 1
            packet.enter(RETRANSMIT if flight.attempt else TRANSMIT, self._clock.now)

    def leave(self, flight: Flight) -> None:
        """Its last bit does."""
        if flight.packet is not None:
            flight.packet.enter(PROPAGATION if flight.arrives_s >= flight.left_s else TIMEOUT_WAIT, self._clock.now)

    def land(self, flight: Flight) -> None:
        """It is at its far end."""
        if flight.packet is not None and not flight.heard:
            flight.packet.enter(TIMEOUT_WAIT, self._clock.now)

    def acknowledge(self, address: Address, fragment: int) -> None:
        """The sender hears that a packet has come."""
        message = self._letters.get(address)
        if message is None or fragment >= len(message.packets) or message.packets[fragment].acked:
            return
        message.packets[fragment].acked = True
        message.unacked -= 1
        if message.unacked and not message.done:
            message.follow_oldest(self._clock.now)

    def arrive(self, address: Address) -> bool:
        """All of a letter is at its far end. Answers whether it had been on its way."""
        message = self._letters.get(address)
        if message is None or message.done:
            return False
        message.arrived, message.delivered_s = message.content, self._clock.now
        message.delivered_bits, message.delivered_attempts = message.sent_bits, message.attempts
        message.end()
        return True

    def withdraw(self, address: Address) -> None:
        """Its sender wants nothing more of a letter."""
        message = self._letters.get(address)
        if message is not None:
            message.end()


def way_totals(cell: Cell, way: Way, told: Told, clock: Clock) -> tuple[LinkTotals, int]:
    """What a link's queue and air saw up to now, and how many of its packets were withdrawn before their turn."""
    over_s, station, dropped = clock.now, Station(clock, way), 0
    config, own = link(cell, way), [each for each in told.flights if each.way == way and each.joined_s <= over_s]
    for flight in sorted(own, key=lambda each: each.joined_s):
        began_s, left_s = flight.began_s, flight.left_s
        if not flight.aired:
            gone_s = (each for each in told.withdrawn_s.get(flight.address, ()) if each >= flight.joined_s)
            began_s = left_s = min(gone_s, default=inf)
            dropped += left_s <= over_s
        station.book((flight.joined_s, began_s, left_s))
    aired = [each for each in own if each.began_s <= over_s]
    totals = LinkTotals(
        [station],
        [sum(each.bits for each in aired)],
        [cell.workload.devices],
        [_union_s(aired, over_s)],
        [config.on_air(sends=way == "uplink")],
    )
    return totals, dropped


def _union_s(flights: Iterable[Flight], over_s: float) -> float:
    """For how long there was a packet on the air."""
    taken_s, until_s = 0.0, 0.0
    for flight in sorted(flights, key=lambda each: each.began_s):
        left_s = min(flight.left_s, over_s)
        taken_s += max(0.0, left_s - max(flight.began_s, until_s))
        until_s = max(until_s, left_s)
    return taken_s
