"""A host's end of both ways: two sockets, an outbox with the project's own ARQ, an inbox, and acknowledgements.

Packets go to the kernel as soon as their sender lets them: the interface's queue is the link's queue. Each packet of a
letter is acknowledged each time that it comes, over the free network, or, where that takes capacity in the cell, by a
packet of that length over the air. All runs in one event loop, without a task for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, Self

from simulator.cell.cell import Cell
from simulator.testbed.endpoints.inbox import Inbox
from simulator.testbed.endpoints.outbox import Outbox, Piece, Ways
from simulator.testbed.endpoints.sockets import HostPort, UdpSocket
from simulator.testbed.journal import Arrived, Journal
from simulator.testbed.letters import HEADER_BYTES, Address, Header, Kind, Letter
from simulator.testbed.plan import AIR, CLOUD_PORT, EDGE_PORT, FREE

Side = Literal["edge", "cloud"]


class Places(NamedTuple):
    """Where those of one process are, or those of one that it writes to."""

    air: HostPort
    free: HostPort


@dataclass(frozen=True)
class Addresses:
    """Where a process hears, and where the far end of each of its devices does."""

    own: Places
    far: Mapping[int, Places]
    """By device."""

    @classmethod
    def real(cls, side: Side, device: int, devices: int) -> Self:
        """Those of the interfaces that the air is made of: of a device, or of the cloud with all its devices."""
        cloud = Places((AIR.cloud, CLOUD_PORT), (FREE.cloud, CLOUD_PORT))
        edges = [Places((AIR.edge, EDGE_PORT + each), (FREE.edge, EDGE_PORT + each)) for each in range(devices)]
        if side == "edge":
            return cls(edges[device], {device: cloud})
        return cls(cloud, dict(enumerate(edges)))

    def may_tell(self, device: int, sender: HostPort) -> bool:
        """Whether a packet about a device may come from there: from its far end, or, of what has left, from the air."""
        places = self.far.get(device)
        return places is not None and (sender in places or sender == (AIR.air, places.air[1]))


class Endpoint:
    """Of one process: a device's, or the cloud's, which has a sender for each device."""

    def __init__(
        self,
        cell: Cell,
        side: Side,
        device: int,
        journal: Journal,
        hear: Callable[[Letter], None],
        epoch: int = 0,
        addresses: Addresses | None = None,
    ) -> None:
        """`device`: 0 for the cloud. `hear` is called in the event loop with each whole letter, once. `addresses`:
        null for those of a real run."""
        ways = Ways(cell.uplink, cell.downlink, "uplink")
        self._ways = ways if side == "edge" else Ways(cell.downlink, cell.uplink, "downlink")
        self._side = side
        self._journal = journal
        self._hear = hear
        self._addresses = addresses or Addresses.real(side, device, cell.workload.devices)
        self._inbox = Inbox()
        self._outbox = Outbox(self._ways, cell.seed, journal, self._send)
        ack_bits = self._ways.back.arq.ack_bits
        self._ack_padding = bytes(max(0, ack_bits - self._ways.out.header_bits) // 8) if ack_bits else None
        """Behind an acknowledgement; None: they go over the free network."""
        self.epoch = epoch
        self.strange = 0
        """Datagrams that were no packets for this host, or came from elsewhere than its far ends, and were dropped."""

    @property
    def vain(self) -> int:
        """Packets that the simulator would have taken out of the link's queue, and that went out: see `Outbox`."""
        return self._outbox.vain

    async def open(self) -> None:
        """Binds both sockets and hears from now on. Raises OSError where they cannot be bound."""
        self._air = UdpSocket(self._addresses.own.air, self._come)
        self._free = UdpSocket(self._addresses.own.free, self._come)
        self._air.open()
        self._free.open()

    def put(self, letter: Letter) -> None:
        """Takes on a letter and never blocks; its packets are repeated until they have come or are wanted no more.
        Raises ConfigError where the link's packets cannot carry it."""
        assert letter.address.way == self._ways.name, f"{letter.address} goes the other way"
        self._outbox.put(letter)

    def acknowledge(self, *addresses: Address) -> None:
        """A reply tells that these letters, in the order in which they were put, have come: nothing more of them
        starts."""
        self._outbox.forget(*addresses)

    def withdraw(self, *addresses: Address) -> None:
        """These letters are not wanted any more: nothing more of them starts."""
        self._outbox.forget(*addresses)

    def begin_anew(self, epoch: int) -> None:
        """The cloud has: nothing that was under way is wanted, and nothing has come but in this epoch."""
        self._outbox.begin_anew()
        self._inbox.forget_others(epoch)
        self.epoch = epoch

    async def close(self) -> None:
        """Sends and hears nothing more."""
        self._air.close()
        self._free.close()
        self._outbox.begin_anew()

    # Out.

    def _send(self, piece: Piece) -> None:
        packet = piece.header(self.epoch).pack() + piece.content
        failed = partial(self._outbox.leave, piece, piece.attempt)
        self._air.send(packet, self._addresses.far[piece.address.device].air, failed)

    def _acknowledge(self, of: Header, arrivals: int) -> None:
        """A free one has the luck of the packet that came, one that takes capacity its own: see
        `simulator.timing.link`. In the epoch of that packet, whose sender asks for no other."""
        far = self._addresses.far[of.address.device]
        if self._ack_padding is None:
            self._free.send(of._replace(note=Kind.ACK).pack(), far.free, _unsent)
        else:
            packet = of._replace(note=Kind.ACK, attempt=arrivals - 1).pack() + self._ack_padding
            self._air.send(packet, far.air, _unsent)

    # In.

    def _come(self, packet: bytes, sender: HostPort) -> None:
        header = _header(packet)
        if header is None or not self._addresses.may_tell(header.address.device, sender):
            self.strange += 1
        elif header.note is None:
            self._take(header, packet[HEADER_BYTES:])
        elif header.epoch != self.epoch:
            return
        elif header.note is Kind.LEFT:
            self._outbox.left(header)
        else:
            self._outbox.acknowledge(header)

    def _take(self, header: Header, content: bytes) -> None:
        """A packet of a letter: acknowledged, and perhaps the one that makes it whole."""
        address = header.address
        if address.way == self._ways.name:
            self.strange += 1
            return
        begins = self._side == "edge" and address.kind is Kind.HELLO and header.epoch > self.epoch
        if header.epoch != self.epoch and not begins:
            return
        arrivals, letter = self._inbox.take(header, content)
        self._acknowledge(header, arrivals)
        if letter is not None:
            self._journal.note(Arrived(address, self._journal.now_s))
            self._hear(letter)


def _header(packet: bytes) -> Header | None:
    """Of a packet about a letter; None where it is none."""
    try:
        header = Header.unpack(packet)
    except ValueError:
        return None
    sound = header.address.kind not in (Kind.ACK, Kind.LEFT) and header.pack() == packet[:HEADER_BYTES]
    return header if sound else None


def _unsent() -> None:
    """For acknowledgements: one that cannot go is lost like any other."""
