"""One direction of a link in time: the uplink and the downlink are both this class.

The file follows a packet: it gets in line, is serialised (which holds the link), is lost or travels (which does not),
arrives, is acknowledged, or is sent again when its timer runs out. Packets are not processes: callbacks carry them from
one SimPy event to the next. All rules live in `channels.link`; here they meet the clock. What the far end makes of the
packets is in `reassembly`; a link on which nothing is random, and all is known beforehand, is in `planned_link`.

Acknowledgements come back free of charge, after the mean delay of the reverse link and unless `arq.ack_loss` takes
them, or as packets: where they cost bits, each joins the queue of the reverse link and meets its rate, losses and
delay. It is sent once and never acknowledged itself. A reply acknowledges for nothing (`Link.acknowledge`).

Where `arq` is QUIC, its sender sets one alarm for all that is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from math import inf, nan
from typing import Final

import simpy

from channels.link.arq import Expiry
from channels.link.link_config import LinkConfig
from channels.link.rates import MessageIndex
from channels.link.sharing import Gate
from channels.uniforms import Uniforms
from simulator.results.observer import Observer, Unserved
from simulator.results.station import Station
from simulator.schemes.policy import SeenLink
from simulator.timing.event_loop import delay_until, later
from simulator.timing.messages import (
    PROPAGATION,
    QUEUE,
    RETRANSMIT,
    TIMEOUT_WAIT,
    TRANSMIT,
    DeviceSender,
    Fragment,
    LinkTransmitter,
    Message,
)
from simulator.timing.reassembly import Reassembly
from simulator.timing.transmitters import DeviceSenders

_END: Final = -(1 << 20)
"""The number of the packet that says that the far end waits for no more: below those of all acknowledgements."""


class Link:
    """Carries messages one way. `sent == delivered + lost + dropped + in_flight`, in packets, at any instant (I1)."""

    def __init__(
        self,
        env: simpy.Environment,
        config: LinkConfig,
        uniforms: Uniforms,
        name: str,
        reverse_delay_s: Callable[[int], float],
        observer: Observer | None = None,
        horizon_s: float = inf,
        places: Uniforms | None = None,
    ) -> None:
        """`reverse_delay_s`: how long an acknowledgement travels back to a device. `horizon_s`: when the run ends.
        `places`: what decides where devices are, alike on all links; None: it is this link's own."""
        self.env = env
        self.config = config
        self.name = name
        self.station = Station(env, name)
        self.sent = 0
        self.delivered = 0
        self.lost = 0
        self.dropped = 0
        self.reverse: Callable[[int], Link] | None = None
        """By device, the link that carries acknowledgements back where they cost bits."""
        self._travelling = 0
        self._observer = observer
        alike = config.mtu_bits is None and config.pad_to_bits is None
        self._header_bits = config.header_bits if alike else None
        """That of each message's one packet, where they are all alike."""
        self._follows = config.arq.follows_network
        """Whether a sender has an alarm."""
        self._grants = config.access_s > 0 or config.idle_access_s > 0
        """Whether a message may have to wait for one."""
        self._first_come = config.sharing.first_come
        """Whether no packet that joins later changes when one leaves."""
        self._reassembly = Reassembly(env, config, self._deliver)
        self.senders = DeviceSenders(self.station, config, uniforms, reverse_delay_s, horizon_s, places)
        """Where the packets of each device enter."""
        self._set_up()

    def _set_up(self) -> None:
        """Sets what a kind of link keeps beside all that."""

    def guard(self, gate: Gate[Fragment]) -> None:
        """Sets what each transmitter obeys; before the first packet."""
        self.senders.gate, self.senders.serve = gate, self.serve

    @property
    def in_flight(self) -> int:
        """Packets queued, on the air or travelling."""
        return self._travelling + self.senders.present

    @property
    def bits_sent(self) -> int:
        """Bits put on the air so far, headers and retransmissions included."""
        return self.bits_of(self.senders)

    def bits_of(self, devices: Collection[int]) -> int:
        """Those of them that were put for some devices."""
        return sum(sender.sent_bits for sender in self._senders_of(devices))

    def air_of_s(self, devices: Collection[int]) -> float:
        """What these devices have of `air_s`; a time that several packets share is divided equally among them."""
        return sum(sender.air_s(self.env.now) for sender in self._senders_of(devices))

    def dropped_of(self, devices: Collection[int]) -> int:
        """What these devices have of `dropped`."""
        return sum(sender.dropped for sender in self._senders_of(devices))

    def _senders_of(self, devices: Collection[int]) -> Collection[DeviceSender]:
        return {sender: None for device, sender in self.senders.items() if device in devices}

    @property
    def air_s(self) -> float:
        """How long packets have been on the air so far, first bit to last; what is sent at once counts once."""
        return self.senders.air_s(self.env.now)

    @property
    def acked_bits(self) -> int:
        """Bits of the packets that were acknowledged, headers included."""
        return sum(sender.acked_bits for sender in self.senders.values())

    def seen_by(self, device: int) -> SeenLink:
        """What the link has shown a device so far."""
        sender = self.senders.get(device)
        if sender is None:
            return SeenLink()
        return SeenLink(sender.acked_bits, sender.unacked_packets, sender.round_trip_s, sender.timeouts)

    # Get in line.

    def put(self, message: Message) -> None:
        """Takes on a message and never blocks: grant, turn and retransmissions are the link's business from here on."""
        message.put_s = self.env.now
        if self._grants and (wait_s := self.senders.access_s(message.index[0])) > 0:
            message.does(QUEUE, self.env.now)
            later(self.env, wait_s, partial(self._admit, message))
        else:
            self._admit(message)

    def _admit(self, message: Message, _: simpy.Event | None = None) -> None:
        if message.done:
            return
        index = message.index
        sender = self.senders[index[0]]
        if sender.unacked_packets:
            self._settle(sender)
        if message.in_parts:
            self._admit_parts(message, sender)
        else:
            packets: list[Fragment] = []
            header = self._header_bits
            sizes = self.config.packets_of(message.bits) if header is None else [(message.bits + header, header)]
            for number, (bits, header_bits) in enumerate(sizes):
                packets.append(Fragment(bits, message, index, number, sender, header_bits=header_bits))
            message.packets = packets
            message.missing = message.unacked = len(packets)
            sender.unacked_packets += len(packets)
            for packet in packets:
                self._offer(packet)
        if message.packets[-1].state is QUEUE:
            self._await_room(sender)
        if message.packets[0].state is QUEUE and self.env.now == message.put_s:
            message.does(QUEUE, self.env.now)

    def add(self, message: Message, part: bytes, *, ends: bool) -> bool:
        """Adds a part to an open message, or with b"" only its end; `ends`: nothing comes behind it. Where the sender
        knows that the far end waits for no more, nothing is sent, and the result is False."""
        granted = bool(message.packets)
        if message.done and not granted:
            return False
        message.grow(part, ends=ends)
        if granted:
            self._admit_parts(message, message.packets[0].sender)
        if granted and not message.done:
            message.follow_oldest(self.env.now)
        message.open = not ends
        if ends and not message.done:
            message.does(message.state, self.env.now)
        return True

    def _admit_parts(self, message: Message, sender: DeviceSender) -> None:
        """Makes packets of the parts that have none yet."""
        made, index = len(message.packets), message.index
        planned = message.sizes[made:]
        sizes = self.config.packets_of(0, [bits for bits, _ in planned], made)
        new = [
            Fragment(bits, message, index, number, sender, once=once, header_bits=header_bits)
            for number, ((bits, header_bits), (_, once)) in enumerate(zip(sizes, planned, strict=True), made)
        ]
        message.packets = [*message.packets, *new]
        message.unacked += len(new)
        sender.unacked_packets += len(new)
        for packet in new:
            if packet.number > message.joins and not self._first_come:
                break  # it follows the part before it
            self._offer(packet)

    def _offer(self, packet: Fragment) -> None:
        """A packet goes if its sender lets it; it may wait for an alarm."""
        if packet.sender.arq.offer(packet):
            self._enqueue(packet)
        else:
            self._await_alarm(packet.sender)

    def _go(self, packets: Iterable[Fragment]) -> None:
        """Those that a sender lets go; a part that is sent once, and is lost, is given up."""
        for packet in packets:
            if packet.once and packet.attempt:
                self._close(packet, packet.sender.arq.forget([packet]))
            else:
                self._enqueue(packet)

    def _await_alarm(self, sender: DeviceSender) -> None:
        """Sees to it that its sender's alarm is looked at when it is due, or before."""
        if self._follows and (alarm_s := sender.arq.alarm_s) < sender.alarmed_s:
            sender.alarmed_s = alarm_s
            later(self.env, delay_until(self.env.now, alarm_s), partial(self._alarm, sender, alarm_s))

    def _alarm(self, sender: DeviceSender, alarm_s: float, _: simpy.Event) -> None:
        """It is due, unless it was moved forward since."""
        if alarm_s != sender.alarmed_s:
            return
        sender.alarmed_s = inf
        going = sender.arq.on_alarm(self.env.now)
        sender.timeouts += any(packet.attempt for packet in going)
        self._go(going)
        self._await_alarm(sender)

    def _offer_next(self, left: Fragment, _: simpy.Event | None = None) -> None:
        """Where a packet may delay one that joined before it, a part joins when the one before it has left: when that
        one left must not depend on the length of this one (I12)."""
        message = left.message
        if message.in_parts and not left.attempt and not left.acknowledges:
            message.joins = left.number + 1
            if message.joins < len(message.packets):
                self._offer(message.packets[message.joins])

    def _settle(self, sender: DeviceSender) -> None:
        """Counts acknowledgements that have come by now and were no events."""

    def _await_room(self, sender: DeviceSender) -> None:
        """Has held packets join once there is room, where no event of an acknowledgement does."""

    def _enqueue(self, packet: Fragment) -> None:
        """An attempt joins the queue, unless the buffer is full."""
        self.sent += 1
        transmitter, now_s = packet.sender.transmitter, self.env.now
        packet.visited_s = now_s
        if self._follows and not packet.acknowledges:
            packet.sender.arq.on_join(packet, now_s)
            self._await_alarm(packet.sender)
        limit, server = self.config.buffer_packets, transmitter.server
        if limit is not None and server.present > 0 and server.waiting >= limit:
            self._drop([packet])
            self._miss(packet, packet.sender.arq.on_drop(packet))
            if not self._first_come:
                later(self.env, 0.0, partial(self._offer_next, packet))
            return
        packet.visit = self.station.arrive()
        if packet.attempt:
            packet.enter(QUEUE, now_s)
        else:
            packet.joined_s = now_s
        server.join(packet, now_s)
        self.serve(transmitter, now_s)

    # Be serialised.

    def serve(self, transmitter: LinkTransmitter, now_s: float) -> None:
        """After a packet has come or gone, or its gate lets more go: starts one if the discipline lets it, and sets the
        next departure."""
        server = transmitter.server
        while (packet := server.start(now_s)) is not None:
            assert packet.visit is not None
            self.station.begin(packet.visit)
            if server.begin_s <= now_s:
                self._begin(packet)
            elif server.begin_s < inf:
                packet.message.bound_bits += packet.bits
                later(self.env, delay_until(now_s, server.begin_s), partial(self._begin_late, packet))
        version = server.version
        if version != transmitter.planned:
            transmitter.planned = version
            due_s = server.due_s
            if due_s < inf:
                later(self.env, delay_until(now_s, due_s), lambda _: self._depart(transmitter, version))

    def _begin_late(self, packet: Fragment, _: simpy.Event) -> None:
        """It begins after a silence (a duty cycle, an outage) in which it waited."""
        packet.message.bound_bits -= packet.bits
        self._begin(packet)

    def _begin(self, packet: Fragment) -> None:
        """The first bit goes out."""
        packet.message.sent_bits += packet.bits
        packet.message.attempts += 1
        packet.sender.take_air(packet.bits, self.env.now)
        packet.enter(RETRANSMIT if packet.attempt else TRANSMIT, self.env.now)

    def _depart(self, transmitter: LinkTransmitter, version: int) -> None:
        """The last bit has left, unless the server's plans have changed since."""
        if version != transmitter.planned:
            return
        now_s = self.env.now
        packet = transmitter.server.leave(now_s)
        if packet is not None:
            packet.sender.free_air(now_s)
            self._end_visit(packet)
            self._launch(transmitter, packet, now_s)
            if not self._first_come:
                self._offer_next(packet)
        self.serve(transmitter, now_s)

    # Be lost, or travel and arrive.

    def _launch(self, transmitter: LinkTransmitter, packet: Fragment, now_s: float) -> None:
        began_s, address = transmitter.server.began_s, packet.address
        timeout_s = packet.sender.arq.on_send(packet, now_s)
        on_air_s = now_s - began_s - self.config.overhead_s
        rate_bps = packet.bits / on_air_s if packet.bits and on_air_s > 0 else inf
        lost = transmitter.loss.lost(now_s, packet.bits, rate_bps, address) or transmitter.server.failed
        travel_s = nan if lost else transmitter.delay.delay_s(now_s, packet.address)
        if self._observer is not None:
            self._observer.on_packet(packet.aired(self.name, began_s, now_s, now_s + travel_s))
        if lost:
            self.lost += 1
            self._miss(packet, timeout_s)
            return
        self._travelling += 1
        packet.enter(PROPAGATION, now_s)
        if packet.acknowledges:
            later(self.env, travel_s, partial(self._return, packet))
            return
        free = not self.config.arq.ack_bits
        returns = not (free and transmitter.ack_loss.lost(now_s, self.config.header_bits, rate_bps, address))
        back_s = packet.sender.reverse_delay_s if returns else inf
        later(self.env, travel_s, partial(self._arrive, packet, packet.attempt, back_s))
        if not free or travel_s + back_s > timeout_s:
            self._set_timer(packet, timeout_s)

    def _arrive(self, packet: Fragment, attempt: int, back_s: float, _: simpy.Event) -> None:
        """An attempt of the packet is at the far end, which acknowledges it; `back_s`: how long a free acknowledgement
        travels; inf: it is lost."""
        self._travelling -= 1
        self.delivered += 1
        packet.arrivals += 1
        acknowledge = partial(self._acknowledge, packet, attempt)
        if self.config.arq.ack_bits:
            self._send_back(packet.index, -packet.number - 1, packet.arrivals - 1, acknowledge)
        elif back_s < inf:
            later(self.env, back_s, acknowledge)
        self._reassembly.take(packet)
        if back_s == inf:
            packet.enter(TIMEOUT_WAIT, self.env.now)

    def _deliver(self, message: Message, parts: int) -> None:
        """Hands the leading parts of a message over; its sender learns if the far end waits for no more of them."""
        if message.in_parts and parts < len(message.packets):
            withdraw = partial(self._withdraw_rest, message)
            if self.config.arq.ack_bits:
                self._send_back(message.index, _END, 0, withdraw)
            else:
                later(self.env, message.packets[0].sender.reverse_delay_s, withdraw)
        message.deliver(parts, self.env.now)

    def _withdraw_rest(self, message: Message, _: object) -> None:
        self.withdraw(message)

    def _send_back(self, index: MessageIndex, number: int, attempt: int, then: Callable[[object], None]) -> None:
        """Puts an acknowledgement that costs bits on the reverse link, where no window holds it and no timer sends it
        again. Numbers below 0 keep its randomness, and what observers see, apart from that of packets with content."""
        assert self.reverse is not None, "I1: acknowledgements that cost bits have no link to go back on"
        link = self.reverse(index[0])
        message = Message(index, (), then)
        packet = Fragment(self.config.arq.ack_bits, message, index, number, link.senders[index[0]])
        packet.attempt = attempt
        link._enqueue(packet)

    def _return(self, packet: Fragment, _: simpy.Event) -> None:
        """An acknowledgement is back where it is awaited."""
        self._travelling -= 1
        self.delivered += 1
        packet.message.to(packet.message)

    # Be acknowledged, or sent again.

    def _acknowledge(self, packet: Fragment, attempt: int, _: object) -> None:
        """An acknowledgement of this attempt of the packet is back."""
        if packet.acked:
            return
        sender, now_s = packet.sender, self.env.now
        if packet.index[2] >= 0:  # an empty frame, which asks for an answer, brings nothing forward
            sender.acked_bits += packet.bits
        sender.transmitter.curve.heard()
        if packet.attempt == 0:
            sender.round_trip_s = now_s - packet.joined_s
        self._close(packet, sender.arq.on_ack(packet, now_s, attempt))
        self._await_alarm(sender)

    def _miss(self, packet: Fragment, timeout_s: float) -> None:
        """The attempt under way will not arrive: its sender learns it by its timer; nobody awaits an acknowledgement
        of an acknowledgement."""
        if not packet.acknowledges:
            self._set_timer(packet, timeout_s)
            packet.enter(TIMEOUT_WAIT, self.env.now)

    def _set_timer(self, packet: Fragment, timeout_s: float) -> None:
        """The last bit of the attempt has left; `timeout_s` is the sender's, before jitter; inf: it has an alarm."""
        if timeout_s < inf:
            later(self.env, packet.wait_s(timeout_s), partial(self._expire, packet, packet.attempt))

    def _expire(self, packet: Fragment, attempt: int, _: simpy.Event) -> None:
        """Sends the packet again, or lets it pause; one that is sent once is given up."""
        arq = packet.sender.arq
        if packet.once:
            if not packet.acked:
                self._close(packet, arq.forget([packet]))
            return
        expiry = arq.on_timeout(packet, attempt)
        if expiry is Expiry.STALE:
            return
        packet.sender.timeouts += 1
        if expiry is Expiry.RESEND:
            self._enqueue(packet)
        else:
            for other in arq.suspend(packet):
                self._enqueue(other)
            pause_s = packet.sender.transmitter.pauses.wait_s(self.config.arq.timeout_max_s, *packet.address)
            later(self.env, pause_s, partial(self._resume, packet))

    def _resume(self, packet: Fragment, _: simpy.Event) -> None:
        if not packet.acked:
            self._offer(packet)

    def _close(self, packet: Fragment, released: Iterable[Fragment]) -> None:
        """The sender is through with this packet: those it releases go, and the message follows its next one."""
        message = packet.message
        message.unacked -= 1
        packet.sender.unacked_packets -= 1
        self._go(released)
        if message.done:
            if not message.unacked and not message.open:
                message.packets = ()
        elif message.unacked:
            message.follow_oldest(self.env.now)

    # Be answered, cancelled or dropped.

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """A reply to these messages, in the order in which they were put, is here: all that came of them is
        acknowledged, and the rest is not wanted any more."""
        for message in reversed(messages):  # the latest first: none of it is let go by one before it
            for packet in message.packets:
                if packet.arrived and not packet.acked:
                    packet.sender.acked_bits += packet.bits
            self.withdraw(message)

    def withdraw(self, message: Message) -> None:
        """The message is no longer wanted: nothing of it starts any more; what is on the air goes on for nothing."""
        message.end()
        if message.packets:
            sender, packets, message.packets = message.packets[0].sender, message.packets, ()
            self._take_back(sender.transmitter, packets)
            sender.unacked_packets -= sum(not packet.acked for packet in packets)
            self._go(sender.arq.forget(packets))
            self._await_alarm(sender)

    def _take_back(self, transmitter: LinkTransmitter, packets: Sequence[Fragment]) -> None:
        """Those of these packets, of one message, that have not started leave the queue."""
        self._drop(transmitter.server.discard(packets))

    def _drop(self, packets: Iterable[Fragment]) -> None:
        for packet in packets:
            self.dropped += 1
            packet.sender.dropped += 1
            if self._observer is not None:
                self._observer.on_unserved(Unserved(self.name, packet.index, packet.visited_s, self.env.now))
            self._end_visit(packet)

    def _end_visit(self, packet: Fragment) -> None:
        if packet.visit is not None:
            self.station.leave(packet.visit)
            packet.visit = None
