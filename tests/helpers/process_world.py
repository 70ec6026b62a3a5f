"""Both ends of a real run in one event loop: messages take a while, overtake one another, and die with the cloud."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import TypeVar

from simulator import Cell
from simulator.schemes.policy import SeenLink
from simulator.testbed.endpoints.cloud_server import CloudServer
from simulator.testbed.endpoints.edge_device import EdgeDevice
from simulator.testbed.journal import (
    CloudRestarted,
    Event,
    Journal,
    MessageCancelled,
    MessagePut,
    MessageReceived,
    PacketQueued,
    PacketSent,
    RequestEnded,
    read,
)
from simulator.testbed.packet_header import MessageAddress, PacketKind, RealMessage

E = TypeVar("E")
Texts = dict[tuple[int, int], tuple[int, ...]]
"""The answers, by device and request."""
LIMIT_S = 30.0
"""A run that takes longer hangs."""


class Mailbox:
    """The transport of one end, and what it and the relay note. Each message takes a time of its own, up to the world's
    `delay_s`."""

    def __init__(self, world: ProcessWorld, journal: Journal, epoch: int = 0) -> None:
        self.epoch = epoch
        self.journal = journal
        self.under_way: dict[MessageAddress, asyncio.TimerHandle] = {}
        self._world = world

    def put(self, message: RealMessage) -> None:
        address = message.address
        assert address not in self.under_way, f"{address} is put twice"
        delay_s, now_s = self._world.random.uniform(0.0, self._world.delay_s), self.journal.now_s
        aired = PacketSent(address, 0, 0, 8 * len(message.content) + 320, now_s, now_s, now_s + delay_s)
        self.journal.note(MessagePut(address, message.content.hex(), now_s))
        self.journal.note(PacketQueued(*aired[:4], now_s))
        self._world.relay.note(aired)
        self.under_way[address] = asyncio.get_running_loop().call_later(delay_s, self._deliver, message, self.epoch)

    def cancel(self, *addresses: MessageAddress) -> None:
        self._world.cancelled.update(addresses)
        for address in addresses:
            if address in self.under_way:
                self.under_way.pop(address).cancel()
                self.journal.note(MessageCancelled(address, self.journal.now_s))

    def seen_by(self, device: int) -> SeenLink:
        return SeenLink()

    def restart(self, epoch: int) -> None:
        self.cancel(*self.under_way)
        self.epoch = epoch

    def _deliver(self, message: RealMessage, epoch: int) -> None:
        self.under_way.pop(message.address, None)
        self._world.deliver(message, epoch)


class ProcessWorld:
    """A cell in real time, without a network. The cloud is killed and restarted after each of `kills` messages have
    arrived there, and where a reply to one of the rounds in `cut`, or to a later one of its request, would arrive
    first; as on the real link, nothing arrives that was put in another of its lives."""

    def __init__(
        self,
        cell: Cell,
        folder: Path,
        delay_s: float = 0.0,
        kills: tuple[int, ...] = (),
        seed: int = 0,
        cut: Iterable[tuple[int, int, int]] = (),
    ) -> None:
        self.cell, self.delay_s, self.random = cell, delay_s, Random(seed)
        self.cancelled: set[MessageAddress] = set()
        self._folder = folder
        self._kills = list(kills)
        self._cut = list(cut)
        """(device, request, round)."""
        self._zero_s: float | None = None
        self._arrived = 0
        self._epoch = -1
        self._errors: list[object] = []
        self._clouds: list[CloudServer] = []
        """The killed ones too, which go on, to no effect."""

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

    def deliver(self, message: RealMessage, epoch: int) -> None:
        """A message is at its end."""
        if message.address.direction == "downlink":
            device = message.address.device
            mailbox = self._mailboxes[device]
            if message.address.kind is PacketKind.HELLO:
                if epoch <= mailbox.epoch:
                    return
                mailbox.restart(epoch)
            elif epoch != mailbox.epoch or self._cuts(message.address, epoch):
                return
            mailbox.journal.note(MessageReceived(message.address, mailbox.journal.now_s))
            self._devices[device].receive(message)
            return
        if epoch != self._epoch:
            return
        self._arrived += 1
        if self._zero_s is not None and self._kills and self._arrived >= self._kills[0]:
            del self._kills[0]
            self._begin_cloud()
        else:
            self._cloud_journal.note(MessageReceived(message.address, self._cloud_journal.now_s))
            self._cloud.receive(message)

    def _cuts(self, reply: MessageAddress, epoch: int) -> bool:
        """Whether the cloud was killed before this could arrive."""
        due = [each for each in self._cut if each[:2] == reply.round_key[:2] and reply.round >= each[2]]
        if due and epoch == self._epoch:
            self._cut.remove(due[0])
            self._begin_cloud()
        return bool(due)

    def _begin_cloud(self) -> None:
        """Kills the cloud that is there, which notes nothing more, and begins another."""
        if self._epoch >= 0:
            self._supervisor.note(CloudRestarted(self._epoch, True, self._supervisor.now_s))
            self._cloud_journal._zero_s = None
        self._epoch += 1
        journal = Journal(self._folder / f"cloud_{self._epoch}.jsonl")
        self._cloud = CloudServer(self.cell, journal, _OneLife(self, journal, self._epoch), self._epoch)
        self._clouds.append(self._cloud)
        if self._zero_s is not None:
            journal.start(self._zero_s)
            self._cloud.start()
        self._cloud_journal = journal

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        self._main = asyncio.current_task()
        self.relay, self._supervisor = (Journal(self._folder / f"{each}.jsonl") for each in ("relay", "supervisor"))
        self._begin_cloud()
        numbers = range(self.cell.workload.devices)
        journals = [Journal(self._folder / f"edge_{number}.jsonl") for number in numbers]
        self._mailboxes = [Mailbox(self, journal) for journal in journals]
        self._devices = [EdgeDevice(self.cell, each, journals[each], self._mailboxes[each]) for each in numbers]
        await asyncio.gather(*(device.warm_up() for device in self._devices))
        self._zero_s, self._arrived = time.monotonic(), 0
        for journal in (*journals, self._cloud_journal, self.relay, self._supervisor):
            journal.start(self._zero_s)
        self._cloud.start()
        await asyncio.gather(*(device.work() for device in self._devices))
        for end in (*self._devices, *self._clouds):
            end.close()

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self._errors.append(context.get("exception", context["message"]))
        loop.default_exception_handler(context)
        if self._main is not None:
            self._main.cancel()


class _OneLife(Mailbox):
    """The transport of a cloud: what a killed one still puts does not arrive."""

    def put(self, message: RealMessage) -> None:
        if self.epoch == self._world._epoch:
            super().put(message)
