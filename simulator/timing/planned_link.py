"""A link without losses, first come, first served: all that happens to a packet is known when it joins the queue.

So only what somebody waits for is an event: the arrival of a message, and an acknowledgement that makes room in a full
window. It tells the same times as its base, which follows each packet from event to event; only where two things
happen at the very same instant may they come in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import inf

import simpy

from channels.link.delays import ConstantDelay
from channels.link.link_config import LinkConfig
from channels.link.losses import NoLoss
from channels.link.sharing import Fifo, Own
from channels.uniforms import Uniforms
from simulator.results.observer import Airing, Observer, Unserved, hears
from simulator.schemes.policy import SeenLink
from simulator.timing.lanes import SHARED
from simulator.timing.later import delay_until
from simulator.timing.link import Link
from simulator.timing.messages import PROPAGATION, QUEUE, TRANSMIT, Message
from simulator.timing.planned_lane import Leg, PlannedLane, PlannedPort


def plannable(config: LinkConfig) -> bool:
    """Whether nothing on this link depends on luck or on a turn."""
    return (
        type(config.sharing) in (Fifo, Own)
        and type(config.loss) is type(config.arq.ack_loss) is NoLoss
        and type(config.delay) is ConstantDelay
        and config.buffer_packets is None
        and not config.access_s
        and not config.idle_access_s
    )


class PlannedLink(Link):
    """Carries messages one way."""

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
        super().__init__(env, config, uniforms, name, reverse_delay_s, observer, horizon_s)
        self._horizon_s, self._uniforms = horizon_s, uniforms
        self._reverse_delay_s = reverse_delay_s
        self._delay_s = config.delay.mean_s
        self._watched = observer is not None and hears(observer, Observer.on_packet)
        self._header_bits, self._room_bits = config.header_bits, config.room_bits
        self._lane_by_key: dict[int, PlannedLane] = {}
        self._ports: dict[int, PlannedPort] = {}
        self._under_way: dict[Message, list[Leg]] = {}
        """Of the messages that are not in yet."""
        self._air_s = 0.0
        self._unheard: list[Leg] = []
        """Of those withdrawn, what had begun by then."""

    @property
    def in_flight(self) -> int:
        """Packets queued, on the air, travelling, or in before the rest of their message."""
        return sum(1 for _ in self._legs())

    @property
    def bits_sent(self) -> int:
        """Of the packets whose first bit has gone out, headers included."""
        return self._bits_sent - sum(leg.bits for leg in self._legs() if leg.begin_s > self.env.now)

    @property
    def air_s(self) -> float:
        """How long packets have been on the air so far, first bit to last."""
        return self._air_s + sum(max(0.0, min(self.env.now, leg.left_s) - leg.begin_s) for leg in self._legs())

    @property
    def acked_bits(self) -> int:
        """Of packets that were acknowledged, headers included."""
        for port in self._ports.values():
            self._hear(port, self.env.now)
        return sum(port.acked_bits for port in self._ports.values())

    def seen_by(self, device: int) -> SeenLink:
        """What the link has shown a device so far."""
        port = self._ports.get(device)
        if port is None:
            return SeenLink()
        self._hear(port, self.env.now)
        unacked = sum(not leg.forgotten for leg in port.unacked) + len(port.held)
        return SeenLink(port.acked_bits, unacked, port.round_trip_s)

    def _legs(self) -> Iterator[Leg]:
        yield from self._unheard
        for legs in self._under_way.values():
            yield from legs

    # Get in line.

    def _admit(self, message: Message, _: simpy.Event | None = None) -> None:
        now_s = self.env.now
        device = message.index[0]
        port = self._ports.get(device) or self._open_port(device)
        if port.unacked:
            self._hear(port, now_s)
        self._under_way[message] = []
        sizes: Sequence[int] = (message.bits + self._header_bits,)
        if self._room_bits is not None:
            sizes = self.config.packets_bits(message.bits)
        message.missing = len(sizes)
        for number, bits in enumerate(sizes):
            if len(port.unacked) < port.window:
                self._join(port, message, number, bits, now_s)
            else:
                port.held.append((message, number, bits))
        if port.held:
            if not self._under_way[message]:
                message.does(QUEUE, now_s)
            self._wait_for_room(port)

    def _open_port(self, device: int) -> PlannedPort:
        config = self.config
        key = device if config.sharing.lane_per_device else SHARED
        lane = self._lane_by_key.get(key)
        if lane is None:
            curve = config.curve(self._uniforms.under(key + 1, 0))
            curve.bound(f"{self.name}.rate", self._horizon_s)
            lane = self._lane_by_key[key] = PlannedLane(curve, self.env.now)
            self.station.servers = len(self._lane_by_key)
        back_s = self._reverse_delay_s(device)
        port = self._ports[device] = PlannedPort(lane, back_s, config.window_packets(back_s))
        return port

    def _join(self, port: PlannedPort, message: Message, number: int, bits: int, now_s: float) -> None:
        """One more packet at the end of the queue."""
        leg = port.lane.join(message, number, bits, now_s)
        port.unacked.append(leg)
        self.sent += 1
        self._bits_sent += bits
        self.station.book(leg.visit)
        legs = self._under_way[message]
        legs.append(leg)
        self._promise(port, legs, number, now_s)

    # Be on its way, and arrive.

    def _promise(self, port: PlannedPort, legs: Sequence[Leg], number: int, now_s: float) -> None:
        """Tells what the message of these packets will do, as far as it is this packet that decides.

        A message does what its oldest unacknowledged packet does: this one counts from the acknowledgement of the one
        before it. With its last packet it arrives.
        """
        leg, from_s = legs[number], now_s
        message, begin_s, left_s = leg.message, leg.begin_s, leg.left_s
        if number:
            from_s = max(now_s, legs[number - 1].left_s + self._delay_s + port.reverse_delay_s)
        if begin_s > from_s:
            message.does(QUEUE, from_s)
        if left_s > begin_s and left_s > from_s:
            message.does(TRANSMIT, begin_s if begin_s > from_s else from_s)
        if left_s < inf:
            message.does(PROPAGATION, left_s if left_s > from_s else from_s)
            if number == message.missing - 1:
                message.arrival = event = self.env.timeout(delay_until(now_s, left_s + self._delay_s), message)
                event.callbacks.append(self._come_in)
        if self._watched and left_s != leg.watched_s:
            leg.watched_s = left_s
            self.env.timeout(delay_until(now_s, left_s), (leg, left_s)).callbacks.append(self._watch)

    def _come_in(self, event: simpy.Event) -> None:
        """The last packet is in, and with it the message."""
        message = event.value
        assert isinstance(message, Message)
        if message.arrival is not event:
            return
        message.arrival = None  # or it and the event would hold each other
        legs = self._under_way.pop(message)
        self.delivered += len(legs)
        self._air_s += sum(leg.left_s - leg.begin_s for leg in legs)
        message.arrived = message.content
        message.delivered_s = self.env.now
        message.delivered_bits = legs[0].bits if len(legs) == 1 else sum(leg.bits for leg in legs)
        message.delivered_attempts = len(legs)
        to = message.to
        message.end()
        to(message)

    def _watch(self, event: simpy.Event) -> None:
        """The packet has left, unless it was planned anew."""
        assert isinstance(event.value, tuple) and self._observer is not None
        leg, left_s = event.value
        if leg.left_s == left_s:
            times_s = leg.joined_s, leg.begin_s, left_s, left_s + self._delay_s
            self._observer.on_packet(Airing(self.name, leg.message.index, leg.number, 0, leg.bits, *times_s))

    # Be acknowledged.

    def _hear(self, port: PlannedPort, now_s: float) -> None:
        """Counts the acknowledgements that have come by now; the window begins with the oldest that has not."""
        unacked = port.unacked
        while unacked:
            leg = unacked[0]
            acked_s = leg.left_s + self._delay_s + port.reverse_delay_s
            if not leg.forgotten:
                if acked_s > now_s:
                    return
                port.acked_bits += self._brings_forward(leg)
                port.round_trip_s = acked_s - leg.joined_s
            del unacked[0]

    def acknowledge(self, *messages: Message) -> None:
        """A reply to these messages is here: it may come before their acknowledgements."""
        now_s = self.env.now
        for message in messages:
            port = self._ports[message.index[0]]
            if message.delivered_s + port.reverse_delay_s > now_s:
                self._acknowledge_early(port, message)

    def _acknowledge_early(self, port: PlannedPort, message: Message) -> None:
        self._hear(port, self.env.now)
        for leg in port.unacked:
            if leg.message is message:
                port.acked_bits += self._brings_forward(leg)
                leg.forgotten = True
        self._release_held(port)

    @staticmethod
    def _brings_forward(leg: Leg) -> int:
        """Its bits; none of a message of no round, as `Repeats.acknowledge` counts them."""
        return leg.bits if leg.message.index[2] >= 0 else 0

    def _wait_for_room(self, port: PlannedPort) -> None:
        acked_s = port.unacked[0].left_s + self._delay_s + port.reverse_delay_s
        if acked_s < inf:
            self.env.timeout(delay_until(self.env.now, acked_s), port).callbacks.append(self._release)

    def _release(self, event: simpy.Event) -> None:
        assert isinstance(event.value, PlannedPort)
        self._release_held(event.value)

    def _release_held(self, port: PlannedPort) -> None:
        """Held packets join as far as the window has room."""
        self._hear(port, self.env.now)
        while port.held and len(port.unacked) < port.window:
            self._join(port, *port.held.pop(0), self.env.now)
        if port.held:
            self._wait_for_room(port)

    # Be withdrawn.

    def withdraw(self, message: Message) -> None:
        """The message is no longer wanted: nothing of it starts any more; what is on the air goes on, unheard. What is
        in and not acknowledged takes no place in the window any more."""
        message.end()
        message.arrival = None
        now_s, port = self.env.now, self._ports[message.index[0]]
        self._hear(port, now_s)
        legs = self._under_way.pop(message, None)
        if legs is None:
            self._forget(port, message)
            return
        waiting = [leg for leg in legs if leg.before.time_s > now_s]
        for leg in legs[: len(legs) - len(waiting)]:
            message.sent_bits += leg.bits
            self._goes_on(leg)
        for leg in legs:
            leg.forgotten = True
        port.held = [held for held in port.held if held[0] is not message]
        if waiting:
            self._drop_waiting(port.lane, waiting)
        self._release_held(port)

    def _forget(self, port: PlannedPort, message: Message) -> None:
        """Of a message that is in, the packets that are not acknowledged."""
        unacked = [leg for leg in port.unacked if leg.message is message]
        for leg in unacked:
            leg.forgotten = True
        if unacked:
            self._release_held(port)

    def _goes_on(self, leg: Leg) -> None:
        """The packet has begun: it arrives, and nobody is there."""
        self._unheard.append(leg)
        if leg.left_s < inf:
            arrives_s = leg.left_s + self._delay_s
            self.env.timeout(delay_until(self.env.now, arrives_s), leg).callbacks.append(self._go_unheard)

    def _go_unheard(self, event: simpy.Event) -> None:
        assert isinstance(event.value, Leg)
        self._unheard.remove(event.value)
        self._air_s += event.value.left_s - event.value.begin_s
        self.delivered += 1

    def _drop_waiting(self, lane: PlannedLane, gone: Sequence[Leg]) -> None:
        """These packets, of one message, leave the queue; what was told of those behind them is told anew."""
        self.dropped += len(gone)
        self._bits_sent -= sum(leg.bits for leg in gone)
        for leg in gone:
            if self._observer is not None:
                self._observer.on_unserved(Unserved(self.name, leg.message.index, leg.joined_s, self.env.now))
            self.station.cancel(leg.visit)
            leg.left_s = inf
        for leg, planned in lane.drop(gone):
            self.station.rebook(planned, leg.visit)
            port = self._ports[leg.message.index[0]]
            self._promise(port, self._under_way[leg.message], leg.number, self.env.now)
            if port.held:
                self._wait_for_room(port)
