"""Receive windows: devices that receive their downlink only for moments after they have sent (LoRaWAN's class A).

After the end of an uplink frame come windows, LinkConfig.listens says when. The network, if it has received the frame,
may begin one downlink frame in one of them, if its transmitter is free at that instant. Until the device has received
it, or the last window has passed, the device sends nothing. If it still awaits something then and has nothing else to
send, it sends an empty frame: a bare header on the uplink, charged, delivered and repeated as any other.

Simplified: an acknowledgement comes in the first window and takes up none of the airtime; the network knows by the next
window whether its last frame was received, as the uplink frame before that window would show it; and a device needs no
flag (FPending) to know that more is waiting, since it knows what it has requested.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from math import isnan

import simpy

from channels.link.sharing import Gate
from simulator.results.observer import Airing, Observer
from simulator.timing.event_loop import later
from simulator.timing.link import Link
from simulator.timing.messages import Fragment, LinkTransmitter, Message, unheard


@dataclass(slots=True, eq=False)
class Receiver:
    """The receiver of one device."""

    number: int
    uplink: Link
    downlink: Link
    up_transmitter: LinkTransmitter | None = None
    down_transmitter: LinkTransmitter | None = None
    listens_after: Airing | None = None
    """The frame of its own after which it listens; while it does, it sends nothing."""
    open: bool = False
    """A window is open, which lasts an instant: a frame begins then, or not in this window."""
    receiving: bool = False
    awaits_for: int | None = None
    """The request that awaits something."""
    sent: Message | None = None
    """The latest message that it sent and awaits an answer to."""
    polls: int = 0
    looks_again: bool = False
    """True if a later look at what it has to send is due."""


class ReceiveWindows(Observer):
    """The receivers of a run. It learns when frames end as an observer of their links."""

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._receivers: dict[int, Receiver] = {}

    def add(self, devices: Iterable[int], uplink: Link, downlink: Link) -> None:
        """Adds devices that receive this downlink only after sending on this uplink."""
        self._receivers |= {device: Receiver(device, uplink, downlink) for device in devices}
        uplink.guard(_SendsUnlessListening(self._receivers))
        downlink.guard(_StartsInWindows(self._receivers))

    def awaits(self, device: int, request: int, sent: Message | None) -> None:
        """The device awaits something from now on, in answer to this message if it has sent any."""
        receiver = self._receivers.get(device)
        if receiver is not None:
            receiver.awaits_for, receiver.sent = request, sent
            self._poll(receiver)

    def has_all(self, device: int) -> None:
        """The device awaits nothing any more; an empty frame that has not gone out is not wanted."""
        receiver = self._receivers.get(device)
        if receiver is not None:
            receiver.awaits_for = None
            if receiver.sent is not None and receiver.sent.index[2] < 0 and not receiver.sent.done:
                receiver.uplink.withdraw(receiver.sent)

    def on_packet(self, airing: Airing) -> None:
        receiver = self._receivers.get(airing.address[0])
        if receiver is None:
            return
        if airing.link == receiver.uplink.name:
            receiver.listens_after = airing
            *windows_s, last_s = receiver.downlink.config.listens.windows_s
            for window_s in windows_s:
                later(self._env, window_s, partial(self._open, receiver, airing))
            later(self._env, last_s, partial(self._open_last, receiver, airing))
        elif airing.link == receiver.downlink.name:
            received_s = airing.left_s if isnan(airing.arrives_s) else airing.arrives_s
            stop = partial(self._stop, receiver)
            later(self._env, received_s - self._env.now, lambda _: later(self._env, 0.0, stop))  # once it is delivered

    def _open(self, receiver: Receiver, sent: Airing, _: simpy.Event) -> None:
        """A window: the network uses it if it has received the frame by now."""
        listens = receiver.listens_after is sent and not receiver.receiving
        if listens and sent.arrives_s <= self._env.now and receiver.down_transmitter is not None:
            receiver.open = True
            receiver.downlink.serve(receiver.down_transmitter, self._env.now)
            receiver.open = False

    def _open_last(self, receiver: Receiver, sent: Airing, event: simpy.Event) -> None:
        self._open(receiver, sent, event)
        if receiver.listens_after is sent and not receiver.receiving:
            self._stop(receiver, event)

    def _stop(self, receiver: Receiver, _: simpy.Event) -> None:
        """The device may send again."""
        receiver.listens_after, receiver.receiving = None, False
        if receiver.up_transmitter is not None:
            receiver.uplink.serve(receiver.up_transmitter, self._env.now)
        later(self._env, 0.0, lambda _: self._poll(receiver))  # after what arrives at this instant

    def _look(self, receiver: Receiver, _: simpy.Event) -> None:
        receiver.looks_again = False
        self._poll(receiver)

    def _poll(self, receiver: Receiver) -> None:
        """Sends an empty frame if the device awaits something, and no frame of its own is to open a window."""
        if receiver.awaits_for is None or receiver.listens_after is not None:
            return
        if receiver.sent is not None and not receiver.sent.done:
            if not receiver.looks_again:
                receiver.looks_again = True
                later(self._env, receiver.downlink.config.listens.windows_s[-1], partial(self._look, receiver))
        else:
            receiver.polls += 1
            index = (receiver.number, receiver.awaits_for, -receiver.polls)  # a round that is none
            receiver.sent = Message(index, (b"",), unheard)
            receiver.uplink.put(receiver.sent)


class _SendsUnlessListening(Gate[Fragment]):
    """The gate of an uplink: a device that listens sends nothing."""

    def __init__(self, receivers: dict[int, Receiver]) -> None:
        self._receivers = receivers

    def joined(self, packet: Fragment) -> None:
        receiver = self._receivers.get(packet.index[0])
        if receiver is not None:
            receiver.up_transmitter = packet.sender.transmitter

    def admits(self, packet: Fragment) -> bool:
        receiver = self._receivers.get(packet.index[0])
        return receiver is None or receiver.listens_after is None


class _StartsInWindows(Gate[Fragment]):
    """The gate of a downlink: a frame starts in a window of its device, and is the only one."""

    def __init__(self, receivers: dict[int, Receiver]) -> None:
        self._receivers = receivers

    def joined(self, packet: Fragment) -> None:
        self._receivers[packet.index[0]].down_transmitter = packet.sender.transmitter

    def admits(self, packet: Fragment) -> bool:
        return self._receivers[packet.index[0]].open

    def started(self, packet: Fragment) -> None:
        receiver = self._receivers[packet.index[0]]
        receiver.open, receiver.receiving = False, True
