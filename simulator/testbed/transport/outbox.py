"""The near end of a real link: letters cut into packets, and the project's own ARQ for each device.

It does what `simulator.timing.link` and `repeats` do about packets, with the machine's clock: the rules are those of
`channels.link.arq.Sender`, and a timer runs from the word that the attempt has left, so that one which waits in the
interface's queue never times out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from channels.link.arq import Expiry, Packet, Sender
from channels.link.link_config import LinkConfig, answer_s
from channels.link.losses import PacketIndex
from channels.link.timers import TimerJitter
from channels.uniforms import Uniforms
from kinds import ConfigError
from simulator.testbed.journal import Journal, MessageCancelled, MessagePut, PacketAcknowledged, PacketQueued
from simulator.testbed.packet_header import (
    HEADER_BYTES,
    MOST_FRAGMENTS,
    Direction,
    MessageAddress,
    PacketHeader,
    RealMessage,
)
from simulator.testbed.transport.sockets import LARGEST_BYTES


@dataclass(slots=True, eq=False)
class OutgoingFragment(Packet):
    """A fragment of a letter on its way."""

    address: MessageAddress
    fragment: int
    last: bool
    content: bytes
    sender: Sender[OutgoingFragment]
    queued: bool = False
    """Whether its latest attempt is in the interface's queue, as far as anybody has told."""

    @property
    def index(self) -> PacketIndex:
        """The simulator's address of the attempt under way."""
        return (*self.address.message, self.fragment, self.attempt)

    def header(self, epoch: int) -> PacketHeader:
        """Of the attempt under way."""
        return PacketHeader(self.address, self.fragment, self.attempt, epoch, self.last)


class LinkPair(NamedTuple):
    """The link that a host sends on, and the one that it hears."""

    out: LinkConfig
    back: LinkConfig
    name: Direction
    """Of the one that it sends on."""


class Outbox:
    """All that one host sends, to however many devices: a sender for each.

    One difference from the simulated link stays: a letter that is withdrawn leaves the simulated queue, but cannot be
    called back from the kernel's. `vain` counts such packets.
    """

    def __init__(self, ways: LinkPair, seed: int, journal: Journal, send: Callable[[OutgoingFragment], None]) -> None:
        """`send` hands the attempt under way of a piece to the kernel; where that fails, it calls `leave`."""
        luck, jitter = Uniforms.of(seed, ways.name), ways.out.arq.timer_jitter
        self.vain = 0
        """Packets that were in the interface's queue when nobody wanted their letters any more."""
        self._link = ways.out
        self._window_packets = ways.out.window_packets(answer_s(ways.out, ways.back))
        self._timers = TimerJitter(jitter, luck.under(0, 4))
        self._pauses = TimerJitter(jitter, luck.under(0, 5))
        self._journal = journal
        self._send = send
        self._senders: dict[int, Sender[OutgoingFragment]] = {}
        self._warm = journal.running
        self._under_way: dict[MessageAddress, list[OutgoingFragment]] = {}

    # Be told by a protocol.

    def put(self, letter: RealMessage) -> None:
        """Takes on a letter. Raises ConfigError where the link's packets cannot carry it."""
        address, content = letter
        assert address not in self._under_way, f"{address} is under way already"
        sizes, room = self._sizes(content), self._link.room_bits
        step = max(1, len(content)) if room is None else room // 8
        self._journal.note(MessagePut(address, content.hex(), self._journal.now_s))
        sender, last = self._sender(address.device), len(sizes) - 1
        self._under_way[address] = pieces = [
            OutgoingFragment(
                bits, address, number, number == last, content[number * step : (number + 1) * step], sender
            )
            for number, bits in enumerate(sizes)
        ]
        for piece in pieces:
            self._offer(piece)

    def forget(self, *addresses: MessageAddress) -> None:
        """Sends nothing more of these letters, put in this order; one that is through is none of them."""
        for address in reversed(addresses):  # the latest first: none of it is let go by one before it
            for other in self._withdraw(address):
                self._go(other)

    def begin_anew(self) -> None:
        """Sends nothing more of any letter; the next one is the first that its sender knows of."""
        for address in list(self._under_way):
            self._withdraw(address)
        self._senders.clear()

    # Be told by the air.

    def left(self, header: PacketHeader) -> None:
        """The air says that the last bit of an attempt has gone out."""
        piece = self._piece(header)
        if piece is not None:
            self.leave(piece, header.attempt)

    def leave(self, piece: OutgoingFragment, attempt: int) -> None:
        """This attempt is in the queue no more: its last bit has gone out, or it will never be on the air."""
        if not piece.queued or piece.attempt != attempt:
            return
        piece.queued = False
        if not piece.acked:
            loop = asyncio.get_running_loop()
            timeout_s = piece.sender.on_send(piece, loop.time())
            loop.call_later(self._timers.wait_s(timeout_s, *piece.index), self._expire, piece, attempt)

    def acknowledge(self, header: PacketHeader) -> None:
        """The far end says that it has this packet."""
        piece = self._piece(header)
        if piece is None or piece.acked:
            return
        now_s = asyncio.get_running_loop().time()
        if piece.queued and not piece.attempt:  # the word that it has left was overtaken
            piece.sender.on_send(piece, now_s)
        self._journal.note(PacketAcknowledged(piece.address, piece.fragment, self._journal.now_s))
        for other in piece.sender.on_ack(piece, now_s):
            self._go(other)
        if all(each.acked for each in self._under_way.get(piece.address, ())):
            self._under_way.pop(piece.address, None)

    # Go, and go again.

    def _offer(self, piece: OutgoingFragment) -> None:
        if not piece.acked and piece.sender.offer(piece):
            self._go(piece)

    def _go(self, piece: OutgoingFragment) -> None:
        piece.queued = True
        attempted = PacketQueued(piece.address, piece.fragment, piece.attempt, piece.bits, self._journal.now_s)
        self._send(piece)
        self._journal.note(attempted)

    def _expire(self, piece: OutgoingFragment, attempt: int) -> None:
        expiry = piece.sender.on_timeout(piece, attempt)
        if expiry is Expiry.RESEND:
            self._go(piece)
        elif expiry is Expiry.PAUSE:
            for other in piece.sender.suspend(piece):
                self._go(other)
            pause_s = self._pauses.wait_s(self._link.arq.timeout_max_s, *piece.index)
            asyncio.get_running_loop().call_later(pause_s, self._offer, piece)

    def _withdraw(self, address: MessageAddress) -> Sequence[OutgoingFragment]:
        """Answers those that may go instead."""
        pieces = self._under_way.pop(address, None)
        if pieces is None:
            return ()
        self._journal.note(MessageCancelled(address, self._journal.now_s))
        self.vain += sum(piece.queued for piece in pieces)
        return pieces[0].sender.forget(pieces)

    # What is what.

    def _piece(self, header: PacketHeader) -> OutgoingFragment | None:
        """That which a word of the air or of the far end is about; None where nobody waits for it."""
        pieces = self._under_way.get(header.address, ())
        return pieces[header.fragment] if header.fragment < len(pieces) else None

    def _sender(self, device: int) -> Sender[OutgoingFragment]:
        """The first after the run's zero knows nothing of the warm-up: the simulated one has had none."""
        if self._warm is not self._journal.running:
            self._warm = self._journal.running
            self._senders.clear()
        if device not in self._senders:
            self._senders[device] = self._link.arq.sender(self._window_packets)
        return self._senders[device]

    def _sizes(self, content: bytes) -> list[int]:
        """Of a letter's packets, headers included, bits."""
        sizes = self._link.packets_bits(8 * len(content))
        told = f"mtu_bits = {self._link.mtu_bits}: a letter of {len(content)} bytes needs"
        if len(sizes) > MOST_FRAGMENTS:
            raise ConfigError(f"{told} {len(sizes)} packets of it, at most {MOST_FRAGMENTS} are allowed")
        if self._link.mtu_bits is None and len(content) > LARGEST_BYTES - HEADER_BYTES:
            raise ConfigError(f"{told} a limit: one packet holds at most {LARGEST_BYTES - HEADER_BYTES}")
        return sizes
