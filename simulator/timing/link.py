"""One direction of a link in time: the uplink and the downlink are both this class.

The file follows a packet: it gets in line, is serialised (which holds the link), is lost or travels (which does not),
is delivered, is acknowledged, or is sent again when its timer runs out. Packets are not processes: callbacks carry them
from one SimPy event to the next. All rules live in `channels.link`; here they meet the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from math import inf, nan

import simpy

from channels.link.arq import Expiry
from channels.link.link_config import LinkConfig
from channels.link.transmitter import Gate
from channels.uniforms import Uniforms
from simulator.results.observer import Observer
from simulator.results.station import Station
from simulator.schemes.policy import SeenLink
from simulator.timing.lanes import Lanes
from simulator.timing.later import later
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
    ) -> None:
        """`reverse_delay_s`: how long an acknowledgement travels back to a device."""
        self.env = env
        self.config = config
        self.name = name
        self.station = Station(env, name)
        self.sent = 0
        self.delivered = 0
        self.lost = 0
        self.dropped = 0
        self.bits_sent = 0
        self._travelling = 0
        self._observer = observer
        self._lanes = Lanes(env, config, uniforms, reverse_delay_s)

    def guard(self, gate: Gate[Fragment]) -> None:
        """What each lane obeys; said before the first packet."""
        self._lanes.gate = gate

    @property
    def in_flight(self) -> int:
        """Packets queued, on the air or travelling."""
        return self._travelling + self._lanes.present

    def seen_by(self, device: int) -> SeenLink:
        """What the link has shown a device so far."""
        return self._lanes.seen_by(device)

    # Get in line.

    def put(self, message: Message) -> None:
        """Takes on a message and never blocks: grant, turn and repeats are the link's business from here on."""
        message.put_s = self.env.now
        if (wait_s := self._lanes.access_s(message.index[0])) > 0:
            message.report(message, QUEUE)
            later(self.env, wait_s, partial(self._admit, message))
        else:
            self._admit(message)

    def _admit(self, message: Message, _: simpy.Event | None = None) -> None:
        if message.done:
            return
        index = message.index
        port = self._lanes.ports.get(index[0]) or self._open_port(index[0])
        sizes = self.config.packets_bits(message.bits, message.parts_bits if len(message.content) > 1 else ())
        message.missing = message.unacked = len(sizes)
        port.unacked_packets += len(sizes)
        message.packets = packets = [Fragment(bits, message, index, number, port) for number, bits in enumerate(sizes)]
        for packet in packets:
            if port.sender.offer(packet):
                self._enqueue(packet)
        if packets[0].state is QUEUE and self.env.now == message.put_s:
            message.report(message, QUEUE)

    def _open_port(self, device: int) -> Port:
        port = self._lanes.open_port(device)
        self.station.servers = len(self._lanes)
        return port

    def _enqueue(self, packet: Fragment) -> None:
        self.sent += 1
        lane = packet.port.lane
        limit = self.config.buffer_packets
        if limit is not None and lane.server.present and lane.server.waiting >= limit:
            self._drop([packet])
            self._wait_for_timer(packet, packet.port.sender.on_send(packet, self.env.now))
            return
        packet.visit = self.station.arrive()
        now_s = self.env.now
        if packet.attempt:
            packet.enter(QUEUE)
        else:
            packet.joined_s = now_s
        lane.server.join(packet, now_s)
        self.serve(lane, now_s)

    # Be serialised.

    def serve(self, lane: Lane, now_s: float) -> None:
        """After a packet has come or gone, or its gate lets more go: starts one if the discipline lets it, and sets the
        next departure."""
        server = lane.server
        packet = server.start(now_s)
        if packet is not None:
            assert packet.visit is not None
            self.station.begin(packet.visit)
            if server.begin_s <= now_s:
                self._begin(packet)
            elif server.begin_s < inf:
                later(self.env, server.begin_s - now_s, partial(self._begin, packet))
        version = server.version
        if version != lane.planned:
            lane.planned = version
            due_s = server.due_s
            if due_s < inf:
                later(self.env, due_s - now_s if due_s > now_s else 0.0, partial(self._depart, lane, version))

    def _begin(self, packet: Fragment, _: simpy.Event | None = None) -> None:
        """The first bit goes out, at once or after a silence (a duty cycle, an outage) in which the packet waits."""
        message, bits = packet.message, packet.bits
        message.sent_bits += bits
        message.attempts += 1
        self.bits_sent += bits
        packet.enter(RETRANSMIT if packet.attempt else TRANSMIT)

    def _depart(self, lane: Lane, version: int, _: simpy.Event) -> None:
        """The last bit has left, unless the server's plans have changed since."""
        if version != lane.planned:
            return
        now_s = self.env.now
        packet = lane.server.leave(now_s)
        self._end_visit(packet)
        self._launch(lane, packet, now_s)
        self.serve(lane, now_s)

    # Be lost, or travel.

    def _launch(self, lane: Lane, packet: Fragment, now_s: float) -> None:
        began_s, address = lane.server.began_s, packet.address
        timeout_s = packet.port.sender.on_send(packet, now_s)
        rate_bps = packet.bits / payload_s if (payload_s := now_s - began_s - self.config.overhead_s) > 0 else inf
        if lane.loss.lost(now_s, packet.bits, rate_bps, address):
            self.lost += 1
            if self._observer is not None:
                self._observer.on_packet(packet.aired(self.name, began_s, now_s, nan))
            self._wait_for_timer(packet, timeout_s)
            return
        self._travelling += 1
        packet.enter(PROPAGATION)
        travel_s = lane.delay.delay_s(now_s, address)
        heard = not lane.ack_loss.lost(now_s, packet.bits, rate_bps, address)
        if self._observer is not None:
            self._observer.on_packet(packet.aired(self.name, began_s, now_s, now_s + travel_s))
        later(self.env, travel_s, partial(self._arrive, packet, heard))
        if not heard or travel_s + packet.port.reverse_delay_s > timeout_s:
            later(self.env, packet.wait_s(timeout_s), partial(self._expire, packet, packet.attempt))

    # Be delivered.

    def _arrive(self, packet: Fragment, heard: bool, _: simpy.Event) -> None:
        self._travelling -= 1
        self.delivered += 1
        if heard:
            later(self.env, packet.port.reverse_delay_s, partial(self._acknowledge, packet))
        if not packet.arrived:
            packet.arrived = True
            packet.message.missing -= 1
            self._deliver(packet.message)
        if not heard:
            packet.enter(TIMEOUT_WAIT)

    def _deliver(self, message: Message) -> None:
        """Hands the message over if all of it is in, or if its next part is known to be lost for good: then those
        before it."""
        if message.done:
            return
        message.arrived = message.content
        if message.missing:
            first_missing = next(packet for packet in message.packets if not packet.arrived)
            if not first_missing.missed:
                return
            message.arrived = message.content[: first_missing.number]
            later(self.env, first_missing.port.reverse_delay_s, lambda _: self.withdraw(message))  # the rest is vain
        message.delivered_s = self.env.now
        message.delivered_bits, message.delivered_attempts = message.sent_bits, message.attempts
        to = message.to
        message.end()
        to(message)

    def _give_up(self, packet: Fragment, _: simpy.Event) -> None:
        """The far end knows that a packet which is sent once will not come."""
        packet.missed = True
        self._deliver(packet.message)

    # Be acknowledged.

    def _acknowledge(self, packet: Fragment, _: simpy.Event) -> None:
        if packet.acked:
            return
        port, now_s = packet.port, self.env.now
        port.acked_bits += packet.bits
        if packet.attempt == 0:
            port.round_trip_s = now_s - packet.joined_s
        self._close(packet, port.sender.on_ack(packet, now_s))

    def _close(self, packet: Fragment, released: Iterable[Fragment]) -> None:
        """The sender is through with this packet: those it releases go, and the message follows its next one."""
        packet.port.unacked_packets -= 1
        for other in released:
            self._enqueue(other)
        message = packet.message
        message.unacked -= 1
        if message.done:
            if not message.unacked:
                message.packets = ()
        elif message.unacked:
            message.follow_oldest()

    # Be sent again.

    def _wait_for_timer(self, packet: Fragment, timeout_s: float) -> None:
        """The attempt will not arrive: its sender waits for the timer; if it is sent once, the far end misses it."""
        if packet.once:
            delay_s = packet.port.lane.delay.delay_s(self.env.now, packet.address)
            later(self.env, delay_s, partial(self._give_up, packet))
        later(self.env, packet.wait_s(timeout_s), partial(self._expire, packet, packet.attempt))
        packet.enter(PROPAGATION if packet.once else TIMEOUT_WAIT)

    def _expire(self, packet: Fragment, attempt: int, _: simpy.Event) -> None:
        sender = packet.port.sender
        if packet.once:
            if not packet.acked:
                self._close(packet, sender.forget([packet]))
            return
        expiry = sender.on_timeout(packet, attempt)
        if expiry is Expiry.STALE:
            return
        packet.port.timeouts += 1
        if expiry is Expiry.RESEND:
            self._enqueue(packet)
        elif expiry is Expiry.PAUSE:
            for other in sender.suspend(packet):
                self._enqueue(other)
            pause_s = packet.port.lane.pauses.wait_s(self.config.arq.timeout_max_s, *packet.address)
            later(self.env, pause_s, partial(self._resume, packet))

    def _resume(self, packet: Fragment, _: simpy.Event) -> None:
        if not packet.acked and packet.port.sender.offer(packet):
            self._enqueue(packet)

    # Be withdrawn or dropped.

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
            self._end_visit(packet)

    def _end_visit(self, packet: Fragment) -> None:
        if packet.visit is not None:
            self.station.leave(packet.visit)
            packet.visit = None
