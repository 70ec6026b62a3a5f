"""One direction of a link in time: the uplink and the downlink are both this class.

A message is cut into packets. A packet waits for the link, is serialised (which holds the link), then travels (which
does not), and is acknowledged or sent again when its timer runs out. Packets are not processes: callbacks carry them
from one SimPy event to the next. All rules live in `channels.link`; here they meet the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import simpy

from channels.link.arq import Verdict
from channels.link.config import Link as LinkConfig
from channels.link.sharing import INF
from channels.uniforms import Uniforms
from simulator.results.station import Station
from simulator.timing.later import later
from simulator.timing.messages import (
    PROPAGATION,
    QUEUE,
    RETRANSMIT,
    STATES,
    TIMEOUT_WAIT,
    TRANSMIT,
    Flight,
    Lane,
    Message,
    Port,
)

__all__ = ["STATES", "Link", "Message"]

_SHARED_LANE: Final = -1


class Link:
    """Carries messages one way. `sent == delivered + lost + dropped + in_flight`, in packets, at any instant (I1)."""

    def __init__(
        self,
        env: simpy.Environment,
        config: LinkConfig,
        uniforms: Uniforms,
        name: str,
        reverse_delay_s: Callable[[int], float],
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
        self._uniforms = uniforms
        self._reverse_delay_s = reverse_delay_s
        self._ports: dict[int, Port] = {}
        self._lanes: dict[int, Lane] = {}

    def put(self, message: Message) -> None:
        """Takes on a message and never blocks: grant, turn and repeats are the link's business from here on."""
        if self.config.access_s > 0:
            message.report(message, QUEUE)
            later(self.env, self.config.access_s, partial(self._admit, message))
        else:
            self._admit(message)

    def withdraw(self, message: Message) -> None:
        """The message is no longer wanted: nothing of it starts any more; what is on the air goes on, unheard."""
        message.done = True
        if message.packets:
            port, packets, message.packets = message.packets[0].port, message.packets, ()
            self._drop(port.lane.server.discard(packets))
            for packet in port.sender.forget(packets):
                self._enqueue(packet)

    @property
    def in_flight(self) -> int:
        """Packets queued, on the air or travelling."""
        return self._travelling + sum(lane.server.present for lane in self._lanes.values())

    def _admit(self, message: Message, _: simpy.Event | None = None) -> None:
        if message.done:
            return
        index = message.index
        port = self._ports.get(index[0]) or self._open_port(index[0])
        sizes = self.config.packets_bits(message.bits, message.parts_bits)
        message.missing = message.unacked = len(sizes)
        message.packets = packets = [
            Flight(bits, message, index, fragment, port) for fragment, bits in enumerate(sizes)
        ]
        for packet in packets:
            if port.sender.offer(packet):
                self._enqueue(packet)
        if packets[0].state is QUEUE and not self.config.access_s:
            message.report(message, QUEUE)

    def _enqueue(self, packet: Flight) -> None:
        self.sent += 1
        lane = packet.port.lane
        limit = self.config.buffer_packets
        if limit is not None and lane.server.present and lane.server.waiting >= limit:
            self._drop([packet])
            self._fail(packet, packet.port.sender.on_send(packet, self.env.now))
            return
        packet.visit = self.station.arrive()
        if packet.attempt:
            self._tell(packet, QUEUE)
        now_s = self.env.now
        lane.server.join(packet, now_s)
        self._advance(lane, now_s)

    def _advance(self, lane: Lane, now_s: float) -> None:
        """After a packet has come or gone: starts one if the discipline lets it, and sets the next departure."""
        server = lane.server
        packet = server.start(now_s)
        if packet is not None:
            assert packet.visit is not None
            self.station.begin(packet.visit)
            if server.begin_s <= now_s:
                self._begin(packet)
            elif server.begin_s < INF:
                later(self.env, server.begin_s - now_s, partial(self._begin, packet))
        version = server.version
        if version != lane.planned:
            lane.planned = version
            due_s = server.due_s
            if due_s < INF:
                later(self.env, due_s - now_s if due_s > now_s else 0.0, partial(self._depart, lane, version))

    def _begin(self, packet: Flight, _: simpy.Event | None = None) -> None:
        """The first bit goes out, at once or after a silence (a duty cycle, an outage) in which the packet waits."""
        message, bits = packet.message, packet.bits
        message.sent_bits += bits
        message.attempts += 1
        self.bits_sent += bits
        self._tell(packet, RETRANSMIT if packet.attempt else TRANSMIT)

    def _depart(self, lane: Lane, version: int, _: simpy.Event) -> None:
        if version != lane.planned:
            return
        now_s = self.env.now
        packet = lane.server.leave(now_s)
        self._end_visit(packet)
        self._launch(lane, packet, now_s)
        self._advance(lane, now_s)

    def _launch(self, lane: Lane, packet: Flight, now_s: float) -> None:
        """The last bit has left: the packet travels, or is lost and its sender waits for the timer."""
        attempt = packet.attempt
        address = (*packet.index, packet.fragment, attempt)
        timeout_s = packet.port.sender.on_send(packet, now_s)
        if lane.loss.lost(now_s, address):
            self.lost += 1
            self._fail(packet, timeout_s)
            return
        self._travelling += 1
        self._tell(packet, PROPAGATION)
        travel_s = lane.delay.delay_s(now_s, address)
        heard = not lane.ack_loss.lost(now_s, address)
        later(self.env, travel_s, partial(self._arrive, packet, heard))
        if not heard or travel_s + packet.port.reverse_delay_s > timeout_s:
            later(self.env, timeout_s, partial(self._expire, packet, attempt))

    def _arrive(self, packet: Flight, heard: bool, _: simpy.Event) -> None:
        self._travelling -= 1
        self.delivered += 1
        if heard:
            later(self.env, packet.port.reverse_delay_s, partial(self._acknowledge, packet))
        if not packet.arrived:
            packet.arrived = True
            packet.message.missing -= 1
            self._settle(packet.message)
        if not heard:
            self._tell(packet, TIMEOUT_WAIT)

    def _acknowledge(self, packet: Flight, _: simpy.Event) -> None:
        if not packet.acked:
            self._let_go(packet, packet.port.sender.on_ack(packet, self.env.now))

    def _let_go(self, packet: Flight, released: Iterable[Flight]) -> None:
        """The sender is through with this packet: others go, and the message follows its next one."""
        for other in released:
            self._enqueue(other)
        message = packet.message
        message.unacked -= 1
        if message.done:
            if not message.unacked:
                message.packets = ()
        elif message.unacked:
            self._follow_oldest(message)

    def _miss(self, packet: Flight, _: simpy.Event) -> None:
        packet.missed = True
        self._settle(packet.message)

    def _settle(self, message: Message) -> None:
        """Delivers a message that is all in, or whose next packet is known to be lost for good."""
        if message.done:
            return
        message.prefix = len(message.packets)
        if message.missing:
            message.prefix = next(k for k, packet in enumerate(message.packets) if not packet.arrived)
            if not message.packets[message.prefix].missed:
                return
            later(self.env, message.packets[0].port.reverse_delay_s, partial(self._obsolete, message))
        message.done = True
        message.deliver(message)

    def _obsolete(self, message: Message, _: simpy.Event) -> None:
        self.withdraw(message)

    def _fail(self, packet: Flight, timeout_s: float) -> None:
        """The packet will not arrive: its sender waits for the timer; if it is sent once, the far end misses it."""
        if packet.once:
            address = (*packet.index, packet.fragment, packet.attempt)
            delay_s = packet.port.lane.delay.delay_s(self.env.now, address)
            later(self.env, delay_s, partial(self._miss, packet))
        later(self.env, timeout_s, partial(self._expire, packet, packet.attempt))
        self._tell(packet, PROPAGATION if packet.once else TIMEOUT_WAIT)

    def _expire(self, packet: Flight, attempt: int, _: simpy.Event) -> None:
        if packet.once:
            if not packet.acked:
                self._let_go(packet, packet.port.sender.forget([packet]))
            return
        verdict = packet.port.sender.on_timeout(packet, attempt)
        if verdict is Verdict.RESEND:
            self._enqueue(packet)
        elif verdict is Verdict.PAUSE:
            for other in packet.port.sender.suspend(packet):
                self._enqueue(other)
            later(self.env, self.config.arq.timeout_max_s, partial(self._resume, packet))

    def _resume(self, packet: Flight, _: simpy.Event) -> None:
        if not packet.acked and packet.port.sender.offer(packet):
            self._enqueue(packet)

    def _drop(self, packets: Iterable[Flight]) -> None:
        for packet in packets:
            self.dropped += 1
            self._end_visit(packet)

    def _end_visit(self, packet: Flight) -> None:
        if packet.visit is not None:
            self.station.leave(packet.visit)
            packet.visit = None

    def _tell(self, packet: Flight, state: str) -> None:
        """Notes what a packet does; its message does the same when this is its oldest unacknowledged packet."""
        if packet.state is not state:
            packet.state = state
            message = packet.message
            if packet.fragment == message.oldest and not message.done:
                message.report(message, state)

    def _follow_oldest(self, message: Message) -> None:
        """After an acknowledgement: the message follows its next unacknowledged packet."""
        before = message.packets[message.oldest].state
        while message.packets[message.oldest].acked:
            message.oldest += 1
        after = message.packets[message.oldest].state
        if after is not before:
            message.report(message, after)

    def _open_port(self, device: int) -> Port:
        key = device if self.config.sharing.lane_per_device else _SHARED_LANE
        lane = self._lanes.get(key) or self._open_lane(key)
        port = self._ports[device] = Port(self.config.arq.sender(), lane, self._reverse_delay_s(device))
        return port

    def _open_lane(self, key: int) -> Lane:
        config = self.config
        rate, loss, delay, ack = (self._uniforms.under(key + 1, purpose) for purpose in range(4))
        lane = self._lanes[key] = Lane(
            server=config.sharing.server(config.rate.curve(rate), self.env.now),
            loss=config.loss.process(loss),
            delay=config.delay.process(delay),
            ack_loss=config.arq.ack_loss.process(ack),
        )
        self.station.servers = len(self._lanes)
        return lane
