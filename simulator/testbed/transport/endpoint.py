"""Endpoint of a process on the link in both directions: two sockets, an outbox with the project's own ARQ, an inbox.

Packets go to the kernel as soon as their sender lets them: the interface's queue is the link's queue. Each packet of a
message is acknowledged each time that it arrives, over the free network, or, where that takes capacity in the cell, by
a packet of that length over the shaped one. All runs in one event loop, without a task for anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Self

from simulator.cell.cell import Cell
from simulator.testbed.journal import Journal, MessageReceived
from simulator.testbed.packet_header import (
    HEADER_BYTES,
    OPPOSITE,
    Direction,
    MessageAddress,
    PacketHeader,
    PacketKind,
    RealMessage,
)
from simulator.testbed.plan import CLOUD_PORT, EDGE_PORT, FREE, SHAPED, Side, link
from simulator.testbed.transport.outbox import Outbox, OutgoingFragment
from simulator.testbed.transport.sockets import DatagramReceiver, DatagramSocket, HostPort, UdpSocket


class HostSockets(NamedTuple):
    """Addresses of the two sockets of a process, on the shaped network and on the free one."""

    shaped: HostPort
    free: HostPort


@dataclass(frozen=True)
class EndpointAddresses:
    """Addresses at which a process receives, and those of the far end of each of its devices."""

    own: HostSockets
    far: Mapping[int, HostSockets]
    """Addresses of the far ends, by device."""

    @classmethod
    def real(cls, side: Side, device: int, devices: int) -> Self:
        """Addresses on the interfaces of the two hosts: of a device, or of the cloud with all its devices."""
        cloud = HostSockets((SHAPED.cloud, CLOUD_PORT), (FREE.cloud, CLOUD_PORT))
        edges = [HostSockets((SHAPED.edge, EDGE_PORT + each), (FREE.edge, EDGE_PORT + each)) for each in range(devices)]
        if side == "edge":
            return cls(edges[device], {device: cloud})
        return cls(cloud, dict(enumerate(edges)))

    def accepts(self, device: int, sender: HostPort) -> bool:
        """True if a packet about a device may come from there: from its far end, or, as a notice, from the relay."""
        far = self.far.get(device)
        return far is not None and (sender in far or sender == (SHAPED.relay, far.shaped[1]))


@dataclass(slots=True)
class _Incoming:
    """Parts of a message that have arrived."""

    arrivals: Counter[int] = field(default_factory=Counter)
    """Number of arrivals, by fragment."""
    contents: dict[int, bytes] = field(default_factory=dict)
    """Contents, by fragment; empty again when the message is complete."""
    count: int | None = None
    """Number of its fragments; None before the last one has arrived, and when the message is complete."""


class Inbox:
    """Puts packets together to messages, each complete once however often its packets arrive."""

    def __init__(self) -> None:
        self._incoming: dict[MessageAddress, _Incoming] = {}

    def take(self, header: PacketHeader, content: bytes) -> tuple[int, RealMessage | None]:
        """A packet arrives. Answers how often it has by now, and its message if that is complete from now on."""
        incoming, message = self._incoming.setdefault(header.address, _Incoming()), None
        incoming.arrivals[header.fragment] += 1
        if incoming.arrivals[header.fragment] == 1:
            incoming.contents[header.fragment] = content
            if header.last:
                incoming.count = header.fragment + 1
            if incoming.count is not None and incoming.contents.keys() >= set(range(incoming.count)):
                parts = (incoming.contents[part] for part in range(incoming.count))
                message, incoming.count = RealMessage(header.address, b"".join(parts)), None
                incoming.contents.clear()
        return incoming.arrivals[header.fragment], message


class Endpoint:
    """The link's end in one process: a device's, or the cloud's, which has a sender for each device."""

    def __init__(
        self,
        cell: Cell,
        side: Side,
        device: int,
        journal: Journal,
        receive: Callable[[RealMessage], None],
        addresses: EndpointAddresses | None = None,
        *,
        notices: bool = True,
        sockets: Callable[[HostPort, DatagramReceiver], DatagramSocket] = UdpSocket,
    ) -> None:
        """`device`: 0 for the cloud. `receive` is called in the event loop with each complete message, once.
        `addresses`: null for those of a real run. `notices`: whether the relay tells when a packet has left.
        `sockets`: makes what sends and receives at an address."""
        self._sends: Direction = "uplink" if side == "edge" else "downlink"
        self._journal = journal
        self._receive = receive
        self._addresses = addresses or EndpointAddresses.real(side, device, cell.workload.devices)
        self._inbox = Inbox()
        self._outbox = Outbox(cell, self._sends, journal, self._send, notices=notices)
        ack_bits = link(cell, OPPOSITE[self._sends]).arq.ack_bits
        self._ack_padding = bytes(max(0, ack_bits - link(cell, self._sends).header_bits) // 8) if ack_bits else None
        """Behind an acknowledgement; None: they go over the free network."""
        self._sockets = sockets
        self.strange = 0
        """Datagrams that were no packets for this host, or came from elsewhere than its far ends, and were dropped."""
        self.put = self._outbox.put
        self.cancel = self._outbox.cancel
        self.seen_by = self._outbox.seen_by

    def open(self) -> None:
        """Binds both sockets and receives from now on. Raises OSError where they cannot be bound."""
        self._shaped = self._sockets(self._addresses.own.shaped, self._datagram_received)
        self._free = self._sockets(self._addresses.own.free, self._datagram_received)

    def close(self) -> None:
        """Sends and receives nothing more."""
        self._shaped.close()
        self._free.close()
        self._outbox.close()

    # Out.

    def _send(self, fragment: OutgoingFragment) -> None:
        packet = fragment.header.pack() + fragment.content
        failed = partial(self._outbox.leave, fragment, fragment.attempt)
        self._shaped.send(packet, self._addresses.far[fragment.address.device].shaped, failed)

    def _acknowledge(self, header: PacketHeader, arrivals: int) -> None:
        """A free acknowledgement has the random stream of the packet that it is about, one that takes capacity its own:
        see `simulator.timing.link`."""
        far = self._addresses.far[header.address.device]
        if self._ack_padding is None:
            self._free.send(header._replace(note=PacketKind.ACK).pack(), far.free, _lost)
        else:
            packet = header._replace(note=PacketKind.ACK, attempt=arrivals - 1).pack() + self._ack_padding
            self._shaped.send(packet, far.shaped, _lost)

    # In.

    def _datagram_received(self, packet: bytes, sender: HostPort) -> None:
        header = _header(packet)
        if header is None or not self._addresses.accepts(header.address.device, sender):
            self.strange += 1
        elif header.note is None:
            self._take(header, packet[HEADER_BYTES:])
        elif header.note is PacketKind.LEFT:
            self._outbox.left(header)
        else:
            self._outbox.acknowledge(header)

    def _take(self, header: PacketHeader, content: bytes) -> None:
        """Acknowledges a packet of a message, and delivers the message that it completes."""
        address = header.address
        if address.direction == self._sends:
            self.strange += 1
            return
        arrivals, message = self._inbox.take(header, content)
        self._acknowledge(header, arrivals)
        if message is not None:
            self._journal.note(MessageReceived(address, self._journal.now_s))
            self._receive(message)


def _header(packet: bytes) -> PacketHeader | None:
    """The header of a packet about a message; None where there is none."""
    try:
        header = PacketHeader.unpack(packet)
    except ValueError:
        return None
    return header


def _lost() -> None:
    """An acknowledgement that cannot go is lost like any other."""
