"""Headers and datagrams as bytes: what is packed is unpacked, and all else is refused."""

import struct

import pytest
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given
from hypothesis import strategies as some

from channels.link.link_config import LinkConfig
from simulator.testbed.packet_header import (
    HEADER_BYTES,
    LEAST_HEADER_BITS,
    MOST,
    MOST_DEVICES,
    MOST_FRAGMENTS,
    Datagram,
    MessageAddress,
    PacketHeader,
    PacketKind,
    SocketAddress,
    checksum,
)

NOTES = (PacketKind.ACK, PacketKind.LEFT)
SOME_PAYLOAD = PacketHeader(MessageAddress(PacketKind.PAYLOAD, 0, 0, 1), 0, 0).pack()
PLAIN = Datagram(SocketAddress.of("10.77.0.1", 5000), SocketAddress.of("10.77.0.2", 4000), b"content").pack()
numbers = some.integers(0, MOST)
devices = some.integers(0, MOST_DEVICES - 1)
kinds = some.sampled_from([kind for kind in PacketKind if kind not in NOTES])
headers = some.builds(
    PacketHeader,
    address=some.builds(MessageAddress, kinds, devices, numbers, numbers),
    fragment=some.integers(0, MOST_FRAGMENTS),
    attempt=numbers,
    last=some.booleans(),
    note=some.sampled_from([None, *NOTES]),
)
places = some.builds(SocketAddress, some.binary(min_size=4, max_size=4), some.integers(0, 65_535))
datagrams = some.builds(Datagram, places, places, some.binary(max_size=80))


@given(headers, datagrams, some.binary(max_size=40))
def test_what_is_unpacked_is_what_was_packed(header: PacketHeader, datagram: Datagram, content: bytes) -> None:
    assert PacketHeader.unpack(header.pack() + content) == header
    assert Datagram.unpack(datagram.pack()) == datagram


@some_are_taken
@given(some.binary(max_size=20))
@example(SOME_PAYLOAD + b"?")
@example(bytes((PacketKind.PROMPT, PacketKind.REPLY)) + bytes(10))
@example(bytes((PacketKind.ACK, PacketKind.ACK)) + bytes(10))
@example(bytes((0, PacketKind.PROMPT)) + bytes(7) + b"\2" + bytes(2))
def test_bytes_in_place_of_a_header_are_refused_or_written_back_alike(packet: bytes) -> None:
    refused_or_itself(
        packet, PacketHeader.unpack, lambda header: header.pack() + packet[HEADER_BYTES:], refusal=ValueError
    )


@given(some.binary(max_size=60))
@example(PLAIN[:-1])
def test_bytes_in_place_of_a_datagram_are_none(packet: bytes) -> None:
    datagram = Datagram.unpack(packet)
    assert datagram is None or len(packet) == 28 + len(datagram.content)


@pytest.mark.parametrize(
    ("byte", "value"),
    [(0, 0x46), (0, 0x65), (3, 0xFF), (6, 0x20), (7, 0x01), (9, 6), (9, 1), (25, 0x00)],
    ids=["options", "ipv6", "length", "more fragments", "a later fragment", "tcp", "icmp", "length of udp"],
)
def test_anything_but_one_whole_datagram_of_udp_is_none(byte: int, value: int) -> None:
    packet = bytearray(PLAIN)
    packet[byte] = value
    assert Datagram.unpack(bytes(packet)) is None
    assert all(Datagram.unpack(PLAIN[:length]) is None for length in range(len(PLAIN)))


@given(datagrams)
def test_the_checksum_of_a_header_is_that_of_rfc_1071(datagram: Datagram) -> None:
    """Over a header with its own checksum the words add up to ffff; those of the example in section 3 to ddf2."""
    header = datagram.pack()[:20]
    total = sum(word for (word,) in struct.iter_unpack("!H", header))
    assert (total - 1) % 0xFFFF + 1 == 0xFFFF
    assert checksum(header) == 0
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


def test_ipv4_udp_and_a_header_are_the_bits_that_a_link_has_by_default() -> None:
    assert LinkConfig().header_bits == LEAST_HEADER_BITS == 320
