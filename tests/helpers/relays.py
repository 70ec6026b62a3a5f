"""A relay in a thread, with socket pairs in place of the interfaces of two hosts."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from pathlib import Path
from typing import Any

from cells import cell

from simulator.cell.cell import Cell
from simulator.testbed import plan
from simulator.testbed.journal import Journal, PacketAired, read
from simulator.testbed.network.datagrams import Datagram, place
from simulator.testbed.network.namespaces import NETS, SIDES, Net, Side
from simulator.testbed.network.relay import Relay
from simulator.testbed.packet_header import PacketHeader
from simulator.testbed.plan import AIR, FREE, Faults, RunPlan

HOSTS = {"air": AIR, "free": FREE}
NO_FAULTS = Faults()
AT_ONCE = {"kind": "constant", "bps": "inf"}


def of(delay_s: float = 0.0, ack_bits: int = 0, **changes: Any) -> Cell:
    arq = {"kind": "selective_repeat", "timeout_s": 1.0, "ack_bits": ack_bits}
    settings = {"rate": AT_ONCE, "delay": {"kind": "constant", "delay_s": delay_s}, "arq": arq} | changes
    given = cell(uplink=settings, downlink=settings)
    plan.check(given)
    return given


def packet(header: PacketHeader, content: bytes = b"", net: Net = "air", sender: Side = "edge") -> bytes:
    hosts = HOSTS[net]
    edge, cloud = place(hosts.edge, plan.EDGE_PORT), place(hosts.cloud, plan.CLOUD_PORT)
    source, target = (edge, cloud) if sender == "edge" else (cloud, edge)
    return Datagram(source, target, header.pack() + content).pack()


class Bench:
    """A relay in a thread of its own, between two hosts that are the test."""

    def __init__(self, folder: Path, given: Cell, faults: Faults) -> None:
        RunPlan(folder, faults).write(given)
        told = RunPlan.of(folder)
        self.journal = told.journal("relay")
        self._kept = Journal(self.journal)
        names = [(side, net) for side in SIDES for net in NETS]
        pairs = {name: socket.socketpair(type=socket.SOCK_SEQPACKET) for name in names}
        self.hosts = {name: pair[0] for name, pair in pairs.items()}
        self._inner = [pair[1] for pair in pairs.values()]
        for each in self._inner:
            each.setblocking(False)
        control, self._say = os.pipe()
        edge_air, edge_free, cloud_air, cloud_free = (each.fileno() for each in self._inner)
        relay = Relay(told, self._kept, (edge_air, edge_free, cloud_air, cloud_free), control)
        self._thread = threading.Thread(target=relay.run)
        self._thread.start()
        self.zero_s = 0.0

    def start(self) -> None:
        self.zero_s = time.monotonic()
        os.write(self._say, f"start {self.zero_s}\n".encode())
        while not self._kept.running:
            time.sleep(0.001)

    def send(self, header: PacketHeader, content: bytes = b"", net: Net = "air", sender: Side = "edge") -> bytes:
        sent = packet(header, content, net, sender)
        self.hosts[sender, net].send(sent)
        return sent

    def got(self, side: Side, net: Net = "air", within_s: float = 1.0) -> bytes | None:
        host = self.hosts[side, net]
        return host.recv(1 << 16) if select.select([host], (), (), within_s)[0] else None

    def silent(self) -> bool:
        """Whether no host hears anything for a while."""
        return not select.select(list(self.hosts.values()), (), (), 0.05)[0]

    def stop(self, last: bytes = b"stop\n") -> list[PacketAired]:
        os.write(self._say, last)
        self.close()
        return [each for each in read(self.journal) if isinstance(each, PacketAired)]

    def close(self) -> None:
        if self._say >= 0:
            os.close(self._say)
            self._say = -1
        self._thread.join(5)
        assert not self._thread.is_alive()
        self._kept.close()
        for each in (*self.hosts.values(), *self._inner):
            each.close()


class Benches:
    """Makes benches over one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.made: list[Bench] = []

    def __call__(self, given: Cell, faults: Faults = NO_FAULTS, started: bool = True) -> Bench:
        bench = Bench(self._folder, given, faults)
        self.made.append(bench)
        if started:
            bench.start()
        return bench
