"""The way down and the prompt: round trips, exact lengths, and every byte string that is neither."""

import pytest
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given
from hypothesis import strategies as st

from channels.codec.wire import (
    CodecError,
    Format,
    decode_feedback,
    decode_tokens,
    encode_count,
    encode_feedback,
    encode_tokens,
    feedback_bits,
    tokens_bits,
)

FORMATS = st.builds(Format, st.integers(2, 200_000), st.just(100), st.integers(1, 32))


@given(FORMATS, st.data())
def test_feedback_round_trip(format, data):
    accepted = data.draw(st.integers(0, format.max_drafts))
    token = data.draw(st.integers(0, format.vocabulary - 1))
    payload = encode_feedback(accepted, token, format)
    assert decode_feedback(payload, format) == (accepted, token)
    assert len(payload) == -(-feedback_bits(format) // 8)


def test_every_feedback_of_a_small_format_is_told_apart_and_the_rest_refused():
    format = Format(50, 10, 6)
    assert feedback_bits(format) == 9  # 7 * 50 = 350 answers
    found = set()
    for size in range(3):
        for number in range(256**size):
            try:
                answer = decode_feedback(number.to_bytes(size, "big"), format)
            except CodecError:
                continue
            assert encode_feedback(*answer, format) == number.to_bytes(size, "big")
            found.add(answer)
    assert found == {(accepted, token) for accepted in range(7) for token in range(50)}


@given(FORMATS)
def test_a_count_alone_is_one_byte_of_its_own(format):
    counts = {encode_count(accepted, format) for accepted in range(format.max_drafts + 1)}
    assert len(counts) == format.max_drafts + 1
    assert {len(each) for each in counts} == {1}
    for accepted in (-1, format.max_drafts + 1):
        with pytest.raises(CodecError, match="accepted = "):
            encode_count(accepted, format)


@given(FORMATS, st.data())
def test_prompt_round_trip(format, data):
    tokens = tuple(data.draw(st.lists(st.integers(0, format.vocabulary - 1), max_size=60)))
    payload = encode_tokens(tokens, format)
    assert decode_tokens(payload, format) == tokens
    assert len(payload) == -(-tokens_bits(len(tokens), format) // 8)
    assert tokens_bits(len(tokens), format) == len(tokens) * (format.vocabulary - 1).bit_length() + 1


@some_are_taken
@given(st.integers(2, 40), st.binary(max_size=6))
@example(3, b"\x60")
def test_any_bytes_are_refused_or_encode_to_themselves(vocabulary, payload):
    format = Format(vocabulary, 10, 4)
    refused_or_itself(payload, decode_tokens, encode_tokens, format)


def test_out_of_range_is_refused():
    format = Format(50, 10, 6)
    for call in (
        lambda: encode_feedback(7, 0, format),
        lambda: encode_feedback(-1, 0, format),
        lambda: encode_feedback(0, 50, format),
        lambda: encode_tokens([0, 50], format),
        lambda: encode_tokens([-1], format),
    ):
        with pytest.raises(CodecError):
            call()
