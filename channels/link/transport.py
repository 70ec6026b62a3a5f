"""Transports with congestion control: a window that follows what the network loses, as QUIC and TCP keep one.

Beside the project's own ARQ, whose timers run from the last bit that left, these know no more than a real sender does:
an attempt counts as sent when it joins the queue, so that round trips have the queue in them. One connection serves one
device on one link, across all its messages; its window is the business of `congestion`.

* Loss (RFC 9002, 6.1; RFC 8985 for TCP): a packet is lost once one that was sent three later is acknowledged, or one
  sent later while it is older than 9/8 of a round trip. What is lost goes again before what was never sent.
* Silence: where nothing was sent or acknowledged for a timeout, QUIC sends a probe, and the second in a row shrinks the
  window to two packets (RFC 9002, 6.2 and 7.6.2, simplified: whatever was lost meanwhile); TCP takes all that has left
  for lost and begins again at one (RFC 5681, 3.1; RFC 6298, 5).
* Pacing: where a window says how long to wait between packets, they go when the alarm is due, one after another.

Left out: ECN, delayed acknowledgements, spurious losses undone. An attempt that still waits in the link's own queue is
not sent again, as Linux refuses to while a packet is in the host's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from channels.link.arq import UNSEEDED, Arq, Opening, P, Sender
from channels.link.congestion import LEAST, Congestion, Cubic, Delivery
from channels.link.rates import ROUNDING_S
from channels.link.retransmission_timeout import JacobsonTimer, Timer
from channels.uniforms import Uniforms
from kinds import Part

REORDERED: Final = 3
"""kPacketThreshold of RFC 9002, 6.1.1."""
TIME_THRESHOLD: Final = 9 / 8
"""kTimeThreshold of RFC 9002, 6.1.2."""
GRANULARITY_S: Final = 0.001
"""kGranularity of RFC 9002, 6.1.2."""


class CongestionControlled(Arq):
    """A window that congestion control sets, and one timer for all that is under way."""

    follows_network: ClassVar[bool] = True
    probes: ClassVar[bool] = False
    """Whether silence is first answered by a probe, and the window kept."""

    timeout_s: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="First timeout, from when an attempt joins the queue, before a round trip is known, seconds (RFC "
        "6298: 1; RFC 9002: 0.999).",
    )
    backoff: float = Field(2.0, ge=1, le=16, description="Factor on the timeout after each in a row.")
    timer_jitter: float = Field(0.0, ge=0, le=0, description="None: these timers are not drawn out.")
    max_attempts: None = Field(None, description="None: a transport does not pause a packet.")
    congestion: Congestion = Field(Cubic(), description="How the window follows acknowledgements and losses.")
    initial_window: int = Field(
        10, ge=1, le=1000, description="Packets that may be under way at first (RFC 6928, RFC 9002: 10)."
    )
    opening_rtts: int = Field(
        0,
        ge=0,
        le=4,
        description="Round trips before the first message: QUIC 1; TCP with TLS 1.3, 2; 0: the connection is there, or "
        "is resumed with early data. A matter of the uplink.",
    )
    opening_bits: int = Field(
        9_600,
        ge=0,
        le=1_000_000,
        multiple_of=8,
        description="What each of them carries up, beside a header, bits; a QUIC client fills 1,200 bytes (RFC 9000, "
        "14.1). Down it takes the mean delay of an acknowledgement.",
    )
    opening_each: Literal["device", "request"] = Field(
        "device", description="Whether a device opens once, or for each request."
    )

    @property
    def window_packets(self) -> int:
        return self.initial_window

    @property
    def late_s(self) -> float:
        """What an acknowledgement may be late, beyond what the timer has learned, seconds."""
        return 0.0

    @property
    def opening(self) -> Opening | None:
        each_request = self.opening_each == "request"
        return Opening(self.opening_rtts, self.opening_bits, each_request) if self.opening_rtts else None

    def sender(self, window: int | None = None, uniforms: Uniforms = UNSEEDED) -> Sender[P]:
        return TransportSender(self, uniforms)


class Quic(CongestionControlled):
    """QUIC (RFC 9000, 9002): each message, and each part of one, is a stream of its own, and waits for no other."""

    kind: Literal["quic"] = "quic"
    probes: ClassVar[bool] = True
    timer: Timer = Field(
        JacobsonTimer(min_s=0.0, granularity_s=GRANULARITY_S),
        description="How the probe timeout follows the round trips seen (RFC 9002, 6.2.1).",
    )
    max_ack_delay_s: float = Field(
        0.025,
        ge=0,
        le=16.384,
        description="What the far end may wait before it acknowledges, seconds, added to each probe timeout (RFC 9000, "
        "18.2: 0.025). Here it never waits.",
    )

    @property
    def late_s(self) -> float:
        return self.max_ack_delay_s


class Tcp(CongestionControlled):
    """TCP (RFC 9293, 5681, 6298): one stream of bytes, in which a message is handed over when all before it is in. No
    part of a partial round is given up."""

    kind: Literal["tcp"] = "tcp"
    in_order: ClassVar[bool] = True
    timer: Timer = Field(
        JacobsonTimer(), description="How the retransmission timeout follows the round trips seen (Linux: 0.2 s least)."
    )


class Bulk(Part):
    """Uploads in the background that never end: each flow, a transport's, keeps its window full, and shares the queue
    of the devices and its buffer. Its packets are in the station's counts, and in no bits, energy or trace."""

    arq: Arq = Field(Tcp(), description="Its transport, `tcp` or `quic`; a message is nothing to it.")
    flows: int = Field(1, ge=1, le=64, description="How many, on each transmitter of the link.")
    packet_bits: int = Field(
        12_000, gt=0, le=1_000_000, description="Each of its packets, header included, bits (1,500 bytes)."
    )

    @model_validator(mode="after")
    def _follows_network(self) -> Self:
        if not self.arq.follows_network:
            raise ValueError(f"arq = {self.arq.kind}: must be a transport, tcp or quic, whose window has an end")
        return self


@dataclass(slots=True)
class Attempt:
    """A packet under way."""

    number: int
    """In the order of sending."""
    joined_s: float = inf
    """When it joined the queue."""
    has_left: bool = False
    """Whether it has left it."""
    mark: object = None


class TransportSender(Sender[P]):
    """One connection: what is under way, what was lost, and what waits."""

    __slots__ = (
        "_backoff", "_congestion", "_expiries", "_found_idle", "_free_s", "_initial", "_joined_s", "_late_s",
        "_longest_s", "_loss_s", "_lost", "_newest", "_next", "_probes", "_recovered", "_round_trip_s", "_sent",
        "_stirred_s",
    )  # fmt: skip

    def __init__(self, arq: CongestionControlled, uniforms: Uniforms) -> None:
        super().__init__(arq, arq.initial_window)
        self._probes, self._initial = arq.probes, arq.initial_window
        self._late_s, self._backoff, self._longest_s = arq.late_s, arq.backoff, arq.timeout_max_s
        self._congestion = arq.congestion.window(float(arq.initial_window), uniforms)
        self._sent: dict[P, Attempt] = {}
        """In the order of sending."""
        self._lost: list[P] = []
        self._next = 0
        self._newest = -1
        """The largest number that is acknowledged."""
        self._recovered = 0
        """A packet of this number or more was sent after the window last shrank."""
        self._expiries = 0
        self._joined_s = self._stirred_s = -inf
        """When the latest attempt joined; when that was, or the latest acknowledgement came."""
        self._loss_s = inf
        """When the next one is old enough to be lost."""
        self._round_trip_s = (0.0, 0.0)
        """The latest, and smoothed (RFC 9002, 5.3)."""
        self._free_s = -inf
        """From when on pacing lets a packet go."""
        self._found_idle = False
        """Whether the first that waits came while the window had room."""

    @property
    def window(self) -> float:
        """The congestion window, packets."""
        return self._congestion.packets

    @property
    def timeout_s(self) -> float:
        late_s, factor = self._late_s, self._backoff ** min(self._expiries, 64)
        return self._timer.timeout_s + max(late_s, min(self._longest_s - self._timer.timeout_s, late_s * factor))

    @property
    def alarm_s(self) -> float:
        due_s = min(self._loss_s, self._stirred_s + self.timeout_s) if self._sent else inf
        paces = self._congestion.pace_s and (self._lost or self.held) and not self._is_full
        return min(due_s, self._free_s) if paces else due_s

    def offer(self, packet: P) -> bool:
        if not (self._lost or self.held):
            self._found_idle = not self._is_full
        if self.held or self._is_full or self._congestion.pace_s:
            self.held.append(packet)
            return False
        self._number(packet)
        return True

    def on_join(self, packet: P, now_s: float) -> None:
        attempt = self._sent[packet]
        if len(self._sent) == 1 and not packet.attempt and now_s - self._joined_s > self.timeout_s:
            self._congestion.on_restart(self._initial)
        attempt.joined_s, attempt.mark = now_s, self._congestion.on_send(now_s, len(self._sent) - 1)
        self._joined_s = self._stirred_s = now_s

    def on_send(self, packet: P, now_s: float) -> float:
        packet.sent_s = self.left_s = now_s
        return self.on_drop(packet)

    def on_drop(self, packet: P) -> float:
        if (seen := self._sent.get(packet)) is not None:
            seen.has_left = True
        return inf

    def on_ack(self, packet: P, now_s: float) -> Sequence[P]:
        if packet.acked:
            return ()
        packet.acked = True
        was_full, rested_s = self._is_full or bool(self._lost or self.held), now_s - self._stirred_s
        self._stirred_s, self._expiries = now_s, 0
        if not was_full and self._free_s <= now_s:
            self._congestion.on_limited(len(self._sent))
        if (seen := self._sent.pop(packet, None)) is not None:
            number, round_trip_s = seen.number, None
            if packet.attempt == 0:  # Karn
                round_trip_s = now_s - seen.joined_s
                self._sample(round_trip_s)
            self._newest = max(self._newest, number)
            recovering = number < self._recovered
            if not was_full:
                self._congestion.rests(rested_s)
            elif not recovering:
                self._congestion.on_ack(now_s, self._round_trip_s[1])
            self._lose_old(now_s)
            delivery = Delivery(
                now_s=now_s,
                sent_s=seen.joined_s,
                round_trip_s=round_trip_s,
                number=number,
                next_number=self._next,
                under_way=len(self._sent),
                recovering=recovering,
                mark=seen.mark,
            )
            self._congestion.on_delivery(delivery)
        return self._go_on(now_s)

    def on_alarm(self, now_s: float) -> Sequence[P]:
        if now_s < self.alarm_s - ROUNDING_S:
            return ()
        now_s = max(now_s, self.alarm_s)
        if self._loss_s <= now_s:
            self._lose_old(now_s)
            return self._go_on(now_s)
        if not self._sent or now_s < self._stirred_s + self.timeout_s:
            return self._go_on(now_s)
        self._stirred_s = now_s
        left = [packet for packet, attempt in self._sent.items() if attempt.has_left]
        if not left:
            return self._go_on(now_s)
        self._expiries += 1
        self._timer.on_expiry(self._expiries)
        if not self._probes:
            if self._expiries == 1:
                self._congestion.on_silence(1.0)
            self._recovered = self._next
            self._lose(left)
            return self._go_on(now_s)
        if self._expiries == 2:
            self._congestion.on_silence(LEAST)
            self._recovered = self._next
        del self._sent[left[0]]
        left[0].attempt += 1
        self._number(left[0])
        return [left[0], *self._go_on(now_s)]

    def forget(self, packets: Collection[P]) -> Sequence[P]:
        for packet in packets:
            packet.acked = True
            self._sent.pop(packet, None)
        return self._go_on()

    @property
    def _is_full(self) -> bool:
        return len(self._sent) >= max(1, int(self._congestion.packets + 1e-9))

    def _number(self, packet: P) -> None:
        """It goes now: the link has it join its queue at this very instant."""
        self._sent[packet] = Attempt(self._next)
        self._next += 1

    def _sample(self, round_trip_s: float) -> None:
        self._timer.on_sample(round_trip_s)
        smoothed_s = self._round_trip_s[1] or round_trip_s
        self._round_trip_s = round_trip_s, smoothed_s + (round_trip_s - smoothed_s) / 8

    def _lose_old(self, now_s: float) -> None:
        """Detects what is lost (RFC 9002, A.10)."""
        self._loss_s, lost = inf, []
        late_s = TIME_THRESHOLD * max(*self._round_trip_s, GRANULARITY_S)
        for packet, attempt in self._sent.items():
            if attempt.number >= self._newest:
                break
            if not attempt.has_left:
                continue
            if self._newest - attempt.number >= REORDERED or attempt.joined_s + late_s <= now_s:
                lost.append(packet)
            else:
                self._loss_s = min(self._loss_s, attempt.joined_s + late_s)
        if any(self._sent[packet].number >= self._recovered for packet in lost):
            self._congestion.on_loss()
            self._recovered = self._next
        if lost:
            self._lose(lost)

    def _lose(self, packets: Sequence[P]) -> None:
        for packet in packets:
            del self._sent[packet]
            packet.attempt += 1
        self._lost += packets
        self._congestion.on_lost(len(packets), len(self._sent))

    def _go_on(self, now_s: float = -inf) -> Sequence[P]:
        """What the window has room for, and pacing time; without a time: what needs no pacing."""
        going = []
        while (waiting := self._lost or self.held) and not self._is_full and self._free_s <= now_s + ROUNDING_S:
            packet = waiting.pop(0)
            if packet.acked:
                continue
            if pace_s := self._congestion.pace_s:
                if self._found_idle and self._free_s + ROUNDING_S < now_s:
                    self._congestion.on_limited(len(self._sent))
                self._free_s = max(self._free_s, now_s) + pace_s
            self._found_idle = False
            self._number(packet)
            going.append(packet)
        return going
