"""A transmitter on which nothing depends on luck, and the ports of the devices before it. When a packet has its turn
and when it leaves is known when it joins (Lindley's recursion on the service curve), until one before it is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf, nan

from channels.link.rates import ROUNDING_S, Curve, Position
from simulator.results.station import Visit
from simulator.timing.messages import Message


@dataclass(slots=True, eq=False)
class Leg:
    """One packet's way over a link, as planned."""

    message: Message
    number: int
    """Of its message's packets, counted from 0."""
    bits: int
    """Header included."""
    joined_s: float
    before: Position
    """Where the link stands when it is this packet's turn."""
    begin_s: float
    """When its first bit goes out."""
    left_s: float
    """When its last one has."""
    watched_s: float = nan
    """When an observer is to hear that it has left."""
    forgotten: bool = False
    """Withdrawn, or answered early: as good as acknowledged."""

    @property
    def visit(self) -> Visit:
        """To the link's queue."""
        return self.joined_s, self.before.time_s, self.left_s


class PlannedLane:
    """A curve, where the link stands after its last packet, and the packets that have not left."""

    def __init__(self, curve: Curve, now_s: float) -> None:
        self._curve = curve
        self._position = Position(now_s)
        self._legs: list[Leg] = []  # a list, though it is a queue: most are short, and there may be very many lanes

    def join(self, message: Message, number: int, bits: int, now_s: float) -> Leg:
        """One more packet at the end of the queue. One that comes as the last one ends finds the link as after a
        rest."""
        queue, curve, after, index = self._legs, self._curve, self._position, message.index
        while queue and queue[0].left_s <= now_s + ROUNDING_S:
            del queue[0]
        curve.forget(now_s)
        before = Position(after[0], after[1], index) if queue else curve.idle(after, max(now_s, after[0]), index)
        begin_s, left_s = self._plan(before, bits)
        leg = Leg(message, number, bits, now_s, before, begin_s, left_s)
        queue.append(leg)
        return leg

    def drop(self, gone: Sequence[Leg]) -> Iterator[tuple[Leg, Visit]]:
        """These packets, of one message and still waiting, leave the queue; those behind them move up. Answers each of
        these, planned anew, with what was planned before."""
        place = self._legs.index(gone[0])
        behind = [leg for leg in self._legs[place:] if leg.message is not gone[0].message]
        del self._legs[place:]
        self._position = gone[0].before
        for leg in behind:
            planned = leg.visit
            leg.before = Position(self._position.time_s, self._position.credit_bits, leg.message.index)
            leg.begin_s, leg.left_s = self._plan(leg.before, leg.bits)
            self._legs.append(leg)
            yield leg, planned

    def _plan(self, before: Position, bits: int) -> tuple[float, float]:
        """When a packet that has its turn there begins, and when it leaves; what lies after the horizon is never asked
        of the curve."""
        curve = self._curve
        if curve.over(before[0]):
            self._position = Position(inf, 0.0, before[2])
            return inf, inf
        begin_s = curve.ready_s(before, bits)
        self._position = after = curve.finish(before, bits)
        if after[0] < inf:
            curve.heard()  # no luck is needed: it comes through, and so will those planned behind it
        return begin_s, after[0]


@dataclass(slots=True, eq=False)
class PlannedPort:
    """A device's entrance: its window, and what it can know of the link."""

    lane: PlannedLane
    reverse_delay_s: float
    window: int
    unacked: list[Leg] = field(default_factory=list)
    """From the oldest that is not acknowledged to the newest; lists, as there may be very many ports."""
    held: list[tuple[Message, int, int]] = field(default_factory=list)
    """(message, number, bits) of packets that wait for the window."""
    acked_bits: int = 0
    round_trip_s: float = nan
