"""Coded replies: exact inverses, all else refused, shorter where the prior knows the token, never read amiss."""

import codec_prior
import numpy as np
import pytest
from hostile import refused_or_itself, some_are_taken
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.codec.wire import CodecError, Format, decode_coded_feedback, encode_coded_feedback, feedback_bits

SMALL = codec_prior.VOCABULARY
FORMATS = [
    Format(SMALL, 100, 8, prior=codec_prior.fingerprint()),
    Format(1024, 100, 20),
    Format(50_257, 100, 1),
    Format(1 << 20, 100, 1024, prior=""),
]


@st.composite
def rounds(draw):
    """A format, the committed text, the drafts of a round, how many were accepted, and the token."""
    format = draw(st.sampled_from(FORMATS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    committed = rng.integers(0, format.vocabulary, draw(st.integers(0, 300))).tolist()
    drafts = rng.integers(0, format.vocabulary, draw(st.integers(0, min(format.max_drafts, 40)))).tolist()
    return format, committed, drafts, draw(st.integers(0, len(drafts))), int(rng.integers(format.vocabulary))


def feedback(drafts, format, committed):
    """Both ways of a reply to a round of these drafts."""

    def decode(payload):
        accepted, token = decode_coded_feedback(payload, drafts, format, committed)
        assert accepted <= len(drafts)
        return accepted, token

    return decode, lambda told: encode_coded_feedback(*told, format, [*committed, *drafts[: told[0]]])


@given(rounds())
@settings(max_examples=40)
def test_feedback_comes_back_and_longer_or_cut_bytes_are_refused_or_other_feedback(round_):
    format, committed, drafts, accepted, token = round_
    payload = encode_coded_feedback(accepted, token, format, [*committed, *drafts[:accepted]])
    assert decode_coded_feedback(payload, drafts, format, committed) == (accepted, token)
    for damaged in (payload + b"\0", payload[:-1], payload[:-1] + bytes([payload[-1] ^ 1])):
        assert damaged != payload
        refused_or_itself(damaged, *feedback(drafts, format, committed))


@some_are_taken
@given(st.sampled_from(FORMATS), st.binary(max_size=6), st.integers(0, 4))
@example(FORMATS[1], b"\x18", 1)
@settings(max_examples=60)
def test_any_bytes_are_refused_or_encode_to_themselves(format, payload, sent):
    refused_or_itself(payload, *feedback([1] * min(sent, format.max_drafts), format, [1, 0, 1]))


def test_a_reply_that_says_more_drafts_stood_than_were_sent_is_refused():
    payload = encode_coded_feedback(3, 7, FORMATS[0], [1, 2, 3, 4])
    with pytest.raises(CodecError, match="3 drafts are accepted, 2 were sent"):
        decode_coded_feedback(payload, [2, 3], FORMATS[0], [1])


def test_the_token_costs_what_the_prior_says_and_is_shorter_than_a_flat_one():
    format, whole = FORMATS[0], 0
    texts = codec_prior.texts(50, 12, 78).tolist()
    for text in texts:
        whole += len(encode_coded_feedback(2, text[-1], format, text[:-1]))
    assert feedback_bits(format) == 12
    assert whole / len(texts) < 1.7


def test_out_of_range_is_refused():
    for accepted, token in ((9, 0), (-1, 0), (0, SMALL), (0, -1)):
        with pytest.raises(CodecError):
            encode_coded_feedback(accepted, token, FORMATS[0], [])


def test_golden_bytes():
    assert encode_coded_feedback(0, 17, Format(1024, 100, 8), (5, 17, 300)).hex() == "3280"
    assert encode_coded_feedback(8, 1023, Format(1024, 100, 8, prior=""), ()).hex() == "fffc"
    assert encode_coded_feedback(20, 3, Format(1024, 100, 20, prior=""), ()).hex() == "ff7d20"
