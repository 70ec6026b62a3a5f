"""A link on which nothing is random and nobody takes turns: all that happens to a packet is known when it joins.

So only what somebody waits for is an event: the arrival of a message, and an acknowledgement that makes room in a full
window. When a packet has its turn and when it leaves follows from what is before it (Lindley's recursion on the service
curve) until a message is cancelled, which plans those behind it anew. Windows, acknowledgements and withdrawals are
those of `Link`. A packet whose turn comes at the very instant of its withdrawal counts as begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import inf
from operator import attrgetter

import simpy

from channels.link.delays import ConstantDelay
from channels.link.link_config import LinkConfig
from channels.link.losses import NoLoss
from channels.link.rates import ROUNDING_S, Curve, Position
from channels.link.sharing import Fifo, Own
from channels.uniforms import Uniforms
from simulator.results.observer import Observer, receives
from simulator.results.station import Visit
from simulator.schemes.policy import SeenLink
from simulator.timing.event_loop import EventLoop, delay_until, later
from simulator.timing.link import Link
from simulator.timing.messages import PROPAGATION, QUEUE, TRANSMIT, DeviceSender, Fragment, LinkTransmitter, Message


def plannable(config: LinkConfig) -> bool:
    """Whether nothing on this link is random, needs a grant or takes turns."""
    return (
        type(config.sharing) in (Fifo, Own)
        and type(config.loss) is type(config.arq.ack_loss) is NoLoss
        and type(config.delay) is ConstantDelay
        and config.buffer_packets is None
        and not config.access_s
        and not config.idle_access_s
    )


class PlannedLink(Link):
    """Carries messages one way, each packet planned when it joins."""

    def __init__(
        self,
        env: EventLoop,
        config: LinkConfig,
        uniforms: Uniforms,
        name: str,
        reverse_delay_s: Callable[[int], float],
        observer: Observer | None = None,
        horizon_s: float = inf,
    ) -> None:
        """`reverse_delay_s`: how long an acknowledgement travels back to a device. `horizon_s`: when the run ends."""
        super().__init__(env, config, uniforms, name, reverse_delay_s, observer, horizon_s)
        self._loop = env
        self._delay_s = config.delay.mean_s
        self._watched = observer is not None and receives(observer, Observer.on_packet)
        self._under_way: dict[Fragment, None] = {}
        """The packets that have joined and are not in yet."""
        self._air_s = 0.0
        self._planners: dict[LinkTransmitter, _Planner] = {}

    @property
    def in_flight(self) -> int:
        """Packets queued, on the air, travelling, or in before the rest of their message."""
        return len(self._under_way)

    @property
    def bits_sent(self) -> int:
        """Bits of the packets whose first bit has gone out, headers included."""
        now_s = self.env.now
        return self._bits_sent - sum(packet.bits for packet in self._under_way if packet.begin_s > now_s)

    @property
    def air_s(self) -> float:
        """How long packets have been on the air so far, first bit to last."""
        now_s = self.env.now
        return self._air_s + sum(
            max(0.0, min(now_s, packet.left_s) - packet.begin_s)
            for packet in sorted(self._under_way, key=attrgetter("visited_s"))
        )

    @property
    def acked_bits(self) -> int:
        """Bits of the packets that were acknowledged, headers included."""
        for sender in self.senders.values():
            self._settle(sender)
        return super().acked_bits

    def seen_by(self, device: int) -> SeenLink:
        """What the link has shown a device so far."""
        if (sender := self.senders.get(device)) is not None:
            self._settle(sender)
        return super().seen_by(device)

    # Get in line.

    def _admit(self, message: Message, _: simpy.Event | None = None) -> None:
        """Most messages are one packet of a sender that has nothing else under way."""
        sender = self.senders[message.index[0]]
        if sender.unacked_packets:
            self._settle(sender)
        if message.in_parts or self._mtu_bits is not None or sender.unacked_packets:
            super()._admit(message)
            return
        packet = Fragment(message.bits + self._header_bits, message, message.index, 0, sender)
        message.packets = [packet]
        message.missing = message.unacked = sender.unacked_packets = 1
        sender.arq.under_way.append(packet)
        self._enqueue(packet)

    def _enqueue(self, packet: Fragment) -> None:
        transmitter, now_s = packet.sender.transmitter, self.env.now
        packet.joined_s = packet.visited_s = now_s
        packet.state = TRANSMIT
        planner = self._planners.get(transmitter)
        if planner is None:
            planner = self._planners[transmitter] = _Planner(transmitter.curve, now_s)
        planner.join(packet, now_s)
        self.sent += 1
        self._bits_sent += packet.bits
        self._under_way[packet] = None
        book = self.station.book_early if self._loop.ahead else self.station.book
        book((now_s, packet.turn[0], packet.left_s))
        self._promise(packet, now_s)

    # Be on its way, and arrive.

    def _promise(self, packet: Fragment, now_s: float) -> None:
        """Reports what the message of this packet will do, as far as it is this packet that decides.

        A message does what its oldest unacknowledged packet does: this one counts from the acknowledgement of the one
        before it. With its last packet it arrives.
        """
        message, begin_s, left_s, from_s = packet.message, packet.begin_s, packet.left_s, now_s
        packets, number = message.packets, packet.number
        if number:
            from_s = max(now_s, packets[number - 1].left_s + self._delay_s + packet.sender.reverse_delay_s)
        course = []
        if begin_s > from_s:
            course.append((from_s, QUEUE))
        if left_s > begin_s and left_s > from_s:
            course.append((begin_s if begin_s > from_s else from_s, TRANSMIT))
        if left_s < inf:
            course.append((left_s if left_s > from_s else from_s, PROPAGATION))
        if course and not message.open:
            message.report(message, course)
        if left_s < inf and number == len(packets) - 1 and message.planned_s != left_s:
            message.planned_s = left_s
            delay_s, come_in = delay_until(now_s, left_s + self._delay_s), partial(self._come_in, message, left_s)
            if message.awaited is not None and packets[0].turn[0] <= now_s == message.put_s:
                message.awaited(delay_s, come_in)
            else:
                later(self.env, delay_s, come_in)
        if left_s != packet.sent_s:
            packet.sent_s = left_s
            if self._watched:
                later(self.env, delay_until(now_s, left_s), partial(self._watch, packet, left_s))

    def _come_in(self, message: Message, left_s: float, _: object) -> None:
        """The last packet is in, and with it the message, unless it was planned anew."""
        if message.planned_s != left_s:
            return
        message.planned_s = None
        air_s = 0.0
        for packet in message.packets:
            packet.arrived = True
            message.sent_bits += packet.bits
            air_s += packet.left_s - packet.begin_s
            del self._under_way[packet]
        self._air_s += air_s
        message.attempts = len(message.packets)
        self.delivered += message.attempts
        if message.in_parts:
            self._deliver(message, len(message.content))
        else:
            message.deliver(1, self.env.now)

    def _watch(self, packet: Fragment, left_s: float, _: simpy.Event) -> None:
        """The packet has left, unless it was planned anew."""
        if packet.left_s == left_s and self._observer is not None:
            self._observer.on_packet(packet.aired(self.name, packet.begin_s, left_s, left_s + self._delay_s))

    # Be acknowledged.

    def _settle(self, sender: DeviceSender) -> None:
        """Counts the acknowledgements that have come by now, in order; each makes room in the window."""
        acked, gone, now_s, under_way = 0, 0, self.env.now, sender.arq.under_way
        for packet in under_way:
            if packet.acked:
                gone += 1
                continue
            acked_s = packet.left_s + self._delay_s + sender.reverse_delay_s
            if acked_s > now_s:
                break
            acked += 1
            gone += 1
            packet.acked = True
            sender.round_trip_s = acked_s - packet.joined_s
            if packet.index[2] >= 0:
                sender.acked_bits += packet.bits
            message = packet.message
            message.unacked -= 1
            if message.done and not message.unacked:
                message.packets = ()
        if acked:
            sender.unacked_packets -= acked
            if sender.arq.held:
                for packet in sender.arq.slide():
                    self._enqueue(packet)
            else:
                del under_way[:gone]

    def _await_room(self, sender: DeviceSender) -> None:
        """Held packets join as soon as the next acknowledgement makes room."""
        if sender.arq.held:
            acked_s = sender.arq.under_way[0].left_s + self._delay_s + sender.reverse_delay_s
            if acked_s < inf:
                later(self.env, delay_until(self.env.now, acked_s), partial(self._make_room, sender))

    def _make_room(self, sender: DeviceSender, _: simpy.Event) -> None:
        self._settle(sender)
        self._await_room(sender)

    # Be answered or cancelled.

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """A reply to these messages is here: it may come before their acknowledgements."""
        for message in reversed(messages):
            if message.packets:
                self._settle(message.packets[0].sender)
                if message.packets:
                    super().acknowledge([message])

    def withdraw(self, message: Message) -> None:
        """The message is no longer wanted: nothing of it starts any more; what is on the air goes on for nothing."""
        message.planned_s = None
        if not message.packets:
            message.end()
            return
        sender = message.packets[0].sender
        self._settle(sender)
        super().withdraw(message)
        self._await_room(sender)

    def _take_back(self, transmitter: LinkTransmitter, packets: Sequence[Fragment]) -> None:
        """Those whose turn has not come leave the queue, and those behind them are planned anew."""
        now_s = self.env.now
        waiting = []
        for packet in packets:
            if packet not in self._under_way:
                continue
            if packet.turn.time_s > now_s:
                waiting.append(packet)
                continue
            packet.message.sent_bits += packet.bits
            if packet.left_s < inf:
                arrives_s = packet.left_s + self._delay_s
                later(self.env, delay_until(now_s, arrives_s), partial(self._come_in_vain, packet))
        if not waiting:
            return
        self._drop(waiting)
        for packet, booked in self._planners[transmitter].drop(waiting):
            self.station.rebook(booked, packet.booked)
            self._promise(packet, now_s)
            self._await_room(packet.sender)

    def _come_in_vain(self, packet: Fragment, _: simpy.Event) -> None:
        """A packet of a cancelled message arrives."""
        del self._under_way[packet]
        self._air_s += packet.left_s - packet.begin_s
        self.delivered += 1

    def _end_visit(self, packet: Fragment) -> None:
        self.station.cancel(packet.booked)
        self._bits_sent -= packet.bits
        del self._under_way[packet]
        packet.left_s = inf


class _Planner:
    """A transmitter's service curve, where it stands after its last packet, and the packets that have not left."""

    def __init__(self, curve: Curve, now_s: float) -> None:
        self._curve = curve
        self._remembers = type(curve).forget is not Curve.forget
        self._position = Position(now_s)
        self._queue: list[Fragment] = []  # a list, though it is a queue: most are short, and there may be very many

    def join(self, packet: Fragment, now_s: float) -> None:
        """One more packet at the end of the queue. One that comes as the last one ends finds the link as after a
        rest."""
        queue, curve, after = self._queue, self._curve, self._position
        while queue and queue[0].left_s <= now_s + ROUNDING_S:
            del queue[0]
        if self._remembers:
            curve.forget(now_s)
        if queue:
            packet.turn = Position(after[0], after[1], packet.index)
        else:
            packet.turn = curve.idle(after, max(now_s, after[0]), packet.index)
        queue.append(packet)
        self._plan(packet)

    def drop(self, gone: Sequence[Fragment]) -> Iterator[tuple[Fragment, Visit]]:
        """These packets, of one message and still waiting, leave the queue; those behind them move up. Yields each of
        those, planned anew, with what was booked for it."""
        place = self._queue.index(gone[0])
        behind = [packet for packet in self._queue[place:] if packet.message is not gone[0].message]
        del self._queue[place:]
        self._position = gone[0].turn
        for packet in behind:
            booked = packet.booked
            packet.turn = self._position._replace(message=packet.index)
            self._plan(packet)
            self._queue.append(packet)
            yield packet, booked

    def _plan(self, packet: Fragment) -> None:
        """When a packet that has its turn begins, and when it leaves; what lies after the horizon is never asked of the
        curve."""
        curve, turn = self._curve, packet.turn
        if turn[0] > curve.horizon_s or turn[0] == inf:
            packet.begin_s = packet.left_s = inf
            self._position = Position(inf, 0.0, turn[2])
            return
        packet.begin_s, after = curve.carry(turn, packet.bits)
        self._position = after
        packet.left_s = after[0]
        if self._remembers and after[0] < inf:
            curve.heard()  # it comes through for certain, and so will those planned behind it
