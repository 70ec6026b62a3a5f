"""Link of one direction in time: the uplink and the downlink are both this class.

The file follows a packet: it gets in line, is serialised (which holds the link), is lost or travels (which does not),
arrives, is acknowledged, or is sent again when its timer runs out. Packets are not processes: callbacks carry them from
one instant to the next. All rules live in `channels.link`; here they meet the clock. What the far end makes of the
packets is in `reassembly`.

First come, first served, an attempt knows when it has its turn and when it leaves as soon as it joins (Lindley's
recursion on the service curve), until a message before it is cancelled, which plans those behind it anew. Its loss and
its delay are known then too, if neither they nor the timer remember what came before; so it takes one event, its
arrival or its timeout. A packet whose turn comes at the very instant of its withdrawal counts as begun. In any other
order a departure is an event (`channels.link.sharing`).

The clock of a device's own lanes may run ahead of the run's (`OwnClock`).

Acknowledgements come back free of charge, after the mean delay of the reverse link and unless `arq.ack_loss` takes
them, or as packets: where they cost bits, each joins the queue of the reverse link and meets its rate, losses and
delay. It is sent once and never acknowledged itself. A reply acknowledges for nothing (`Link.acknowledge`).

Where `arq` is QUIC, its sender sets one alarm for all that is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from math import fsum, inf, isnan, nan
from typing import Final

import simpy

from channels.link.arq import Expiry, Sender
from channels.link.delays import ConstantDelay
from channels.link.link_config import LinkConfig
from channels.link.losses import NoLoss, is_memoryless
from channels.link.rates import MessageIndex, Position
from channels.link.retransmission_timeout import FixedTimer, TimerJitter
from channels.link.sharing import Fifo, Gate, Own
from channels.uniforms import Uniforms
from simulator.results.observer import Airing, Observer, Unserved, receives
from simulator.results.station import Station
from simulator.schemes.policy import SeenLink
from simulator.timing.event_loop import OwnClock, SharedClock, delay_until
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
    PlacedAttempt,
    course_from,
)
from simulator.timing.reassembly import Reassembly

_SHARED: Final = -1
"""The key of the one transmitter of a link that all devices share."""
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
        own_clocks: Mapping[int, OwnClock] = {},
    ) -> None:
        """`reverse_delay_s`: how long an acknowledgement travels back to a device. `horizon_s`: when the run ends.
        `places`: what decides where devices are, alike on all links; None: it is this link's own. `own_clocks`: of
        devices that share neither this link nor its reverse."""
        self.env = env
        self.config = config
        self.name = name
        self.station = Station(env, name)
        self.sent = 0
        self.delivered = 0
        self.dropped = 0
        self._lost = self._in_flight = 0
        """Counts as far as they are known: an attempt whose loss is foreseen counts as lost from then on."""
        self.reverse: Callable[[int], Link] | None = None
        """By device, the link that carries acknowledgements back where they cost bits."""
        self._observer = observer
        self._watched = observer is not None and receives(observer, Observer.on_packet)
        arq = config.arq
        self._follows = arq.follows_network
        """Whether a sender has an alarm."""
        self._grants = config.access_s > 0 or config.idle_access_s > 0
        """Whether a message may have to wait for one."""
        self._first_come = config.sharing.first_come
        """Whether no packet that joins later changes when one leaves."""
        self._travel_s = config.delay.mean_s if type(config.delay) is ConstantDelay else nan
        """How long each packet travels, if all do as long; else nan."""
        self._loses, self._loses_acks = type(config.loss) is not NoLoss, type(arq.ack_loss) is not NoLoss
        fixed = type(arq.timer) is FixedTimer and arq.backoff == 1 and not arq.ack_bits and not self._follows
        losses = config.loss.process(uniforms), arq.ack_loss.process(uniforms)
        self._foreseen = fixed and not isnan(self._travel_s) and all(map(is_memoryless, losses))
        """Whether it is known what becomes of an attempt as soon as it is known when it leaves."""
        gated = config.buffer_packets is not None or config.half_duplex is not None
        self.in_order = type(config.sharing) in (Fifo, Own) and not gated
        """Whether the times of an attempt are known when it joins: no packet overtakes another, or waits for more."""
        self.is_clean = self._foreseen and not (self._loses or self._loses_acks or self._grants)
        """Whether a message's times are known when it is put: nothing is lost, and nothing waits for a grant."""
        self._reassembly = Reassembly(config, self._deliver)
        self._uniforms, self._places, self._horizon_s = uniforms, places, horizon_s
        self._clock, self._own_clocks = SharedClock(env), own_clocks
        self._reverse_delay_s = reverse_delay_s
        self._window = cache(config.window_packets)
        """The packets that a device may have under way, by how long an acknowledgement travels back to it."""
        self._senders: dict[int, DeviceSender] = {}
        self._transmitters: dict[int, LinkTransmitter] = {}
        """By device, or one for all; each is opened when it is first needed."""
        self._gate: Gate[Fragment] = Gate()
        self._opener = config.sharing.opener(uniforms.under(_SHARED + 1, 6))  # after the six of `_open`

    def guard(self, gate: Gate[Fragment]) -> None:
        """Sets what each transmitter obeys; before the first packet."""
        self._gate, self.in_order = gate, False

    def sender(self, device: int) -> DeviceSender:
        """Returns the entry of a device's packets."""
        sender = self._senders.get(device)
        if sender is None:
            back_s = self._reverse_delay_s(device)
            arq: Sender[Fragment] = self.config.arq.sender(self._window(back_s))
            sender = self._senders[device] = DeviceSender(arq, self._transmitter(device), back_s)
        return sender

    def _transmitter(self, device: int) -> LinkTransmitter:
        """Returns the transmitter behind a device's packets."""
        key, config = _SHARED if self.is_shared else device, self.config
        if key in self._transmitters:
            return self._transmitters[key]
        rate, loss, delay, ack, timers, pauses = (self._uniforms.under(key + 1, purpose) for purpose in range(6))
        curve, clock = config.curve(rate), self._own_clocks.get(key, self._clock)
        curve.bound(f"{self.name}.rate", self._horizon_s)
        if self._places is not None:
            curve.place(self._places)
        server = None if self.in_order else self._opener(curve, clock.now)
        if server is not None:
            server.gate = self._gate
        transmitter = self._transmitters[key] = LinkTransmitter(
            curve=curve,
            clock=clock,
            position=Position(clock.now),
            server=server,
            loss=config.loss.process(loss),
            delay=config.delay.process(delay),
            ack_loss=config.arq.ack_loss.process(ack),
            timers=TimerJitter(config.arq.timer_jitter, timers),
            pauses=TimerJitter(config.arq.timer_jitter, pauses),
            serve=self.serve,
        )
        self.station.servers = len(self._transmitters)
        return transmitter

    @property
    def is_shared(self) -> bool:
        """True if devices share its transmitter."""
        return not self.config.sharing.transmitter_per_device

    @property
    def is_foreseeable(self) -> bool:
        """True if a message's times depend on nothing that other devices put later."""
        return self.in_order and (self.is_clean or not self.is_shared)

    @property
    def lost(self) -> int:
        """Packets lost so far: a loss counts once the last bit has left."""
        return self._lost - self._foreseen_losses

    @property
    def in_flight(self) -> int:
        """Packets queued, on the air or travelling."""
        return self._in_flight + self._foreseen_losses

    @property
    def _foreseen_losses(self) -> int:
        """Attempts that are known to be lost, and whose last bit has not left."""
        now_s = self.env.now
        return sum(each.lost and each.left_s > now_s for each in self._placed({*self._senders.values()}))

    @property
    def bits_sent(self) -> int:
        """Bits put on the air so far, headers and retransmissions included."""
        return self.bits_of(self._senders)

    def bits_of(self, devices: Collection[int]) -> int:
        """Returns the bits put for some devices."""
        senders, now_s = self._senders_of(devices), self.env.now
        waiting = sum(each.packet.bits for each in self._placed(senders) if each.begin_s > now_s)
        return sum(sender.sent_bits for sender in senders) - waiting

    def air_of_s(self, devices: Collection[int]) -> float:
        """Returns the share of these devices in `air_s`; a time that several packets share is divided equally among
        them."""
        now_s = self.env.now
        air_s = {sender: sender.air_s(now_s) for sender in self._senders_of(devices)}
        for each in self._placed(air_s):
            air_s[each.packet.sender] += max(0.0, min(now_s, each.left_s) - each.begin_s)
        return fsum(air_s.values())

    def dropped_of(self, devices: Collection[int]) -> int:
        """Returns the share of these devices in `dropped`."""
        return sum(sender.dropped for sender in self._senders_of(devices))

    def _senders_of(self, devices: Collection[int]) -> Collection[DeviceSender]:
        for clock in self._own_clocks.values():
            clock.run(self.env.now)
        return {sender: None for device, sender in self._senders.items() if device in devices}

    def _placed(self, senders: Collection[DeviceSender]) -> Iterator[PlacedAttempt]:
        """The attempts of these senders that have not left, or not for long."""
        for transmitter in {sender.transmitter: None for sender in senders}:
            yield from (each for each in transmitter.queue if each.packet.sender in senders)

    @property
    def air_s(self) -> float:
        """Time that packets have been on the air so far, first bit to last; what is sent at once counts once."""
        return self.air_of_s(self._senders)

    @property
    def acked_bits(self) -> int:
        """Bits of the packets that were acknowledged, headers included."""
        return sum(sender.acked_bits for sender in self._senders.values())

    def seen_by(self, device: int) -> SeenLink:
        """Returns the state of the link as far as a device has seen it."""
        sender = self._senders.get(device)
        if sender is None:
            return SeenLink()
        return SeenLink(sender.acked_bits, sender.unacked_packets, sender.round_trip_s, sender.timeouts)

    # Get in line.

    def put(self, message: Message, at_s: float = 0.0) -> None:
        """Takes on a message and never blocks: grant, turn and retransmissions are the link's business from here on.
        `at_s`: when, by a device's own clock, if it is not past."""
        sender = self.sender(message.index[0])
        clock = sender.transmitter.clock
        clock.run(at_s)
        message.put_s = now_s = clock.now
        if self._grants and (wait_s := sender.access_s(self.config, now_s)) > 0:
            message.does([(now_s, QUEUE)])
            clock.later(wait_s, partial(self._admit, message))
        else:
            self._admit(message)

    def _admit(self, message: Message, _: object = None) -> None:
        if message.done:
            return
        sender = self.sender(message.index[0])
        self._cut(message, sender)
        now_s = sender.transmitter.clock.now
        if now_s == message.put_s and not message.packets[0].course:
            message.does([(now_s, QUEUE)])

    def add(self, message: Message, part: bytes, *, ends: bool) -> bool:
        """Adds a part to an open message, or with b"" only its end; `ends`: nothing comes behind it. Where the sender
        knows that the far end waits for no more, nothing is sent, and the result is False."""
        granted, now_s = bool(message.packets), self.env.now
        if message.done and not message.packets:
            return False
        message.grow(part, ends=ends)
        if granted:
            self._cut(message, message.packets[0].sender)
        if granted and not message.done:
            message.follow_oldest(now_s)
        message.open = not ends
        if ends and not message.done:
            message.does(course_from(message.packets[message.oldest].course, now_s) if granted else [(now_s, QUEUE)])
        return True

    def _cut(self, message: Message, sender: DeviceSender) -> None:
        """Cuts what has no packets yet of a message into packets, and offers them."""
        made, in_parts = len(message.packets), message.in_parts
        planned = message.sizes[made:] if in_parts else ()
        sizes = self.config.packets_of(message.bits, [bits for bits, _ in planned], made)
        new = [
            Fragment(bits, message, message.index, number, sender, in_parts and planned[number - made][1], header_bits)
            for number, (bits, header_bits) in enumerate(sizes, made)
        ]
        message.packets = [*message.packets, *new]
        message.missing += len(new)
        message.unacked += len(new)
        sender.unacked_packets += len(new)
        for packet in new:
            if in_parts and packet.number > message.joins and not self._first_come:
                break  # it follows the part before it
            self._offer(packet)

    def _offer(self, packet: Fragment) -> None:
        """A packet goes if its sender lets it; it may wait for an alarm."""
        if packet.sender.arq.offer(packet):
            self._enqueue(packet)
        else:
            self._await_alarm(packet.sender)

    def _go(self, packets: Iterable[Fragment]) -> None:
        """Enqueues the packets that a sender lets go; a part that is sent once, and is lost, is given up."""
        for packet in packets:
            if packet.once and packet.attempt:
                self._close(packet, packet.sender.arq.forget([packet]))
            else:
                self._enqueue(packet)

    def _await_alarm(self, sender: DeviceSender) -> None:
        """Sees to it that its sender's alarm is looked at when it is due, or before."""
        if self._follows and (alarm_s := sender.arq.alarm_s) < sender.alarmed_s:
            sender.alarmed_s = alarm_s
            clock = sender.transmitter.clock
            clock.later(delay_until(clock.now, alarm_s), partial(self._alarm, sender, alarm_s))

    def _alarm(self, sender: DeviceSender, alarm_s: float, _: object) -> None:
        """Rings a sender's alarm, unless it was moved forward since."""
        if alarm_s != sender.alarmed_s:
            return
        sender.alarmed_s = inf
        going = sender.arq.on_alarm(sender.transmitter.clock.now)
        sender.timeouts += any(packet.attempt for packet in going)
        self._go(going)
        self._await_alarm(sender)

    def _offer_next(self, left: Fragment, _: object = None) -> None:
        """Offers the next part when the one before it has left, on a link on which a packet may delay one that joined
        before it: when that one left must not depend on the length of this one (I12)."""
        message = left.message
        if message.in_parts and not left.attempt and not left.acknowledges:
            message.joins = left.number + 1
            if message.joins < len(message.packets):
                self._offer(message.packets[message.joins])

    def _enqueue(self, packet: Fragment) -> None:
        """An attempt joins the queue, unless the buffer is full."""
        sender, transmitter = packet.sender, packet.sender.transmitter
        now_s = transmitter.clock.now
        if not packet.attempt:
            packet.joined_s = now_s
        if self._follows and not packet.acknowledges:
            sender.arq.on_join(packet, now_s)
            self._await_alarm(sender)
        server = transmitter.server
        if server is None:
            self._foresee(self._place(packet, now_s))
            return
        packet.visited_s = now_s
        self.sent += 1
        self._in_flight += 1
        limit = self.config.buffer_packets
        if limit is not None and server.present > 0 and server.waiting >= limit:
            self._drop(packet)
            if not packet.acknowledges:
                gone = PlacedAttempt(packet, packet.attempt, now_s, transmitter.position, inf, now_s)
                self._set_timer(gone, sender.arq.on_drop(packet))
                packet.enter(TIMEOUT_WAIT, now_s)
            if not self._first_come:
                transmitter.clock.later(0.0, partial(self._offer_next, packet))
            return
        packet.visit = self.station.arrive()
        if packet.attempt:
            packet.enter(QUEUE, now_s)
        server.join(packet, now_s)
        self.serve(transmitter, now_s)

    # Be serialised.

    def _place(self, packet: Fragment, now_s: float) -> PlacedAttempt:
        """An attempt joins a queue of which the order is known."""
        sender, message, bits = packet.sender, packet.message, packet.bits
        packet.visited_s = now_s
        self.sent += 1
        self._in_flight += 1
        sender.sent_bits += bits
        message.sent_bits += bits
        message.attempts += 1
        attempt = sender.transmitter.place(packet, now_s)
        self.station.book((now_s, attempt.turn[0], attempt.left_s))
        return attempt

    def _foresee(self, attempt: PlacedAttempt) -> None:
        """Reports when an attempt begins and when it leaves, and schedules what comes of it, now or then."""
        packet, begin_s, left_s = attempt.packet, attempt.begin_s, attempt.left_s
        clock = packet.sender.transmitter.clock
        now_s, course = clock.now, []
        if begin_s > now_s or attempt.number:
            course.append((now_s, QUEUE))
        if begin_s < inf:
            course.append((begin_s, RETRANSMIT if attempt.number else TRANSMIT))
        if left_s == inf:
            packet.does(course)
        elif self._foreseen:
            if self._watched:  # before it arrives, which may be at that instant
                clock.later(delay_until(now_s, left_s), partial(self._watch, attempt))
            self._launch(attempt, course)
        else:
            packet.does(course)
            clock.later(delay_until(now_s, left_s), partial(self._leave, attempt))

    def _leave(self, attempt: PlacedAttempt, _: object) -> None:
        """The last bit has left."""
        if not attempt.off:
            self._launch(attempt, [])

    def serve(self, transmitter: LinkTransmitter, now_s: float) -> None:
        """Serves the queue after a packet has come or gone, or its gate lets more go: starts one if the discipline lets
        it, and sets the next departure."""
        server = transmitter.server
        assert server is not None
        while (packet := server.start(now_s)) is not None:
            assert packet.visit is not None
            self.station.begin(packet.visit)
            if server.begin_s <= now_s:
                self._begin(packet)
            elif server.begin_s < inf:
                packet.message.bound_bits += packet.bits
                transmitter.clock.later(delay_until(now_s, server.begin_s), partial(self._begin_late, packet))
        version = server.version
        if version != transmitter.planned:
            transmitter.planned = version
            due_s = server.due_s
            if due_s < inf:
                transmitter.clock.later(delay_until(now_s, due_s), lambda _: self._depart(transmitter, version))

    def _begin_late(self, packet: Fragment, _: object) -> None:
        """Begins a packet after a silence (a duty cycle, an outage) in which it waited."""
        packet.message.bound_bits -= packet.bits
        self._begin(packet)

    def _begin(self, packet: Fragment) -> None:
        """The first bit goes out."""
        now_s = packet.sender.transmitter.clock.now
        packet.message.sent_bits += packet.bits
        packet.message.attempts += 1
        packet.sender.take_air(packet.bits, now_s)
        packet.enter(RETRANSMIT if packet.attempt else TRANSMIT, now_s)

    def _depart(self, transmitter: LinkTransmitter, version: int) -> None:
        """The last bit has left, unless the server's plans have changed since."""
        server, now_s = transmitter.server, transmitter.clock.now
        if server is None or version != transmitter.planned:
            return
        packet = server.leave(now_s)
        if packet is not None:
            packet.sender.free_air(now_s)
            self._end_visit(packet)
            attempt = PlacedAttempt(
                packet, packet.attempt, packet.visited_s, transmitter.position, server.began_s, now_s
            )
            self._launch(attempt, [], failed=server.failed)
            if not self._first_come:
                self._offer_next(packet)
        self.serve(transmitter, now_s)

    # Be lost, or travel and arrive.

    def _fly(self, attempt: PlacedAttempt, *, failed: bool = False) -> float:
        """Returns the travel time of an attempt whose last bit leaves, now or later; nan: it is lost. `failed`: the far
        end cannot read it, whatever the loss."""
        packet, left_s = attempt.packet, attempt.left_s
        transmitter, travel_s = packet.sender.transmitter, self._travel_s
        if failed or (
            self._loses and transmitter.loss.lost(left_s, packet.bits, self._rate_bps(attempt), packet.address)
        ):
            attempt.lost = True
            self._count_lost(1)
            return nan
        if isnan(travel_s):
            travel_s = transmitter.delay.delay_s(left_s, packet.address)
        attempt.arrives_s = left_s + travel_s
        return travel_s

    def _rate_bps(self, attempt: PlacedAttempt) -> float:
        """The mean rate at which it goes out."""
        bits, on_air_s = attempt.packet.bits, attempt.left_s - attempt.begin_s - self.config.overhead_s
        return bits / on_air_s if bits and on_air_s > 0 else inf

    def _launch(self, attempt: PlacedAttempt, course: list[tuple[float, str]], *, failed: bool = False) -> None:
        """Schedules what comes of an attempt whose last bit leaves, now or, where that is foreseen, later. `course`:
        what its packet does until then."""
        packet, left_s, sender = attempt.packet, attempt.left_s, attempt.packet.sender
        transmitter = sender.transmitter
        clock, now_s = transmitter.clock, transmitter.clock.now
        timeout_s = sender.arq.on_send(packet, left_s)
        if packet.acknowledges:
            timeout_s = inf  # it is sent once
        travel_s = self._fly(attempt, failed=failed)
        if self._watched and not (self._foreseen and transmitter.server is None):
            self._watch(attempt)
        course.append((left_s, TIMEOUT_WAIT if attempt.lost else PROPAGATION))
        packet.does(course)
        if attempt.lost:
            self._set_timer(attempt, timeout_s)
            return
        header_bits, back_s, free = self.config.header_bits, sender.reverse_delay_s, not self.config.arq.ack_bits
        if free and self._loses_acks and not packet.acknowledges:
            rate_bps = self._rate_bps(attempt)
            if transmitter.ack_loss.lost(left_s, header_bits, rate_bps, packet.address):
                back_s = inf
        clock.later(delay_until(now_s, attempt.arrives_s), partial(self._arrive, attempt, back_s))
        if not free or travel_s + back_s > timeout_s:
            self._set_timer(attempt, timeout_s)

    def _watch(self, attempt: PlacedAttempt, _: object = None) -> None:
        """The attempt has left."""
        packet = attempt.packet
        if not attempt.off and self._observer is not None:
            times_s = attempt.joined_s, attempt.begin_s, attempt.left_s, attempt.arrives_s
            header_bits = None if packet.acknowledges else packet.header_bits
            airing = Airing(self.name, packet.index, packet.number, attempt.number, packet.bits, *times_s, header_bits)
            self._observer.on_packet(airing)

    def _count_lost(self, attempts: int) -> None:
        self._lost += attempts
        self._in_flight -= attempts

    def _arrive(self, attempt: PlacedAttempt, back_s: float, _: object) -> None:
        """An attempt of a packet is at the far end, which acknowledges it unless it is an acknowledgement itself.
        `back_s`: how long a free acknowledgement travels; inf: it is lost."""
        if attempt.off:
            return
        packet, sender = attempt.packet, attempt.packet.sender
        clock = sender.transmitter.clock
        self._in_flight -= 1
        self.delivered += 1
        if packet.acknowledges:
            packet.message.to(packet.message)
            return
        packet.arrivals += 1
        if self.config.arq.ack_bits:
            back = partial(self._acknowledge, packet, attempt.number)
            self._send_back(packet.index, -packet.number - 1, packet.arrivals - 1, back)
        elif back_s < inf:
            clock.later(back_s, partial(self._acknowledge, packet, attempt.number))
            if packet.message.unacked == 1:
                packet.message.acked_s = min(packet.message.acked_s, clock.now + back_s)
        self._reassembly.take(packet)
        if back_s == inf:
            packet.enter(TIMEOUT_WAIT, clock.now)

    def _deliver(self, message: Message, parts: int) -> None:
        """Hands the leading parts of a message over; its sender learns if the far end waits for no more of them."""
        sender = message.packets[0].sender
        clock, queue = sender.transmitter.clock, sender.transmitter.queue
        if message.in_parts and parts < len(message.packets):
            if self.config.arq.ack_bits:
                self._send_back(message.index, _END, 0, lambda _: self.withdraw(message))
            else:
                clock.later(sender.reverse_delay_s, lambda _: self.withdraw(message))
        now_s, waiting = clock.now, list[PlacedAttempt]()
        if queue and queue[-1].begin_s > now_s:
            waiting = [each for each in queue if each.begin_s > now_s and each.packet.message is message]
        message.deliver(parts, now_s, waiting)

    def _send_back(self, index: MessageIndex, number: int, attempt: int, then: Callable[[object], None]) -> None:
        """Puts an acknowledgement that costs bits on the reverse link, where no window holds it and no timer sends it
        again. Numbers below 0 keep its randomness, and what observers see, apart from that of packets with content."""
        assert self.reverse is not None, "I1: acknowledgements that cost bits have no link to go back on"
        link = self.reverse(index[0])
        message = Message(index, (), then)
        packet = Fragment(self.config.arq.ack_bits, message, index, number, link.sender(index[0]))
        packet.attempt = attempt
        link._enqueue(packet)

    # Be acknowledged, or sent again.

    def _acknowledge(self, packet: Fragment, attempt: int, _: object) -> None:
        """An acknowledgement of this attempt of the packet is back."""
        sender, now_s = packet.sender, packet.sender.transmitter.clock.now
        if packet.acked:
            return
        if packet.index[2] >= 0:  # an empty frame, which asks for an answer, brings nothing forward
            sender.acked_bits += packet.bits
        if packet.attempt == 0:
            sender.round_trip_s = now_s - packet.joined_s
        self._close(packet, sender.arq.on_ack(packet, now_s, attempt))
        if self._follows:
            self._await_alarm(sender)

    def _set_timer(self, attempt: PlacedAttempt, timeout_s: float) -> None:
        """The last bit of the attempt leaves; `timeout_s` is the sender's, before jitter; inf: it has an alarm."""
        if timeout_s < inf:
            clock, wait_s = attempt.packet.sender.transmitter.clock, attempt.packet.wait_s(timeout_s)
            expires_s = delay_until(clock.now, attempt.left_s + wait_s)
            attempt.packet.timer = clock.later(expires_s, partial(self._expire, attempt))

    def _expire(self, attempt: PlacedAttempt, _: object) -> None:
        """Sends the packet again, or lets it pause; one that is sent once is given up."""
        packet, sender = attempt.packet, attempt.packet.sender
        if attempt.off:
            return
        if packet.once:
            if not packet.acked:
                self._close(packet, sender.arq.forget([packet]))
            return
        expiry = sender.arq.on_timeout(packet, attempt.number)
        if expiry is Expiry.STALE:
            return
        sender.timeouts += 1
        if expiry is Expiry.RESEND:
            self._enqueue(packet)
        else:
            for other in sender.arq.suspend(packet):
                self._enqueue(other)
            pause_s = sender.transmitter.pauses.wait_s(self.config.arq.timeout_max_s, *packet.address)
            sender.transmitter.clock.later(pause_s, partial(self._resume, packet))

    def _resume(self, packet: Fragment, _: object) -> None:
        if not packet.acked:
            self._offer(packet)

    def _close(self, packet: Fragment, released: Iterable[Fragment]) -> None:
        """The sender is through with this packet: those it releases go, and the message follows its next one."""
        message = packet.message
        message.unacked -= 1
        packet.sender.unacked_packets -= 1
        if packet.timer is not None:
            packet.sender.transmitter.clock.cancel(packet.timer)
        if released:
            self._go(released)
        if message.done:
            if not message.unacked and not message.open:
                message.packets = ()
        elif message.unacked:
            message.follow_oldest(packet.sender.transmitter.clock.now)

    # Be answered, cancelled or dropped.

    def acknowledge(self, messages: Sequence[Message], at_s: float = 0.0) -> None:
        """A reply to these messages, in the order in which they were put, is here: all that came of them is
        acknowledged, and the rest is not wanted any more. `at_s`: as of `put`."""
        for message in reversed(messages):  # the latest first: none of it is let go by one before it
            if message.packets:
                message.packets[0].sender.transmitter.clock.run(at_s)
            if message.packets or not message.done:
                for packet in message.packets:
                    if packet.arrived and not packet.acked:
                        packet.sender.acked_bits += packet.bits
                self.withdraw(message)

    def withdraw(self, message: Message) -> None:
        """The message is no longer wanted: nothing of it starts any more; what is on the air goes on for nothing."""
        message.end()
        if message.packets:
            sender, packets, message.packets = message.packets[0].sender, message.packets, ()
            self._take_back(sender.transmitter, message, packets)
            for packet in packets:
                sender.transmitter.clock.cancel(packet.timer)
            sender.unacked_packets -= sum(not packet.acked for packet in packets)
            self._go(sender.arq.forget(packets))
            self._await_alarm(sender)

    def _take_back(self, transmitter: LinkTransmitter, message: Message, packets: Sequence[Fragment]) -> None:
        """Takes back the packets whose turn has not come; those behind them move up."""
        if transmitter.server is not None:
            for packet in transmitter.server.discard(packets):
                self._drop(packet)
                self._end_visit(packet)
            return
        now_s = transmitter.clock.now
        waiting = [each for each in transmitter.queue if each.packet.message is message and each.turn.time_s > now_s]
        if not waiting:
            return
        moved = transmitter.take_back(waiting)
        for attempt in waiting:
            packet = attempt.packet
            self._drop(packet)
            self._count_lost(-attempt.lost)
            self.station.cancel(attempt.visit)
            packet.sender.sent_bits -= packet.bits
            message.sent_bits -= packet.bits
            message.attempts -= 1
        for before, attempt in moved:
            self._count_lost(-before.lost)
            self.station.rebook(before.visit, attempt.visit)
            self._foresee(attempt)

    def _drop(self, packet: Fragment) -> None:
        self.dropped += 1
        self._in_flight -= 1
        packet.sender.dropped += 1
        if self._observer is not None:
            now_s = packet.sender.transmitter.clock.now
            self._observer.on_unserved(Unserved(self.name, packet.index, packet.visited_s, now_s))

    def _end_visit(self, packet: Fragment) -> None:
        if packet.visit is not None:
            self.station.leave(packet.visit)
            packet.visit = None
