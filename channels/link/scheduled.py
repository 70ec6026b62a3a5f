"""A base station that gives out the resource blocks of its slots: requests, grants, reports, repeats by HARQ.

What a device sends waits for the next of its scheduling requests, which the base station answers with a grant for
`blind_bits`; each block that it sends reports what it still has (TS 36.321 and 38.321, 5.4). The base station gives a
slot to the devices whose bits it knows of, one after the other, each as many blocks as they take, in turn or by
proportional fairness: the highest ratio of what a block carries now to what the device has had lately (Jalali, Padovani
and Pankaj, VTC 2000). What is sent in a slot is decoded, or sent again; packets of a device leave in their order.

Simplified: link adaptation meets its error rate exactly, at each attempt anew and whatever the size, as outer loops aim
to; repeats gain nothing by being combined. Requests, grants and reports are never lost, and grants without limit.
Slots are worked out one at a time, none in which nobody has anything.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import ceil, inf, isnan, nan
from typing import ClassVar, Generic, Literal

from pydantic import Field

from channels.link.base_station import BaseStation, BlockBits
from channels.link.rates import ROUNDING_S, Curve, Rate
from channels.link.sharing import Opener, Q, Sharing, Transmitter
from channels.uniforms import Uniforms

_PHASE, _DECODED = 0, 1


class Scheduled(Sharing):
    """The slots of a `base_station`, given out in turn or by proportional fairness to devices that ask, with HARQ."""

    kind: Literal["scheduled"] = "scheduled"
    in_slots: ClassVar[bool] = True
    alone: ClassVar[bool] = False
    order: Literal["proportional_fair", "round_robin"] = Field(
        "proportional_fair", description="Who is first in a slot: by ratio of now to lately, or in turn."
    )
    memory_slots: float = Field(
        100.0, ge=1, le=1e6, description="Over how many slots proportional fairness averages what a device has had."
    )
    request_period_s: float = Field(
        0.01,
        ge=0,
        le=10,
        description="From one scheduling request of a device to its next, seconds; 0: none is needed, the base station "
        "knows what waits (a downlink).",
    )
    grant_s: float = Field(
        0.007,
        ge=0,
        le=10,
        description="From the end of a request or report to the first slot that it is granted, seconds (LTE: 3 for the "
        "base station, 1 for the grant, 3 for the device).",
    )
    blind_bits: int = Field(1_000, ge=1, le=100_000, description="What a request alone is granted, bits.")
    configured_period_s: float | None = Field(
        None,
        gt=0,
        le=10,
        description="Configured grants instead of requests: each device has blocks of its own, used or not, once in so "
        "many seconds (TS 38.321, 5.8.2); null: none.",
    )
    configured_blocks: int = Field(1, ge=1, le=275, description="How many they are.")
    error_rate: float = Field(0.1, ge=0, le=0.9, description="Share of attempts that are not decoded (CQI: a tenth).")
    attempts: int = Field(4, ge=1, le=32, description="Attempts of HARQ at most; after the last a packet is lost.")
    harq_s: float = Field(
        0.007, ge=0, le=10, description="From the end of an attempt to its next one, seconds (LTE: 8 ms less the slot)."
    )

    def check(self, devices: int, rate: Rate) -> None:
        if self.configured_period_s is not None and isinstance(rate, BaseStation):
            slots = rate.curve(Uniforms(b"")).slots_in(self.configured_period_s)
            most = ceil(devices / slots) * self.configured_blocks
            if most >= rate.blocks:
                raise ValueError(
                    f"configured_blocks = {self.configured_blocks}: {devices} devices take {most} of {rate.blocks} "
                    "blocks of a slot, and leave none; a longer configured_period_s, or fewer"
                )

    def opener(self, uniforms: Uniforms) -> Opener:
        return partial(ScheduledTransmitter, self, uniforms)


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Q]):
    """A packet, and how far it is."""

    packet: Q
    unsent_bits: int
    began_s: float = nan
    on_air: int = 0
    """Blocks with bits of it that are neither decoded nor given up."""
    failed: bool = False


@dataclass(slots=True, eq=False)
class _Device(Generic[Q]):
    """A device, and what its base station knows of it."""

    number: int
    here: deque[_Waiting[Q]] = field(default_factory=deque)
    """Packets that have not left, in order."""
    unsent: deque[_Waiting[Q]] = field(default_factory=deque)
    """Packets with bits that were not sent yet."""
    unsent_bits: int = 0
    known_bits: int = 0
    """Bits of these that the base station knows of and has not granted; a grant may be for more than there is."""
    granted_bits: int = 0
    """Bits granted in all."""
    news: deque[tuple[int, int]] = field(default_factory=deque)
    """News for the base station: bits, and what had been granted when they were true."""
    has_turn: bool = False
    """True if it waits for a slot of its own."""
    mean_bits: float = 0.0
    """Mean number of bits that it has had in a slot lately."""
    mean_slot: int = 0
    """Up to which slot."""

    @property
    def expects(self) -> bool:
        """True if it will be granted something, with which it can report."""
        return self.known_bits > 0 or any(bits > self.granted_bits - granted for bits, granted in self.news)


@dataclass(slots=True, eq=False)
class _Block(Generic[Q]):
    """Transmission of one device in one slot, and its blocks."""

    device: _Device[Q]
    blocks: int
    carries: list[_Waiting[Q]]
    attempt: int = 0


@dataclass(slots=True, eq=False)
class _News(Generic[Q]):
    """The base station learns the oldest of a device's news."""

    device: _Device[Q]


@dataclass(slots=True, eq=False)
class _Turn(Generic[Q]):
    """A device's own slot."""

    device: _Device[Q]


class ScheduledTransmitter(Transmitter[Q]):
    """Works out a slot when it begins, what is due in it and who else gets blocks, and when it ends what is decoded."""

    def __init__(self, sharing: Scheduled, uniforms: Uniforms, curve: Curve, now_s: float) -> None:
        super().__init__(curve, now_s)
        assert isinstance(curve, BlockBits), "I5: slots are given out that no rate has"
        self._sharing = sharing
        self._slots = curve
        self._uniforms = uniforms
        self._next = curve.slot_from(now_s)
        """The first slot that is not worked out."""
        self._present = 0
        self._devices: dict[int, _Device[Q]] = {}
        self._granted: dict[_Device[Q], None] = {}
        """Devices with bits that are known of, in the order of their turns."""
        self._due: list[tuple[int, float, int, int, _News[Q] | _Turn[Q] | _Block[Q]]] = []
        """What happens in a slot to come, a heap; of one slot in the order in which it was sent, and of devices."""
        self._order = count()
        self._on_air: list[_Block[Q]] = []
        self._begun: deque[_Waiting[Q]] = deque()
        self._left: deque[_Waiting[Q]] = deque()
        period_s = sharing.configured_period_s or sharing.request_period_s
        self._every = curve.slots_in(period_s)
        self._phase = int(uniforms.uniform(_PHASE) * self._every)
        self._reserved: Counter[int] = Counter()
        """Blocks of slots that are devices' own, by the slot's number modulo `_every`."""

    @property
    def present(self) -> int:
        return self._present

    @property
    def waiting(self) -> int:
        return max(0, self._present - 1)

    def join(self, packet: Q, now_s: float) -> None:
        number = packet.index[0]
        device = self._devices.get(number)
        if device is None:
            device = self._devices[number] = _Device(number, mean_slot=self._next)
            if self._sharing.configured_period_s is not None:
                self._reserved[self._phase_of(device)] += self._sharing.configured_blocks
        waiting = _Waiting(packet, max(1, packet.bits))
        device.here.append(waiting)
        device.unsent.append(waiting)
        device.unsent_bits += waiting.unsent_bits
        self._present += 1
        self._ask(device, now_s)
        self._plan(now_s)

    def start(self, now_s: float) -> Q | None:
        if not self._begun:
            return None
        self.begin_s = now_s
        return self._begun.popleft().packet

    def leave(self, now_s: float) -> Q | None:
        if not self._left:
            self._on(now_s)
        self.version += 1
        left = self._left.popleft() if self._left else None
        self._plan(now_s)
        if left is None:
            return None
        self._present -= 1
        self.began_s, self.failed = left.began_s, left.failed
        return left.packet

    def discard(self, unwanted: Collection[Q]) -> list[Q]:
        gone: list[Q] = []
        for number in {packet.index[0] for packet in unwanted} & self._devices.keys():
            device = self._devices[number]
            for waiting in [each for each in device.unsent if each.packet in unwanted and isnan(each.began_s)]:
                device.unsent.remove(waiting)
                device.here.remove(waiting)
                device.unsent_bits -= waiting.unsent_bits
                gone.append(waiting.packet)
        self._present -= len(gone)
        return gone

    def _ask(self, device: _Device[Q], now_s: float) -> None:
        """A device has more to send."""
        sharing, slots = self._sharing, self._slots
        if sharing.configured_period_s is not None:
            self._await_turn(device, now_s)
        elif not sharing.request_period_s:
            self._tell(device, now_s, device.unsent_bits)
        elif not device.expects:
            self._tell(device, slots.end_s(self._own_slot(device, slots.slot_from(now_s))), sharing.blind_bits)

    def _await_turn(self, device: _Device[Q], now_s: float) -> None:
        if not device.has_turn:
            device.has_turn = True
            self._put(self._own_slot(device, max(self._next, self._slots.slot_from(now_s))), now_s, _Turn(device))

    def _own_slot(self, device: _Device[Q], first: int) -> int:
        """The next slot, from this one on, in which a device may ask, or send without."""
        return first + (self._phase_of(device) - first) % self._every

    def _phase_of(self, device: _Device[Q]) -> int:
        return (self._phase + device.number) % self._every

    def _tell(self, device: _Device[Q], at_s: float, bits: int) -> None:
        """The base station is told then of so many bits, true as of now."""
        device.news.append((bits, device.granted_bits))
        self._put(self._slots.slot_from(at_s + self._sharing.grant_s), at_s, _News(device))

    def _put(self, slot: int, since_s: float, due: _News[Q] | _Turn[Q] | _Block[Q]) -> None:
        heappush(self._due, (max(slot, self._next), since_s, due.device.number, next(self._order), due))

    def _on(self, now_s: float) -> None:
        """Ends the slot that ends now, and works out the one that begins."""
        if self._on_air:
            self._end_slot(now_s)
        slot = self._next_slot()
        if slot is not None and self._slots.begin_s(slot) <= now_s + ROUNDING_S:
            self._next = slot + 1
            self._give_out(slot, now_s)

    def _next_slot(self) -> int | None:
        """The next slot in which anybody has anything; None: nobody has."""
        if self._granted:
            return self._next
        return max(self._next, self._due[0][0]) if self._due else None

    def _plan(self, now_s: float) -> None:
        due_s = now_s if self._left else self._slots.end_s(self._next - 1) if self._on_air else inf
        if due_s == inf and (slot := self._next_slot()) is not None:
            due_s = self._slots.begin_s(slot)
        if due_s != self.due_s:
            self.due_s = due_s
            self.version += 1

    def _give_out(self, slot: int, now_s: float) -> None:
        own = self._reserved[slot % self._every]
        free = most = self._slots.blocks - own
        while self._due and self._due[0][0] <= slot:
            _, since_s, number, order, due = heappop(self._due)
            if isinstance(due, _News):
                self._learn(due.device, now_s)
            elif isinstance(due, _Turn):
                due.device.has_turn = False
                blocks = min(self._sharing.configured_blocks, self._slots.most_blocks(due.device.number))
                self._send(due.device, blocks, slot, now_s)
                if due.device.unsent:
                    self._await_turn(due.device, now_s)
            elif due.blocks <= free or free == most:
                self._on_air.append(due)
                free -= due.blocks
            else:
                heappush(self._due, (slot + 1, since_s, number, order, due))
        for device in self._in_order(slot):
            if free <= 0:
                break
            bits = self._slots.block_bits(device.number, slot)
            blocks = min(free, self._slots.most_blocks(device.number), ceil(device.known_bits / bits))
            free -= blocks
            granted_bits = self._send(device, blocks, slot, now_s)
            device.known_bits = max(0, device.known_bits - granted_bits)
            del self._granted[device]
            if device.known_bits:
                self._granted[device] = None

    def _in_order(self, slot: int) -> list[_Device[Q]]:
        """Returns the devices with bits that are known of, in the order in which they are served."""
        here = [*self._granted]
        if self._sharing.order == "round_robin" or len(here) < 2:
            return here
        ratios = [(self._slots.block_bits(each.number, slot) / self._lately(each, slot), each) for each in here]
        return [device for _, device in sorted(ratios, key=lambda each: -each[0])]

    def _lately(self, device: _Device[Q], slot: int) -> float:
        """Returns the bits that a device has had in a slot, averaged up to this one."""
        kept = 1 - 1 / self._sharing.memory_slots
        device.mean_bits *= kept ** (slot - device.mean_slot)
        device.mean_slot = slot
        return max(device.mean_bits, 1e-9)

    def _learn(self, device: _Device[Q], now_s: float) -> None:
        bits, granted_bits = device.news.popleft()
        device.known_bits = max(0, bits - (device.granted_bits - granted_bits))
        if device.known_bits:
            self._granted.setdefault(device)
        else:
            self._granted.pop(device, None)
            if device.unsent:  # what came while a blind grant was larger than what it was for
                self._ask(device, now_s)

    def _send(self, device: _Device[Q], blocks: int, slot: int, now_s: float) -> int:
        """A device fills these blocks with what it has, and reports the rest. Answers what they hold, bits."""
        granted_bits = room = max(1, int(blocks * self._slots.block_bits(device.number, slot) + 1e-6))
        device.granted_bits += granted_bits
        sent: list[_Waiting[Q]] = []
        while room and device.unsent:
            waiting = device.unsent[0]
            if isnan(waiting.began_s):
                waiting.began_s = now_s
                self._begun.append(waiting)
            bits = min(room, waiting.unsent_bits)
            waiting.unsent_bits -= bits
            waiting.on_air += 1
            device.unsent_bits -= bits
            room -= bits
            sent.append(waiting)
            if not waiting.unsent_bits:
                device.unsent.popleft()
        if sent:
            self._on_air.append(_Block(device, blocks, sent))
        if self._sharing.order == "proportional_fair":
            device.mean_bits = self._lately(device, slot) + (granted_bits - room) / self._sharing.memory_slots
        if device.unsent_bits and (self._sharing.request_period_s or self._sharing.configured_period_s):
            self._tell(device, self._slots.end_s(slot), device.unsent_bits)
        return granted_bits

    def _end_slot(self, now_s: float) -> None:
        """Blocks are decoded, or will be sent again, or are given up; packets that are through leave."""
        sharing, slot, ended = self._sharing, self._next - 1, self._on_air
        self._on_air = []
        for block in ended:
            device, attempt = block.device, block.attempt
            fails = self._uniforms.uniform(_DECODED, device.number, slot, attempt) < sharing.error_rate
            block.attempt += 1
            if fails and block.attempt < sharing.attempts:
                self._put(self._slots.slot_from(now_s + sharing.harq_s), now_s, block)
                continue
            for waiting in block.carries:
                waiting.on_air -= 1
                waiting.failed |= fails
            while device.here and not device.here[0].unsent_bits and not device.here[0].on_air:
                self._left.append(device.here.popleft())
