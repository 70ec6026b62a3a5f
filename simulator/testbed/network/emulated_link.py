"""One way of a cell's link between its two hosts, without a clock: the simulator's own rate, losses and delays, asked
about real packets.

A packet joins, leaves, and then arrives or is lost, as on a lane of `simulator.timing.link`: same transmitter, same
random numbers, same addresses. Where the kernel shapes, a packet that joins has left already. Times are in seconds
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
from simulator.testbed.packet_header import HEADER_BYTES, SIMULATED, Direction, MessageKind, PacketHeader
from simulator.testbed.plan import Window, by_kernel, link

_OWN_STREAM: Final = 256
"""Beyond every fragment's number: letters that the simulator does not know have luck of their own there."""


@dataclass(slots=True, eq=False)
class RelayedPacket:
    """A packet on its way through the air."""

    header: PacketHeader
    bits: int
    """As the link counts them."""
    index: MessageIndex
    luck: PacketIndex
    """The address of the random numbers that decide on it."""
    datagram: Datagram
    """As it came."""
    packet: bytes
    """The same as an interface has it."""

    @property
    def carries(self) -> bool:
        """Whether it is anything but an acknowledgement."""
        return self.header.note is None


class EmulatedLink:
    """One way. `lossy`: whether it loses anything; it does not in the warm-up."""

    def __init__(self, cell: Cell, way: Direction, link_down: Sequence[Window] = (), lossy: bool = True) -> None:
        self._config = config = link(cell, way)
        self._back = link(cell, "downlink" if way == "uplink" else "uplink")
        rate, loss, delay, ack = (Uniforms.of(cell.seed, way).under(0, purpose) for purpose in range(4))
        self.curve = config.curve(rate)
        self.curve.bound(f"{way}.rate", cell.workload.horizon_s)
        self._server = None if by_kernel(config) else FifoTransmitter[RelayedPacket](self.curve, 0.0)
        self._loss = config.loss.over(self.curve, loss)
        self._delay = config.delay.process(delay)
        self._ack_loss = config.arq.ack_loss.over(self.curve, ack)
        self._down = link_down
        self._lossy = lossy
        self._unheard: set[PacketIndex] = set()
        """Packets that came, and whose acknowledgement will not."""

    @property
    def due_s(self) -> float:
        """When the next packet leaves, inf if none does."""
        return inf if self._server is None else self._server.due_s

    def packet_of(self, header: PacketHeader, datagram: Datagram, packet: bytes) -> RelayedPacket:
        """A packet that enters here, as the simulator knows it. The attempt of an acknowledgement that takes capacity
        is how many went before it, of the same packet."""
        index, luck = header.address.message, stream_index(header)
        if header.note is None:
            bits = 8 * (len(datagram.content) - HEADER_BYTES) + self._config.header_bits
            return RelayedPacket(header, bits, index, luck, datagram, packet)
        luck = (*index, -luck[3] - 1, header.attempt)
        return RelayedPacket(header, self._back.arq.ack_bits, index, luck, datagram, packet)

    def join(self, relayed: RelayedPacket, now_s: float) -> PacketAired | None:
        """A packet gets in line. Answers what became of it where it has left at once."""
        if self._server is None:
            return self._launch(relayed, now_s, now_s)
        self._server.join(relayed, now_s)
        self._server.start(now_s)
        return None

    def leave(self) -> tuple[RelayedPacket, PacketAired]:
        """The last bit of a packet has left, at `due_s`; the next one starts."""
        server = self._server
        assert server is not None, "I5: a departure from a link that the kernel shapes"
        now_s = server.due_s
        relayed = server.leave(now_s)
        aired = self._launch(relayed, server.began_s, now_s)
        server.start(now_s)
        return relayed, aired

    def is_down(self, now_s: float) -> bool:
        """Whether nothing comes through."""
        return any(from_s <= now_s < to_s for from_s, to_s in self._down)

    def unheard(self, header: PacketHeader) -> bool:
        """Whether the free acknowledgement of this packet of this way is lost; asked once."""
        luck = stream_index(header)
        if luck not in self._unheard:
            return False
        self._unheard.remove(luck)
        return True

    def _launch(self, relayed: RelayedPacket, began_s: float, now_s: float) -> PacketAired:
        bits, luck = relayed.bits, relayed.luck
        on_air_s = now_s - began_s
        rate_bps = bits / on_air_s if on_air_s > 0 else inf
        lost = (self._lossy and self._loss.lost(now_s, bits, rate_bps, luck)) or self.is_down(now_s)
        arrives_s = None if lost else now_s + self._delay.delay_s(now_s, luck)
        answered = self._lossy and relayed.carries and not lost and not self._config.arq.ack_bits
        if answered and self._ack_loss.lost(now_s, self._config.header_bits, rate_bps, luck):
            self._unheard.add(luck)
        header, note = relayed.header, None if relayed.carries else MessageKind.ACK.name
        return PacketAired(header.address, header.fragment, header.attempt, bits, began_s, now_s, arrives_s, note)


def stream_index(header: PacketHeader) -> PacketIndex:
    """The address of the random numbers of a packet, or of the one that an acknowledgement is about."""
    address, fragment = header.address, header.fragment
    number = fragment if address.kind in SIMULATED else fragment + _OWN_STREAM * address.kind
    return (*address.message, number, header.attempt)
