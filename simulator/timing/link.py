"""One direction of a link in time: the uplink and the downlink are both this class.

The file follows a packet: it gets in line, is serialised (which holds the link), is lost or travels (which does not),
is delivered, is acknowledged, or is sent again when its timer runs out. Packets are not processes: callbacks carry them
from one SimPy event to the next. All rules live in `channels.link`; here they meet the clock. What the far end makes of
packets is in `reassembly`, how acknowledgements travel in `acknowledgements`, what their senders then do in `repeats`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from math import inf, nan

import simpy

from channels.link.link_config import LinkConfig
from channels.link.transmitter import Gate
from channels.uniforms import Uniforms
from simulator.results.observer import Observer, Unserved
from simulator.results.station import Station
from simulator.schemes.policy import SeenLink
from simulator.timing.acknowledgements import WayBack
from simulator.timing.lanes import Lanes
from simulator.timing.later import delay_until, later
from simulator.timing.messages import (
    PROPAGATION,
    QUEUE,
    RETRANSMIT,
    TIMEOUT_WAIT,
    TRANSMIT,
    Fragment,
    Lane,
    Message,
    Port,
)
from simulator.timing.reassembly import Reassembly
from simulator.timing.repeats import Repeats


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
    ) -> None:
        """`reverse_delay_s`: how long an acknowledgement travels back to a device. `horizon_s`: when the run ends."""
        self.env = env
        self.config = config
        self.name = name
        self.station = Station(env, name)
        self.sent = 0
        self.delivered = 0
        self.lost = 0
        self.dropped = 0
        self._bits_sent = 0
        self.way_back = WayBack(env, config.arq)
        self._grants = config.access_s > 0 or config.idle_access_s > 0
        """Whether a message may have to wait for one."""
        self._travelling = 0
        self._observer = observer
        self._reassembly = Reassembly(env, config, self._deliver)
        self._repeats = Repeats(env, config.arq, self._enqueue)
        self._lanes = Lanes(env, config, uniforms, reverse_delay_s, name, horizon_s)

    def guard(self, gate: Gate[Fragment]) -> None:
        """What each lane obeys; said before the first packet."""
        self._lanes.gate = gate

    @property
    def in_flight(self) -> int:
        """Packets queued, on the air or travelling."""
        return self._travelling + self._lanes.present

    @property
    def bits_sent(self) -> int:
        """Put on the air so far, headers and repeats included."""
        return self._bits_sent

    @property
    def air_s(self) -> float:
        """How long packets have been on the air so far, first bit to last; what a lane sends at once counts once."""
        return self._lanes.air_s(self.env.now)

    @property
    def acked_bits(self) -> int:
        """Of packets that were acknowledged, headers included."""
        return sum(port.acked_bits for port in self._lanes.ports.values())

    def seen_by(self, device: int) -> SeenLink:
        """What the link has shown a device so far."""
        return self._lanes.seen_by(device)

    # Get in line.

    def put(self, message: Message) -> None:
        """Takes on a message and never blocks: grant, turn and repeats are the link's business from here on."""
        message.put_s = self.env.now
        if self._grants and (wait_s := self._lanes.access_s(message.index[0])) > 0:
            message.does(QUEUE, self.env.now)
            later(self.env, wait_s, partial(self._admit, message))
        else:
            self._admit(message)

    def _admit(self, message: Message, _: simpy.Event | None = None) -> None:
        if message.done:
            return
        index = message.index
        port = self.port(index[0])
        if message.in_parts:
            self._admit_parts(message, port)
        else:
            sizes = self.config.packets_bits(message.bits)
            message.missing = message.unacked = len(sizes)
            port.unacked_packets += len(sizes)
            message.packets = [Fragment(bits, message, index, number, port) for number, bits in enumerate(sizes)]
            for packet in message.packets:
                self._offer(packet)
        if message.packets[0].state is QUEUE and self.env.now == message.put_s:
            message.does(QUEUE, self.env.now)

    def add(self, message: Message, part: bytes, *, ends: bool) -> bool:
        """One more part of an open message, or (b"") the bare word that it ends; `ends`: nothing comes behind it. Where
        the sender knows that the far end waits for no more, nothing is sent, and the answer is False."""
        granted = bool(message.packets)
        if message.done and not granted:
            return False
        message.grow(part, ends=ends)
        if granted:
            self._admit_parts(message, message.packets[0].port)
        if granted and not message.done:
            message.follow_oldest(self.env.now)
        message.open = not ends
        if ends and not message.done:
            message.does(message.state, self.env.now)
        return True

    def _admit_parts(self, message: Message, port: Port) -> None:
        """Those that have no packet yet."""
        made, index = len(message.packets), message.index
        planned = message.sizes[made:]
        sizes = self.config.packets_bits(0, [bits for bits, _ in planned])
        new = [
            Fragment(bits, message, index, number, port, once=once)
            for number, (bits, (_, once)) in enumerate(zip(sizes, planned, strict=True), made)
        ]
        message.packets = [*message.packets, *new]
        message.unacked += len(new)
        port.unacked_packets += len(new)
        for packet in new:
            if packet.number > message.joins and not self.config.sharing.first_come:
                break  # it follows the part before it
            self._offer(packet)

    def _offer(self, packet: Fragment) -> None:
        if packet.port.sender.offer(packet):
            self._enqueue(packet)

    def _offer_next(self, left: Fragment, _: simpy.Event | None = None) -> None:
        """Where a packet may delay one that joined before it, a part joins when the one before it has left: when that
        one left must not depend on the length of this one (I12)."""
        message = left.message
        if message.in_parts and not left.attempt and not left.acknowledges:
            message.joins = left.number + 1
            if message.joins < len(message.packets):
                self._offer(message.packets[message.joins])

    def port(self, device: int) -> Port:
        """Where the packets of a device enter."""
        port = self._lanes.ports.get(device)
        if port is None:
            port = self._lanes.open_port(device)
            self.station.servers = len(self._lanes)
        return port

    def carry(self, packet: Fragment) -> None:
        """Takes on an acknowledgement of what came the other way: no window holds it, and no timer repeats it."""
        self._enqueue(packet)

    def _enqueue(self, packet: Fragment) -> None:
        self.sent += 1
        lane = packet.port.lane
        limit = self.config.buffer_packets
        if limit is not None and lane.server.present and lane.server.waiting >= limit:
            self._drop([packet])
            self._repeats.miss(packet, packet.port.sender.timeout_s)
            if not self.config.sharing.first_come:
                later(self.env, 0.0, partial(self._offer_next, packet))
            return
        packet.visit, packet.visited_s = self.station.arrive(), self.env.now
        now_s = self.env.now
        if packet.attempt:
            packet.enter(QUEUE, self.env.now)
        else:
            packet.joined_s = now_s
        lane.server.join(packet, now_s)
        self.serve(lane, now_s)

    # Be serialised.

    def serve(self, lane: Lane, now_s: float) -> None:
        """After a packet has come or gone, or its gate lets more go: starts one if the discipline lets it, and sets the
        next departure."""
        server = lane.server
        while (packet := server.start(now_s)) is not None:
            assert packet.visit is not None
            self.station.begin(packet.visit)
            if server.begin_s <= now_s:
                self._begin(packet)
            elif server.begin_s < inf:
                packet.message.bound_bits += packet.bits
                later(self.env, delay_until(now_s, server.begin_s), partial(self._begin, packet))
        version = server.version
        if version != lane.planned:
            lane.planned = version
            due_s = server.due_s
            if due_s < inf:
                later(self.env, delay_until(now_s, due_s), partial(self._depart, lane, version))

    def _begin(self, packet: Fragment, silence: simpy.Event | None = None) -> None:
        """The first bit goes out, at once or after a silence (a duty cycle, an outage) in which the packet waits."""
        message, bits = packet.message, packet.bits
        message.bound_bits -= 0 if silence is None else bits
        message.sent_bits += bits
        message.attempts += 1
        self._bits_sent += bits
        packet.port.lane.take_air(self.env.now)
        packet.enter(RETRANSMIT if packet.attempt else TRANSMIT, self.env.now)

    def _depart(self, lane: Lane, version: int, _: simpy.Event) -> None:
        """The last bit has left, unless the server's plans have changed since."""
        if version != lane.planned:
            return
        now_s = self.env.now
        packet = lane.server.leave(now_s)
        lane.free_air(now_s)
        self._end_visit(packet)
        self._launch(lane, packet, now_s)
        if not self.config.sharing.first_come:
            self._offer_next(packet)
        self.serve(lane, now_s)

    # Be lost, or travel.

    def _launch(self, lane: Lane, packet: Fragment, now_s: float) -> None:
        began_s, address = lane.server.began_s, packet.address
        timeout_s = packet.port.sender.on_send(packet, now_s)
        on_air_s = now_s - began_s - self.config.overhead_s
        packet.rate_bps = rate_bps = packet.bits / on_air_s if packet.bits and on_air_s > 0 else inf
        lost = lane.loss.lost(now_s, packet.bits, rate_bps, address)
        travel_s = nan if lost else lane.delay.delay_s(now_s, address)
        if self._observer is not None:
            self._observer.on_packet(packet.aired(self.name, began_s, now_s, now_s + travel_s))
        if lost:
            self.lost += 1
            self._repeats.miss(packet, timeout_s)
            return
        self._travelling += 1
        packet.enter(PROPAGATION, now_s)
        if packet.acknowledges:
            later(self.env, travel_s, partial(self._return, packet))
            return
        free = not self.way_back.bits
        heard = not (free and lane.ack_loss.lost(now_s, self.config.header_bits, rate_bps, address))
        later(self.env, travel_s, partial(self._arrive, packet, heard))
        if not (free and heard) or travel_s + packet.port.reverse_delay_s > timeout_s:
            self._repeats.set_timer(packet, timeout_s)

    # Be delivered.

    def _arrive(self, packet: Fragment, heard: bool, _: simpy.Event) -> None:
        self._travelling -= 1
        self.delivered += 1
        packet.arrivals += 1
        self.way_back.send(packet, heard, partial(self._repeats.acknowledge, packet))
        self._reassembly.take(packet)
        if not heard:
            packet.enter(TIMEOUT_WAIT, self.env.now)

    def _return(self, packet: Fragment, _: simpy.Event) -> None:
        """An acknowledgement is back where it is awaited."""
        self._travelling -= 1
        self.delivered += 1
        packet.message.to(packet.message)

    def _deliver(self, message: Message, parts: int) -> None:
        """Hands the leading parts of a message over; its sender hears if the far end waits for no more of them."""
        if message.in_parts and parts < len(message.packets):
            self.way_back.end(message, lambda _: self.withdraw(message))
        message.arrived = message.content[:parts]
        message.delivered_s = self.env.now
        message.delivered_bits, message.delivered_attempts = message.sent_bits, message.attempts
        to = message.to
        message.end()
        to(message)

    # Be answered, withdrawn or dropped.

    def acknowledge(self, *messages: Message) -> None:
        """A reply to these messages, in the order in which they were put, is here: all that came of them is
        acknowledged, and the rest is vain."""
        for message in reversed(messages):  # the latest first: none of it is let go by one before it
            for packet in message.packets:
                if packet.arrived and not packet.acked:
                    packet.port.acked_bits += packet.bits
            self.withdraw(message)

    def withdraw(self, message: Message) -> None:
        """The message is no longer wanted: nothing of it starts any more; what is on the air goes on, unheard."""
        message.end()
        if message.packets:
            port, packets, message.packets = message.packets[0].port, message.packets, ()
            self._drop(port.lane.server.discard(packets))
            port.unacked_packets -= sum(not packet.acked for packet in packets)
            for packet in port.sender.forget(packets):
                self._enqueue(packet)

    def _drop(self, packets: Iterable[Fragment]) -> None:
        for packet in packets:
            self.dropped += 1
            if self._observer is not None:
                joined_s = self.env.now if packet.visit is None else packet.visit.arrived_s
                self._observer.on_unserved(Unserved(self.name, packet.index, joined_s, self.env.now))
            self._end_visit(packet)

    def _end_visit(self, packet: Fragment) -> None:
        if packet.visit is not None:
            self.station.leave(packet.visit)
            packet.visit = None
