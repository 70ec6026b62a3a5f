"""Headers of packets: what one end writes is what the other reads, and what neither wrote is refused."""

from __future__ import annotations

import pytest
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given
from hypothesis import strategies as some

from simulator.testbed.packet_header import (
    HEADER_BYTES,
    LEAST_HEADER_BITS,
    MOST,
    MOST_FRAGMENTS,
    MessageAddress,
    PacketHeader,
    PacketKind,
)

NOTES = (PacketKind.ACK, PacketKind.LEFT)
numbers = some.integers(0, MOST)
headers = some.builds(
    PacketHeader,
    address=some.builds(
        MessageAddress,
        some.sampled_from([kind for kind in PacketKind if kind not in NOTES]),
        numbers,
        numbers,
        numbers,
    ),
    fragment=some.integers(0, MOST_FRAGMENTS),
    attempt=numbers,
    epoch=some.integers(0, 255),
    last=some.booleans(),
    note=some.sampled_from([None, *NOTES]),
)


@given(headers, some.binary(max_size=40))
def test_a_header_comes_back_as_it_was_whatever_follows_it(header: PacketHeader, content: bytes) -> None:
    assert PacketHeader.unpack(header.pack() + content) == header


@some_are_taken
@given(some.binary(max_size=20))
@example(PacketHeader(MessageAddress(PacketKind.PAYLOAD, 0, 0, 1), 0, 0).pack() + b"?")
@example(bytes((PacketKind.PROMPT,)) + bytes(8) + bytes((PacketKind.REPLY,)) + bytes(2))
@example(bytes((PacketKind.ACK,)) + bytes(8) + bytes((PacketKind.ACK,)) + bytes(2))
def test_junk_is_refused_by_a_value_error_and_what_is_taken_is_written_back_alike(packet: bytes) -> None:
    refused_or_itself(
        packet, PacketHeader.unpack, lambda header: header.pack() + packet[HEADER_BYTES:], refusal=ValueError
    )


def test_a_header_cut_short_is_refused() -> None:
    whole = PacketHeader(MessageAddress(PacketKind.PAYLOAD, 0, 0, 1), 0, 0).pack()
    for length in range(HEADER_BYTES):
        with pytest.raises(ValueError, match="a header has 12"):
            PacketHeader.unpack(whole[:length])


def test_ipv4_udp_and_a_header_are_the_bits_that_a_link_has_by_default() -> None:
    from channels.link.link_config import LinkConfig

    assert LinkConfig().header_bits == LEAST_HEADER_BITS == 320
