"""A first-come link written a second time, as simply as possible: a SimPy process a packet, one event a change.

It knows whole messages, windows, losses, lost acknowledgements, fixed timers without jitter, and withdrawals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import simpy

from channels.link.link_config import LinkConfig
from channels.link.rates import ROUNDING_S, Position
from channels.uniforms import Uniforms
from simulator.timing.messages import Message


class Lane:
    """A transmitter and its air."""

    def __init__(self, link: SlowLink, key: int) -> None:
        uniforms, config = link.uniforms, link.config
        self.turn = simpy.Resource(link.env)
        self.curve = config.curve(uniforms.under(key, 0))
        self.loss = config.loss.process(uniforms.under(key, 1))
        self.ack_loss = config.arq.ack_loss.process(uniforms.under(key, 3))
        self.position = Position(0.0)


@dataclass(eq=False)
class Packet:
    message: Message
    number: int
    bits: int
    state: str = "queue"
    acked: bool = False
    changed: Any = None
    """An event that happens when it is acknowledged, or not wanted any more."""


@dataclass
class Seen:
    """What a link has counted."""

    sent: int = 0
    dropped: int = 0
    delivered: int = 0
    lost: int = 0
    delivered_packets: set[Packet] = field(default_factory=set)


class SlowLink:
    def __init__(
        self, env: simpy.Environment, config: LinkConfig, uniforms: Uniforms, name: str, back_s: Callable[[int], float]
    ) -> None:
        self.env, self.config, self.uniforms, self.back_s = env, config, uniforms, back_s
        self.seen = Seen()
        self.lanes: dict[int, Lane] = {}
        self.packets: dict[Message, list[Packet]] = {}
        self.offered: dict[int, list[Packet]] = defaultdict(list)
        self.going: dict[int, list[Packet]] = defaultdict(list)
        self.slid: dict[int, simpy.Event] = defaultdict(env.event)
        """By device, an event that happens when a packet leaves the window."""

    def put(self, message: Message) -> None:
        device = message.index[0]
        sizes = self.config.packets_of(message.bits)
        new = [Packet(message, number, bits, changed=self.env.event()) for number, (bits, _) in enumerate(sizes)]
        self.packets[message] = new
        self.offered[device] += new
        for packet in new:
            self.env.process(self.live(packet, device))
        self.report(message)

    def withdraw(self, message: Message) -> None:
        message.done = True
        for packet in self.packets[message]:
            self.settle(packet)

    def live(self, packet: Packet, device: int) -> Iterator[simpy.Event]:
        """The whole life of a packet."""
        config, env = self.config, self.env
        key = device + 1 if config.sharing.transmitter_per_device else 0
        lane = self.lanes.get(key) or self.lanes.setdefault(key, Lane(self, key))
        window, attempt = config.window_packets(self.back_s(device)), 0
        while not packet.acked and not self.may_go(packet, device, window):
            yield env.any_of([self.slid[device], packet.changed])
        if not packet.acked:
            self.going[device].append(packet)
        while not packet.acked:
            self.enter(packet, "queue")
            self.seen.sent += 1
            with lane.turn.request() as turn:
                joined_s = env.now
                yield env.any_of([turn, packet.changed])
                if not turn.triggered:
                    self.seen.dropped += 1
                    return
                before = lane.position
                if joined_s >= before.time_s - ROUNDING_S:
                    before = lane.curve.idle(before, env.now, packet.message.index)
                before = before._replace(message=packet.message.index)
                begin_s, lane.position = lane.curve.ready_s(before, packet.bits), lane.curve.finish(before, packet.bits)
                if lane.position.time_s == float("inf"):
                    yield env.event()
                yield env.timeout(max(0.0, begin_s - env.now))
                self.enter(packet, "retransmit" if attempt else "transmit")
                yield env.timeout(max(0.0, lane.position.time_s - env.now))
            address = (*packet.message.index, packet.number, attempt)
            lost = lane.loss.lost(env.now, packet.bits, 0.0, address)
            returns = not lane.ack_loss.lost(env.now, config.header_bits, 0.0, address) if not lost else False
            self.enter(packet, "timeout_wait" if lost else "propagation")
            self.seen.lost += lost
            if not lost:
                env.process(self.arrive(packet, returns, self.back_s(device)))
            yield env.any_of([env.timeout(config.arq.timeout_s), packet.changed])
            attempt += 1

    def may_go(self, packet: Packet, device: int, window: int) -> bool:
        """Whether fewer than a window of packets have gone from the oldest unacknowledged one on, and those before this
        one are not held."""
        going, offered = self.going[device], self.offered[device]
        first = next((number for number, each in enumerate(going) if not each.acked), len(going))
        before = offered[: offered.index(packet)]
        return len(going) - first < window and all(each.acked or each in going for each in before)

    def arrive(self, packet: Packet, returns: bool, back_s: float) -> Iterator[simpy.Event]:
        yield self.env.timeout(self.config.delay.mean_s)
        message = packet.message
        self.seen.delivered += 1
        self.seen.delivered_packets.add(packet)
        if not message.done and self.seen.delivered_packets.issuperset(self.packets[message]):
            message.done = True
            message.to(message)
        if not returns:
            self.enter(packet, "timeout_wait")
            return
        yield self.env.timeout(back_s)
        self.settle(packet)

    def settle(self, packet: Packet) -> None:
        """Its sender is through with it."""
        if not packet.acked:
            packet.acked = True
            packet.changed.succeed()
            self.slid.pop(packet.message.index[0], self.env.event()).succeed()
            self.report(packet.message)

    def enter(self, packet: Packet, state: str) -> None:
        packet.state = state
        self.report(packet.message)

    def report(self, message: Message) -> None:
        """A message does what its oldest unacknowledged packet does."""
        state = next((each.state for each in self.packets[message] if not each.acked), None)
        if state is not None and not message.done:
            message.does([(self.env.now, state)])
