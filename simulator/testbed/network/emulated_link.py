"""One direction of a cell's link between its two hosts, without a clock: the simulator's own rate, losses and delays
decide on real packets.

A packet joins, leaves, and then arrives or is lost, as in `simulator.timing.link`: same transmitter, same random
numbers, same addresses. Where the kernel shapes, a packet that joins has left already. Times are in seconds
since the run's zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from channels.link.losses import PacketIndex
from channels.link.rates import MessageIndex
from channels.link.sharing import FifoTransmitter
from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.testbed.journal import PacketAired
from simulator.testbed.network.datagrams import Datagram
from simulator.testbed.packet_header import HEADER_BYTES, OPPOSITE, SIMULATED, Direction, PacketHeader, PacketKind
from simulator.testbed.plan import Window, by_kernel, link

_OWN_STREAM: Final = 256
"""Beyond every fragment's number: messages that the simulator does not know have random numbers of their own there."""


@dataclass(slots=True, eq=False)
class RelayedPacket:
    """A packet on the link."""

    header: PacketHeader
    bits: int
    """As the link counts them."""
    index: MessageIndex
    stream: PacketIndex
    """The address of the random numbers that decide on it."""
    datagram: Datagram
    """As it was sent."""
    packet: bytes
    """The same as an interface has it."""

    @property
    def carries(self) -> bool:
        """Whether it is anything but an acknowledgement."""
        return self.header.note is None


class EmulatedLink:
    """One direction. `lossy`: whether it loses anything; it does not in the warm-up."""

    def __init__(self, cell: Cell, direction: Direction, link_down: Sequence[Window] = (), lossy: bool = True) -> None:
        self._config = config = link(cell, direction)
        self._back = link(cell, OPPOSITE[direction])
        rate, loss, delay, ack = (Uniforms.of(cell.seed, direction).under(0, purpose) for purpose in range(4))
        self.curve = config.curve(rate)
        self.curve.bound(f"{direction}.rate", cell.workload.horizon_s)
        self._server = None if by_kernel(config) else FifoTransmitter[RelayedPacket](self.curve, 0.0)
        self._loss = config.loss.over(self.curve, loss)
        self._delay = config.delay.process(delay)
        self._ack_loss = config.arq.ack_loss.over(self.curve, ack)
        self._down = link_down
        self._lossy = lossy
        self._acks_lost: set[PacketIndex] = set()
        """Packets that arrive, and whose free acknowledgement does not."""

    @property
    def due_s(self) -> float:
        """When the next packet leaves, inf if none does."""
        return inf if self._server is None else self._server.due_s

    def relayed(self, header: PacketHeader, datagram: Datagram, packet: bytes) -> RelayedPacket:
        """A packet as the simulator knows it. The attempt of an acknowledgement that takes capacity
        is how many went before it, of the same packet."""
        index, stream = header.address.message_index, stream_index(header)
        if header.note is None:
            bits = 8 * (len(datagram.content) - HEADER_BYTES) + self._config.header_bits
            return RelayedPacket(header, bits, index, stream, datagram, packet)
        stream = (*index, -stream[3] - 1, header.attempt)
        return RelayedPacket(header, self._back.arq.ack_bits, index, stream, datagram, packet)

    def join(self, packet: RelayedPacket, now_s: float) -> PacketAired | None:
        """A packet gets in line. Answers what became of it where it has left at once."""
        if self._server is None:
            return self._launch(packet, now_s, now_s)
        self._server.join(packet, now_s)
        self._server.start(now_s)
        return None

    def leave(self) -> tuple[RelayedPacket, PacketAired]:
        """The last bit of a packet has left, at `due_s`; the next one starts."""
        server = self._server
        assert server is not None, "I5: a departure from a link that the kernel shapes"
        now_s = server.due_s
        packet = server.leave(now_s)
        aired = self._launch(packet, server.began_s, now_s)
        server.start(now_s)
        return packet, aired

    def is_down(self, now_s: float) -> bool:
        """Whether nothing arrives."""
        return any(from_s <= now_s < to_s for from_s, to_s in self._down)

    def loses_ack(self, header: PacketHeader) -> bool:
        """Whether the free acknowledgement of this packet is lost; a second call says no."""
        stream = stream_index(header)
        if stream not in self._acks_lost:
            return False
        self._acks_lost.remove(stream)
        return True

    def _launch(self, packet: RelayedPacket, began_s: float, now_s: float) -> PacketAired:
        bits, stream = packet.bits, packet.stream
        on_air_s = now_s - began_s
        rate_bps = bits / on_air_s if on_air_s > 0 else inf
        lost = (self._lossy and self._loss.lost(now_s, bits, rate_bps, stream)) or self.is_down(now_s)
        arrives_s = None if lost else now_s + self._delay.delay_s(now_s, stream)
        answered = self._lossy and packet.carries and not lost and not self._config.arq.ack_bits
        if answered and self._ack_loss.lost(now_s, self._config.header_bits, rate_bps, stream):
            self._acks_lost.add(stream)
        header, note = packet.header, None if packet.carries else PacketKind.ACK.name
        return PacketAired(header.address, header.fragment, header.attempt, bits, began_s, now_s, arrives_s, note)


def stream_index(header: PacketHeader) -> PacketIndex:
    """The address of the random numbers of a packet, or of the one that an acknowledgement is about."""
    address, fragment = header.address, header.fragment
    number = fragment if address.kind in SIMULATED else fragment + _OWN_STREAM * address.kind
    return (*address.message_index, number, header.attempt)
