"""Automatic repeat request as a state machine without a clock.

A sender learns what happened (`offer`, `on_send`, `on_ack`, `on_timeout`) and returns what to do: send these packets,
set a timer of this length, send again, pause. Whoever owns the clock obeys. One sender serves one device on one link,
across all its messages. Timers run from the moment the last bit of an attempt has left, so that a queue in front of a
shared link never sets one off. The receiver's half is `Packet.arrived`: a packet counts once, and is acknowledged each
time.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import inf, nan
from typing import ClassVar, Final, Generic, Literal, TypeVar

from pydantic import Field

from channels.link.losses import Loss, NoLoss
from channels.link.retransmission_timeout import FixedTimer, RunningTimer, Timer
from kinds import Choice


@dataclass(slots=True, eq=False)
class Packet:
    """Fragment on its way, as its sender sees it."""

    bits: int
    """Header included."""
    attempt: int = field(default=0, init=False)
    """The attempt under way, counted from 0."""
    sent_s: float = field(default=nan, init=False)
    """Time at which the last bit of that attempt left."""
    arrived: bool = field(default=False, init=False)
    acked: bool = field(default=False, init=False)


P = TypeVar("P", bound=Packet)
LEAST_WINDOW: Final = 16
WIDEST_WINDOW: Final = 2048
"""The widest window of a sender that takes its window from its link: AM_Window_Size of 3GPP TS 38.322 at 12-bit
sequence numbers."""


class Expiry(Enum):
    """Action when a timer has run out."""

    STALE = "acknowledged, or sent again since: do nothing"
    RESEND = "send the next attempt"
    PAUSE = "that was the last attempt allowed in a row: `suspend` it, and `offer` it again after `timeout_max_s`"


class Arq(Choice, family=True):
    """Repeat of lost packets, chosen by `kind`."""

    follows_network: ClassVar[bool] = False
    """True if its window follows what the network shows (congestion control), so that nothing can be planned."""

    timeout_s: float = Field(
        0.2,
        gt=0,
        allow_inf_nan=False,
        description="Seconds from the last bit of an attempt to the next attempt if no acknowledgement came; at least "
        "one round trip (propagation out and back). What an adaptive timer starts from.",
    )
    timer: Timer = Field(FixedTimer(), description="How the timeout follows the round trips seen.")
    backoff: float = Field(
        1.0,
        ge=1,
        le=16,
        description="Factor on the timeout after each expiry, kept until a packet gets through at its first attempt "
        "(Karn); 1: none.",
    )
    timer_jitter: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Largest share by which each wait before a repeat is drawn out at random, as the timers of real "
        "senders are; 0: none.",
    )
    timeout_max_s: float = Field(
        60.0, gt=0, description="Longest timeout that back-off leads to, and the pause after max_attempts, seconds."
    )
    max_attempts: int | None = Field(
        None,
        ge=1,
        description="Attempts per packet before its sender lets others go first, and tries again only after "
        "timeout_max_s; null: no limit.",
    )
    ack_bits: int = Field(
        0,
        ge=0,
        exclude_if=lambda bits: not bits,
        description="What each acknowledgement of this link's packets takes on the reverse link, bits: it queues there "
        "as a packet, and shares its rate, losses and delay. 0: none, and it takes the mean delay of the way back.",
    )
    ack_loss: Loss = Field(
        NoLoss(), description="Which acknowledgements are lost on their way back, where they need no capacity."
    )

    @property
    @abstractmethod
    def window_packets(self) -> int | None:
        """The span, oldest unacknowledged to newest sent, that a device may have under way; None: as the link is."""

    def sender(self, window: int | None = None) -> Sender[P]:
        """A fresh sender for one device on one link, with the window that the link states, else the kind's own."""
        return Sender(self, window or self.window_packets or LEAST_WINDOW)


class StopAndWait(Arq):
    """Repeat with one packet under way per device; the next leaves when its acknowledgement is back."""

    kind: Literal["stop_and_wait"] = "stop_and_wait"

    @property
    def window_packets(self) -> int:
        return 1


class SelectiveRepeat(Arq):
    """Up to a window of packets under way per device; only those whose own timer runs out are sent again."""

    kind: Literal["selective_repeat"] = "selective_repeat"
    window: int | None = Field(
        None,
        ge=1,
        description="Packets a device may have between oldest unacknowledged and newest; null: as many bare headers as "
        f"the link carries in one round trip and the timer, {LEAST_WINDOW} to {WIDEST_WINDOW}, so that it never waits "
        "for its window.",
    )

    @property
    def window_packets(self) -> int | None:
        return self.window


class Sender(Generic[P]):
    """The packets of one device in order: a window of them under way, the others held."""

    __slots__ = ("_max_attempts", "_window", "held", "left_s", "timer", "under_way")

    def __init__(self, arq: Arq, window: int) -> None:
        self._window = window
        self._max_attempts = arq.max_attempts
        self.timer = RunningTimer(arq.timer.estimate(arq.timeout_s), arq.backoff, arq.timeout_max_s)
        # Queues as lists: most are short, and there may be very many.
        self.held: list[P] = []
        """Until the window has room."""
        self.under_way: list[P] = []
        """From the oldest that is not acknowledged to the newest, in order."""
        self.left_s = -inf
        """When the last bit of its latest attempt left."""

    @property
    def alarm_s(self) -> float:
        """Time at which to call `on_alarm`, unless it changes before; inf: never."""
        return inf

    @property
    def timeout_s(self) -> float:
        """Time for which the next attempt will wait for its acknowledgement, in seconds."""
        return self.timer.timeout_s

    def offer(self, packet: P) -> bool:
        """Takes on a packet. True: send it now. False: it is held until `on_ack` or `forget` hands it out."""
        goes = len(self.under_way) < self._window
        (self.under_way if goes else self.held).append(packet)
        return goes

    def on_join(self, packet: P, now_s: float) -> None:
        """Called when this attempt is handed to the link, whose queue it joins unless the buffer is full."""

    def on_drop(self, packet: P) -> float:
        """Called when the attempt was dropped there. Returns the time to wait before `on_timeout`, in seconds; inf: its
        alarm sees to it."""
        return self.timer.timeout_s

    def on_alarm(self, now_s: float) -> Sequence[P]:
        """The alarm is due. Returns the packets that go now, next attempts of those that are lost among them."""
        return ()

    def on_send(self, packet: P, now_s: float) -> float:
        """The last bit of this attempt has left. Returns how long to wait before `on_timeout`, seconds; inf: its alarm
        sees to it."""
        packet.sent_s = self.left_s = now_s
        return self.timer.timeout_s

    def on_ack(self, packet: P, now_s: float, attempt: int | None = None) -> Sequence[P]:
        """Called when this packet is acknowledged, once or again. Returns the held packets that may go now. `attempt`:
        the one that came, which only a sender that numbers each asks for; None: the latest."""
        if packet.acked:
            return ()
        packet.acked = True
        if packet.attempt == 0:
            self.timer.on_sample(now_s - packet.sent_s)
        return self.slide()

    def on_timeout(self, packet: P, attempt: int) -> Expiry:
        """The timer of this attempt has run out. Unless that is stale, the packet moves on to its next attempt."""
        if packet.acked or packet.attempt != attempt:
            return Expiry.STALE
        packet.attempt += 1
        self.timer.on_expiry(packet.attempt)
        limit = self._max_attempts
        return Expiry.PAUSE if limit is not None and packet.attempt % limit == 0 else Expiry.RESEND

    def suspend(self, packet: P) -> Sequence[P]:
        """Pauses this packet, which takes no room in the window meanwhile. Returns the held packets that may go now."""
        self.under_way.remove(packet)
        return self.slide()

    def forget(self, packets: Collection[P]) -> Sequence[P]:
        """Forgets packets that are no longer wanted, or that a reply acknowledges: no sample of the link's round trip,
        since it has the far end's time in it. Returns the held packets that may go now."""
        for packet in packets:
            packet.acked = True
        return self.slide()

    def slide(self) -> Sequence[P]:
        """Some packets are acknowledged: the window moves on. Returns the held packets that may go now."""
        under_way, gone = self.under_way, 0
        while gone < len(under_way) and under_way[gone].acked:
            gone += 1
        del under_way[:gone]
        return self._release() if self.held else ()

    def _release(self) -> Sequence[P]:
        opened: list[P] = []
        room, taken = self._window - len(self.under_way), 0
        while len(opened) < room and taken < len(self.held):
            packet = self.held[taken]
            taken += 1
            if not packet.acked:
                opened.append(packet)
        del self.held[:taken]
        self.under_way += opened
        return opened
