"""How devices share a link: who is served next, or all at once."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Collection, Iterable
from heapq import heappop, heappush
from math import inf
from typing import ClassVar, Literal

from channels.link.rates import Curve, Position
from channels.link.transmitter import Q, Transmitter
from kinds import Choice


class Sharing(Choice, family=True):
    """How devices share a link, chosen by `kind`."""

    lane_per_device: ClassVar[bool] = False
    """Whether each device has a server (and its fades and losses) of its own."""
    fluid: ClassVar[bool] = False
    """Whether several packets are sent at once; the rate must then be a function of time alone."""

    @abstractmethod
    def transmitter(self, curve: Curve, now_s: float) -> Transmitter[Q]:
        """A fresh, empty server over this curve."""


class Fifo(Sharing):
    """One queue for all: first come, first served, packet by packet."""

    kind: Literal["fifo"] = "fifo"

    def transmitter(self, curve: Curve, now_s: float) -> Transmitter[Q]:
        return FifoTransmitter(curve, now_s)


class RoundRobinSharing(Sharing):
    """A queue per device; the devices that have something take turns, a packet each."""

    kind: Literal["round_robin"] = "round_robin"

    def transmitter(self, curve: Curve, now_s: float) -> Transmitter[Q]:
        return RoundRobinTransmitter(curve, now_s)


class ProcessorSharing(Sharing):
    """All packets at once, each at an equal part of the rate: the fluid limit of round robin."""

    kind: Literal["processor"] = "processor"
    fluid: ClassVar[bool] = True

    def transmitter(self, curve: Curve, now_s: float) -> Transmitter[Q]:
        return ProcessorTransmitter(curve, now_s)


class Own(Sharing):
    """No sharing: each device has the whole rate to itself, with its own fades and losses."""

    kind: Literal["own"] = "own"
    lane_per_device: ClassVar[bool] = True

    def transmitter(self, curve: Curve, now_s: float) -> Transmitter[Q]:
        return FifoTransmitter(curve, now_s)


class FifoTransmitter(Transmitter[Q]):
    """One packet at a time, in order of arrival."""

    def __init__(self, curve: Curve, now_s: float) -> None:
        super().__init__(curve, now_s)
        self._queue: deque[Q] = deque()
        self._sent: Q | None = None
        self._rested = True

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
        self._queue.append(packet)
        if self.gate is not None:
            self.gate.joined(packet)

    def start(self, now_s: float) -> Q | None:
        if self._sent is not None:
            return None
        packet = self._next()
        if packet is None:
            self._rested = True
            return None
        before = self._position
        if self._rested:
            self._rested = False
            before = self._curve.idle(before, now_s, packet.index)
        else:
            before = Position(before[0], before[1], packet.index)
        self._sent = packet
        if self.gate is not None:
            self.gate.started(packet)
        self._curve.forget(before[0])
        self.begin_s = self._curve.ready_s(before, packet.bits)
        self._position = self._curve.finish(before, packet.bits)
        self.due_s = self._position[0]
        self.version += 1
        return packet

    def leave(self, now_s: float) -> Q:
        packet, self._sent = self._sent, None
        self.began_s = self.begin_s
        self.due_s = inf
        assert packet is not None, "I5: a departure from an idle link"
        if self.gate is not None:
            self.gate.left(packet)
        return packet

    def discard(self, unwanted: Collection[Q]) -> list[Q]:
        self._queue, gone = _part(self._queue, unwanted)
        return self._told_gate(gone)

    def _next(self) -> Q | None:
        if self.gate is None:
            return self._queue.popleft() if self._queue else None
        packet = self._admitted(self._queue)
        if packet is not None:
            self._queue.remove(packet)
        return packet

    def _admitted(self, packets: Iterable[Q]) -> Q | None:
        """The first of these that the gate, if any, lets go."""
        return next((packet for packet in packets if self.gate is None or self.gate.admits(packet)), None)

    def _told_gate(self, gone: list[Q]) -> list[Q]:
        if self.gate is not None:
            for packet in gone:
                self.gate.discarded(packet)
        return gone


class RoundRobinTransmitter(FifoTransmitter[Q]):
    """One packet at a time, the devices in turn."""

    def __init__(self, curve: Curve, now_s: float) -> None:
        super().__init__(curve, now_s)
        self._queues: dict[int, deque[Q]] = {}
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
        queue.append(packet)
        self._waiting += 1
        if self.gate is not None:
            self.gate.joined(packet)

    def discard(self, unwanted: Collection[Q]) -> list[Q]:
        gone: list[Q] = []
        for device in {packet.index[0] for packet in unwanted} & self._queues.keys():
            self._queues[device], left = _part(self._queues[device], unwanted)
            gone += left
            if not self._queues[device] and device in self._turns:
                self._turns.remove(device)
        self._waiting -= len(gone)
        return self._told_gate(gone)

    def _next(self) -> Q | None:
        packet = self._admitted(self._queues[device][0] for device in self._turns)
        if packet is None:
            return None
        device = packet.index[0]
        self._turns.remove(device)
        self._queues[device].popleft()
        self._waiting -= 1
        if self._queues[device]:
            self._turns.append(device)
        return packet


class ProcessorTransmitter(Transmitter[Q]):
    """Virtual work: v grows by the bits that each packet gets; a packet that joins at v leaves at v + its bits."""

    def __init__(self, curve: Curve, now_s: float) -> None:
        super().__init__(curve, now_s)
        self._virtual_bits = 0.0
        self._at_s = now_s
        self._order = 0
        self._active: list[tuple[float, int, float, Q]] = []
        self._joined: deque[Q] = deque()

    @property
    def present(self) -> int:
        return len(self._active) + len(self._joined)

    @property
    def waiting(self) -> int:
        return max(0, self.present - 1)

    def join(self, packet: Q, now_s: float) -> None:
        self._joined.append(packet)

    def start(self, now_s: float) -> Q | None:
        if not self._joined:
            return None
        self._advance(now_s)
        self.begin_s = now_s
        packet = self._joined.popleft()
        self._order += 1
        heappush(self._active, (self._virtual_bits + packet.bits, self._order, now_s, packet))
        self._plan(now_s)
        return packet

    def leave(self, now_s: float) -> Q:
        self._virtual_bits, _, self.began_s, packet = heappop(self._active)
        self._at_s = now_s
        self._plan(now_s)
        return packet

    def discard(self, unwanted: Collection[Q]) -> list[Q]:
        self._joined, gone = _part(self._joined, unwanted)
        return gone

    def _advance(self, now_s: float) -> None:
        self._curve.forget(self._at_s)
        if self._active:
            gained_bits = self._curve.served_bits(self._at_s, now_s) / len(self._active)
            self._virtual_bits = min(self._virtual_bits + gained_bits, self._active[0][0])
        else:
            self._virtual_bits = 0.0
        self._at_s = now_s

    def _plan(self, now_s: float) -> None:
        self.version += 1
        self.due_s = inf
        if self._active:
            left_bits = (self._active[0][0] - self._virtual_bits) * len(self._active)
            self.due_s = self._curve.finish(Position(now_s), left_bits).time_s


def _part(queue: deque[Q], unwanted: Collection[Q]) -> tuple[deque[Q], list[Q]]:
    """The queue without the unwanted packets, and those of them that it held."""
    kept, gone = deque[Q](), list[Q]()
    for packet in queue:
        (gone if packet in unwanted else kept).append(packet)
    return kept, gone
