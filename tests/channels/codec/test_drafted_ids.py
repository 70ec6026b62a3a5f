"""Drafted ids at -log2 qhat, for a receiver that holds the distributions: exact on every byte, and the checksum of the
distributions."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pytest
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.codec.draft import CodecError, Draft
from channels.codec.drafted_ids import DistributionAfter, checksum, count_drafted, decode_drafted, encode_drafted

MOST = 5


@st.composite
def drafts(draw: st.DrawFn) -> list[Draft]:
    found = []
    for _ in range(draw(st.integers(1, MOST))):
        ids = sorted(draw(st.sets(st.integers(0, 60_000), min_size=1, max_size=12)))
        counts = draw(st.lists(st.integers(1, 500), min_size=len(ids), max_size=len(ids)))
        found.append(Draft(draw(st.sampled_from(ids)), np.array(ids), np.array(counts)))
    return found


def distributions_of(sent: Sequence[Draft]) -> DistributionAfter:
    """What a receiver with the same distributions would find; the last one again where more are asked for."""
    return lambda ids: (sent[min(len(ids), len(sent) - 1)].support, sent[min(len(ids), len(sent) - 1)].counts)


@given(drafts())
@settings(max_examples=60, deadline=None)
def test_ids_come_back_and_take_what_qhat_says(sent: list[Draft]) -> None:
    packet = encode_drafted(sent, MOST)
    assert count_drafted(packet, MOST) == len(sent)
    assert decode_drafted(packet, MOST, distributions_of(sent)) == tuple(sent)
    stated = sum(math.log2(d.counts.sum() / d.counts[d.support.searchsorted(d.token)]) for d in sent)
    assert 8 * len(packet) <= math.log2(MOST) + stated + 8.1


@some_are_taken
@given(drafts(), st.binary(max_size=12))
@example([Draft(2, np.array([2]), np.array([9]))], b"\x40")
@settings(max_examples=150, deadline=None)
def test_what_is_decoded_encodes_to_the_same_bytes_and_the_rest_is_refused(sent: list[Draft], payload: bytes) -> None:
    refused_or_itself(
        payload,
        lambda content: decode_drafted(content, MOST, distributions_of(sent)),
        lambda found: encode_drafted(found, MOST),
    )


def test_the_bytes_are_these() -> None:
    """Three drafts of (1, 2, 5)/8 and (3, 1)/4, worked out from the page: 2 of 5, then [1, 3)/8, [0, 3)/4, [3, 8)/8."""
    one, two = (np.array([4, 7, 9]), np.array([1, 2, 5])), (np.array([2, 3]), np.array([3, 1]))
    sent = [Draft(7, *one), Draft(2, *two), Draft(9, *one)]
    low, size = 2 / 5, 1 / 5
    for begin, share in ((1 / 8, 2 / 8), (0, 3 / 4), (3 / 8, 5 / 8)):
        low, size = low + size * begin, size * share
    bits = math.ceil(-math.log2(size))
    assert encode_drafted(sent, MOST) == bytes([math.ceil(low * 2**bits) << (8 - bits)])


@pytest.mark.parametrize("number", [0, MOST + 1])
def test_no_packet_holds_other_numbers_of_drafts(number: int) -> None:
    draft = Draft(1, np.array([1]), np.array([3]))
    with pytest.raises(CodecError, match=f"{number} drafts"):
        encode_drafted([draft] * number, MOST)


def test_a_number_that_no_packet_begins_with_is_refused() -> None:
    """2^56 / 5 rounded down, five times, leaves a last value that is none of the five."""
    with pytest.raises(CodecError):
        count_drafted(b"\xff" * 7, MOST)


def test_the_checksum_sees_every_integer_of_a_round() -> None:
    base = [Draft(4, np.array([4, 9]), np.array([3, 5])), Draft(2, np.array([2]), np.array([8]))]
    others = [
        [Draft(9, np.array([4, 9]), np.array([3, 5])), base[1]],
        [Draft(4, np.array([4, 9]), np.array([4, 4])), base[1]],
        [Draft(4, np.array([4, 8]), np.array([3, 5])), base[1]],
        [base[1], base[0]],
        base[:1],
    ]
    sums = [checksum(each, bits) for bits in (16, 32, 64) for each in (base, *others)]
    assert len(set(sums)) == len(sums) and {len(each) for each in sums} == {2, 4, 8}
    page = struct.pack("<6q", 4, 2, 4, 9, 3, 5) + struct.pack("<4q", 2, 1, 2, 8)
    assert checksum(base, 32) == blake2b(page, digest_size=4).digest() == bytes.fromhex("d2bc0e6b")
