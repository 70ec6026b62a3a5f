"""Sharing of a link between devices: one is served next, or all at once.

A transmitter serves the packets of a link without a clock: whoever owns the clock lets packets `join`, asks which of
them `start`, and at `due_s` lets one `leave`. A gate may hold back packets that the discipline would let go.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterable
from heapq import heappop, heappush
from math import inf
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from channels.link.rates import ROUNDING_S, Curve, MessageIndex, Position, Rate
from channels.uniforms import Uniforms
from kinds import Choice


class Queued(Protocol):
    """Packet as a transmitter must know it."""

    @property
    def bits(self) -> int: ...

    @property
    def index(self) -> MessageIndex: ...


Q = TypeVar("Q", bound=Queued)


class Gate(Generic[Q]):
    """Condition that must hold before a packet may start: a radio that sends or receives, a receiver that listens.

    It learns of every packet of a transmitter. Whoever lets the clock run must ask the transmitter to `start` again
    when a packet that was not admitted may be. This one holds back none.
    """

    def joined(self, packet: Q) -> None:
        """A packet waits from now on."""

    def admits(self, packet: Q) -> bool:
        """True if a packet that waits may start now; the transmitter itself is free."""
        return True

    def started(self, packet: Q) -> None:
        """An admitted packet is on the air from now on."""

    def left(self, packet: Q) -> None:
        """Called when the packet's last bit has left."""

    def discarded(self, packet: Q) -> None:
        """A packet that waited will not start."""


class Transmitter(ABC, Generic[Q]):
    """Sends packets. `due_s` is when the next packet leaves, inf if none; `version` changes whenever `due_s` does."""

    begin_s: float = 0.0
    """Time at which the first bit of the packet that `start` has just answered goes out, now or later."""
    began_s: float = 0.0
    """Time at which the first bit of the packet that `leave` has just answered went out."""
    due_s: float = inf
    version: int = 0
    failed: bool = False
    """True if the far end cannot read the packet that `leave` has just answered, whatever the loss of the link."""

    def __init__(self, curve: Curve, now_s: float) -> None:
        self.gate: Gate[Q] = Gate()
        """The gate of a transmitter that sends one packet at a time."""
        self._curve = curve
        self._position = Position(now_s)

    @property
    def free(self) -> bool:
        """True if it could start a packet now; one that sends several at once always could."""
        return True

    @property
    @abstractmethod
    def present(self) -> int:
        """Packets here, waiting or being sent."""

    @property
    @abstractmethod
    def waiting(self) -> int:
        """Packets here beyond the first: what a finite buffer holds."""

    @abstractmethod
    def join(self, packet: Q, now_s: float) -> None:
        """A packet joins the queue."""

    @abstractmethod
    def start(self, now_s: float) -> Q | None:
        """Starts at most one waiting packet, if the discipline lets it; None when no more start now."""

    @abstractmethod
    def leave(self, now_s: float) -> Q | None:
        """Returns the packet whose last bit leaves at `due_s`, which is now; None if none does, and one may start."""

    @abstractmethod
    def discard(self, unwanted: Collection[Q]) -> list[Q]:
        """Takes those of these packets that have not started out of the queue and returns them."""


Waiting = deque[tuple[Q, float]]
"""Packets in order, and when each joined."""
Opener = Callable[[Curve, float], Transmitter[Any]]


class Sharing(Choice, family=True):
    """Rule by which devices share a link, chosen by `kind`."""

    transmitter_per_device: ClassVar[bool] = False
    """True if each device has a server (and its fades and losses) of its own."""
    first_come: ClassVar[bool] = False
    """True if packets leave in the order in which they join: none changes when those before it leave."""
    by_time: ClassVar[bool] = False
    """True if the rate must be a function of time alone."""
    in_slots: ClassVar[bool] = False
    """True if it gives out the slots of a rate that has them."""
    alone: ClassVar[bool] = True
    """True if a packet is on its sender's air alone, from its first bit to its last: a gate may hold it back."""

    def check(self, devices: int, rate: Rate) -> None:
        """Raises ValueError where it does not suit a cell of so many devices on a link of this rate."""

    @abstractmethod
    def opener(self, uniforms: Uniforms) -> Opener:
        """Returns the opener of one link's transmitters, which draw their randomness, if any, from `uniforms`: from a
        curve and the time now it makes a fresh and empty one."""


class Fifo(Sharing):
    """Queue for all devices: first come, first served, packet by packet."""

    kind: Literal["fifo"] = "fifo"
    first_come: ClassVar[bool] = True

    def opener(self, uniforms: Uniforms) -> Opener:
        return FifoTransmitter


class RoundRobinSharing(Sharing):
    """A queue per device; the devices that have something take turns, a packet each."""

    kind: Literal["round_robin"] = "round_robin"

    def opener(self, uniforms: Uniforms) -> Opener:
        return RoundRobinTransmitter


class ProcessorSharing(Sharing):
    """Service of all packets at once, each at an equal part of the rate: the fluid limit of round robin."""

    kind: Literal["processor"] = "processor"
    alone: ClassVar[bool] = False
    by_time: ClassVar[bool] = True

    def opener(self, uniforms: Uniforms) -> Opener:
        return ProcessorTransmitter


class Own(Sharing):
    """No sharing: each device has the whole rate to itself, with its own fades and losses."""

    kind: Literal["own"] = "own"
    first_come: ClassVar[bool] = True
    transmitter_per_device: ClassVar[bool] = True

    def opener(self, uniforms: Uniforms) -> Opener:
        return FifoTransmitter


class FifoTransmitter(Transmitter[Q]):
    """Transmitter of one packet at a time, in order of arrival.

    What a packet leaves goes to those that were waiting: one that comes as it ends finds the link as after a rest.
    """

    def __init__(self, curve: Curve, now_s: float) -> None:
        super().__init__(curve, now_s)
        self._queue: Waiting[Q] = deque()
        self._sent: Q | None = None

    @property
    def free(self) -> bool:
        return self._sent is None

    @property
    def present(self) -> int:
        return self.waiting + (self._sent is not None)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def join(self, packet: Q, now_s: float) -> None:
        self._queue.append((packet, now_s))
        self.gate.joined(packet)

    def start(self, now_s: float) -> Q | None:
        if self._sent is not None:
            return None
        first = self._next()
        if first is None:
            return None
        packet, joined_s = first
        before = self._position
        if joined_s >= before[0] - ROUNDING_S or now_s > before[0] + ROUNDING_S:  # a gate may have held it back
            before = self._curve.idle(before, now_s, packet.index)
        else:
            before = Position(before[0], before[1], packet.index)
        self._sent = packet
        self.gate.started(packet)
        self._curve.forget(before[0])
        self.begin_s = self._curve.ready_s(before, packet.bits)
        self._position = self._curve.finish(before, packet.bits)
        self.due_s = self._position[0]
        self.version += 1
        return packet

    def leave(self, now_s: float) -> Q:
        packet, self._sent = self._sent, None
        self.due_s = inf
        assert packet is not None, "I5: a departure from an idle link"
        self.began_s = self.begin_s
        self.gate.left(packet)
        return packet

    def discard(self, unwanted: Collection[Q]) -> list[Q]:
        self._queue, gone = _part(self._queue, unwanted)
        return self._discarded(gone)

    def _next(self) -> tuple[Q, float] | None:
        first = self._admitted(self._queue)
        if first is not None:
            self._queue.remove(first)
        return first

    def _admitted(self, waiting: Iterable[tuple[Q, float]]) -> tuple[Q, float] | None:
        """The first of these that the gate lets go."""
        return next((each for each in waiting if self.gate.admits(each[0])), None)

    def _discarded(self, gone: list[Q]) -> list[Q]:
        for packet in gone:
            self.gate.discarded(packet)
        return gone


class RoundRobinTransmitter(FifoTransmitter[Q]):
    """Transmitter of one packet at a time, the devices in turn."""

    def __init__(self, curve: Curve, now_s: float) -> None:
        super().__init__(curve, now_s)
        self._queues: dict[int, Waiting[Q]] = {}
        self._turns: deque[int] = deque()
        self._waiting = 0

    @property
    def waiting(self) -> int:
        return self._waiting

    def join(self, packet: Q, now_s: float) -> None:
        device = packet.index[0]
        queue = self._queues.setdefault(device, deque())
        if not queue:
            self._turns.append(device)
        queue.append((packet, now_s))
        self._waiting += 1
        self.gate.joined(packet)

    def discard(self, unwanted: Collection[Q]) -> list[Q]:
        gone: list[Q] = []
        for device in {packet.index[0] for packet in unwanted} & self._queues.keys():
            self._queues[device], left = _part(self._queues[device], unwanted)
            gone += left
            if not self._queues[device] and device in self._turns:
                self._turns.remove(device)
        self._waiting -= len(gone)
        return self._discarded(gone)

    def _next(self) -> tuple[Q, float] | None:
        first = self._admitted(self._queues[device][0] for device in self._turns)
        if first is None:
            return None
        device = first[0].index[0]
        self._turns.remove(device)
        self._queues[device].popleft()
        self._waiting -= 1
        if self._queues[device]:
            self._turns.append(device)
        return first


class ProcessorTransmitter(Transmitter[Q]):
    """Virtual work: v grows by the bits that each packet gets; a packet that joins at v leaves at v + its bits.

    What the link has granted and a departure leaves over goes to those that stay, so that it carries all of them as
    fast as one after the other. Departures that are due come first: a packet that joins then has no part in it.
    """

    def __init__(self, curve: Curve, now_s: float) -> None:
        super().__init__(curve, now_s)
        self._virtual_bits = 0.0
        self._departure = Position(inf)
        self._order = 0
        self._active: list[tuple[float, int, float, Q]] = []
        self._joined: Waiting[Q] = deque()

    @property
    def present(self) -> int:
        return len(self._active) + len(self._joined)

    @property
    def waiting(self) -> int:
        return max(0, self.present - 1)

    def join(self, packet: Q, now_s: float) -> None:
        self._joined.append((packet, now_s))

    def start(self, now_s: float) -> Q | None:
        if not self._joined or self.due_s <= now_s + ROUNDING_S:
            return None
        self._advance(now_s)
        self.begin_s = now_s
        packet, _ = self._joined.popleft()
        self._order += 1
        heappush(self._active, (self._virtual_bits + packet.bits, self._order, now_s, packet))
        self._plan()
        return packet

    def leave(self, now_s: float) -> Q:
        self._virtual_bits, _, self.began_s, packet = heappop(self._active)
        self._position = self._departure
        self._plan()
        return packet

    def discard(self, unwanted: Collection[Q]) -> list[Q]:
        self._joined, gone = _part(self._joined, unwanted)
        return gone

    def _advance(self, now_s: float) -> None:
        before = self._position
        if self._active:
            self._curve.forget(before.time_s)
            granted_bits = before.credit_bits + self._curve.served_bits(before.time_s, now_s)
            self._virtual_bits = min(self._virtual_bits + granted_bits / len(self._active), self._active[0][0])
            self._position = Position(now_s)
        else:
            self._virtual_bits = 0.0
            self._position = self._curve.idle(before, now_s)
            self._curve.forget(now_s)

    def _plan(self) -> None:
        self.version += 1
        self.due_s = inf
        if self._active:
            left_bits = (self._active[0][0] - self._virtual_bits) * len(self._active)
            self._departure = self._curve.finish(self._position, left_bits) if left_bits > 0 else self._position
            self.due_s = self._departure.time_s


def _part(queue: Waiting[Q], unwanted: Collection[Q]) -> tuple[Waiting[Q], list[Q]]:
    """The queue without the unwanted packets, and those of them that it held."""
    gone = [packet for packet, _ in queue if packet in unwanted]
    return deque(each for each in queue if each[0] not in unwanted), gone
