"""The sending side of a real link: messages cut into packets, and the project's own ARQ for each device.

It does with packets what `simulator.timing.link` does, by the machine's clock: the rules are those of
`channels.link.arq.Sender`, and a timer runs from the notice that the attempt has left, so that one which waits in the
interface's queue never times out. Where there are no notices it runs from when the attempt is handed to the kernel.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

from channels.link.arq import Expiry, Packet, Sender
from channels.link.link_config import answer_s
from channels.link.losses import PacketIndex
from channels.link.retransmission_timeout import TimerJitter
from channels.uniforms import Uniforms
from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.schemes.policy import SeenLink
from simulator.testbed.journal import Journal, MessagePut, PacketAcknowledged, PacketQueued
from simulator.testbed.packet_header import (
    HEADER_BYTES,
    MOST_FRAGMENTS,
    OPPOSITE,
    Direction,
    MessageAddress,
    PacketHeader,
    RealMessage,
)
from simulator.testbed.plan import link
from simulator.testbed.transport.sockets import LARGEST_BYTES


@dataclass(slots=True, eq=False)
class OutgoingFragment(Packet):
    """A fragment of a message under way."""

    address: MessageAddress
    number: int
    last: bool
    content: bytes
    sender: Sender[OutgoingFragment]
    queued: bool = False
    """True if its latest attempt is in the interface's queue, as far as notices say."""
    joined_s: float = nan
    """Time at which its first attempt was put there, by the event loop's clock."""

    @property
    def index(self) -> PacketIndex:
        """The address of the attempt under way in the simulator."""
        return (*self.address.message_index, self.number, self.attempt)

    @property
    def header(self) -> PacketHeader:
        """The header of the attempt under way."""
        return PacketHeader(self.address, self.number, self.attempt, self.last)


class Outbox:
    """Outbox of a host, with a sender for each device.

    One difference from the simulated link stays: a message that is cancelled leaves the simulated queue, but cannot be
    called back from the kernel's.
    """

    def __init__(
        self,
        cell: Cell,
        direction: Direction,
        journal: Journal,
        send: Callable[[OutgoingFragment], None],
        *,
        notices: bool = True,
    ) -> None:
        """`send` hands the attempt under way of a fragment to the kernel; where that fails, it calls `leave`.

        `notices`: whether the relay tells when one has left."""
        self._link, back = link(cell, direction), link(cell, OPPOSITE[direction])
        uniforms, jitter = Uniforms.of(cell.seed, direction), self._link.arq.timer_jitter
        self._direction = direction
        self._window_packets = self._link.window_packets(answer_s(self._link, back))
        self._timers = TimerJitter(jitter, uniforms.under(0, 4))
        self._pauses = TimerJitter(jitter, uniforms.under(0, 5))
        self._journal = journal
        self._send = send
        self._notices = notices
        self._senders: dict[int, Sender[OutgoingFragment]] = {}
        self._warm = journal.running
        self._under_way: dict[MessageAddress, list[OutgoingFragment]] = {}
        self._seen: defaultdict[int, SeenLink] = defaultdict(SeenLink)
        """What the link has shown each device, but for the packets that are not acknowledged."""

    def seen_by(self, device: int) -> SeenLink:
        """Returns the state of the link as far as a device has seen it."""
        unacked = sum(
            not each.acked
            for address, fragments in self._under_way.items()
            if address.device == device
            for each in fragments
        )
        return self._seen[device]._replace(unacked_packets=unacked)

    # Called by a protocol.

    def put(self, message: RealMessage) -> None:
        """Takes on a message. Raises ConfigError where the link's packets cannot carry it."""
        address, content = message
        assert address.direction == self._direction, f"{address} goes the other way"
        assert address not in self._under_way, f"{address} is under way already"
        sizes, room = self._sizes(address, content), self._link.room_bits
        step = max(1, len(content)) if room is None else room // 8
        self._journal.note(MessagePut(address, content.hex(), self._journal.now_s))
        sender, last = self._sender(address.device), len(sizes) - 1
        cut = (content[number * step : (number + 1) * step] for number in range(len(sizes)))
        self._under_way[address] = fragments = [
            OutgoingFragment(bits, address, number, number == last, each, sender)
            for number, (bits, each) in enumerate(zip(sizes, cut, strict=True))
        ]
        for fragment in fragments:
            self._offer(fragment)

    def cancel(self, *addresses: MessageAddress) -> None:
        """Starts nothing more of these messages, put in this order; one that is through needs nothing."""
        for address in reversed(addresses):  # the latest first, or the end of an earlier one would start it
            for other in self._cancel(address):
                self._go(other)

    def close(self) -> None:
        """Starts nothing more of any message."""
        for address in list(self._under_way):
            self._cancel(address)

    # Called when a notice or an acknowledgement arrives.

    def left(self, header: PacketHeader) -> None:
        """The relay reports that the last bit of an attempt has gone out."""
        fragment = self._fragment(header)
        if fragment is not None:
            self.leave(fragment, header.attempt)

    def leave(self, fragment: OutgoingFragment, attempt: int) -> None:
        """Removes an attempt from the queue: its last bit has gone out, or it never will."""
        if not fragment.queued or fragment.attempt != attempt:
            return
        fragment.queued = False
        if not fragment.acked:
            loop = asyncio.get_running_loop()
            timeout_s = fragment.sender.on_send(fragment, loop.time())
            loop.call_later(self._timers.wait_s(timeout_s, *fragment.index), self._expire, fragment, attempt)

    def acknowledge(self, header: PacketHeader) -> None:
        """The far end reports that it has this packet."""
        fragment = self._fragment(header)
        if fragment is None or fragment.acked:
            return
        now_s = asyncio.get_running_loop().time()
        if fragment.queued and not fragment.attempt:  # the notice that it has left was overtaken
            fragment.sender.on_send(fragment, now_s)
        self._journal.note(PacketAcknowledged(fragment.address, fragment.number, self._journal.now_s))
        device, seen = fragment.address.device, self._seen[fragment.address.device]
        round_trip_s = seen.round_trip_s if fragment.attempt else now_s - fragment.joined_s
        acked_bits = seen.acked_bits + fragment.bits
        self._seen[device] = seen._replace(acked_bits=acked_bits, round_trip_s=round_trip_s)
        for other in fragment.sender.on_ack(fragment, now_s):
            self._go(other)
        if all(each.acked for each in self._under_way.get(fragment.address, ())):
            self._under_way.pop(fragment.address, None)

    # Go, and go again.

    def _offer(self, fragment: OutgoingFragment) -> None:
        if not fragment.acked and fragment.sender.offer(fragment):
            self._go(fragment)

    def _go(self, fragment: OutgoingFragment) -> None:
        fragment.queued = True
        if not fragment.attempt:
            fragment.joined_s = asyncio.get_running_loop().time()
        attempted = PacketQueued(
            fragment.address, fragment.number, fragment.attempt, fragment.bits, self._journal.now_s
        )
        self._send(fragment)
        self._journal.note(attempted)
        if not self._notices:
            self.leave(fragment, fragment.attempt)

    def _expire(self, fragment: OutgoingFragment, attempt: int) -> None:
        expiry = fragment.sender.on_timeout(fragment, attempt)
        if expiry is not Expiry.STALE:
            seen = self._seen[fragment.address.device]
            self._seen[fragment.address.device] = seen._replace(timeouts=seen.timeouts + 1)
        if expiry is Expiry.RESEND:
            self._go(fragment)
        elif expiry is Expiry.PAUSE:
            for other in fragment.sender.suspend(fragment):
                self._go(other)
            pause_s = self._pauses.wait_s(self._link.arq.timeout_max_s, *fragment.index)
            asyncio.get_running_loop().call_later(pause_s, self._offer, fragment)

    def _cancel(self, address: MessageAddress) -> Sequence[OutgoingFragment]:
        """Cancels a message; answers the fragments that may go instead."""
        fragments = self._under_way.pop(address, None)
        return () if fragments is None else fragments[0].sender.forget(fragments)

    # Look-ups.

    def _fragment(self, header: PacketHeader) -> OutgoingFragment | None:
        """The fragment that a notice or an acknowledgement names; None where nobody waits for it."""
        fragments = self._under_way.get(header.address, ())
        return fragments[header.fragment] if header.fragment < len(fragments) else None

    def _sender(self, device: int) -> Sender[OutgoingFragment]:
        """The sender of a device. After the run's zero it knows nothing of the warm-up: the simulated one had none."""
        if self._warm is not self._journal.running:
            self._warm = self._journal.running
            self._senders.clear()
            self._seen.clear()
        if device not in self._senders:
            self._senders[device] = self._link.arq.sender(self._window_packets)
        return self._senders[device]

    def _sizes(self, address: MessageAddress, content: bytes) -> list[int]:
        """Bits of a message's packets, headers included."""
        sizes = [bits for bits, _ in self._link.packets_of(8 * len(content))]
        problem = f"mtu_bits = {self._link.mtu_bits}: a message of {len(content)} bytes needs"
        if len(sizes) > MOST_FRAGMENTS:
            raise ConfigError(f"{problem} {len(sizes)} packets of it, at most {MOST_FRAGMENTS} are allowed")
        carried_bits = max(sizes) - self._link.header_bits
        if self._link.mtu_bits is None and carried_bits > 8 * (LARGEST_BYTES - HEADER_BYTES):
            raise ConfigError(f"{problem} a limit: one packet holds at most {LARGEST_BYTES - HEADER_BYTES}")
        return sizes
