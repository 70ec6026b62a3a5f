"""A process that carries packets between the two hosts of a real run, and notes what became of each.

    python -m simulator.testbed.network.relay FOLDER EDGE_AIR EDGE_FREE CLOUD_AIR CLOUD_FREE

The four are file descriptors of the hosts' interfaces. What comes out of one has left its host, and where the kernel
shapes it has left the link's bucket too; otherwise `emulated_link` says when it leaves and arrives. The sender gets a
notice when its packet's last bit has left, as a radio notifies its host. One thread, one queue of what is due, no clock
but the machine's.
"""

from __future__ import annotations

import gc
import os
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf
from pathlib import Path
from typing import Final

from channels.link.link_config import answer_s
from kinds import ConfigError
from simulator.testbed.journal import Journal, PacketAired
from simulator.testbed.network.datagrams import Datagram, SocketAddress, place
from simulator.testbed.network.emulated_link import EmulatedLink, RelayedPacket
from simulator.testbed.packet_header import Direction, PacketHeader, PacketKind
from simulator.testbed.plan import (
    CLOUD_PORT,
    DIRECTIONS,
    EDGE_PORT,
    FREE,
    SHAPED,
    WARM_UP,
    NetAddresses,
    RealRunPlan,
    link,
)
from simulator.testbed.processes import READY, START, ControlLines, dies_with_parent, real_time, report

_LONGEST_BYTES: Final = 1 << 16
_EARLY_S: Final = 50e-6
"""Before what is due, awake: about what it takes to wake up."""
_LONGEST_S: Final = 60.0
"""Asleep, whatever is due."""
_IN_A_ROW: Final = 32
"""Packets read from one interface before the others have their turn."""


@dataclass(slots=True, eq=False)
class TimedLink:
    """One direction and the instant from which its seconds count."""

    link: EmulatedLink
    zero_s: float
    noted: bool
    planned: bool = False
    """Whether its next departure is among what is due."""


@dataclass(frozen=True, slots=True)
class Inlet:
    """Where one side's packets enter one of the two nets."""

    direction: Direction
    tun: int
    far_tun: int
    hosts: NetAddresses
    target: bytes
    """The address of the far host."""


TimedLinks = dict[Direction, TimedLink]


class Relay:
    """Carries packets from `run` on until `stop`. `tuns`: as on the command line."""

    def __init__(self, plan: RealRunPlan, journal: Journal, tuns: tuple[int, int, int, int], control: int = 0) -> None:
        self._cell = plan.cell
        self._faults = plan.faults
        self._journal = journal
        self._control = ControlLines(control)
        self._control_fd = control
        edge_shaped, edge_free, cloud_shaped, cloud_free = tuns
        self._inlets = {
            edge_shaped: Inlet("uplink", edge_shaped, cloud_shaped, SHAPED, place(SHAPED.cloud, 0).address),
            edge_free: Inlet("uplink", edge_free, cloud_free, FREE, place(FREE.cloud, 0).address),
            cloud_shaped: Inlet("downlink", cloud_shaped, edge_shaped, SHAPED, place(SHAPED.edge, 0).address),
            cloud_free: Inlet("downlink", cloud_free, edge_free, FREE, place(FREE.edge, 0).address),
        }
        self._notices_from = place(SHAPED.relay, 0).address
        up, down = (link(self._cell, direction) for direction in DIRECTIONS)
        self._back_s: dict[Direction, float] = {"uplink": answer_s(up, down), "downlink": answer_s(down, up)}
        """How long a free acknowledgement of a packet of that direction travels."""
        self._warm_up: TimedLinks = self._links(time.monotonic(), in_run=False)
        self._run: TimedLinks | None = None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._unnoted: list[PacketAired] = []
        self._buffer = bytearray(_LONGEST_BYTES)
        self._view = memoryview(self._buffer)
        self._stopped = False

    def _links(self, zero_s: float, in_run: bool) -> TimedLinks:
        down = self._faults.link_down if in_run else ()
        return {
            direction: TimedLink(EmulatedLink(self._cell, direction, down, in_run), zero_s, in_run)
            for direction in DIRECTIONS
        }

    def run(self) -> None:
        """Until `stop`, or the end of the control lines."""
        sources = [self._control_fd, *self._inlets]
        while not self._stopped:
            self._note()
            wait_s = self._due[0][0] - time.monotonic() - _EARLY_S if self._due else _LONGEST_S
            readable, _, _ = select.select(sources, (), (), min(max(0.0, wait_s), _LONGEST_S))
            for source in readable:
                if source == self._control_fd:
                    self._obey()
                else:
                    self._drain(self._inlets[source])
            self._pass()
        self._note()

    def _note(self) -> None:
        """What has happened since, in a moment that delays no packet."""
        for aired in self._unnoted:
            self._journal.note(aired)
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
        links = self._warm_up if self._run is None or header.address.request == WARM_UP else self._run
        if inlet.hosts is FREE:
            if acknowledges:
                self._answer(links, inlet, header, packet, now_s)
            return
        timed = links[inlet.direction]
        relayed = timed.link.relayed(header, datagram, packet)
        aired = timed.link.join(relayed, now_s - timed.zero_s)
        if aired is None:
            self._plan(inlet, links)
        else:
            self._left(inlet, links, relayed, aired)

    def _is_expected(self, inlet: Inlet, datagram: Datagram, device: int) -> bool:
        """Whether it goes between the cloud and that device."""
        ports = datagram.source.port, datagram.target.port
        edge, cloud = ports if inlet.direction == "uplink" else reversed(ports)
        return cloud == CLOUD_PORT and edge == EDGE_PORT + device and device < self._cell.workload.devices

    def _answer(self, links: TimedLinks, inlet: Inlet, header: PacketHeader, packet: bytes, now_s: float) -> None:
        """An acknowledgement that takes no capacity."""
        timed = links[header.address.direction]
        if not timed.link.loses_ack(header) and not timed.link.is_down(now_s - timed.zero_s):
            self._at(now_s + self._back_s[header.address.direction], partial(self._deliver, inlet, packet, timed.link))

    # It leaves, and arrives.

    def _plan(self, inlet: Inlet, links: TimedLinks) -> None:
        timed = links[inlet.direction]
        if not timed.planned and timed.link.due_s < inf:
            timed.planned = True
            self._at(timed.zero_s + timed.link.due_s, partial(self._depart, inlet, links))

    def _depart(self, inlet: Inlet, links: TimedLinks) -> None:
        timed = links[inlet.direction]
        timed.planned = False
        relayed, aired = timed.link.leave()
        self._plan(inlet, links)
        self._left(inlet, links, relayed, aired)

    def _left(self, inlet: Inlet, links: TimedLinks, relayed: RelayedPacket, aired: PacketAired) -> None:
        """The last bit has gone out: the sender gets a notice, and what is not lost travels."""
        timed = links[inlet.direction]
        if relayed.carries:
            os.write(inlet.tun, self._notice(relayed))
        if aired.arrives_s is not None:
            acked = None if relayed.carries else links[relayed.header.address.direction].link
            self._at(timed.zero_s + aired.arrives_s, partial(self._deliver, inlet, relayed.packet, acked))
        if timed.noted:
            self._unnoted.append(aired)

    def _notice(self, relayed: RelayedPacket) -> bytes:
        source, target, _ = relayed.datagram
        notice = relayed.header._replace(note=PacketKind.LEFT)
        return Datagram(SocketAddress(self._notices_from, target.port), source, notice.pack()).pack()

    def _deliver(self, inlet: Inlet, packet: bytes, acked: EmulatedLink | None) -> None:
        os.write(inlet.far_tun, packet)
        if acked is not None:
            acked.curve.heard()


def main(folder: str, *tuns: str) -> None:
    """The process."""
    dies_with_parent()
    real_time()
    plan = RealRunPlan.of(Path(folder))
    journal = Journal(plan.journal("relay"))
    edge_shaped, edge_free, cloud_shaped, cloud_free = map(int, tuns)
    relay = Relay(plan, journal, (edge_shaped, edge_free, cloud_shaped, cloud_free))
    gc.freeze()
    report(READY)
    try:
        relay.run()
    except ConfigError as error:
        sys.exit(str(error))
    finally:
        journal.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
