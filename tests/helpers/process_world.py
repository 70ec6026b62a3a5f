"""Both ends of a real run in one event loop: messages take a while, and overtake one another."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from random import Random
from typing import TypeVar

from simulator import Cell
from simulator.schemes.policy import SeenLink
from simulator.testbed.endpoints.cloud_server import CloudServer
from simulator.testbed.endpoints.edge_device import EdgeDevice
from simulator.testbed.journal import (
    Event,
    Journal,
    MessagePut,
    MessageReceived,
    PacketQueued,
    PacketSent,
    RequestEnded,
    read,
)
from simulator.testbed.packet_header import MessageAddress, RealMessage

E = TypeVar("E")
Texts = dict[tuple[int, int], tuple[int, ...]]
"""The answers, by device and request."""
LIMIT_S = 30.0
"""A run that takes longer hangs."""


class Mailbox:
    """The transport of one end, and what it and the relay note. Each message takes a time of its own, up to the world's
    `delay_s`."""

    def __init__(self, world: ProcessWorld, journal: Journal) -> None:
        self.journal = journal
        self.under_way: dict[MessageAddress, asyncio.TimerHandle] = {}
        self._world = world

    def put(self, message: RealMessage) -> None:
        address = message.address
        assert address not in self.under_way, f"{address} is put twice"
        delay_s, now_s = self._world.random.uniform(0.0, self._world.delay_s), self.journal.now_s
        aired = PacketSent(address, 0, 0, 8 * len(message.content) + 320, now_s, now_s, now_s, now_s + delay_s)
        self.journal.note(MessagePut(address, message.content.hex(), now_s))
        self.journal.note(PacketQueued(*aired[:4], now_s))
        self._world.relay.note(aired)
        self.under_way[address] = asyncio.get_running_loop().call_later(delay_s, self._deliver, message)

    def cancel(self, *addresses: MessageAddress) -> None:
        self._world.cancelled.update(addresses)
        for address in addresses:
            if address in self.under_way:
                self.under_way.pop(address).cancel()

    def seen_by(self, device: int) -> SeenLink:
        return SeenLink()

    def _deliver(self, message: RealMessage) -> None:
        self.under_way.pop(message.address, None)
        self._world.deliver(message)


class ProcessWorld:
    """A cell in real time, without a network."""

    def __init__(self, cell: Cell, folder: Path, delay_s: float = 0.0) -> None:
        self.cell, self.delay_s, self.random = cell, delay_s, Random(0)
        self.cancelled: set[MessageAddress] = set()
        self._folder = folder
        self._errors: list[object] = []

    def events(self) -> list[Event]:
        """All that was noted, by both ends."""
        return [event for path in sorted(self._folder.glob("*.jsonl")) for event in read(path)]

    def journaled(self, kind: type[E]) -> list[E]:
        """Events of a kind."""
        return [event for event in self.events() if isinstance(event, kind)]

    def texts(self) -> Texts:
        """What was answered."""
        return {(each.device, each.request): each.tokens for each in self.journaled(RequestEnded)}

    def run(self) -> Texts:
        """Serves all requests, each device after its warm-up."""
        asyncio.run(asyncio.wait_for(self._run(), LIMIT_S))
        assert not self._errors, self._errors
        return self.texts()

    def deliver(self, message: RealMessage) -> None:
        """A message is at its end."""
        device = message.address.device
        end = self._cloud if message.address.direction == "uplink" else self._devices[device]
        end.journal.note(MessageReceived(message.address, end.journal.now_s))
        end.receive(message)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        self._main = asyncio.current_task()
        numbers = range(self.cell.workload.devices)
        self.relay, cloud, *edges = journals = [
            Journal(self._folder / f"{name}.jsonl")
            for name in ("relay", "cloud", *(f"edge_{each}" for each in numbers))
        ]
        self._cloud = CloudServer(self.cell, cloud, Mailbox(self, cloud))
        self._devices = [EdgeDevice(self.cell, each, edges[each], Mailbox(self, edges[each])) for each in numbers]
        await asyncio.gather(*(device.warm_up() for device in self._devices))
        zero_s = time.monotonic()
        for journal in journals:
            journal.start(zero_s)
        await asyncio.gather(*(device.work() for device in self._devices))
        for end in (*self._devices, self._cloud):
            end.close()

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self._errors.append(context.get("exception", context["message"]))
        loop.default_exception_handler(context)
        if self._main is not None:
            self._main.cancel()
