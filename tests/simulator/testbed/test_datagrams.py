"""Datagrams as an interface has them: as RFC 791 and RFC 768 say, and nothing else is taken for one."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as some

from simulator.testbed.network.datagrams import Datagram, SocketAddress, checksum, place

places = some.builds(SocketAddress, some.binary(min_size=4, max_size=4), some.integers(0, 65_535))
datagrams = some.builds(Datagram, places, places, some.binary(max_size=80))
PLAIN = Datagram(place("10.77.0.1", 5000), place("10.77.0.2", 4000), b"content").pack()


@given(datagrams)
def test_a_datagram_comes_back_as_it_was(datagram: Datagram) -> None:
    assert Datagram.unpack(datagram.pack()) == datagram


@given(datagrams)
def test_the_sum_over_a_header_with_its_checksum_is_right_word_by_word(datagram: Datagram) -> None:
    header = datagram.pack()[:20]
    total = 0
    for (word,) in struct.iter_unpack("!H", header):
        total += word
        total = total % 0x10000 + total // 0x10000
    assert total == 0xFFFF
    assert checksum(header) == 0


def test_the_checksum_of_a_published_header() -> None:
    """The example of RFC 1071, section 3: the words add up to ddf2."""
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


@pytest.mark.parametrize(
    ("place_", "byte"),
    [(0, 0x46), (0, 0x65), (3, 0xFF), (6, 0x20), (7, 0x01), (9, 6), (9, 1), (25, 0x00)],
    ids=["options", "ipv6", "length", "more fragments", "a later fragment", "tcp", "icmp", "length of udp"],
)
def test_anything_but_one_whole_datagram_of_udp_is_none(place_: int, byte: int) -> None:
    packet = bytearray(PLAIN)
    packet[place_] = byte
    assert Datagram.unpack(bytes(packet)) is None


@given(some.binary(max_size=60))
def test_junk_is_none(packet: bytes) -> None:
    datagram = Datagram.unpack(packet)
    assert datagram is None or len(packet) == 28 + len(datagram.content)


def test_a_datagram_cut_short_is_none() -> None:
    assert all(Datagram.unpack(PLAIN[:length]) is None for length in range(len(PLAIN)))
