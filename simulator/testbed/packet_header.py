"""Messages between the hosts of a real run, cut into packets behind a header of 12 bytes, and datagrams around those.

With IPv4 (20 bytes) and UDP (8) that makes the 320 bits which `header_bits` has by default. The header says which
packet of which attempt it carries, so that the real link loses what the simulated one loses. Datagrams are as a TUN
interface has them: RFC 791 and RFC 768, without options and fragments.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Final, Literal, NamedTuple, Self

from channels.link.rates import MessageIndex
from simulator.results.observer import JOINS

Direction = Literal["uplink", "downlink"]
OPPOSITE: Final[Mapping[Direction, Direction]] = {"uplink": "downlink", "downlink": "uplink"}
_HEADER: Final = struct.Struct("!BBHHHBBH")
"""Note or 0, kind, device, request, round, fragment, 1 if it is the last, attempt."""
HEADER_BYTES: Final = _HEADER.size
IP_UDP_BYTES: Final = 28
LEAST_HEADER_BITS: Final = 8 * (HEADER_BYTES + IP_UDP_BYTES)
"""Bits of a packet that carries nothing: 320."""
MOST: Final = (1 << 16) - 1
"""The most requests of a device, rounds of each, attempts of a packet."""
MOST_DEVICES: Final = 16
MOST_FRAGMENTS: Final = 255


class PacketKind(IntEnum):
    """Kinds of messages, numbered as in `protocols.machine`, and notes on packets."""

    PROMPT = 1
    """Up, round 0: the tokens of the prompt."""
    PAYLOAD = 2
    """Up: the drafts of a round."""
    REPLY = 3
    """Down: the verification result of a round, or the tokens of one that the cloud has decoded."""
    COUNT = 4
    """Up: how many tokens the cloud is to decode by itself."""
    ACK = 9
    """Kind of a packet of its own, in either direction: the packet that it names has arrived."""
    LEFT = 10
    """Kind of a packet from the relay to a sender: the last bit of the packet that it names has gone out."""
    JOIN = 12
    """Up, a bare header: the cloud is to decode no further by itself."""
    LAST = 13
    """Down: as REPLY, to the last round that the cloud has decoded before the edge drafts."""


UPLINKED: Final = frozenset({PacketKind.PROMPT, PacketKind.PAYLOAD, PacketKind.COUNT, PacketKind.JOIN})
REPLIES: Final = frozenset({PacketKind.REPLY, PacketKind.LAST})
NOTES: Final = frozenset({PacketKind.ACK, PacketKind.LEFT})


class MessageAddress(NamedTuple):
    """The address of a message: what it is, and the round that it is about."""

    kind: PacketKind
    device: int
    request: int
    round: int

    @property
    def round_key(self) -> tuple[int, int, int]:
        """(device, request, round)."""
        return self.device, self.request, self.round

    @property
    def direction(self) -> Direction:
        """The direction in which it goes."""
        return "uplink" if self.kind in UPLINKED else "downlink"

    @property
    def message_index(self) -> MessageIndex:
        """The index of the message in the simulator."""
        return self.device, self.request, self.round + (JOINS if self.kind is PacketKind.JOIN else 0)


class RealMessage(NamedTuple):
    """A message: its address and its bytes."""

    address: MessageAddress
    content: bytes


class PacketHeader(NamedTuple):
    """The header of one packet. An ACK and a LEFT name the packet they are about by all fields, its kind among them."""

    address: MessageAddress
    fragment: int
    attempt: int
    last: bool = True
    """True if it is the last fragment of its message."""
    note: PacketKind | None = None
    """ACK or LEFT, where the packet is a note about the one that is named."""

    def pack(self) -> bytes:
        """HEADER_BYTES bytes."""
        return _HEADER.pack(self.note or 0, *self.address, self.fragment, self.last, self.attempt)

    @classmethod
    def unpack(cls, packet: bytes) -> PacketHeader:
        """The header in front of a packet. Raises ValueError where there is none."""
        if len(packet) < HEADER_BYTES:
            raise ValueError(f"packet of {len(packet)} bytes: a header has {HEADER_BYTES}")
        stated, kind, device, request, round_, fragment, last, attempt = _HEADER.unpack_from(packet)
        named, note = PacketKind(kind), PacketKind(stated) if stated else None
        if named in NOTES or note not in (None, *NOTES) or last > 1:
            raise ValueError(f"a header with note {stated} on a {named.name}, last {last}")
        return cls(MessageAddress(named, device, request, round_), fragment, attempt, bool(last), note)


# Datagrams.

_HEADERS: Final = struct.Struct("!BBHHHBBH4s4sHHHH")
"""Version and length, service, total bytes, identification, fragment, time to live, protocol, checksum, source, target;
source port, target port, bytes, checksum."""
_PLAIN: Final = 0x45
"""Version 4, and a header of five words."""
_OFFSET: Final = 0x3FFF
"""More fragments follow, or some came before."""
_DO_NOT_FRAGMENT: Final = 0x4000
_HOPS: Final = 64
_UDP: Final = socket.IPPROTO_UDP


class SocketAddress(NamedTuple):
    """Address from which a datagram comes, or to which it goes."""

    address: bytes
    """4 bytes."""
    port: int

    @classmethod
    def of(cls, address: str, port: int) -> Self:
        """The socket address of a host in dotted form."""
        return cls(socket.inet_aton(address), port)


class Datagram(NamedTuple):
    """Datagram that carries `content` from one address to another."""

    source: SocketAddress
    target: SocketAddress
    content: bytes

    def pack(self) -> bytes:
        """Returns the packet for an interface, without a checksum over the content, which UDP over IPv4 allows."""
        return _headers(self.source, self.target, len(self.content)) + self.content

    @classmethod
    def unpack(cls, packet: bytes) -> Datagram | None:
        """Returns the datagram that an interface gave; None if it is anything but one whole datagram of UDP."""
        if len(packet) < _HEADERS.size:
            return None
        (version, _, length, _, fragment, _, protocol, _, source, target, source_port, target_port, udp, _) = (
            _HEADERS.unpack_from(packet)
        )
        if version != _PLAIN or protocol != _UDP or fragment & _OFFSET or not len(packet) == length == 20 + udp:
            return None
        return cls(SocketAddress(source, source_port), SocketAddress(target, target_port), packet[_HEADERS.size :])


@lru_cache
def _headers(source: SocketAddress, target: SocketAddress, content_bytes: int) -> bytes:
    udp = 8 + content_bytes
    first = (_PLAIN, 0, 20 + udp, 0, _DO_NOT_FRAGMENT, _HOPS, _UDP)
    ends = (source.address, target.address, source.port, target.port, udp, 0)
    return _HEADERS.pack(*first, checksum(_HEADERS.pack(*first, 0, *ends)[:20]), *ends)


def checksum(header: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes: 0 over a header that has its own in it."""
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
