"""Padding of packets: what is sent is what is charged, comes back as it was, and shows no more than its multiple."""

from __future__ import annotations

import pytest
from cells import HEADER_BITS, cell, link
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.link.link_config import LinkConfig
from channels.link.padding import MARK_BITS, pad, padded_bits, unpad
from simulator import Cell, simulate
from simulator.decoding.memory import Memory

MULTIPLES = st.integers(2, 300).map(lambda size: 8 * size)
CONTENTS = st.binary(max_size=300) | st.binary(max_size=40).map(lambda content: content + b"\x80\0\0")


@given(content=CONTENTS, multiple_bits=MULTIPLES)
def test_i7_the_bytes_of_a_padded_packet_are_those_charged_and_hold_what_it_carries(content, multiple_bits):
    padded = pad(content, multiple_bits)
    assert 8 * len(padded) == padded_bits(8 * len(content), multiple_bits)
    assert 8 * len(padded) % multiple_bits == 0 and MARK_BITS <= 8 * (len(padded) - len(content)) <= multiple_bits + 7
    assert padded.startswith(content) and unpad(padded) == content


@pytest.mark.parametrize("strange", [b"", b"\0\0", b"\x80\0\x01", b"\x81"])
def test_bytes_without_the_mark_are_no_padded_packet(strange: bytes) -> None:
    with pytest.raises(ValueError, match="without the mark"):
        unpad(strange)


@given(carried=st.integers(0, 1300), multiple_bits=MULTIPLES, room_bits=st.integers(600, 5000))
def test_each_packet_is_a_header_and_a_multiple_and_fits_the_mtu(carried, multiple_bits, room_bits):
    if multiple_bits > room_bits:
        with pytest.raises(ValidationError, match=r"pad_to_bits = .* must be at most mtu_bits less header_bits"):
            LinkConfig(mtu_bits=320 + room_bits, pad_to_bits=multiple_bits)
        return
    config = LinkConfig(mtu_bits=320 + room_bits, pad_to_bits=multiple_bits)
    sizes, room = [size for size, _ in config.packets_of(8 * carried)], config.room_bits
    assert room is not None and room % 8 == 0 and 320 + padded_bits(room, multiple_bits) <= 320 + room_bits
    assert len(sizes) == max(1, -(-8 * carried // room)) and max(sizes) <= 320 + room_bits
    assert {(size - 320) % multiple_bits for size in sizes} == {0}
    parts = [size for size, _ in config.packets_of(0, [0, room])]
    assert parts == [320 + multiple_bits, 320 + padded_bits(room, multiple_bits)]


def test_a_multiple_is_whole_bytes() -> None:
    for wrong in (12, 8, 68):
        with pytest.raises(ValidationError):
            LinkConfig(pad_to_bits=wrong)


@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only", {"kind": "k_sqs", "depth": 1}])
def test_padding_is_charged_in_each_packet_takes_time_and_decides_no_token(scheme: object) -> None:
    """The round's own lengths stay those of what it carries; both ways have a multiple of their own."""
    multiple_up, multiple_down, memory = 256, 128, Memory()
    plain = cell(scheme)
    padded = plain.with_({"uplink.pad_to_bits": multiple_up, "downlink.pad_to_bits": multiple_down})
    assert padded.id != plain.id and padded.decoding_id == plain.decoding_id
    one, other = (simulate(each, memory=memory) for each in (plain, padded))
    before, after = one.rounds, other.rounds
    for same in ("payload_bits", "reply_bits", "accepted", "committed"):
        assert (before[same] == after[same]).all(), same
    for sent, carried, multiple in (("uplink_bits", "payload_bits", multiple_up),
                                    ("downlink_bits", "reply_bits", multiple_down)):  # fmt: skip
        there = (after[sent] > 0) & ~after["flushed"]
        expected = [padded_bits(int(bits), multiple) + HEADER_BITS for bits in after.loc[there, carried]]
        assert after.loc[there, sent].tolist() == expected and (scheme == "cloud_only" or expected)
    assert other.summary["latency_s"] > one.summary["latency_s"]


def test_a_part_of_a_partial_round_fits_its_padded_packet() -> None:
    """Padding leaves a part less room, and so decides how much is drafted, as a longer header would."""
    fields = {"mtu_bits": 520, "pad_to_bits": 64, "loss": {"kind": "bernoulli", "probability": 0.2}}
    rounds = simulate(cell({"kind": "k_sqs", "k": 4, "partial": True}, uplink=link(1e5, **fields))).rounds
    assert len(rounds) and (rounds["uplink_bits"] % 64 == 0).all()  # headers of 320 bits are five multiples


def test_a_cell_with_padding_is_written_and_read_as_it_is() -> None:
    padded = cell().with_({"uplink.pad_to_bits": 256})
    assert Cell.model_validate(padded.model_dump()) == padded
