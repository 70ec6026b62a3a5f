"""A link on which nothing is random and nobody takes turns: all that happens to a packet is known when it joins.

So only what somebody waits for is an event: the arrival of a message, and an acknowledgement that makes room in a full
window. When a packet has its turn and when it leaves follows from what is before it (Lindley's recursion on the service
curve) until a message is cancelled, which plans those behind it anew. Windows, acknowledgements and withdrawals are
those of `Link`. A packet whose turn comes at the very instant of its withdrawal counts as begun.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import fsum, inf, isnan, nan

import simpy

from channels.link.delays import ConstantDelay
from channels.link.link_config import LinkConfig
from channels.link.losses import NoLoss
from channels.link.rates import ROUNDING_S, Curve, MessageIndex, Position
from channels.link.sharing import Fifo, Own
from simulator.results.ledger import Course
from simulator.results.observer import Observer, receives
from simulator.results.station import Visit
from simulator.schemes.policy import SeenLink
from simulator.timing.event_loop import delay_until, later
from simulator.timing.link import Link
from simulator.timing.messages import PROPAGATION, QUEUE, TRANSMIT, DeviceSender, Fragment, LinkTransmitter, Message


def plannable(config: LinkConfig) -> bool:
    """Whether nothing on this link is random, needs a grant or takes turns."""
    return (
        type(config.sharing) in (Fifo, Own)
        and type(config.loss) is type(config.arq.ack_loss) is NoLoss
        and type(config.delay) is ConstantDelay
        and config.buffer_packets is None
        and not config.arq.follows_network
        and not config.access_s
        and not config.idle_access_s
    )


@dataclass(slots=True, eq=False)
class Carried:
    """A message that nobody will withdraw, nor any before it: what becomes of it is known when it is put. It is a
    `Transfer`."""

    bits: int
    put_s: float
    begin_s: float
    """When its first bit goes out."""
    left_s: float
    """When its last one has."""
    packet_bits: int
    """The bits of its packets, headers included."""
    takes_s: float
    """How long it takes until it is in, by a clock that waits from when it is put."""
    doings: Course
    """The column of each of its states, until it is in."""
    sender: DeviceSender
    cut: Sequence[tuple[float, float, int]] = ()
    """Of a message that may be cut, its `packets`."""
    delivered_s: float = nan

    @property
    def packets(self) -> Sequence[tuple[float, float, int]]:
        """Of each packet: when its first bit goes out, when its last one has left, and its bits."""
        return self.cut or ((self.begin_s, self.left_s, self.packet_bits),)

    @property
    def delivered_bits(self) -> int:
        return 0 if isnan(self.delivered_s) else self.packet_bits

    @property
    def delivered_attempts(self) -> int:
        return 0 if isnan(self.delivered_s) else len(self.packets)


class PlannedLink(Link):
    """Carries messages one way, each packet planned when it joins."""

    def _set_up(self) -> None:
        self._delay_s = self.config.delay.mean_s
        self._watched = self._observer is not None and receives(self._observer, Observer.on_packet)
        self._under_way: dict[Fragment, None] = {}
        """The packets that have joined and are not in yet."""
        self._carried: dict[Carried, None] = {}
        """Messages that are not in yet, of those that nobody will withdraw."""
        self._heard_bits = 0
        """Bits of those that are, headers included."""
        self._planners: dict[LinkTransmitter, _Planner] = {}

    @property
    def in_flight(self) -> int:
        """Packets queued, on the air, travelling, or in before the rest of their message."""
        return len(self._under_way) + sum(len(each.packets) for each in self._carried)

    def bits_of(self, devices: Collection[int]) -> int:
        """Bits of the packets whose first bit has gone out, headers included."""
        now_s, senders = self.env.now, self._senders_of(devices)
        waiting = sum(packet.bits for packet in self._under_way if packet.begin_s > now_s and packet.sender in senders)
        for each in self._carried:
            if each.sender in senders:
                waiting += sum(bits for begin_s, _, bits in each.packets if begin_s > now_s)
        return super().bits_of(devices) - waiting

    @property
    def air_s(self) -> float:
        """How long packets have been on the air so far, first bit to last."""
        return self.air_of_s(self.senders)

    def air_of_s(self, devices: Collection[int]) -> float:
        """What these devices have of it: one packet is on a transmitter's air at a time."""
        senders = self._senders_of(devices)
        return fsum([self._air_here_s(senders), *(sender.air_s(self.env.now) for sender in senders)])

    def _air_here_s(self, senders: Collection[DeviceSender]) -> float:
        """How long those packets of some senders have been on the air that are not in."""
        now_s = self.env.now
        here = [(each.visited_s, each.begin_s, each.left_s) for each in self._under_way if each.sender in senders]
        for each in self._carried:
            if each.sender in senders:
                here += [(each.put_s, begin_s, left_s) for begin_s, left_s, _ in each.packets]
        return sum(max(0.0, min(now_s, left_s) - begin_s) for _, begin_s, left_s in sorted(here))

    @property
    def acked_bits(self) -> int:
        """Bits of the packets that were acknowledged, or are in and will be, headers included."""
        for sender in self.senders.values():
            self._settle(sender)
        return super().acked_bits + self._heard_bits

    def seen_by(self, device: int) -> SeenLink:
        """What the link has shown a device so far."""
        if (sender := self.senders.get(device)) is not None:
            self._settle(sender)
        return super().seen_by(device)

    # Carry what nobody will withdraw.

    def has_room(self, device: int, messages_bits: Sequence[int]) -> bool:
        """Whether a device's window holds all packets of these messages at one time."""
        return sum(map(self.config.most_packets, messages_bits)) <= self.senders.window(device)

    def carry(self, index: MessageIndex, bits: int, now_s: float, columns: tuple[str, str, str]) -> Carried:
        """Takes on a message for which there is room in its device's window. It is put at that instant, which may lie
        ahead where its transmitter is its device's own. `columns`: those of BREAKDOWN while it waits, is on the air and
        travels."""
        header = self._header_bits
        if header is None:
            carried = self._carry_cut(index, bits, now_s, columns)
        else:
            size, sender, (waits, transmits, travels) = bits + header, self.senders[index[0]], columns
            planner = self._planner(sender.transmitter, now_s)
            turn, begin_s, left_s = planner.place(index, size, now_s)
            planner.busy_until_s = left_s
            self.station.book((now_s, turn[0], left_s))
            self.sent += 1
            takes_s = delay_until(now_s, left_s + self._delay_s)
            doings = (now_s, waits), (begin_s, transmits), (left_s, travels)
            if left_s > (in_s := now_s + takes_s):  # the clock rounds it to an instant before
                doings = (now_s, waits), (min(begin_s, in_s), transmits), (in_s, travels)
            carried = Carried(bits, now_s, begin_s, left_s, size, takes_s, doings, sender)
        carried.sender.sent_bits += carried.packet_bits
        self._carried[carried] = None
        return carried

    def _carry_cut(self, index: MessageIndex, bits: int, now_s: float, columns: tuple[str, str, str]) -> Carried:
        """The message, of several packets or one, does what its oldest unacknowledged packet does, until it is
        in."""
        sender, (waits, transmits, travels) = self.senders[index[0]], columns
        planner = self._planner(sender.transmitter, now_s)
        cut: list[tuple[float, float, int]] = []
        doings: list[tuple[float, str]] = []
        from_s = now_s
        for size, _ in self.config.packets_of(bits):
            turn, begin_s, left_s = planner.place(index, size, now_s)
            planner.busy_until_s = left_s
            self.station.book((now_s, turn[0], left_s))
            cut.append((begin_s, left_s, size))
            doings += (from_s, waits), (max(begin_s, from_s), transmits), (max(left_s, from_s), travels)
            from_s = max(now_s, left_s + self._delay_s + sender.reverse_delay_s)
        self.sent += len(cut)
        takes_s = delay_until(now_s, left_s + self._delay_s)
        doings = [(min(time_s, now_s + takes_s), column) for time_s, column in doings]
        packet_bits = sum(size for _, _, size in cut)
        return Carried(bits, now_s, cut[0][0], left_s, packet_bits, takes_s, doings, sender, cut)

    def carried_in(self, carried: Carried, now_s: float) -> None:
        """It is in."""
        del self._carried[carried]
        if carried.cut:
            self.delivered += len(carried.cut)
            air_s = sum(left_s - begin_s for begin_s, left_s, _ in carried.cut)
        else:
            self.delivered += 1
            air_s = carried.left_s - carried.begin_s
        carried.sender.had_air_s += air_s
        self._heard_bits += carried.packet_bits
        carried.delivered_s = now_s

    # Get in line.

    def _enqueue(self, packet: Fragment) -> None:
        transmitter, now_s = packet.sender.transmitter, self.env.now
        packet.joined_s = packet.visited_s = now_s
        packet.state = TRANSMIT
        self._planner(transmitter, now_s).join(packet, now_s)
        self.sent += 1
        packet.sender.sent_bits += packet.bits
        self._under_way[packet] = None
        self.station.book((now_s, packet.turn[0], packet.left_s))
        self._promise(packet, now_s)

    def _planner(self, transmitter: LinkTransmitter, now_s: float) -> _Planner:
        planner = self._planners.get(transmitter)
        if planner is None:
            planner = self._planners[transmitter] = _Planner(transmitter.curve, now_s)
        return planner

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
            later(self.env, delay_until(now_s, left_s + self._delay_s), partial(self._come_in, message, left_s))
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
        packet.sender.had_air_s += air_s
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
        acked, now_s = 0, self.env.now
        for packet in sender.arq.under_way:
            if packet.acked:
                continue
            acked_s = packet.left_s + self._delay_s + sender.reverse_delay_s
            if acked_s > now_s:
                break
            acked += 1
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
            for packet in sender.arq.slide():
                self._enqueue(packet)

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
        packet.sender.had_air_s += packet.left_s - packet.begin_s
        self.delivered += 1

    def _end_visit(self, packet: Fragment) -> None:
        self.station.cancel(packet.booked)
        packet.sender.sent_bits -= packet.bits
        del self._under_way[packet]
        packet.left_s = inf


class _Planner:
    """A transmitter's service curve, where it stands after its last packet, and the packets that have not left."""

    def __init__(self, curve: Curve, now_s: float) -> None:
        self._curve = curve
        self._remembers = type(curve).forget is not Curve.forget
        self._position = Position(now_s)
        self.busy_until_s = -inf
        """When the last packet has left of those that are in no queue, since they are never dropped."""
        self._queue: list[Fragment] = []  # a list, though it is a queue: most are short, and there may be very many

    def join(self, packet: Fragment, now_s: float) -> None:
        """One more packet at the end of the queue."""
        packet.turn, packet.begin_s, packet.left_s = self.place(packet.index, packet.bits, now_s)
        self._queue.append(packet)

    def place(self, index: MessageIndex, bits: int, now_s: float) -> tuple[Position, float, float]:
        """Where the link stands when it is the turn of a packet that joins now, and when it begins and has left. One
        that comes as the last one ends finds the link as after a rest."""
        after, curve, queue = self._position, self._curve, self._queue
        while queue and queue[0].left_s <= now_s + ROUNDING_S:
            del queue[0]
        if self._remembers:
            curve.forget(now_s)
        if queue or self.busy_until_s > now_s + ROUNDING_S:
            turn = Position(after[0], after[1], index)
        else:
            turn = curve.idle(after, max(now_s, after[0]), index)
        begin_s, left_s = self._plan(turn, bits)
        return turn, begin_s, left_s

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
            packet.begin_s, packet.left_s = self._plan(packet.turn, packet.bits)
            self._queue.append(packet)
            yield packet, booked

    def _plan(self, turn: Position, bits: int) -> tuple[float, float]:
        """When a packet that has its turn begins, and when it leaves; what lies after the horizon is never asked of the
        curve."""
        curve = self._curve
        if turn[0] > curve.horizon_s or turn[0] == inf:
            self._position = Position(inf, 0.0, turn[2])
            return inf, inf
        begin_s, after = curve.carry(turn, bits)
        self._position = after
        if self._remembers and after[0] < inf:
            curve.heard()  # it comes through for certain, and so will those planned behind it
        return begin_s, after[0]
