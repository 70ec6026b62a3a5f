"""One direction of a link in time: the uplink and the downlink are both this class.

A message is cut into packets. A packet waits for the link, is serialised (which holds the link), then travels (which
does not), and is acknowledged or sent again when its timer runs out. Packets are not processes: each is carried from
one SimPy event to the next by callbacks. All rules live in `channels.link`; here they meet the clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import simpy

from channels.link.arq import Packet, Sender, Verdict
from channels.link.config import Link as LinkConfig
from channels.link.rates import MessageIndex, Position
from channels.link.uniforms import Branch, Uniforms
from simulator.station import Customer, Station

QUEUE: Final = "queue"
TRANSMIT: Final = "transmit"
RETRANSMIT: Final = "retransmit"
PROPAGATION: Final = "propagation"
TIMEOUT_WAIT: Final = "timeout_wait"
STATES: Final = (QUEUE, TRANSMIT, RETRANSMIT, PROPAGATION, TIMEOUT_WAIT)
"""What a message on a link can be doing: those of its oldest unacknowledged packet."""

_RATE, _LOSS, _DELAY = range(3)


@dataclass(slots=True, eq=False)
class Message:
    """A payload on its way through one link. `deliver` is called once, at the far end, and `report` not after it."""

    index: MessageIndex
    bits: int
    deliver: Callable[[Message], None]
    report: Callable[[str], None]
    sent_bits: int = 0
    """Bits put on the air for it so far, headers and repeats included."""
    attempts: int = 0
    """Packets put on the air for it so far."""
    delivered: bool = False
    _missing: int = 0
    _packets: list[_Flight] = field(default_factory=list)
    _oldest: int = 0


@dataclass(slots=True, eq=False)
class _Flight(Packet):
    """A packet with what the timing plane knows of it."""

    message: Message = field(kw_only=True)
    fragment: int = field(kw_only=True)
    state: str = QUEUE
    arrived: bool = False
    visit: Customer | None = None


class Link:
    """Carries messages one way. `sent == delivered + lost + dropped + in_flight`, in packets, at any instant (I1)."""

    def __init__(
        self, env: simpy.Environment, config: LinkConfig, uniforms: Uniforms, name: str, reverse_delay_s: float
    ) -> None:
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
        self._reverse_delay_s = reverse_delay_s
        self._curve = config.rate.curve(Branch(uniforms, (_RATE,)))
        self._loss = config.loss.process(Branch(uniforms, (_LOSS,)))
        self._delay = config.delay.process(Branch(uniforms, (_DELAY,)))
        self._senders: dict[int, Sender[_Flight]] = {}
        self._queue: deque[_Flight] = deque()
        self._busy = False
        self._position = Position(env.now)

    def put(self, message: Message) -> None:
        """Takes on a message and never blocks: grant, turn and repeats are the link's business from here on."""
        message.report(QUEUE)
        if self.config.access_s > 0:
            self._later(self.config.access_s, partial(self._granted, message))
        else:
            self._admit(message)

    @property
    def in_flight(self) -> int:
        """Packets queued, on the air or travelling."""
        return len(self._queue) + self._busy + self._travelling

    def _granted(self, message: Message, _: simpy.Event) -> None:
        self._admit(message)

    def _admit(self, message: Message) -> None:
        sizes = self.config.packets_bits(message.bits)
        message._packets = [_Flight(bits, message=message, fragment=index) for index, bits in enumerate(sizes)]
        message._missing = len(sizes)
        device = message.index[0]
        sender = self._senders.get(device)
        if sender is None:
            sender = self._senders[device] = self.config.arq.sender()
        for packet in message._packets:
            if sender.offer(packet):
                self._enqueue(packet)

    def _enqueue(self, packet: _Flight) -> None:
        self.sent += 1
        packet.visit = self.station.arrive()
        self._tell(packet, QUEUE)
        if self._busy:
            self._queue.append(packet)
        else:
            self._position = self._curve.idle(self._position, self.env.now)
            self._transmit(packet)

    def _transmit(self, packet: _Flight) -> None:
        message = packet.message
        assert packet.visit is not None
        self._busy = True
        self.station.begin(packet.visit)
        message.sent_bits += packet.bits
        message.attempts += 1
        self.bits_sent += packet.bits
        self._tell(packet, RETRANSMIT if packet.attempt else TRANSMIT)
        self._position = self._curve.finish(self._position._replace(message=message.index), packet.bits)
        if self._position.time_s < float("inf"):
            self._later(max(0.0, self._position.time_s - self.env.now), partial(self._transmitted, packet))

    def _transmitted(self, packet: _Flight, _: simpy.Event) -> None:
        assert packet.visit is not None
        self.station.leave(packet.visit)
        self._busy = False
        self._part(packet)
        if self._queue:
            self._transmit(self._queue.popleft())

    def _part(self, packet: _Flight) -> None:
        """The last bit has left: the packet travels, or is lost and its sender waits for the timer."""
        now_s = self.env.now
        index = (*packet.message.index, packet.fragment, packet.attempt)
        timeout_s = self._senders[index[0]].on_send(packet)
        if self._loss.lost(now_s, index):
            self.lost += 1
            self._tell(packet, TIMEOUT_WAIT)
            self._later(timeout_s, partial(self._timed_out, packet, packet.attempt))
        else:
            self._travelling += 1
            self._tell(packet, PROPAGATION)
            self._later(self._delay.delay_s(now_s, index), partial(self._arrived, packet))

    def _arrived(self, packet: _Flight, _: simpy.Event) -> None:
        self._travelling -= 1
        self.delivered += 1
        self._later(self._reverse_delay_s, partial(self._acknowledged, packet))
        if packet.arrived:
            return
        packet.arrived = True
        message = packet.message
        message._missing -= 1
        if not message._missing:
            message.delivered = True
            message.deliver(message)

    def _acknowledged(self, packet: _Flight, _: simpy.Event) -> None:
        for released in self._senders[packet.message.index[0]].on_ack(packet):
            self._enqueue(released)
        self._tell_oldest(packet.message)

    def _timed_out(self, packet: _Flight, attempt: int, _: simpy.Event) -> None:
        if self._senders[packet.message.index[0]].on_timeout(packet, attempt) is Verdict.RESEND:
            self._enqueue(packet)

    def _tell(self, packet: _Flight, state: str) -> None:
        """Notes what a packet does; its message does the same when this is its oldest unacknowledged packet."""
        if packet.state is not state:
            packet.state = state
            message = packet.message
            if packet.fragment == message._oldest and not message.delivered:
                message.report(state)

    def _tell_oldest(self, message: Message) -> None:
        """After an acknowledgement: the message follows its next unacknowledged packet."""
        if message.delivered:
            return
        before = message._packets[message._oldest].state
        while message._packets[message._oldest].acked:
            message._oldest += 1
        after = message._packets[message._oldest].state
        if after is not before:
            message.report(after)

    def _later(self, delay_s: float, call: Callable[[simpy.Event], None]) -> None:
        timeout = self.env.timeout(delay_s)
        timeout.callbacks.append(call)
