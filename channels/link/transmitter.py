"""What serves the packets of a link, without a clock: whoever owns the clock lets packets `join`, asks which of them
`start`, and at `due_s` lets one `leave`. A gate may hold back packets that the discipline would let go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from math import inf
from typing import Generic, Protocol, TypeVar

from channels.link.rates import Curve, MessageIndex, Position


class Queued(Protocol):
    """What a transmitter must know of a packet."""

    @property
    def bits(self) -> int: ...

    @property
    def index(self) -> MessageIndex: ...


Q = TypeVar("Q", bound=Queued)


class Gate(Generic[Q]):
    """What else must be free before a packet may start: a medium that others use too, a receiver that listens.

    Hears of every packet of a transmitter. Whoever lets the clock run must ask the transmitter to `start` again when a
    packet that was not admitted may be. This one holds back none.
    """

    def joined(self, packet: Q) -> None:
        """A packet waits from now on."""

    def admits(self, packet: Q) -> bool:
        """Whether a packet that waits may start now; the transmitter itself is free."""
        return True

    def started(self, packet: Q) -> None:
        """An admitted packet is on the air from now on."""

    def left(self, packet: Q) -> None:
        """Its last bit has left."""

    def discarded(self, packet: Q) -> None:
        """A packet that waited will not start."""


class Transmitter(ABC, Generic[Q]):
    """Sends packets. `due_s` is when the next packet leaves, inf if none; `version` changes whenever `due_s` does."""

    begin_s: float = 0.0
    """When the first bit of the packet that `start` has just answered goes out, now or later."""
    began_s: float = 0.0
    """When the first bit of the packet that `leave` has just answered went out."""
    due_s: float = inf
    version: int = 0
    gate: Gate[Q] | None = None
    """Of a transmitter that sends one packet at a time."""

    def __init__(self, curve: Curve, now_s: float) -> None:
        self._curve = curve
        self._position = Position(now_s)

    @property
    def free(self) -> bool:
        """Whether it could start a packet now; one that sends several at once always could."""
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
    def leave(self, now_s: float) -> Q:
        """The packet whose last bit leaves at `due_s`, which is now."""

    @abstractmethod
    def discard(self, unwanted: Collection[Q]) -> list[Q]:
        """Takes those of these packets that have not started out of the queue and answers them."""
