"""What a transport does beside its packets: connections that open first, and flows in the background."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Protocol

import simpy

from channels.link.arq import Opening
from channels.link.transport import Bulk
from channels.uniforms import Uniforms
from simulator.results.observer import OPENING
from simulator.timing.event_loop import later
from simulator.timing.messages import DeviceSender, Fragment, LinkTransmitter, Message, unheard
from simulator.timing.transmitters import DeviceSenders


class Carrier(Protocol):
    """What is asked of a link."""

    env: simpy.Environment
    senders: DeviceSenders

    def request(self, message: Message) -> None: ...

    def offer(self, packet: Fragment) -> None: ...


class Openings:
    """The connections of a link's devices: what is put before one is open waits for it. Each round trip is a message
    up, which queues and is lost as others are, and the mean delay of an acknowledgement down."""

    def __init__(self, link: Carrier, opening: Opening | None) -> None:
        self._link = link
        self._opening = opening
        self._waiting: dict[tuple[int, ...], list[Message] | None] = {}
        """By device, or by request: the messages that wait; None: it is open."""

    def holds(self, message: Message) -> bool:
        """Whether the message has to wait; it is requested once the connection is open."""
        opening = self._opening
        if opening is None:
            return False
        key = message.index[: 1 + opening.each_request]
        if key not in self._waiting:
            self._waiting[key] = []
            self._knock(key, message.index[:2], opening, 0)
        waiting = self._waiting[key]
        if waiting is None:
            return False
        waiting.append(message)
        return True

    def _knock(self, key: tuple[int, ...], request: tuple[int, int], opening: Opening, made: int) -> None:
        """The next round trip, or the end of the opening."""
        if made < opening.round_trips:
            index = (*request, OPENING - made)
            knock = Message(index, (bytes(opening.bits // 8),), unheard)
            knock.to = lambda knock: self._answer(key, knock, opening, made + 1)
            knock.put_s = self._link.env.now
            self._link.request(knock)
            return
        waiting, self._waiting[key] = self._waiting[key], None
        for message in waiting or ():
            if not message.done:
                self._link.request(message)

    def _answer(self, key: tuple[int, ...], knock: Message, opening: Opening, made: int) -> None:
        request = knock.index[:2]
        back_s = self._link.senders[request[0]].reverse_delay_s
        later(self._link.env, back_s, lambda _: self._knock(key, request, opening, made))


def start_bulk(link: Carrier, bulk: Bulk, transmitter: LinkTransmitter, back_s: float, uniforms: Uniforms) -> None:
    """Has background flows fill their windows on a transmitter from now on, after what happens at this instant."""
    for flow in range(bulk.flows):
        index = (-2 - flow, 0, 0)
        message = Message(index, (), unheard, open=True)
        message.done = True
        sender = DeviceSender(bulk.arq.sender(uniforms=uniforms.under(flow)), transmitter, back_s)
        sender.refill = partial(_fill, link, sender, message, bulk.packet_bits, count())
        later(link.env, 0.0, partial(_begin, sender))


def _begin(sender: DeviceSender, _: simpy.Event) -> None:
    assert sender.refill is not None
    sender.refill()


def _fill(link: Carrier, sender: DeviceSender, message: Message, bits: int, numbers: count[int]) -> None:
    """A packet always waits for room in the window."""
    while not sender.arq.held:
        link.offer(Fragment(bits, message, message.index, next(numbers), sender))
