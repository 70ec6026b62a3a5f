"""Coded ids: the distribution sums to one and costs what it says, exact inverses, every other byte string refused."""

from itertools import pairwise
from math import ceil, log2

import codec_prior
import numpy as np
import pytest
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.codec.coder.arithmetic import MEASURE, cost, machine
from channels.codec.id_distribution import bound_bits, code_ids
from channels.codec.wire import CodecError, Format, bound_ids_bits, decode_ids, encode_ids, ids_bits, largest_ids_bits

SMALL = codec_prior.VOCABULARY
FORMATS = [
    Format(SMALL, 100, 8, prior=codec_prior.fingerprint()),
    Format(SMALL, 100, 1, prior=codec_prior.fingerprint()),
    Format(1024, 100, 5),
    Format(50_257, 100, 8),
    Format(2, 1, 3, prior=""),
    Format(1 << 20, 100, 1024, code="enumerative"),
]
NOTHING = np.empty(0, dtype=np.uint8)


@st.composite
def packets(draw):
    """A format, a context that may have gaps, and ids: likely ones, repeated ones and any."""
    format = draw(st.sampled_from(FORMATS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    context = rng.integers(-1, format.vocabulary, draw(st.integers(0, 300)))
    number = draw(st.integers(1, min(format.max_drafts, 12)))
    ids = rng.integers(0, draw(st.sampled_from([2, format.vocabulary])), number)
    return format, ids.tolist(), context.tolist()


@given(packets())
@settings(max_examples=40)
def test_ids_come_back_and_the_length_is_exact_and_bounded(packet):
    format, ids, context = packet
    payload = encode_ids(ids, format, context)
    assert decode_ids(payload, format, context) == tuple(ids)
    bits = ids_bits(ids, format, context)
    assert len(payload) == -(-bits // 8)
    assert bits <= bound_ids_bits(len(ids), format)


@some_are_taken
@given(st.sampled_from(FORMATS), st.binary(max_size=12), st.integers(0, 99))
@example(FORMATS[0], b"", 0)
@example(FORMATS[4], b"\x20", 0)
@example(FORMATS[2], b"\0" * 12, 0)
@settings(max_examples=80)
def test_any_bytes_are_refused_or_encode_to_themselves(format, payload, seed):
    context = np.random.default_rng(seed).integers(-1, format.vocabulary, seed)
    refused_or_itself(payload, decode_ids, encode_ids, format, context)


@given(packets(), st.integers(0, 7), st.integers(0, 255))
@settings(max_examples=30)
def test_truncated_extended_and_flipped_packets_are_refused_or_encode_to_themselves(packet, bit, byte):
    format, ids, context = packet
    payload = encode_ids(ids, format, context)
    flipped = bytes([*payload[:-1], payload[-1] ^ 1 << bit]) if payload else b""
    for damaged in (payload[:-1], payload + bytes([byte]), payload + b"\0", flipped):
        assert damaged != payload
        refused_or_itself(damaged, decode_ids, encode_ids, format, context)
    assert decode_ids(payload, format, context) == tuple(ids)


@pytest.mark.parametrize("prior", [codec_prior.fingerprint(), ""])
def test_the_distribution_of_an_id_sums_to_one(prior):
    format = Format(SMALL, 100, 8, prior=prior)
    context = codec_prior.texts(1, 40, 8)[0].astype(np.int64)
    costs = []
    for token in range(SMALL):
        io = machine(MEASURE)
        code_ids(io, NOTHING, format, np.append(context, token), context.size)
        costs.append(cost(io) / 2**32)
    assert sum(2.0**-each for each in costs) == pytest.approx(1.0, abs=1e-5)
    assert max(costs) <= bound_bits(format) + 1e-4


def test_likely_ids_cost_less_than_flat_ones_and_near_the_distribution_of_their_source():
    format, flat = FORMATS[0], Format(SMALL, 100, 8, prior="")
    distribution, told, bits, even = codec_prior.markov(), 0.0, 0, 0
    for text in codec_prior.texts(20, 17, 77).tolist():
        told -= sum(log2(distribution[before, after]) for before, after in pairwise(text[8:]))
        bits += ids_bits(text[9:], format, text[:9])
        even += ids_bits(text[9:], flat, text[:9])
    assert told < bits < 0.8 * even
    assert even == 20 * ceil(8 * log2(SMALL) + log2(4 / 3))


@given(packets(), st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_the_dearest_id_of_a_support_is_found_without_coding_them_all(packet, seed):
    format, ids, context = packet
    rng = np.random.default_rng(seed)
    support = np.unique(rng.integers(0, format.vocabulary, 25))
    lengths = [ids_bits([*ids[:-1], token], format, context) for token in support.tolist()]
    assert largest_ids_bits(ids[:-1], support, format, context) == max(lengths)


def test_a_full_packet_costs_the_least_for_its_number():
    format = Format(1 << 10, 100, 8, prior="")
    assert [ids_bits([1] * number, format) for number in (1, 2, 7, 8)] == [15, 25, 75, 81]


def test_golden_bytes():
    assert encode_ids((17, 300, 5, 17, 900), Format(1024, 100, 5), (5, 17, 300, 5)).hex() == "02571440"
    assert encode_ids((1, 1023), Format(1024, 100, 5, prior="")).hex() == "d007ff"
    assert encode_ids((49151, 0, 11), Format(49_152, 100, 8), (1, 2)).hex() == "db6d30538efb93a3d3a0"


@pytest.mark.parametrize("ids", [(), (1,) * 9, (SMALL,), (-1,), (0.5,)])
def test_ids_that_the_format_cannot_carry_are_refused(ids):
    for call in (encode_ids, ids_bits):
        with pytest.raises(CodecError):
            call(ids, FORMATS[0])


def test_contexts_and_supports_that_are_none_are_refused():
    for context in ([SMALL], [-2], [0.5]):
        with pytest.raises(CodecError, match="context"):
            decode_ids(encode_ids([1], FORMATS[0]), FORMATS[0], context)
    for support in ([], [SMALL], [-1]):
        with pytest.raises(CodecError, match="support"):
            largest_ids_bits([1], np.array(support, np.int64), FORMATS[0])
