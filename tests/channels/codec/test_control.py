"""Counts and statuses: round trips, the scales, and every byte string that is neither."""

import pytest
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given
from hypothesis import strategies as st

from channels.codec.control import (
    LEAST_S,
    MOST_COUNT,
    MOST_S,
    Status,
    decode_count,
    decode_status,
    encode_count,
    encode_status,
)
from channels.codec.wire import CodecError

TIMES = st.one_of(st.just(0.0), st.floats(1e-6, 1e5))


@given(st.integers(1, MOST_COUNT))
def test_a_count_comes_back_from_two_bytes(tokens):
    assert decode_count(encode_count(tokens)) == tokens
    assert len(encode_count(tokens)) == 2


@pytest.mark.parametrize("tokens", [0, -1, MOST_COUNT + 1])
def test_a_count_out_of_range_is_refused(tokens):
    with pytest.raises(CodecError):
        encode_count(tokens)


@given(TIMES, TIMES, st.integers(1, 10_000))
def test_a_status_is_within_half_a_step_of_the_truth(queue_s, serve_s, batch):
    """Half of 5.6% in ratio, from 1 ms to 1,000 s; less is 0, more is 1,000 s."""
    told = decode_status(encode_status(Status(queue_s, serve_s, batch)))
    for true_s, told_s in ((queue_s, told.queue_s), (serve_s, told.serve_s)):
        if true_s < LEAST_S:
            assert told_s == 0.0
        else:
            assert told_s == pytest.approx(min(true_s, MOST_S), rel=0.0276)
    assert told.batch == min(batch, 255)


@pytest.mark.parametrize(("decode", "encode"), [(decode_count, encode_count), (decode_status, encode_status)])
@some_are_taken
@given(content=st.binary(max_size=5))
@example(content=b"\x01\x2c")
@example(content=b"\x00\x38\x03")
def test_any_bytes_are_refused_or_encode_to_themselves(decode, encode, content):
    refused_or_itself(content, decode, encode)


def test_the_bytes_stay_what_they_are():
    assert encode_count(300) == bytes([1, 44])
    assert encode_status(Status(0.0, 0.02, 3)) == bytes([0, 56, 3])  # 1 + 254 ln(20) / ln(10^6) = 56.08
    assert encode_status(Status(1e-3, 1e3, 1)) == bytes([1, 255, 1])
