"""What crosses the air: letters, cut into packets behind a header of 12 bytes.

With IPv4 (20 bytes) and UDP (8) that makes the 320 bits which `header_bits` has by default. The header tells the relay
which packet of which attempt it carries, so that the real air loses what the simulated one loses.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, Literal, NamedTuple

from channels.link.rates import MessageIndex

Direction = Literal["uplink", "downlink"]
_HEADER: Final = struct.Struct("!BBHHHBBH")
HEADER_BYTES: Final = _HEADER.size
IP_UDP_BYTES: Final = 28
LEAST_HEADER_BITS: Final = 8 * (HEADER_BYTES + IP_UDP_BYTES)
"""Of a packet that carries nothing: 320."""
_LAST: Final = 0x80
MOST: Final = (1 << 16) - 1
"""Devices, requests of each, rounds of each, attempts of a packet."""
MOST_FRAGMENTS: Final = 255


class MessageKind(IntEnum):
    """What a letter is."""

    PROMPT = 1
    """Up, round 0: the tokens of the prompt."""
    PAYLOAD = 2
    """Up: the drafts of a round."""
    REPLY = 3
    """Down: the verdict on a round, or the tokens of one that the cloud has decoded."""
    HELLO = 4
    """Down, request and round 0: the cloud has begun anew and knows of nothing."""
    RESTORE = 5
    """Up: what the cloud has to know to go on with a request at this round."""
    ACK = 6
    """Either way, a packet of its own: the packet that it names has come."""
    LEFT = 7
    """From the air to a sender: the last bit of the packet that it names has gone out."""


UPLINKED: Final = frozenset({MessageKind.PROMPT, MessageKind.PAYLOAD, MessageKind.RESTORE})
SIMULATED: Final = frozenset({MessageKind.PROMPT, MessageKind.PAYLOAD, MessageKind.REPLY})
"""The letters that the simulator knows too; the others are there after a restart only."""


class MessageAddress(NamedTuple):
    """Of a letter."""

    kind: MessageKind
    device: int
    request: int
    round: int

    @property
    def way(self) -> Direction:
        """Where it goes."""
        return "uplink" if self.kind in UPLINKED else "downlink"

    @property
    def message(self) -> MessageIndex:
        """What the simulator calls it."""
        return self.device, self.request, self.round


class RealMessage(NamedTuple):
    """Content and where it belongs."""

    address: MessageAddress
    content: bytes


class PacketHeader(NamedTuple):
    """Of one packet. An ACK and a LEFT name the packet they are about by all fields, its kind among them."""

    address: MessageAddress
    fragment: int
    attempt: int
    epoch: int = 0
    """How often the cloud has begun anew, as far as the sender knows."""
    last: bool = True
    """Whether it is the last fragment of its letter."""
    note: MessageKind | None = None
    """ACK or LEFT, where the packet is one about that which is named."""

    def pack(self) -> bytes:
        """HEADER_BYTES bytes."""
        kind, device, request, round_ = self.address
        flags = (self.note or kind) | (_LAST if self.last else 0)
        return _HEADER.pack(flags, self.epoch, device, request, round_, self.fragment, kind, self.attempt)

    @classmethod
    def unpack(cls, packet: bytes) -> PacketHeader:
        """The header in front of a packet. Raises ValueError where there is none."""
        if len(packet) < HEADER_BYTES:
            raise ValueError(f"packet of {len(packet)} bytes: a header has {HEADER_BYTES}")
        flags, epoch, device, request, round_, fragment, kind, attempt = _HEADER.unpack_from(packet)
        said, named = MessageKind(flags & ~_LAST), MessageKind(kind)
        note = said if said in (MessageKind.ACK, MessageKind.LEFT) else None
        if named in (MessageKind.ACK, MessageKind.LEFT) or not (note or said is named):
            raise ValueError(f"a header of kind {said.name} that names a {named.name}")
        return cls(MessageAddress(named, device, request, round_), fragment, attempt, epoch, bool(flags & _LAST), note)
