"""The link between the two hosts of a real run: its rate, its losses and its delays, on real packets.

    python -m simulator.testbed.network.emulated_link FOLDER EDGE_SHAPED EDGE_FREE CLOUD_SHAPED CLOUD_FREE

Where a cell's rate is a token bucket the kernel shapes (`shaper`); all else is decided here. `EmulatedLink` is one
direction, without a clock: the simulator's own rate, losses and delays decide on each packet. `Relay` is the process
that carries packets from one host to the other when that link says so, and notes what became of each. Its four
arguments are file descriptors of the hosts' interfaces. The sender gets a notice when its packet's last bit has left,
as a radio notifies its host, unless the run is an independent one. One thread, one queue of what is due, no clock but
the machine's.
"""

from __future__ import annotations

import gc
import os
import secrets
import select
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf, nan
from pathlib import Path
from typing import Final

from channels.link.link_config import LinkConfig, answer_s
from channels.link.losses import PacketIndex
from channels.link.rates import MessageIndex
from channels.link.shaping import TokenBucket
from channels.link.sharing import FifoTransmitter
from channels.uniforms import Uniforms
from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.testbed import plan
from simulator.testbed.host import dies_with_parent
from simulator.testbed.journal import Journal, PacketSent, journal_path
from simulator.testbed.packet_header import (
    HEADER_BYTES,
    LEAST_HEADER_BITS,
    OPPOSITE,
    Datagram,
    Direction,
    PacketHeader,
    PacketKind,
    SocketAddress,
)
from simulator.testbed.plan import FREE, SHAPED
from simulator.testbed.processes import READY, START, ControlLines, real_time

_QUEUE_S: Final = 600.0
"""Longest wait of a packet in the kernel's bucket."""
_MOST_QUEUED_BYTES: Final = 1 << 30
_LONGEST_BYTES: Final = 1 << 16
_EARLY_S: Final = 50e-6
"""Time by which to wake up before an event is due: about what waking takes."""
_LONGEST_S: Final = 60.0
"""Asleep, whatever is due."""
_IN_A_ROW: Final = 32
"""Packets read from one interface before the others have their turn."""


def by_kernel(config: LinkConfig) -> bool:
    """True if the kernel's token bucket shapes the link; if not, the relay does, by the rate's own curve."""
    return isinstance(config.rate, TokenBucket) and config.rate.peak_bps == inf and config.mtu_bits is not None


def shaper(config: LinkConfig) -> list[str]:
    """Arguments of `tc qdisc add dev ...` that make a link of this rate; none where the relay does."""
    rate = config.rate
    if not by_kernel(config) or not isinstance(rate, TokenBucket):
        return []
    more_bytes = (config.header_bits - LEAST_HEADER_BITS) // 8
    stab = ["stab", "overhead", str(more_bytes)] if more_bytes else []
    burst_bytes = int(rate.burst_bits // 8)
    queued_bytes = min(int(rate.bps * _QUEUE_S / 8) + burst_bytes, _MOST_QUEUED_BYTES)
    bucket = ["rate", f"{round(rate.bps)}bit", "burst", f"{burst_bytes}b", "limit", f"{queued_bytes}b"]
    return ["root", "handle", "1:", *stab, "tbf", *bucket]


@dataclass(slots=True, eq=False)
class RelayedPacket:
    """A packet on the link."""

    header: PacketHeader
    bits: int
    """Size of the packet as the link counts it."""
    index: MessageIndex
    stream: PacketIndex
    """The address of the random numbers that decide on it."""
    datagram: Datagram
    """Datagram as it was sent."""
    packet: bytes
    """The same as an interface has it."""
    joined_s: float = nan
    """Time at which it joined the link's queue."""

    @property
    def carries(self) -> bool:
        """True if it is anything but an acknowledgement."""
        return self.header.note is None


class EmulatedLink:
    """Direction of a cell's link, or of its warm-up (not `in_run`), in which nothing is lost.

    A packet joins, leaves, and then arrives or is lost, as in `simulator.timing.link`: same transmitter, same random
    numbers, same addresses. Where the kernel shapes, a packet that joins has left already. Times are in seconds
    since `zero_s`.
    """

    def __init__(
        self, cell: Cell, direction: Direction, in_run: bool = True, zero_s: float = 0.0, seed: int | None = None
    ) -> None:
        """`seed`: of its random numbers; null for the cell's."""
        self.zero_s = zero_s
        """The zero of its times, by the machine's clock."""
        self.in_run = in_run
        self.planned = False
        """Whether its next departure is among what is due."""
        self._config = config = plan.link(cell, direction)
        self._back = plan.link(cell, OPPOSITE[direction])
        self.answer_s = answer_s(config, self._back)
        """How long a free acknowledgement of a packet travels."""
        uniforms = Uniforms.of(cell.seed if seed is None else seed, direction)
        rate, loss, delay, ack = (uniforms.under(0, purpose) for purpose in range(4))
        self.curve = config.curve(rate)
        self.curve.bound(f"{direction}.rate", cell.workload.horizon_s)
        self._server = None if by_kernel(config) else FifoTransmitter[RelayedPacket](self.curve, 0.0)
        self._loss = config.loss.process(loss)
        self._delay = config.delay.process(delay)
        self._ack_loss = config.arq.ack_loss.process(ack)
        self._acks_lost: set[PacketIndex] = set()
        """Packets that arrive, and whose free acknowledgement does not."""

    @property
    def due_s(self) -> float:
        """Time at which the next packet leaves, inf if none does."""
        return inf if self._server is None else self._server.due_s

    def relayed(self, header: PacketHeader, datagram: Datagram, packet: bytes) -> RelayedPacket:
        """A packet as the simulator knows it. The attempt of an acknowledgement that takes capacity
        is how many went before it, of the same packet."""
        index, stream = header.address.message_index, stream_index(header)
        bits = 8 * (len(datagram.content) - HEADER_BYTES) + self._config.header_bits
        if header.note is not None:
            stream, bits = (*index, -stream[3] - 1, header.attempt), self._back.arq.ack_bits
        return RelayedPacket(header, bits, index, stream, datagram, packet)

    def join(self, packet: RelayedPacket, now_s: float) -> PacketSent | None:
        """A packet gets in line. Answers what became of it where it has left at once."""
        packet.joined_s = now_s
        if self._server is None:
            return self._launch(packet, now_s, now_s)
        self._server.join(packet, now_s)
        self._server.start(now_s)
        return None

    def leave(self) -> tuple[RelayedPacket, PacketSent]:
        """The last bit of a packet has left, at `due_s`; the next one starts."""
        server = self._server
        assert server is not None, "I5: a departure from a link that the kernel shapes"
        now_s = server.due_s
        packet = server.leave(now_s)
        sent = self._launch(packet, server.began_s, now_s)
        server.start(now_s)
        return packet, sent

    def loses_ack(self, header: PacketHeader) -> bool:
        """True if the free acknowledgement of this packet is lost; a second call says no."""
        stream = stream_index(header)
        lost = stream in self._acks_lost
        self._acks_lost.discard(stream)
        return lost

    def _launch(self, packet: RelayedPacket, began_s: float, now_s: float) -> PacketSent:
        bits, stream = packet.bits, packet.stream
        on_air_s = now_s - began_s
        rate_bps = bits / on_air_s if on_air_s > 0 else inf
        lost = self.in_run and self._loss.lost(now_s, bits, rate_bps, stream)
        arrives_s = None if lost else now_s + self._delay.delay_s(now_s, stream)
        answered = self.in_run and packet.carries and not lost and not self._config.arq.ack_bits
        deaf = answered and self._ack_loss.lost(now_s, self._config.header_bits, rate_bps, stream)
        if deaf:
            self._acks_lost.add(stream)
        header, note = packet.header, None if packet.carries else PacketKind.ACK.name
        return PacketSent(
            header.address, header.fragment, header.attempt, bits, packet.joined_s, began_s, now_s, arrives_s, note,
            answered=not deaf,
        )  # fmt: skip


def stream_index(header: PacketHeader) -> PacketIndex:
    """The address of the random numbers of a packet, or of the one that an acknowledgement is about."""
    return (*header.address.message_index, header.fragment, header.attempt)


@dataclass(frozen=True, slots=True)
class Inlet:
    """Entry of one side's packets into one of the two nets."""

    direction: Direction
    tun: int
    far_tun: int
    hosts: plan.NetAddresses
    target: bytes
    """The address of the far host."""


Links = dict[Direction, EmulatedLink]


class Relay:
    """Carries packets from `run` on until `stop`. `tuns`: as on the command line. `seed`: of random numbers of its own,
    and no sender is told when a packet has left; null: those of the cell, and they are."""

    def __init__(
        self, cell: Cell, journal: Journal, tuns: Sequence[int], control: int = 0, seed: int | None = None
    ) -> None:
        self._cell = cell
        self._seed = seed
        self._journal = journal
        self._control = ControlLines(control)
        edge_shaped, edge_free, cloud_shaped, cloud_free = tuns
        self._inlets: dict[int, Inlet] = {}
        for hosts, edge, cloud in ((SHAPED, edge_shaped, cloud_shaped), (FREE, edge_free, cloud_free)):
            self._inlets[edge] = Inlet("uplink", edge, cloud, hosts, SocketAddress.of(hosts.cloud, 0).address)
            self._inlets[cloud] = Inlet("downlink", cloud, edge, hosts, SocketAddress.of(hosts.edge, 0).address)
        self._warm_up = self._links(time.monotonic(), in_run=False)
        self._run: Links | None = None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._unnoted: list[PacketSent] = []
        self._buffer = bytearray(_LONGEST_BYTES)
        self._view = memoryview(self._buffer)
        self._stopped = False

    def _links(self, zero_s: float, in_run: bool) -> Links:
        return {each: EmulatedLink(self._cell, each, in_run, zero_s, self._seed) for each in plan.DIRECTIONS}

    def run(self) -> None:
        """Relays packets until `stop`, or the end of the control lines."""
        sources = [self._control.source, *self._inlets]
        while not self._stopped:
            self._note()
            wait_s = self._due[0][0] - time.monotonic() - _EARLY_S if self._due else _LONGEST_S
            readable, _, _ = select.select(sources, (), (), min(max(0.0, wait_s), _LONGEST_S))
            for source in readable:
                if source == self._control.source:
                    self._obey()
                else:
                    self._drain(self._inlets[source])
            self._pass()
        self._note()

    def _note(self) -> None:
        """Writes down what has happened since, in a moment that delays no packet."""
        for sent in self._unnoted:
            self._journal.note(sent)
        self._unnoted.clear()

    def _obey(self) -> None:
        for word, *rest in self._control.read():
            if word == START:
                zero_s = float(rest[0])
                self._journal.start(zero_s)
                self._run = self._links(zero_s, in_run=True)
            else:
                self._stopped = True
        self._stopped |= self._control.ended

    # What is due.

    def _pass(self) -> float:
        """Does what is due by now; answers when that is."""
        due = self._due
        now_s = time.monotonic()
        while due and due[0][0] <= now_s:
            heappop(due)[2]()
        return now_s

    def _at(self, due_s: float, then: Callable[[], None]) -> None:
        heappush(self._due, (due_s, next(self._order), then))

    # A packet comes.

    def _drain(self, inlet: Inlet) -> None:
        for _ in range(_IN_A_ROW):
            try:
                length = os.readv(inlet.tun, (self._buffer,))
            except BlockingIOError:
                return
            self._take(inlet, bytes(self._view[:length]), self._pass())
            self._pass()

    def _take(self, inlet: Inlet, packet: bytes, now_s: float) -> None:
        """Drops what is no packet of this run."""
        datagram = Datagram.unpack(packet)
        if datagram is None or datagram.target.address != inlet.target:
            return
        try:
            header = PacketHeader.unpack(datagram.content)
        except ValueError:
            return
        if not self._is_expected(inlet, datagram, header.address.device):
            return
        acknowledges = header.note is PacketKind.ACK
        if header.note is PacketKind.LEFT or acknowledges == (header.address.direction == inlet.direction):
            return
        links = self._warm_up if self._run is None or header.address.request == plan.WARM_UP else self._run
        if inlet.hosts is FREE:
            if acknowledges:
                self._answer(links[header.address.direction], inlet, header, packet, now_s)
            return
        link = links[inlet.direction]
        relayed = link.relayed(header, datagram, packet)
        sent = link.join(relayed, now_s - link.zero_s)
        if sent is None:
            self._plan(inlet, links)
        else:
            self._left(inlet, links, relayed, sent)

    def _is_expected(self, inlet: Inlet, datagram: Datagram, device: int) -> bool:
        """True if the packet goes between the cloud and that device."""
        ports = datagram.source.port, datagram.target.port
        edge, cloud = ports if inlet.direction == "uplink" else reversed(ports)
        return cloud == plan.CLOUD_PORT and edge == plan.EDGE_PORT + device and device < self._cell.workload.devices

    def _answer(self, link: EmulatedLink, inlet: Inlet, header: PacketHeader, packet: bytes, now_s: float) -> None:
        """An acknowledgement that takes no capacity, of a packet of that link."""
        if not link.loses_ack(header):
            self._at(now_s + link.answer_s, partial(self._deliver, inlet, packet, link))

    # It leaves, and arrives.

    def _plan(self, inlet: Inlet, links: Links) -> None:
        link = links[inlet.direction]
        if not link.planned and link.due_s < inf:
            link.planned = True
            self._at(link.zero_s + link.due_s, partial(self._depart, inlet, links))

    def _depart(self, inlet: Inlet, links: Links) -> None:
        link = links[inlet.direction]
        link.planned = False
        relayed, sent = link.leave()
        self._plan(inlet, links)
        self._left(inlet, links, relayed, sent)

    def _left(self, inlet: Inlet, links: Links, relayed: RelayedPacket, sent: PacketSent) -> None:
        """The last bit has gone out: the sender gets a notice, and what is not lost travels."""
        link = links[inlet.direction]
        if relayed.carries and self._seed is None:
            os.write(inlet.tun, self._notice(relayed))
        if sent.arrives_s is not None:
            acked = None if relayed.carries else links[relayed.header.address.direction]
            self._at(link.zero_s + sent.arrives_s, partial(self._deliver, inlet, relayed.packet, acked))
        if link.in_run:
            self._unnoted.append(sent)

    def _notice(self, relayed: RelayedPacket) -> bytes:
        source, target, _ = relayed.datagram
        notice = relayed.header._replace(note=PacketKind.LEFT)
        return Datagram(SocketAddress.of(SHAPED.relay, target.port), source, notice.pack()).pack()

    def _deliver(self, inlet: Inlet, packet: bytes, acked: EmulatedLink | None) -> None:
        os.write(inlet.far_tun, packet)
        if acked is not None:
            acked.curve.heard()


def main(folder: str, *tuns: str) -> None:
    """The process."""
    dies_with_parent()
    real_time()
    journal = Journal(journal_path(Path(folder), "relay"))
    seed = secrets.randbits(63) if (Path(folder) / plan.INDEPENDENT).exists() else None
    relay = Relay(Cell.from_yaml(Path(folder) / plan.CELL), journal, tuple(map(int, tuns)), seed=seed)
    gc.freeze()
    print(READY, flush=True)
    try:
        relay.run()
    except ConfigError as error:
        sys.exit(str(error))
    finally:
        journal.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
