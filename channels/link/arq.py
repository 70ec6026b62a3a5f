"""Automatic repeat request as a state machine without a clock.

A sender is told what happened (`offer`, `on_send`, `on_ack`, `on_timeout`) and answers what to do: send these packets,
set a timer of this length, send again, give up. Whoever owns the clock obeys. One sender serves one device on one link,
across all its messages. Timers run from the moment the last bit of an attempt has left, so that a queue in front of a
shared link never sets one off.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Literal, TypeVar

from pydantic import Field

from kinds import Choice


@dataclass(slots=True, eq=False)
class Packet:
    """One fragment on its way, as its sender sees it."""

    bits: int
    """Header included."""
    attempt: int = 0
    """The attempt under way, counted from 0."""
    acked: bool = False


P = TypeVar("P", bound=Packet)


class Verdict(Enum):
    """What to do when a timer has run out."""

    STALE = "the packet was acknowledged or sent again since: do nothing"
    RESEND = "send the next attempt"


class Arq(Choice):
    """How lost packets are sent again, chosen by `kind`."""

    timeout_s: float = Field(
        0.2,
        gt=0,
        allow_inf_nan=False,
        description="Seconds from the last bit of an attempt to the next attempt if no acknowledgement came; at least "
        "one round trip (propagation out and back).",
    )

    @property
    @abstractmethod
    def window(self) -> int:
        """The most packets a device may have under way, unacknowledged."""

    def sender(self) -> Sender[P]:
        """A fresh sender for one device on one link."""
        return Sender(self.window, self.timeout_s)


class StopAndWait(Arq):
    """One packet under way per device; the next leaves when its acknowledgement is back."""

    kind: Literal["stop_and_wait"] = "stop_and_wait"

    @property
    def window(self) -> int:
        return 1


class Sender(Generic[P]):
    """At most `window` packets of one device between the oldest unacknowledged and the newest sent, in order."""

    def __init__(self, window: int, timeout_s: float) -> None:
        self._window = window
        self._timeout_s = timeout_s
        self._held: deque[P] = deque()
        self._open: deque[P] = deque()

    def offer(self, packet: P) -> bool:
        """Takes on a packet. True: send it now. False: it is held until `on_ack` hands it out."""
        if len(self._open) < self._window:
            self._open.append(packet)
            return True
        self._held.append(packet)
        return False

    def on_send(self, packet: P) -> float:
        """The last bit of this attempt has left. Answers how long to wait before `on_timeout`, seconds."""
        return self._timeout_s

    def on_ack(self, packet: P) -> Sequence[P]:
        """This packet is acknowledged, once or again. Answers the held packets that may go now."""
        packet.acked = True
        opened: list[P] = []
        while self._open and self._open[0].acked:
            self._open.popleft()
        while self._held and len(self._open) < self._window:
            self._open.append(self._held.popleft())
            opened.append(self._open[-1])
        return opened

    def on_timeout(self, packet: P, attempt: int) -> Verdict:
        """The timer of this attempt has run out. RESEND moves the packet on to its next attempt."""
        if packet.acked or packet.attempt != attempt:
            return Verdict.STALE
        packet.attempt += 1
        return Verdict.RESEND
