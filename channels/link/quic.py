"""QUIC (RFC 9000, 9002): a window that follows what the network loses, by CUBIC.

Beside the project's own ARQ, whose timers run from the last bit that left, it knows no more than a real sender does: an
attempt counts as sent when it joins the queue, so that round trips have the queue in them. One connection serves one
device on one link, across all its messages.

* Loss (RFC 9002, 6.1): a packet is lost once one that was sent three later is acknowledged, or one sent later while it
  is older than 9/8 of a round trip. What is lost goes again before what was never sent.
* Silence: where nothing was sent or acknowledged for a timeout a probe goes out, and the second in a row shrinks the
  window to two packets (RFC 9002, 6.2 and 7.6.2, simplified: whatever was lost meanwhile).

Left out: the opening of a connection, pacing, flow control, ECN, delayed acknowledgements, spurious losses undone. An
attempt that still waits in the link's own queue is not sent again, as Linux refuses to while a packet is in the host's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Final, Literal

from pydantic import Field

from channels.link.arq import Arq, P, Sender
from channels.link.cubic import CubicWindow
from channels.link.rates import ROUNDING_S
from channels.link.retransmission_timeout import JacobsonTimer, Timer

REORDERED: Final = 3
"""kPacketThreshold of RFC 9002, 6.1.1."""
TIME_THRESHOLD: Final = 9 / 8
"""kTimeThreshold of RFC 9002, 6.1.2."""
GRANULARITY_S: Final = 0.001
"""kGranularity of RFC 9002, 6.1.2."""


class Quic(Arq):
    """QUIC (RFC 9000, 9002) with CUBIC (RFC 9438): each message, and each part of one, is a stream of its own, and
    waits for no other."""

    kind: Literal["quic"] = "quic"
    follows_network: ClassVar[bool] = True

    timeout_s: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="First timeout, from when an attempt joins the queue, before a round trip is known, seconds (RFC "
        "9002: 0.999).",
    )
    timer: Timer = Field(
        JacobsonTimer(min_s=0.0, granularity_s=GRANULARITY_S),
        description="How the probe timeout follows the round trips seen (RFC 9002, 6.2.1).",
    )
    backoff: float = Field(2.0, ge=1, le=16, description="Factor on the timeout after each in a row.")
    timer_jitter: float = Field(0.0, ge=0, le=0, description="None: these timers are not drawn out.")
    max_attempts: None = Field(None, description="None: no packet pauses.")
    initial_window: int = Field(10, ge=1, le=1000, description="Packets that may be under way at first (RFC 9002: 10).")
    max_ack_delay_s: float = Field(
        0.025,
        ge=0,
        le=16.384,
        description="What the far end may wait before it acknowledges, seconds, added to each probe timeout (RFC 9000, "
        "18.2: 0.025). Here it never waits.",
    )

    @property
    def window_packets(self) -> int:
        return self.initial_window

    def sender(self, window: int | None = None) -> Sender[P]:
        return QuicSender(self)


@dataclass(slots=True)
class Attempt:
    """A packet under way."""

    number: int
    """Number in the order of sending."""
    attempt: int
    """Number among the attempts of its packet."""
    earlier: tuple[Attempt, ...] = ()
    """Attempts of its packet that probes followed, and that may still be acknowledged."""
    joined_s: float = inf
    """Time at which it joined the queue."""
    has_left: bool = False
    """True if it has left the queue."""


class QuicSender(Sender[P]):
    """Connection: the packets under way, the lost ones, and those that wait."""

    __slots__ = (
        "_backoff", "_congestion", "_expiries", "_joined_s", "_late_s", "_longest_s", "_loss_s", "_lost", "_newest",
        "_next", "_recovered", "_round_trip_s", "_sent", "_stirred_s",
    )  # fmt: skip

    def __init__(self, arq: Quic) -> None:
        super().__init__(arq, arq.initial_window)
        self._late_s, self._backoff, self._longest_s = arq.max_ack_delay_s, arq.backoff, arq.timeout_max_s
        self._congestion = CubicWindow(float(arq.initial_window))
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

    @property
    def window(self) -> float:
        """The congestion window, packets."""
        return self._congestion.packets

    @property
    def timeout_s(self) -> float:
        once_s = self.timer.timeout_s + self._late_s
        return max(once_s, min(self._longest_s, once_s * self._backoff ** min(self._expiries, 64)))

    @property
    def alarm_s(self) -> float:
        return min(self._loss_s, self._stirred_s + self.timeout_s) if self._sent else inf

    def offer(self, packet: P) -> bool:
        if self.held or self._is_full:
            self.held.append(packet)
            return False
        self._number(packet)
        return True

    def on_join(self, packet: P, now_s: float) -> None:
        if len(self._sent) == 1 and not packet.attempt and now_s - self._joined_s > self.timeout_s:
            self._congestion.on_restart()
        self._sent[packet].joined_s = self._joined_s = self._stirred_s = now_s

    def on_send(self, packet: P, now_s: float) -> float:
        packet.sent_s = self.left_s = now_s
        return self.on_drop(packet)

    def on_drop(self, packet: P) -> float:
        if (seen := self._sent.get(packet)) is not None:
            seen.has_left = True
        return inf

    def on_ack(self, packet: P, now_s: float, attempt: int | None = None) -> Sequence[P]:
        if packet.acked:
            return ()
        packet.acked = True
        was_full, rested_s = self._is_full or bool(self._lost or self.held), now_s - self._stirred_s
        self._stirred_s, self._expiries = now_s, 0
        if (latest := self._sent.pop(packet, None)) is not None:
            came = packet.attempt if attempt is None else attempt
            seen = next((each for each in (latest, *latest.earlier) if each.attempt == came), None)
            if seen is not None and seen.number > self._newest:  # RFC 9002, 5.1
                self._newest = seen.number
                self._sample(now_s - seen.joined_s)
            if seen is None:
                pass  # it was taken for lost
            elif not was_full:
                self._congestion.on_rest(rested_s)
            elif seen.number >= self._recovered:
                self._congestion.on_ack(now_s, self._round_trip_s[1])
            self._lose_old(now_s)
        return self._go_on()

    def on_alarm(self, now_s: float) -> Sequence[P]:
        if now_s < self.alarm_s - ROUNDING_S:
            return ()
        now_s = max(now_s, self.alarm_s)
        if self._loss_s <= now_s:
            self._lose_old(now_s)
            return self._go_on()
        self._stirred_s = now_s
        probe = next((packet for packet, attempt in self._sent.items() if attempt.has_left), None)
        if probe is None:
            return self._go_on()
        self._expiries += 1
        if self._expiries == 2:
            self._congestion.on_silence()
            self._recovered = self._next
        last = self._sent.pop(probe)
        probe.attempt += 1
        self._number(probe, (last, *last.earlier))
        return [probe, *self._go_on()]

    def forget(self, packets: Collection[P]) -> Sequence[P]:
        for packet in packets:
            packet.acked = True
            self._sent.pop(packet, None)
        return self._go_on()

    @property
    def _is_full(self) -> bool:
        return len(self._sent) >= max(1, int(self._congestion.packets + 1e-9))

    def _number(self, packet: P, earlier: tuple[Attempt, ...] = ()) -> None:
        """Numbers a packet that goes now: the link has it join its queue at this very instant."""
        self._sent[packet] = Attempt(self._next, packet.attempt, earlier)
        self._next += 1

    def _sample(self, round_trip_s: float) -> None:
        self.timer.on_sample(round_trip_s)
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
        for packet in lost:
            del self._sent[packet]
            packet.attempt += 1
        self._lost += lost

    def _go_on(self) -> Sequence[P]:
        """Returns the packets for which the window has room."""
        going = []
        while (waiting := self._lost or self.held) and not self._is_full:
            packet = waiting.pop(0)
            if packet.acked:
                continue
            self._number(packet)
            going.append(packet)
        return going
