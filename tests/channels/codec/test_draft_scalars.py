"""Ids and scalars on the wire, and tokens by themselves: round trips, exact lengths, and every byte string that is
neither."""

import numpy as np
import pytest
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given
from hypothesis import strategies as st

from channels.codec import draft_scalars
from channels.codec.wire import CodecError, Draft, Format

FORMATS = st.builds(
    Format, st.integers(2, 200_000), st.integers(1, 1 << 20), st.integers(1, 8), code=st.just("recoded")
)


@st.composite
def told(draw, format):
    """Drafts as the cloud hears of them: an id and its count, each."""
    drafts = draw(
        st.lists(
            st.tuples(st.integers(0, format.vocabulary - 1), st.integers(1, format.resolution)),
            min_size=1,
            max_size=format.max_drafts,
        )
    )
    return tuple(Draft(token, np.array([token]), np.array([count])) for token, count in drafts)


@given(FORMATS, st.data())
def test_drafts_of_which_the_scalars_are_told_come_back(format, data):
    drafts = data.draw(told(format))
    payload = draft_scalars.encode(drafts, format)
    assert draft_scalars.decode(payload, format) == drafts
    assert len(payload) == -(-draft_scalars.packet_bits(len(drafts), format) // 8)


def test_a_scalar_is_that_of_the_drafted_id_alone():
    format = Format(50, 10, 2)
    whole = Draft(7, np.array([3, 7, 9]), np.array([2, 5, 3]))
    assert draft_scalars.packet_bits(1, format) == 6 + 4 + 1
    assert draft_scalars.decode(draft_scalars.encode([whole], format), format) == (
        Draft(7, np.array([7]), np.array([5])),
    )


def test_every_packet_of_a_small_format_is_told_apart_and_the_rest_refused():
    """V = 3, ell = 3, up to two drafts: 9 + 81 packets."""
    format, found = Format(3, 3, 2), set()
    for size in range(3):
        for number in range(256**size):
            payload = number.to_bytes(size, "big")
            try:
                drafts = draft_scalars.decode(payload, format)
            except CodecError:
                continue
            assert draft_scalars.encode(drafts, format) == payload
            found.add(drafts)
    assert len(found) == 9 + 81


@pytest.mark.parametrize(
    ("decode", "encode"),
    [(draft_scalars.decode, draft_scalars.encode), (draft_scalars.decode_token, draft_scalars.encode_token)],
)
@some_are_taken
@given(format=FORMATS, payload=st.binary(max_size=40))
@example(Format(3, 3, 2), b"\x18")
@example(Format(3, 3, 2), b"\x01")
def test_hostile_bytes_raise_codec_errors_or_encode_back(decode, encode, format, payload):
    refused_or_itself(payload, decode, encode, format)


@given(FORMATS, st.data())
def test_a_token_by_itself_comes_back(format, data):
    token = data.draw(st.integers(0, format.vocabulary - 1))
    content = draft_scalars.encode_token(token, format)
    assert draft_scalars.decode_token(content, format) == token
    assert len(content) == draft_scalars.token_bytes(format) == -(-(format.vocabulary - 1).bit_length() // 8)


@pytest.mark.parametrize(
    ("drafts", "told"),
    [
        ([], "0 drafts"),
        ([Draft(1, np.array([1]), np.array([1]))] * 3, "3 drafts"),
        ([Draft(50, np.array([50]), np.array([1]))], "token 50"),
        ([Draft(1, np.array([1]), np.array([11]))], "11 is above the resolution, 10"),
        ([Draft(-1, np.array([1]), np.array([1]))], "token -1"),
    ],
)
def test_drafts_that_do_not_fit_are_refused(drafts, told):
    with pytest.raises(CodecError, match=told):
        draft_scalars.encode(drafts, Format(50, 10, 2))
