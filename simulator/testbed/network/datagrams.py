"""IPv4 datagrams of UDP as a TUN interface has them: RFC 791 and RFC 768, without options and fragments."""

from __future__ import annotations

import socket
import struct
from functools import lru_cache
from typing import Final, NamedTuple

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
    """Where a datagram comes from, or goes."""

    address: bytes
    """4 bytes."""
    port: int


class Datagram(NamedTuple):
    """One that carries `content` from a place to another."""

    source: SocketAddress
    target: SocketAddress
    content: bytes

    def pack(self) -> bytes:
        """As an interface takes it; without a checksum over the content, which UDP over IPv4 allows."""
        return _headers(self.source, self.target, len(self.content)) + self.content

    @classmethod
    def unpack(cls, packet: bytes) -> Datagram | None:
        """What an interface gave; None where that is anything but one whole datagram of UDP."""
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


def place(address: str, port: int) -> SocketAddress:
    """The socket address of a host in dotted form."""
    return SocketAddress(socket.inet_aton(address), port)
