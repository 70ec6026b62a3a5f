"""Devices and a cloud in one event loop, over loopback: real sockets, a scripted link, and a clock that leaps over
waits, so that no test waits, and none fails because the machine was busy."""

import asyncio
import os
import selectors
from collections import defaultdict
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeVar

from channels.link.losses import PacketIndex
from simulator.cell.cell import Cell
from simulator.testbed import plan
from simulator.testbed.journal import Event, Journal
from simulator.testbed.packet_header import OPPOSITE, Direction, MessageAddress, PacketHeader, PacketKind, RealMessage
from simulator.testbed.transport.endpoint import Endpoint, EndpointAddresses, HostSockets
from simulator.testbed.transport.sockets import HostPort, UdpSocket

E = TypeVar("E")
_LOOPBACK = f"127.{1 + os.getpid() % 250}.{1 + os.getpid() // 250 % 250}"
"""The prefix of the loopback addresses of this process alone."""
_EDGE, _CLOUD, _LINK = (f"{_LOOPBACK}.{host}" for host in (1, 2, 3))
LINK = HostSockets((_LINK, 6000), (_LINK, 6001))
CLOUD = HostSockets((_CLOUD, 4000), (_CLOUD, 4001))
TIMEOUT_S = 0.04
ROOM_BYTES = 85
_GRACE_S = 0.001
"""The time that the kernel has to hand a datagram over before the clock leaps, s."""


def edge(device: int) -> HostSockets:
    """Where the sockets of a device are."""
    return HostSockets((_EDGE, 5000 + device), (_EDGE, 7000 + device))


class LeapingLoop(asyncio.SelectorEventLoop):
    """Its clock stands still while anything can be done, and leaps to the next timer when nothing can."""

    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__(_Leaping(self))

    def time(self) -> float:
        return self._now_s

    def leap(self, by_s: float) -> None:
        self._now_s += by_s


class _Leaping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self, loop: LeapingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(1.0 if timeout is None else 0)
        if not ready and timeout:
            ready = super().select(_GRACE_S)
            if not ready:
                self._loop.leap(timeout)
        return ready


class Notes(Journal):
    """A journal in memory, by the loop's clock."""

    def __init__(self, running: bool = True) -> None:
        self.events: list[Event] = []
        self._zero_s = 0.0 if running else None

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def note(self, event: Event) -> None:
        if self.running:
            self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


class ScriptedLink:
    """Serialises packets by the cell's constant rates, loses those in `lost` and the free acknowledgements of those in
    `deaf`, notifies senders of what has left, and delivers after the cell's constant delays."""

    def __init__(
        self, cell: Cell, lost: Collection[PacketIndex], deaf: Collection[PacketIndex], *, notices: bool = True
    ) -> None:
        self._notices = notices
        self.left_s: dict[PacketIndex, float] = {}
        self._cell = cell
        self._lost = lost
        self._deaf = deaf
        self._free_s: dict[Direction, float] = defaultdict(float)
        self._shaped = UdpSocket(LINK.shaped, self._enter)
        self._free = UdpSocket(LINK.free, self._answer)

    def close(self) -> None:
        self._shaped.close()
        self._free.close()

    def slip(self, packet: bytes, to: str = "cloud") -> None:
        """Any bytes at all, to a host."""
        self._shaped.send(packet, (CLOUD if to == "cloud" else edge(0)).shaped, lambda: None)

    def _enter(self, packet: bytes, sender: HostPort) -> None:
        header = PacketHeader.unpack(packet)
        direction = header.address.direction if header.note is None else OPPOSITE[header.address.direction]
        loop, rate = asyncio.get_running_loop(), plan.link(self._cell, direction).rate
        bits = 8 * (len(packet) + 28)
        self._free_s[direction] = max(loop.time(), self._free_s[direction]) + bits / rate.bps
        loop.call_at(self._free_s[direction], self._leave, header, direction, packet)

    def _leave(self, header: PacketHeader, direction: Direction, packet: bytes) -> None:
        loop = asyncio.get_running_loop()
        number = header.fragment if header.note is None else -header.fragment - 1
        index = (*header.address.message_index, number, header.attempt)
        self.left_s[index] = loop.time()
        if header.note is None and self._notices:
            self._send(header._replace(note=PacketKind.LEFT).pack(), OPPOSITE[direction], header.address.device)
        if index not in self._lost:
            loop.call_later(
                plan.link(self._cell, direction).delay.mean_s, self._send, packet, direction, header.address.device
            )

    def _answer(self, packet: bytes, sender: HostPort) -> None:
        header = PacketHeader.unpack(packet)
        direction = OPPOSITE[header.address.direction]
        if (*header.address.message_index, header.fragment, header.attempt) not in self._deaf:
            send = partial(self._send, packet, direction, header.address.device)
            asyncio.get_running_loop().call_later(plan.link(self._cell, direction).delay.mean_s, send)

    def _send(self, packet: bytes, direction: Direction, device: int) -> None:
        self._shaped.send(packet, (CLOUD if direction == "uplink" else edge(device)).shaped, lambda: None)


class LinkWorld:
    """What `played` plays in: endpoints, what they received, what they noted."""

    def __init__(self, cell: Cell, link: ScriptedLink, running: bool, *, notices: bool = True) -> None:
        devices = range(cell.workload.devices)
        self.link = link
        self.cell = cell
        self.received: dict[str, list[tuple[float, RealMessage]]] = defaultdict(list)
        self.notes = {name: Notes(running) for name in ("cloud", *(f"edge {device}" for device in devices))}
        self.cloud = Endpoint(
            cell, "cloud", 0, self.notes["cloud"], partial(self._receive, "cloud"),
            addresses=EndpointAddresses(CLOUD, dict.fromkeys(devices, LINK)),
        )  # fmt: skip
        self.edges = [
            Endpoint(
                cell, "edge", device, self.notes[f"edge {device}"], partial(self._receive, f"edge {device}"),
                addresses=EndpointAddresses(edge(device), {device: LINK}), notices=notices,
            )
            for device in devices
        ]  # fmt: skip
        self.edge = self.edges[0]

    def noted(self, kind: type[E]) -> list[E]:
        """By device 0."""
        return self.notes["edge 0"].of(kind)

    def messages(self, name: str) -> list[RealMessage]:
        return [message for _, message in self.received[name]]

    def _receive(self, name: str, message: RealMessage) -> None:
        self.received[name].append((asyncio.get_running_loop().time(), message))


Does = Callable[[LinkWorld], object]


def put(message: RealMessage) -> Does:
    """A device puts a message; or the cloud, where it goes down."""
    return lambda world: (world.edge if message.address.direction == "uplink" else world.cloud).put(message)


def cancel(*messages: RealMessage) -> Does:
    return lambda world: world.edge.cancel(*(each.address for each in messages))


def slip(address: MessageAddress, to: str = "edge", content: bytes = b"", **fields: Any) -> Does:
    """A packet of this header, from nowhere, to a host."""
    header = PacketHeader(address, **{"fragment": 0, "attempt": 0} | fields)
    return lambda world: world.link.slip(header.pack() + content, to)


def played(
    cell: Cell,
    *script: tuple[float, Does],
    lost: Collection[PacketIndex] = (),
    deaf: Collection[PacketIndex] = (),
    until_s: float = 10.0,
    running: bool = True,
    notices: bool = True,
) -> LinkWorld:
    """A world in which each thing of the script was done at its time, and that long has passed."""

    async def play() -> LinkWorld:
        link = ScriptedLink(cell, lost, deaf, notices=notices)
        world = LinkWorld(cell, link, running, notices=notices)
        for endpoint in (world.cloud, *world.edges):
            endpoint.open()
        for at_s, does in script:
            if at_s:
                asyncio.get_running_loop().call_at(at_s, does, world)
            else:
                does(world)
        await asyncio.sleep(until_s)
        for endpoint in (world.cloud, *world.edges):
            endpoint.close()
        link.close()
        return world

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(play())


def message(
    bytes_: int, round_: int = 1, kind: PacketKind = PacketKind.PAYLOAD, device: int = 0, request: int = 0
) -> RealMessage:
    """One whose bytes all differ from their neighbours."""
    return RealMessage(
        MessageAddress(kind, device, request, round_), bytes((7 * place + round_) % 256 for place in range(bytes_))
    )


def cell(devices: int = 1, arq: dict[str, Any] | None = None, bps: float = 1e6) -> Cell:
    """1 Mbit/s up and down, 5 ms and 7 ms away, 85 bytes a packet, unless stated otherwise."""
    direction = {
        "rate": {"kind": "constant", "bps": bps},
        "mtu_bits": 320 + 8 * ROOM_BYTES,
        "arq": {"kind": "selective_repeat", "timeout_s": TIMEOUT_S, "timer_jitter": 0, **(arq or {})},
    }
    delays = {name: {"kind": "constant", "delay_s": delay_s} for name, delay_s in (("up", 0.005), ("down", 0.007))}
    links = {"uplink": direction | {"delay": delays["up"]}, "downlink": direction | {"delay": delays["down"]}}
    return Cell.model_validate({"workload": {"kind": "closed", "devices": devices}, **links})
