"""Devices that contend for the air without a base station that says whose turn it is: CSMA and ALOHA.

CSMA is the distributed coordination function of IEEE 802.11, basic access, in the slots of Bianchi's chain (JSAC 18(3),
2000, section IV): a back-off is drawn evenly from a window that doubles with each collision; it counts down by one in
each idle slot, and by one over a busy period with the gap behind it; who reaches 0 sends, and those who do so in one
slot collide. Frames that overlap under ALOHA (Abramson 1970; LoRaWAN's class A) are lost but one that is stronger than
all others together by a ratio, the capture. Both ways do not contend with each other: the answers of an access
point or a gateway are as if on a channel of their own. No hidden stations, no errors of the noise but those of `loss`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from math import ceil, inf, log1p, sqrt
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from channels.link.rates import ROUNDING_S, Curve, Position, WrappedCurve
from channels.link.sharing import FifoTransmitter, Opener, Q, Sharing, Transmitter
from channels.uniforms import Uniforms

_BACK_OFF, _WHERE, _SHADOW, _FADE, _CHANNEL = range(5)


class Csma(Sharing):
    """Slotted CSMA with exponential back-off, as Wi-Fi's stations: those that reach 0 in the same slot collide."""

    kind: Literal["csma"] = "csma"
    by_time: ClassVar[bool] = True
    alone: ClassVar[bool] = False
    slot_s: float = Field(9e-6, gt=0, le=1, description="Slot of the back-off, seconds (OFDM at 5 GHz: 9e-6).")
    gap_s: float = Field(34e-6, ge=0, le=1, description="Idle time before the back-off runs, seconds (DIFS: 34e-6).")
    window_min: int = Field(16, ge=1, le=1 << 15, description="First window: back-offs of 0 to one less (CWmin + 1).")
    window_max: int = Field(1024, ge=1, le=1 << 15, description="Widest window (CWmax + 1).")
    attempts: int = Field(7, ge=1, le=255, description="Attempts at a frame; after the last collision it is lost.")

    @model_validator(mode="after")
    def _windows_grow(self) -> Self:
        if self.window_max < self.window_min:
            raise ValueError(f"window_max = {self.window_max}: must be at least window_min, {self.window_min}")
        return self

    @property
    def keeps_step(self) -> bool:
        return self.window_max == 1 or (self.window_min == 1 and self.attempts == 1)

    def opener(self, uniforms: Uniforms) -> Opener:
        return partial(CsmaTransmitter, self, uniforms.under(_BACK_OFF))


@dataclass(slots=True)
class _Contender:
    """The first packet of a device."""

    slot: int
    """In which it is sent, counted from `_idle_from_s`, or from the end of the frame on the air."""
    collisions: int = 0
    began_s: float = -1.0


class CsmaTransmitter(Transmitter[Q]):
    """All stations of one medium. A slot is looked at only when somebody sends in it."""

    def __init__(self, sharing: Csma, uniforms: Uniforms, curve: Curve, now_s: float) -> None:
        super().__init__(curve, now_s)
        self._sharing = sharing
        self._uniforms = uniforms
        self._queues: dict[int, deque[Q]] = {}
        self._contenders: dict[int, _Contender] = {}
        self._draws: dict[int, int] = {}
        self._idle_from_s = now_s
        """When slot 0 begins."""
        self._sending: list[int] = []
        self._end_s = inf
        self._begun: deque[tuple[Q, float]] = deque()
        self._left: deque[tuple[Q, float, bool]] = deque()

    @property
    def present(self) -> int:
        return sum(map(len, self._queues.values())) + len(self._left)

    @property
    def waiting(self) -> int:
        return max(0, self.present - 1)

    def join(self, packet: Q, now_s: float) -> None:
        queue = self._queues.setdefault(packet.index[0], deque())
        queue.append(packet)
        if len(queue) == 1:
            self._contend(packet.index[0], now_s)
            self._plan(now_s)

    def start(self, now_s: float) -> Q | None:
        if not self._begun:
            return None
        packet, self.begin_s = self._begun.popleft()
        return packet

    def leave(self, now_s: float) -> Q | None:
        if not self._left:
            if self._sending:
                self._end(now_s)
            else:
                self._send(now_s)
        left = self._left.popleft() if self._left else None
        self.version += 1
        self._plan(now_s)
        if left is None:
            return None
        packet, self.began_s, self.failed = left
        return packet

    def discard(self, unwanted: Collection[Q]) -> list[Q]:
        gone: list[Q] = []
        for device in {packet.index[0] for packet in unwanted} & self._queues.keys():
            queue, contender = self._queues[device], self._contenders.get(device)
            begun = contender is not None and contender.began_s >= 0
            kept = [packet for place, packet in enumerate(queue) if (begun and not place) or packet not in unwanted]
            gone += [packet for packet in queue if packet not in kept]
            self._queues[device] = deque(kept)
            if not kept:
                self._contenders.pop(device, None)
        return gone

    def _contend(self, device: int, now_s: float, collisions: int = 0, began_s: float = -1.0) -> None:
        """Draws a back-off for the first packet of a device, which runs from the next slot on."""
        sharing, draw = self._sharing, self._draws.get(device, 0)
        self._draws[device] = draw + 1
        window = min(sharing.window_min << collisions, sharing.window_max)
        first = 0 if self._sending else max(0, ceil((now_s - self._idle_from_s) / sharing.slot_s - ROUNDING_S))
        slot = first + int(self._uniforms.uniform(device, draw) * window)
        self._contenders[device] = _Contender(slot, collisions, began_s)

    def _send(self, now_s: float) -> None:
        """The slot begins in which the next back-offs end, unless the packet that it was for has been withdrawn."""
        slot = min((each.slot for each in self._contenders.values()), default=None)
        if slot is None or self._begin_s(slot) > now_s + ROUNDING_S:
            return
        self._curve.forget(now_s)
        self._end_s = now_s
        for device, contender in self._contenders.items():
            if contender.slot > slot:
                contender.slot -= slot + 1
                continue
            packet = self._queues[device][0]
            self._sending.append(device)
            if contender.began_s < 0:
                contender.began_s = now_s
                self._begun.append((packet, now_s))
            ends = self._curve.finish(self._curve.idle(self._position, now_s, packet.index), packet.bits)
            self._end_s = max(self._end_s, ends.time_s)

    def _begin_s(self, slot: float) -> float:
        """When a slot of the idle time begins."""
        return self._idle_from_s + slot * self._sharing.slot_s

    def _end(self, now_s: float) -> None:
        """The medium is idle again: one frame has got through, or those that collided are sent again or given up."""
        sent, self._sending = self._sending, []
        self._idle_from_s = now_s + self._sharing.gap_s
        for device in sent:
            contender = self._contenders.pop(device)
            collisions = contender.collisions + (len(sent) > 1)
            if len(sent) > 1 and collisions < self._sharing.attempts:
                self._contend(device, now_s, collisions, contender.began_s)
                continue
            queue = self._queues[device]
            self._left.append((queue.popleft(), contender.began_s, len(sent) > 1))
            if queue:
                self._contend(device, now_s)

    def _plan(self, now_s: float) -> None:
        if self._left:
            due_s = now_s
        elif self._sending:
            due_s = self._end_s
        else:
            due_s = self._begin_s(min((each.slot for each in self._contenders.values()), default=inf))
        if due_s != self.due_s:
            self.due_s = due_s
            self.version += 1


class Aloha(Sharing):
    """Each device sends when it has something: frames that overlap on a channel are lost, but one that captures."""

    kind: Literal["aloha"] = "aloha"
    first_come: ClassVar[bool] = True
    transmitter_per_device: ClassVar[bool] = True
    channels: int = Field(1, ge=1, le=10_000, description="Channels, of which each frame takes one at random.")
    capture_db: float | None = Field(
        6.0,
        ge=0,
        le=60,
        description="A frame is received that is so much stronger than all that overlap it together, dB (LoRa: 6); "
        "null: none is.",
    )
    reach: float = Field(
        1.0,
        ge=1,
        le=1e4,
        description="The farthest device is so many times as far as the nearest; they are spread evenly over the "
        "ground. 1: all are as far, and as loud.",
    )
    exponent: float = Field(3.0, ge=1, le=8, description="Received power falls by this power of the distance.")
    shadow_db: float = Field(0.0, ge=0, le=20, description="Standard deviation of each device's log-normal shadow, dB.")
    fading: bool = Field(True, description="Whether each frame has a Rayleigh fade of its own.")
    slot_s: float | None = Field(
        None, gt=0, le=1e4, description="Frames begin at multiples of it, seconds: slotted ALOHA; null: at any time."
    )

    @property
    def keeps_step(self) -> bool:
        return self.channels == 1 and (self.capture_db is None or not self.fading)

    def opener(self, uniforms: Uniforms) -> Opener:
        return partial(_AlohaTransmitter, _Air(self, uniforms))


@dataclass(slots=True, eq=False)
class _Frame:
    begin_s: float
    end_s: float
    channel: int
    power: float
    """As received, of an arbitrary unit."""
    against: float = 0.0
    """That of all frames that overlap it."""


class _Air:
    """The frames on the air of all devices of one link."""

    def __init__(self, sharing: Aloha, uniforms: Uniforms) -> None:
        self.slot_s = sharing.slot_s
        self._sharing = sharing
        self._uniforms = uniforms
        self._frames: dict[_Frame, None] = {}
        self._devices: dict[int, float] = {}
        self._sent: dict[int, int] = {}

    def take(self, device: int, begin_s: float, end_s: float) -> _Frame:
        """A device's next frame is on the air between these times; its begin is now or later."""
        uniform, number = self._uniforms.uniform, self._sent.get(device, 0)
        self._sent[device] = number + 1
        fade = -log1p(-uniform(_FADE, device, number)) if self._sharing.fading else 1.0
        channel = int(uniform(_CHANNEL, device, number) * self._sharing.channels)
        frame = _Frame(begin_s, end_s, channel, self._power(device) * fade)
        for other in self._frames:
            if other.channel == channel and other.begin_s < end_s and begin_s < other.end_s:
                other.against += frame.power
                frame.against += other.power
        self._frames[frame] = None
        return frame

    def is_lost(self, frame: _Frame) -> bool:
        """Whether a frame that ends now cannot be read."""
        del self._frames[frame]
        capture_db = self._sharing.capture_db
        ratio = inf if capture_db is None else 10 ** (capture_db / 10)
        return frame.against > 0 and frame.power < ratio * frame.against

    def _power(self, device: int) -> float:
        if device not in self._devices:
            sharing = self._sharing
            distance = sqrt(1 + self._uniforms.uniform(_WHERE, device) * (sharing.reach**2 - 1))
            shadow_db = sharing.shadow_db * self._uniforms.normal(_SHADOW, device) if sharing.shadow_db else 0.0
            self._devices[device] = distance**-sharing.exponent * 10 ** (shadow_db / 10)
        return self._devices[device]


class _AlohaTransmitter(FifoTransmitter[Q]):
    """One device's, and the air it shares with others."""

    def __init__(self, air: _Air, curve: Curve, now_s: float) -> None:
        super().__init__(curve if air.slot_s is None else _InSlots(curve, air.slot_s), now_s)
        self._air = air
        self._frame: _Frame | None = None

    def start(self, now_s: float) -> Q | None:
        packet = super().start(now_s)
        if packet is not None:
            self._frame = self._air.take(packet.index[0], self.begin_s, self.due_s)
        return packet

    def leave(self, now_s: float) -> Q:
        assert self._frame is not None, "I5: a frame ends that nobody sent"
        self.failed = self._air.is_lost(self._frame)
        return super().leave(now_s)


class _InSlots(WrappedCurve):
    """Another curve, on which each packet begins with a slot."""

    def __init__(self, curve: Curve, slot_s: float) -> None:
        super().__init__(curve)
        self._slot_s = slot_s

    def ready_s(self, position: Position, bits: float) -> float:
        ready_s = super().ready_s(position, bits)
        return ready_s if ready_s == inf else ceil(ready_s / self._slot_s - ROUNDING_S) * self._slot_s

    def finish(self, position: Position, bits: float) -> Position:
        begin_s = self.ready_s(position, bits)
        if self.over(begin_s):
            return Position(inf, 0.0, position.message)
        return super().finish(super().idle(position, begin_s, position.message), bits)
