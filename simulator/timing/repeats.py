"""The near end of a link: what a sender does about a packet that has left until it is acknowledged.

It waits for the acknowledgement as long as its timer says, then sends the packet again, or pauses; a packet that is
sent once it forgets. The rules are those of `channels.link.arq.Sender`; here they meet the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import simpy

from channels.link.arq import Arq, Expiry
from simulator.timing.later import later
from simulator.timing.messages import TIMEOUT_WAIT, Fragment


class Repeats:
    """Of all senders of one link. `enqueue` puts a packet, or its next attempt, into the link's queue."""

    def __init__(self, env: simpy.Environment, arq: Arq, enqueue: Callable[[Fragment], None]) -> None:
        self._env = env
        self._pause_s = arq.timeout_max_s
        self._enqueue = enqueue

    def acknowledge(self, packet: Fragment, _: object = None) -> None:
        """An acknowledgement of this packet is back."""
        if packet.acked:
            return
        port, now_s = packet.port, self._env.now
        if packet.index[2] >= 0:  # an empty frame, which asks to hear something, brings nothing forward
            port.acked_bits += packet.bits
        port.lane.curve.heard()
        if packet.attempt == 0:
            port.round_trip_s = now_s - packet.joined_s
        self._close(packet, port.sender.on_ack(packet, now_s))

    def miss(self, packet: Fragment, timeout_s: float) -> None:
        """The attempt under way will not arrive: only the timer tells its sender. Of an acknowledgement, nothing."""
        if not packet.acknowledges:
            self.set_timer(packet, timeout_s)
            packet.enter(TIMEOUT_WAIT, self._env.now)

    def set_timer(self, packet: Fragment, timeout_s: float) -> None:
        """The last bit of the attempt has left; `timeout_s` is what its sender says, before jitter."""
        later(self._env, packet.wait_s(timeout_s), partial(self._expire, packet, packet.attempt))

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
            pause_s = packet.port.lane.pauses.wait_s(self._pause_s, *packet.address)
            later(self._env, pause_s, partial(self._resume, packet))

    def _resume(self, packet: Fragment, _: simpy.Event) -> None:
        if not packet.acked and packet.port.sender.offer(packet):
            self._enqueue(packet)

    def _close(self, packet: Fragment, released: Iterable[Fragment]) -> None:
        """The sender is through with this packet: those it releases go, and the message follows its next one."""
        packet.port.unacked_packets -= 1
        for other in released:
            self._enqueue(other)
        message = packet.message
        message.unacked -= 1
        if message.done:
            if not message.unacked and not message.open:
                message.packets = ()
        elif message.unacked:
            message.follow_oldest(self._env.now)
